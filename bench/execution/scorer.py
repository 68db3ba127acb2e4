"""What cells are scored by: names and paths, as every process is told, made into metrics there."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bench.core import BenchError, UsageError
from bench.evaluation.exam import LocalExaminer
from bench.evaluation.measurements import Measures, reason
from bench.evaluation.metric_fits import fitted_measure
from bench.planning.requested_metrics import RequestedMetric, metrics_of
from bench.plugins.metric import Measure, Unfitted
from bench.plugins.sources import Registry
from bench.store import FitCache, OutputsWriter, RecordedMetric

if TYPE_CHECKING:
    from bench.core import Cell, Dataset


@dataclass(frozen=True)
class Scorer:
    """What cells are scored by.

    Attributes:
        metrics: labels; the first one leads.
        tune_by: the label of the metric that parameters are chosen by.
        sources: label -> digest of the metric's code where the run was planned.
        plugins: files and folders of metrics.
        cache: folder of what metrics learned.
        fresh: name of a session that uses nothing learned but its own; None where it uses all.
        keep: the run's folder, where all restored images are to be kept in it; else empty.
    """

    metrics: tuple[str, ...]
    tune_by: str = "psnr"
    sources: Mapping[str, str] = field(default_factory=dict)
    plugins: tuple[str, ...] = ()
    cache: str = ""
    fresh: str | None = None
    keep: str = ""

    def fit(
        self,
        requested: Mapping[str, RequestedMetric],
        dataset: Dataset,
        watch: Callable[[str, float], None] = lambda label, share: None,
    ) -> dict[str, str]:
        """Fit the metrics that learn from clean images, where the cache lacks what they learned.

        Args:
            requested: the metrics.
            dataset: that is measured on.
            watch: told the metric that is being fitted, and the share that is done.

        Returns:
            Label -> digest of what the metric learned.

        Raises:
            BenchError: one cannot learn from these images, see `fitted_measure`.
        """
        digests = {}
        for label, one in requested.items():
            if one.metric.learns:
                told = partial(watch, label)
                try:
                    _, digests[label] = fitted_measure(
                        one.metric, one.params, dataset, self._cached, told
                    )
                except BenchError:
                    raise
                except Exception:  # whoever measures with it will say why
                    digests[label] = ""
        return digests

    def measures(self, dataset: Dataset, *labels: str) -> Measures:
        """The metrics, or those of some labels, ready to measure.

        Raises:
            BenchError: there is no such metric or parameter, or it cannot learn from these images.
        """
        requested = metrics_of(labels or self.metrics, Registry(self.plugins))
        for label, one in requested.items():
            if self.sources.get(label, one.metric.source) != one.metric.source:
                raise UsageError(
                    f"here {label} has other code than where the run was planned: it was changed "
                    "meanwhile, or is of another version; the same command plans anew"
                )
        return {label: self._measure(one, dataset) for label, one in requested.items()}

    def _measure(self, one: RequestedMetric, dataset: Dataset) -> Measure:
        if not one.metric.learns:
            return one.metric.create(one.params)
        try:
            return fitted_measure(one.metric, one.params, dataset, self._cached)[0]
        except BenchError:
            raise
        except Exception as error:
            unfitted = Measure(one.metric)
            return Unfitted(one.metric, f"it cannot be fitted: {reason(error, unfitted)}")

    def examiner(self, dataset: Dataset) -> LocalExaminer:
        """What scores a data set's cells in this process."""
        return LocalExaminer(dataset, self.measures(dataset), self._outputs if self.keep else None)

    def tuner(self, dataset: Dataset) -> Measure:
        """The metric that parameters are chosen by."""
        (measure,) = self.measures(dataset, self.tune_by).values()
        return measure

    @property
    def _cached(self) -> FitCache:
        return FitCache(Path(self.cache), fresh=self.fresh)

    def _outputs(self, cell: Cell) -> OutputsWriter:
        return OutputsWriter(Path(self.keep), cell.key)


def recorded(
    requested: Mapping[str, RequestedMetric], fitted: Mapping[str, str]
) -> dict[str, RecordedMetric]:
    """What a manifest says of metrics, by their labels; `fitted` as `Scorer.fit` gives it."""
    return {label: _recorded(label, one, fitted.get(label, "")) for label, one in requested.items()}


def _recorded(label: str, one: RequestedMetric, fitted: str) -> RecordedMetric:
    metric, scale = one.metric, one.metric.scale(label)
    return RecordedMetric(
        title=scale.title,
        unit=scale.unit,
        better=scale.better,
        decimals=scale.decimals,
        least=scale.least if math.isfinite(scale.least) else None,
        most=scale.most if math.isfinite(scale.most) else None,
        needs=list(metric.needs),
        summary=metric.summary,
        reference=metric.declared.reference,
        origin=metric.origin,
        note=metric.declared.note,
        source=metric.source,
        fitted=fitted,
    )
