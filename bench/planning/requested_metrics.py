"""What is typed -> the metrics that it asks for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from bench.core import Dataset, MissingPackage, UsageError, canonical_json, method_label
from bench.planning import notation, sweeps
from bench.planning.parameter_files import files_of, with_files
from bench.planning.settings import (
    DEFAULT_METRICS,
    FRAMES_METRICS,
    SINGLE_METRICS,
    Settings,
)
from bench.plugins.kinds import METRICS
from bench.plugins.metric import Metric
from bench.plugins.sources import Registry


class RequestedMetric(NamedTuple):
    """A metric as it was asked for: with the parameters typed.

    Its text is its label: what its column, and each table, is called by.
    """

    metric: Metric
    params: Mapping[str, Any]

    @property
    def files(self) -> dict[str, str]:
        """As of `RequestedMethod`."""
        return files_of(self.metric, self.params)

    def __str__(self) -> str:
        return method_label(self.metric.name, canonical_json(self.params))


def requested_metrics(settings: Settings, registry: Registry[Any]) -> dict[str, RequestedMetric]:
    """The metrics that the settings ask for, or the default ones and those of `--plugin`.

    Args:
        settings: what was asked for.
        registry: of any kind; metrics are loaded as it loads.

    Returns:
        See `metrics_of`. The first one leads.

    Raises:
        UsageError: there is no such metric or parameter, or a plugin is broken.
        MissingPackage: one needs a package that is not installed.
    """
    metrics = registry.of(METRICS)
    metrics.load_given()
    asked = sweeps.expanded_metrics(settings.metrics or ())
    return metrics_of(asked or (*DEFAULT_METRICS, *metrics.given), metrics)


def metrics_for(
    settings: Settings, metrics: Mapping[str, RequestedMetric], dataset: Dataset
) -> dict[str, RequestedMetric]:
    """The metrics of a run, once it is known what there is to measure by.

    Where none were asked for, those that fit the data set stand in the place of the default ones:
    its own, or without ground truth those that do without.

    Args:
        settings: what was asked for.
        metrics: see `requested_metrics`.
        dataset: that is measured on.

    Raises:
        UsageError: one that was asked for needs what no image of the data set has.
    """
    unusual = FRAMES_METRICS if dataset.frames > 1 else SINGLE_METRICS
    fitting = dataset.metrics or (DEFAULT_METRICS if dataset.truth else unusual)
    if settings.metrics is not None:
        _check_needs(metrics, dataset, fitting)
        return dict(metrics)
    others = {label: one for label, one in metrics.items() if label not in DEFAULT_METRICS}
    return {**metrics_of(fitting, Registry(kind=METRICS)), **others}


def _check_needs(
    metrics: Mapping[str, RequestedMetric], dataset: Dataset, defaults: Iterable[str]
) -> None:
    """That the data set has what metrics need; what holds of some noise only, cells say.

    Of those that learn by labels `evaluation.metric_fits` says which data sets have some.
    """
    lacks = {
        need: why
        for need, lacking, why in (
            ("clean", not dataset.truth, "clean images"),
            ("frames", dataset.frames < 2, "a second noisy frame of each scene"),
            ("label", dataset.labels is None, "labels"),
        )
        if lacking
    }
    wanting = {
        label: [
            lacks[need]
            for need in one.metric.needs
            if need in lacks and not (need == "label" and one.metric.learns)
        ]
        for label, one in metrics.items()
    }
    for label, missing in wanting.items():
        if missing:
            left = [other for other in metrics if not wanting[other]] or defaults
            raise UsageError(
                f"--metrics {label}: it needs {' and '.join(missing)}, which {dataset.name} does "
                f"not have; type --metrics {','.join(left)}"
            )


def metrics_of(texts: Iterable[str], registry: Registry[Any]) -> dict[str, RequestedMetric]:
    """The metrics that texts such as `ssim[sigma=1.0]` ask for, by their labels, in that order.

    However it is typed, one metric with the same parameters is measured once.

    Raises:
        UsageError, MissingPackage: see `requested_metrics`.
    """
    metrics = registry.of(METRICS)
    requested = (_resolved(text, metrics) for text in texts)
    return {str(each): each for each in requested}


def tuning_metric(settings: Settings, registry: Registry[Any]) -> RequestedMetric:
    """The metric that parameters are chosen by, as the settings name it.

    Raises:
        UsageError: there is none of that name, or validation images do not have what it needs.
        MissingPackage: it needs a package that is not installed.
    """
    (requested,) = metrics_of([settings.tune_by], registry).values()
    metric = requested.metric
    if "label" in metric.needs or metric.learns:
        why = "needs labels" if "label" in metric.needs else "has to be fitted first"
        raise UsageError(
            f"--tune-by {requested}: {metric.name} {why}; tune by a metric of the images alone, "
            "such as psnr"
        )
    return requested


def _resolved(text: str, metrics: Registry[Metric]) -> RequestedMetric:
    name, params = notation.parse(text, "metric")
    metric = metrics.load(name)
    if metric.missing:
        raise MissingPackage(metric.missing)
    values = notation.typed_params(metric, params)
    return RequestedMetric(with_files(metric, values), values)
