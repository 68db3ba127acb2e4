"""What cells are scored by: names and paths, as every process is told, made into metrics there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.evaluation.exam import LocalExaminer
from bench.evaluation.measurements import Measures
from bench.evaluation.metric_fits import fitted_measure
from bench.planning.request import metrics_of
from bench.plugins.metric import Measure
from bench.plugins.sources import METRICS, Registry
from bench.store import FitCache, OutputsWriter

if TYPE_CHECKING:
    from bench.core import Cell, Dataset


@dataclass(frozen=True)
class Scorer:
    """What cells are scored by.

    Attributes:
        metrics: labels; the first one leads.
        tune_by: the label of the metric that parameters are chosen by.
        plugins: files and folders of metrics.
        cache: folder of what metrics learned.
        fresh: name of a session that uses nothing learned but its own; None where it uses all.
        keep: the run's folder, where all restored images are to be kept in it; else empty.
    """

    metrics: tuple[str, ...]
    tune_by: str = "psnr"
    plugins: tuple[str, ...] = ()
    cache: str = ""
    fresh: str | None = None
    keep: str = ""

    def measures(self, dataset: Dataset, *labels: str) -> Measures:
        """The metrics, or those of some labels; one that learns is fitted, if the cache has it not.

        Raises:
            UsageError: there is no such metric or parameter, or the data set is none for it.
        """
        requested = metrics_of(labels or self.metrics, Registry(self.plugins, kind=METRICS))
        fits = FitCache(Path(self.cache), fresh=self.fresh)
        return {
            label: fitted_measure(each.metric, each.params, dataset, fits)[0]
            if each.metric.learns
            else each.metric.create(each.params)
            for label, each in requested.items()
        }

    def examiner(self, dataset: Dataset) -> LocalExaminer:
        """What scores a data set's cells in this process."""
        return LocalExaminer(dataset, self.measures(dataset), self._outputs if self.keep else None)

    def tuner(self, dataset: Dataset) -> Measure:
        """The metric that parameters are chosen by."""
        return self.measures(dataset, self.tune_by)[self.tune_by]

    def _outputs(self, cell: Cell) -> OutputsWriter:
        return OutputsWriter(Path(self.keep), cell.key)
