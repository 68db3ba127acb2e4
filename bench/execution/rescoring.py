"""Further metrics of a finished run: of the outputs that were kept, or denoised once more."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench import store
from bench.core import BenchError, Cell, Dataset, Unsupported, UsageError
from bench.core.process_state import set_back
from bench.evaluation.forms import Form, form_of
from bench.evaluation.measurements import Measurements, Measures, built_in
from bench.evaluation.restoring import Restored, again, cell_of, kept
from bench.evaluation.runner import explain
from bench.execution.environment import describe
from bench.noises import digests
from bench.plugins.sources import Registry
from bench.store.cell_meta import CellMeta

#: In dB: what the PSNR of an image that is denoised again on another machine may differ by.
_TOLERANCE = 1e-4


@dataclass(frozen=True)
class Rescored:
    """What came of a cell.

    Attributes:
        cell: in words.
        how: where its images come from, in words; empty where there are none.
        missing: metric -> why it has no column; "" for all of them.
    """

    cell: str
    how: str
    missing: dict[str, str]


class Rescoring:
    """A run that gets further columns.

    Args:
        run: which the caller holds.
        data: that it was measured on.
        measures: by label.
        registry: of the methods, for cells whose outputs were not kept.
        fits: the cache of fitted models; nothing is trained.
        device: where torch may compute.
    """

    def __init__(
        self,
        run: store.Run,
        data: Dataset,
        measures: Measures,
        registry: Registry,
        fits: store.FitCache,
        device: str,
    ) -> None:
        self._run, self._data, self._measures = run, data, measures
        self._registry, self._fits, self._device = registry, fits, device

    def cells(self, wanted: Callable[[str], list[str]]) -> Iterator[Rescored]:
        """Measure and write, cell by cell.

        Args:
            wanted: key of a cell -> labels of the columns that it is to get.

        Raises:
            StorageError: the run cannot be read or written.
        """
        for meta in self._run.metadata():
            labels = wanted(meta.key) if meta.status == "done" else []
            if labels:
                yield self._cell(meta, labels)

    def _cell(self, meta: CellMeta, labels: list[str]) -> Rescored:
        cell = cell_of(meta.cell)
        measurements = Measurements({label: self._measures[label] for label in labels})
        try:
            how = self._measure(cell, meta, measurements)
        except (Unsupported, UsageError, ValueError) as error:
            return Rescored(str(cell), "", {"": str(error)})
        columns = measurements.columns()
        self._run.add_columns(meta.key, columns, measurements.unmeasured)
        return Rescored(str(cell), how, dict(measurements.unmeasured))

    def _measure(self, cell: Cell, meta: CellMeta, measurements: Measurements) -> str:
        """Measure the cell's images; where they come from, in words."""
        if self._run.has_outputs(meta.key):
            with_noisy = any("noisy" in m.metric.needs for m in self._measures.values())
            outputs = self._run.outputs(meta.key)
            for part in kept(cell, outputs, self._data, with_noisy):
                measurements.add(part.images)
            return "from its kept outputs"
        form = self._form(cell, meta)
        check = _Check(self._run.images(meta.key))
        try:
            with set_back(), form.computing():
                for part in again(cell, meta.chosen, self._data, form, self._fits):
                    check.add(part)
                    measurements.add(part.images)
        except (BenchError, Unsupported):
            raise
        except Exception as error:
            raise UsageError(f"denoised again it fails: {explain(error, form.method)}") from error
        return check.verdict(same_machine=_same_machine(self._run.manifest))

    def _form(self, cell: Cell, meta: CellMeta) -> Form:
        """The method, if it is the one that was measured."""
        method = self._registry.load(cell.method)
        if method.missing:
            raise UsageError(method.missing)
        if method.source != cell.source:
            raise UsageError(
                f"{cell.method} was measured with other code than it has now, and its outputs were "
                "not kept: run it again"
            )
        threads = json.loads(cell.recipe or "{}").get("threads", meta.conditions.threads or 1)
        device = self._device if meta.conditions.device != "cpu" else "cpu"
        return form_of(method, device, threads)


class _Check:
    """Whether images that are denoised again are those that were measured.

    Args:
        columns: of the cell's record.
    """

    def __init__(self, columns: Any) -> None:
        self._columns = columns
        self._row, self._equal = 0, "restored" in columns
        self._psnr = built_in("psnr")["psnr"]
        self._furthest = 0.0

    def add(self, part: Restored) -> None:
        """Take up images in the order in which they were measured; raises `UsageError`."""
        rows = slice(self._row, self._row + len(part.positions))
        self._row = rows.stop
        if not (
            np.array_equal(self._columns["image"][rows], part.positions)
            and np.array_equal(self._columns["digest"][rows], part.digests)
        ):
            raise UsageError("its noisy images are others than those that were measured")
        if self._equal:
            restored = digests(part.images.restored)
            self._equal = np.array_equal(self._columns["restored"][rows], restored)
        if self._equal:
            return
        known = self._known(rows)
        distance = np.abs(known - self._psnr(part.images)) if known is not None else np.inf
        self._furthest = max(self._furthest, float(np.max(distance)))

    def _known(self, rows: slice) -> Any:
        """The PSNR that was measured."""
        if "psnr" in self._columns:
            return self._columns["psnr"][rows]
        if "mse" in self._columns:
            return -10 * np.log10(np.maximum(self._columns["mse"][rows], 1e-10))
        return None

    def verdict(self, same_machine: bool) -> str:
        """How they agree, in words.

        Raises:
            UsageError: they do not.
        """
        if self._row != len(self._columns["image"]):
            raise UsageError("there are fewer images than were measured")
        if self._equal:
            return "denoised again, to equal images"
        if same_machine and "restored" in self._columns:
            raise UsageError(
                "denoised again it gives other images on the same machine: it is not repeatable"
            )
        if self._furthest > _TOLERANCE:
            by = f"PSNR differs by {self._furthest:.2g} dB"
            by = by if np.isfinite(self._furthest) else "nothing tells by how much"
            raise UsageError(f"denoised again it gives other images ({by}): run it again")
        return f"denoised again, PSNR within {_TOLERANCE:g} dB"


def _same_machine(manifest: store.Manifest) -> bool:
    """Whether the run was made here, with the same versions."""
    here = describe("cpu" if manifest.machine.gpu is None else "cuda")
    there = manifest.machine
    machine = here["machine"]
    return (machine["cpu"], machine["cores"], here["versions"]) == (
        there.cpu,
        there.cores,
        manifest.versions,
    )


def rescored(
    run: store.Run,
    data: Dataset,
    scorer: Scorer,
    registry: Registry,
    device: str,
    again: bool,
    told: Callable[[Rescored], None],
) -> list[Rescored]:
    """Give a run's cells the columns of further metrics, those that they lack.

    Args:
        run: which the caller holds.
        data: that it was measured on.
        scorer: the metrics.
        registry: of the methods that it was made with.
        device: where torch may compute.
        again: also those that they have.
        told: called with each cell as it is done.

    Raises:
        UsageError: the run has such a metric by other code.
        StorageError: the run cannot be read or written.
    """
    measures, fitted = scorer.measures_and_fits(data)
    recorded = {label: recorded_metric(m, fitted.get(label, "")) for label, m in measures.items()}
    if not again:
        store.check_metrics(run.path, run.manifest.metrics, recorded)

    def wanted(key: str) -> list[str]:
        there = () if again else run.images(key)
        return [label for label in measures if label not in there]

    fits = store.FitCache(Path(scorer.cache))
    rescoring = Rescoring(run, data, measures, registry, fits, device)
    done = []
    for each in rescoring.cells(wanted):
        done.append(each)
        told(each)
    return done


