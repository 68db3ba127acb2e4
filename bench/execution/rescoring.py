"""Further metrics of a finished run: of the outputs that were kept, or denoised once more."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import datasets, store
from bench.core import BenchError, Cell, Dataset, Unsupported, UsageError, expanded
from bench.core.process_state import set_back
from bench.evaluation.forms import Form, form_of
from bench.evaluation.measurements import Measurements, Measures
from bench.evaluation.restoring import Agreement, again, cell_of, kept
from bench.evaluation.runner import explain
from bench.execution.scorer import Scorer, recorded
from bench.planning.request import RequestedMetric, requested_metrics, torch_device
from bench.planning.settings import Settings
from bench.plugins.contract import Method
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
        registry: of the methods, for cells whose outputs were not kept.
        fits: the cache of fitted models; nothing is trained.
        settings: say where torch may compute.
    """

    def __init__(
        self,
        run: store.Run,
        data: Dataset,
        measures: Measures,
        registry: Registry[Method],
        fits: store.FitCache,
        settings: Settings,
    ) -> None:
        self._run, self._data, self._measures = run, data, measures
        self._registry, self._fits, self._settings = registry, fits, settings
        self._needs = {need for measure in measures.values() for need in measure.metric.needs}

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
            missing = dict.fromkeys(labels, str(error))
            self._run.add_columns(meta.key, {}, missing)
            return Rescored(str(cell), "", {"": str(error)})
        columns = measurements.columns()
        self._run.add_columns(meta.key, columns, measurements.unmeasured)
        return Rescored(str(cell), how, dict(measurements.unmeasured))

    def _measure(self, cell: Cell, meta: CellMeta, measurements: Measurements) -> str:
        """Measure the cell's images; where they come from, in words."""
        if self._run.has_outputs(meta.key):
            outputs = self._run.outputs(meta.key)
            for part in kept(cell, outputs, self._data, self._needs):
                measurements.add(part.images)
            return "from its kept outputs"
        form = self._form(cell, meta)
        check = Agreement(self._run.images(meta.key))
        try:
            with set_back(), form.computing():
                for part in again(cell, meta.chosen, self._data, form, self._fits, self._needs):
                    check.add(part)
                    measurements.add(part.images)
        except (BenchError, Unsupported):
            raise
        except Exception as error:
            raise UsageError(f"denoised again it fails: {explain(error, form.method)}") from error
        return check.verdict()

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
        on_gpu = meta.conditions.device == "cuda"
        device = torch_device(self._settings, [method]) if on_gpu else "cpu"
        return form_of(method, device, threads)


def rescored(
    run: store.Run,
    data: Dataset,
    requested: Mapping[str, RequestedMetric],
    scorer: Scorer,
    registry: Registry[Method],
    settings: Settings,
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
        settings: say where torch may compute.
        again: also the columns that cells have.
        told: called with each cell as it is done.
        watch: see `Scorer.fit`.

    Raises:
        UsageError: the run has such a metric by other code.
        StorageError: the run cannot be read or written.
    """
    metrics = recorded(requested, scorer.fit(requested, data, watch))
    if again:  # or, if this ends early, some cells would have the one and some the other
        others = {k: v for k, v in run.manifest.metrics.items() if k not in metrics}
        run.update_manifest(metrics=others)
    store.check_metrics(run.path, run.manifest.metrics, metrics)

    def wanted(key: str) -> list[str]:
        there = run.measured(key)
        return [label for label in metrics if label not in there]

    fits = store.FitCache(Path(scorer.cache))
    rescoring = Rescoring(run, data, scorer.measures(data), registry, fits, settings)
    done = []
    for each in rescoring.cells(wanted):
        done.append(each)
        told(each)
    if done or again:
        run.add_metrics(metrics)
    return done


def score(
    run: str | os.PathLike[str] | store.Run,
    metrics: str | Sequence[str],
    *,
    plugins: Sequence[str | os.PathLike[str]] = (),
    dataset: str | None = None,
    data_dir: str | os.PathLike[str] | None = None,
    device: str = "auto",
    again: bool = False,
    told: Callable[[Rescored], None] = lambda rescored: None,
    watch: Callable[[str, float], None] = lambda label, share: None,
) -> list[Rescored]:
    """Measure further metrics of a run's images, as `bench score` does.

    The images are those that were kept (`--keep outputs`), or are denoised once more with the
    stored fit and the recorded parameters; then they must be equal, or, on another machine, have a
    PSNR within 1e-4 dB of what was measured. Nothing is trained or tuned again.

    Args:
        run: a run or its folder.
        metrics: as typed, or a list: "lpips,ssim[sigma=1.0]".
        plugins: files and folders of metrics, and of the methods that the run was made with.
        dataset: where the run's data set lies, as `folder:PATH`, if not under its own name.
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
        plugins=tuple(str(expanded(plugin).absolute()) for plugin in typed.plugins),
        cache=str((store.cache_folder() / "fits").absolute()),
    )
    with store.hold(store.open_run(path).path):
        opened = store.open_run(path)
        data = _data_of(opened.manifest, dataset, datasets.data_folder(typed.data_dir))
        return rescored(opened, data, requested, scorer, methods, typed, again, told, watch)


def _data_of(manifest: store.Manifest, dataset: str | None, folder: Path) -> Dataset:
    """The data set that a run was made on; raises `UsageError` where it is another."""
    name, training = manifest.dataset.name, manifest.settings.train_dataset
    try:
        data = datasets.load_for(dataset or name, training, folder)
    except UsageError as error:
        if dataset:
            raise
        raise UsageError(f"{error}; say where its images lie: --dataset folder:PATH") from error
    if data.fingerprint != manifest.dataset.fingerprint:
        raise UsageError(
            f"the run was made on other images: the fingerprint of {name} was "
            f"{manifest.dataset.fingerprint} and is {data.fingerprint}"
        )
    return data
