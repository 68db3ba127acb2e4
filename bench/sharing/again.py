"""A cell measured again: trained, tuned, denoised and scored, nothing from a cache.

The code that does it may be a stranger's, so another process does, which is watched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.core import BenchError, Cell, method_label
from bench.evaluation.data_source import DataSource
from bench.evaluation.exam import LocalExaminer
from bench.evaluation.measurements import Measures, built_in
from bench.evaluation.restoring import cell_of
from bench.evaluation.runner import run_cells
from bench.execution.process import Job
from bench.planning.request import resolve
from bench.planning.requested_metrics import metrics_of
from bench.plugins.contract import Method
from bench.plugins.noise_code import load_code, noises_of
from bench.plugins.plugin import BUILT_IN
from bench.plugins.sources import Registry
from bench.sharing.agreement import Outcome, agreement
from bench.store import CellMeta, FitCache, open_run
from bench.store.manifest import RecordedMetric
from bench.store.verified import VerifiedCell

#: What is told while a cell is made ready: what is loaded, and that it begins.
LOADING, BEGUN = "loading", "begun"

Tell = Callable[[str, Any], None]


class LeftOut(Exception):
    """A cell cannot be measured here; the text says why."""


@dataclass(frozen=True)
class Begun:
    """A cell is about to be measured.

    Attributes:
        cell: in words.
        same_code: as of `VerifiedCell`.
        unchecked: metrics that cannot be measured here.
    """

    cell: str
    same_code: bool
    unchecked: list[str]


@dataclass(frozen=True)
class Again(Job):
    """A cell that the other process is to measure.

    Attributes:
        run: folder of the run.
        meta: what the run says of the cell.
        source: of its images.
        untrained: why the images that methods were trained and tuned on are not here; else empty.
        plugins: files and folders of plugins.
        fits: an empty folder for its model.
        device: where torch computes.
        same: the machine, the versions and the device are those that measured.
        tolerance: of what is trained anew, in dB.
        unloadable: metrics that are not to be loaded.
    """

    run: Path
    meta: CellMeta
    source: DataSource
    untrained: str
    plugins: tuple[str, ...]
    fits: Path
    device: str
    same: bool
    tolerance: float
    unloadable: tuple[str, ...]

    def answer(self, tell: Tell) -> VerifiedCell | LeftOut:
        """In the other process: what comes of it, or why it cannot be measured.

        Raises:
            BenchError: the images cannot be read, or the run.
        """
        try:
            return self._measured(tell)
        except LeftOut as why:
            return why

    def _measured(self, tell: Tell) -> VerifiedCell:
        cell, registry = cell_of(self.meta.cell), Registry(self.plugins)
        method = _method(cell, registry, tell)
        if self.untrained and (method.learns or cell.tune):
            raise LeftOut(self.untrained)
        run = open_run(self.run)
        measures, unchecked = _measures(run.manifest.metrics, registry, self.unloadable, tell)
        tuned_by = _tuned_by(cell, registry, tell)
        tell(LOADING, "the images")
        data = self.source.open()
        same_code = method.source == cell.source
        tell(BEGUN, Begun(str(cell), same_code, unchecked))
        tell("loaded", None)
        (record,) = run_cells(
            [cell],
            data,
            {method.name: method},
            FitCache(self.fits),
            device=self.device,
            threads=self.meta.conditions.threads or 1,
            examined=LocalExaminer(data, measures).exam,
            tuned_by=tuned_by,
        )
        if record.status == "skipped":
            raise LeftOut(f"{cell.method}: {record.reason}")
        if record.status == "failed":
            found = Outcome(False, f"it fails here: {record.reason}")
        else:
            found = agreement(
                run.images(self.meta.key),
                record.images,
                random=method.random or method.uses_torch,
                same=same_code and self.same,
                trained=self.tolerance,
            )
        how = found.how if same_code else f"{found.how}; by other code than that which measured"
        if not found.held and record.chosen != self.meta.chosen and record.chosen:
            how += f"; it chose {record.chosen}, and the pack says {self.meta.chosen}"
        values = {**vars(found), "how": how}
        return VerifiedCell(key=self.meta.key, cell=str(cell), same_code=same_code, **values)


def _method(cell: Cell, registry: Registry[Method], tell: Tell) -> Method:
    """The method, whatever its code is by now; raises `LeftOut` where it is not here."""
    try:
        for noise in noises_of(cell):
            tell(LOADING, f"noise {noise.kind}")
            load_code([noise], registry)
        tell(LOADING, f"method {cell.method}")
        method = resolve(method_label(cell.method, cell.params), registry).method
    except BenchError as error:
        raise LeftOut(str(error)) from error
    if method.missing:
        raise LeftOut(method.missing)
    return method


def _measures(
    metrics: dict[str, RecordedMetric],
    registry: Registry[Method],
    unloadable: Iterable[str],
    tell: Tell,
) -> tuple[Measures, list[str]]:
    """The run's metrics that can be measured here, and the labels of the others."""
    measures, unchecked = dict[str, Any](), list[str](unloadable)
    for label, recorded in metrics.items():
        if label in unchecked:
            continue
        tell(LOADING, f"metric {label}")
        try:
            (one,) = metrics_of([label], registry).values()
        except BenchError:
            unchecked.append(label)
            continue
        ours = recorded.origin == BUILT_IN or not recorded.source
        if one.metric.learns or not (ours or one.metric.source == recorded.source):
            unchecked.append(label)
        else:
            measures[label] = one.metric.create(one.params)
    return measures, unchecked


def tuning_by(metric: str) -> str:
    """What is told to be loading, of what parameters were chosen by."""
    return f"the metric {metric.partition(' (')[0]} that chose parameters"


def _tuned_by(cell: Cell, registry: Registry[Method], tell: Tell) -> Any:
    """The metric that the cell's parameters were chosen by."""
    if cell.tune_by == "psnr":
        return built_in("psnr")["psnr"]
    label, _, code = cell.tune_by.partition(" (")
    tell(LOADING, tuning_by(cell.tune_by))
    try:
        (one,) = metrics_of([label], registry).values()
    except BenchError as error:
        raise LeftOut(str(error)) from error
    if code and one.metric.source != code.rstrip(")"):
        raise LeftOut(f"it was tuned by other code of {label} than is here")
    return one.metric.create(one.params)
