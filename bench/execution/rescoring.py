"""Further metrics of a finished run: of the outputs that were kept, or denoised once more."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import store
from bench.core import BenchError, Cell, Dataset, Unsupported, UsageError, expanded
from bench.core.process_state import set_back
from bench.evaluation.measurements import Measurements, Measures
from bench.evaluation.restoring import Agreement, again, cell_of, kept
from bench.evaluation.runner import explain
from bench.execution.provenance import form_again, images_of
from bench.execution.scorer import Scorer, recorded
from bench.planning.requested_metrics import RequestedMetric, requested_metrics
from bench.planning.settings import Settings
from bench.plugins.contract import Method
from bench.plugins.noise_code import load_code
from bench.plugins.sources import Registry
from bench.store.cell_meta import CellMeta


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
        codes: label -> `RecordedMetric.code`.
        registry: of the methods, for cells whose outputs were not kept.
        fits: the cache of fitted models; nothing is trained.
        device: where torch may compute, see `form_again`.
    """

    def __init__(
        self,
        run: store.Run,
        data: Dataset,
        measures: Measures,
        codes: Mapping[str, str],
        registry: Registry[Method],
        fits: store.FitCache,
        device: str,
    ) -> None:
        self._run, self._data, self._measures, self._codes = run, data, measures, codes
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
        cell, parts = cell_of(meta.cell), self._parts(meta, labels)
        how: list[str] = []
        missing: dict[str, str] = {}
        for part in parts:
            measurements = Measurements({label: self._measures[label] for label in part})
            try:
                how.append(self._measure(cell, meta, part, measurements))
            except (Unsupported, UsageError, ValueError) as error:
                unmeasured = dict.fromkeys(part, str(error))
                self._run.add_columns(meta.key, {}, unmeasured, self._codes)
                missing |= unmeasured if len(parts) > 1 else {"": str(error)}
                continue
            columns = measurements.columns()
            self._run.add_columns(meta.key, columns, measurements.unmeasured, self._codes)
            missing |= measurements.unmeasured
        return Rescored(str(cell), "; ".join(how), missing)

    def _parts(self, meta: CellMeta, labels: list[str]) -> list[list[str]]:
        """The labels by where their images come from: kept outputs alone, or the method too.

        Outputs are kept of the noisy images alone, not of these changed a little.
        """
        if not self._run.has_outputs(meta.key):
            return [labels]
        kept = [label for label in labels if "perturbed" not in self._needs([label])]
        return [part for part in (kept, [one for one in labels if one not in kept]) if part]

    def _needs(self, labels: Iterable[str]) -> set[str]:
        """Of the metrics with such labels."""
        return {need for label in labels for need in self._measures[label].metric.needs}

    def _measure(
        self, cell: Cell, meta: CellMeta, labels: Sequence[str], measurements: Measurements
    ) -> str:
        """Measure the cell's images by metrics of one part; where they come from, in words."""
        needs = self._needs(labels)
        if self._run.has_outputs(meta.key) and "perturbed" not in needs:
            if {"noise", "noisy"} & needs:
                load_code([cell.noise], self._registry)
            outputs = self._run.outputs(meta.key)
            for part in kept(cell, outputs, self._data, needs):
                measurements.add(part.images)
            return "from its kept outputs"
        form = form_again(cell, meta, self._registry, self._device)
        check = Agreement(self._run.images(meta.key))
        try:
            with set_back(), form.computing():
                for part in again(cell, meta.chosen, self._data, form, self._fits, needs):
                    check.add(part)
                    measurements.add(part.images)
        except (BenchError, Unsupported):
            raise
        except Exception as error:
            raise UsageError(f"denoised again it fails: {explain(error, form.method)}") from error
        return check.verdict()


def rescored(
    run: store.Run,
    data: Dataset,
    requested: Mapping[str, RequestedMetric],
    scorer: Scorer,
    registry: Registry[Method],
    device: str,
    again: bool,
    told: Callable[[Rescored], None],
    watch: Callable[[str, float], None],
) -> list[Rescored]:
    """Give a run's cells the columns of further metrics, those that they lack.

    Args:
        run: which the caller holds.
        data: that it was measured on.
        requested: the metrics.
        scorer: makes them.
        registry: of the methods that it was made with.
        device: where torch may compute, see `form_again`.
        again: also the columns that cells have.
        told: called with each cell as it is done.
        watch: see `Scorer.fit`.

    Raises:
        UsageError: the run has such a metric by other code.
        StorageError: the run cannot be read or written.
    """
    metrics = recorded(requested, scorer.fit(requested, data, watch))
    if not again:
        store.check_metrics(run.path, run.manifest.metrics, metrics)

    def wanted(key: str) -> list[str]:
        there = () if again else run.measured(key, metrics)
        return [label for label in metrics if label not in there]

    fits = store.FitCache(Path(scorer.cache))
    codes = {label: metric.code for label, metric in metrics.items() if metric.code}
    rescoring = Rescoring(run, data, scorer.measures(data), codes, registry, fits, device)
    done = []
    for each in rescoring.cells(wanted):
        done.append(each)
        told(each)
    if any(each.how for each in done) or not done:  # else there is no column that it could name
        run.add_metrics(metrics)
    return done


def score(
    run: str | os.PathLike[str] | store.Run,
    metrics: str | Sequence[str],
    *,
    plugins: Sequence[str | os.PathLike[str]] = (),
    dataset: Any = None,
    data_dir: str | os.PathLike[str] | None = None,
    device: str = "auto",
    again: bool = False,
    told: Callable[[Rescored], None] = lambda rescored: None,
    watch: Callable[[str, float], None] = lambda label, share: None,
) -> list[Rescored]:
    """Measure further metrics of a run's images, as `bench score` does.

    The images are those that were kept (`--keep outputs`), or are denoised once more with the
    stored fit and the recorded parameters; then they must be equal, or each have a PSNR within 1e-4
    dB of what was measured. No method is trained or tuned again.

    Args:
        run: a run or its folder.
        metrics: as typed, or a list: "lpips,ssim[sigma=1.0]".
        plugins: files and folders of metrics, and of the methods that the run was made with.
        dataset: where the run's data set lies, as `folder:PATH`, if not under its own name; or
            its images, as `bench.run` takes them.
        data_dir: folder of the data sets.
        device: where torch computes.
        again: also of cells that have the column, and where other code measured it.
        told: called with each cell as it is done.
        watch: told a metric that learns and the share of its fit that is done.

    Returns:
        What came of each cell that lacked a column.

    Raises:
        UsageError: there is no such metric, it was measured by other code, or the data are others.
        RunInUse: another process works on the run.
        DataError, StorageError: see `bench.core`.
    """
    path = run.path if isinstance(run, store.Run) else run
    typed = Settings.checked(metrics=metrics, plugins=plugins, data_dir=data_dir, device=device)
    methods = Registry(typed.plugins)
    requested = requested_metrics(typed, methods)
    scorer = Scorer(
        tuple(requested),
        sources={label: one.metric.source for label, one in requested.items()},
        plugins=tuple(str(expanded(plugin).absolute()) for plugin in typed.plugins),
        cache=str((store.cache_folder() / "fits").absolute()),
    )
    with store.hold(store.open_run(path).path):
        opened = store.open_run(path)
        data = images_of(opened, dataset, typed.data_dir, typed.plugins)
        return rescored(opened, data, requested, scorer, methods, typed.device, again, told, watch)
