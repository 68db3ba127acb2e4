"""What a metric learns from clean training images: once for a data set, kept in the cache."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.core import Dataset, Fit, UsageError, digest
from bench.core.process_state import set_back
from bench.core.threads import limited_threads
from bench.datasets import CATALOGUE
from bench.datasets.training_images import labelled_split
from bench.evaluation.scoring import check_plain
from bench.store.fit_cache import checksum

if TYPE_CHECKING:
    from bench.plugins.metric import Measure, Metric
    from bench.store import FitCache

#: Part of every key: goes up when the same metric would be given other images or labels.
VERSION = 1


def fit_key(metric: Metric, params: Mapping[str, Any], dataset: Dataset) -> str:
    """Hashes all that the metric learns from: its code, its parameters, the clean images.

    Args:
        metric: one that learns.
        params: those typed; the others have their defaults.
        dataset: what is measured on; of its own training images, whatever methods train on.
    """
    own = dataset.own or dataset
    values = {**metric.parameters, **params}
    return digest(["metric", VERSION, metric.name, metric.source, values, own.fingerprint])


def fitted_measure(
    metric: Metric,
    params: Mapping[str, Any],
    dataset: Dataset,
    fits: FitCache,
    watch: Callable[[float], None] = lambda share: None,
) -> tuple[Measure, str]:
    """The metric, ready to measure with what it learned, now or earlier.

    It is fitted with one thread, so that what it learns does not depend on the cores that are free.
    Processes that do this at once all fit, the same, and one of them is kept.

    Args:
        metric: one that learns.
        params: those typed.
        dataset: what is measured on; the metric learns from its own clean training images.
        fits: the cache.
        watch: told the share that is done, 0 at first and 1 at the end; nothing where the cache
            has it.

    Returns:
        The metric, and the digest of what it learned.

    Raises:
        UsageError: the images have no labels.
        DataError, StorageError: the labels cannot be had, or the cache cannot be written.
        Unsupported: the metric cannot learn from such images.
    """
    if dataset.labels is None:
        labelled = ", ".join(name for name, entry in CATALOGUE.items() if entry.labelled)
        raise UsageError(
            f"{metric.name} needs to know what images show, and those of {dataset.name} have no "
            f"labels; these have: {labelled}"
        )
    dataset.labels("test")  # or why they cannot be had, before anything is measured
    key = fit_key(metric, params, dataset)
    cached = fits.get(key)
    if cached is None:
        fits.check()  # before minutes are spent on what could not be kept
        fit = _fitted(metric, params, dataset.own or dataset, watch)
        fits.put(key, fit)
        cached = fits.get(key) or fit  # where another process was as late, the last one is kept
    measure = metric.create(params)
    measure.learner.load(cached.arrays)
    return measure, checksum(cached.arrays)


def _fitted(
    metric: Metric, params: Mapping[str, Any], dataset: Dataset, watch: Callable[[float], None]
) -> Fit:
    import torch  # noqa: F401  # else it is loaded with one thread, and keeps to that

    train, validation = (labelled_split(dataset, split) for split in ("train", "validation"))
    learner = metric.create(params).learner
    told = {"watch": watch} if "watch" in inspect.signature(learner.fit).parameters else {}
    started = time.perf_counter()
    watch(0)
    with set_back(), limited_threads(1):
        learner.fit(train, validation, **told)
        state = learner.state()
    watch(1)
    for name, array in state.items():
        check_plain(array, f"state of {metric.name} gave, as {name!r},")
    arrays = {name: np.asarray(array) for name, array in state.items()}
    about = {
        "metric": metric.name,
        "params": {**metric.parameters, **params},
        "source": metric.source,
        "dataset": dataset.name,
        "fingerprint": dataset.fingerprint,
    }
    return Fit(arrays, time.perf_counter() - started, "cpu", about=about)
