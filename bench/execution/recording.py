"""A run's manifest as it begins: what was asked for, on which images, by which code."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bench import datasets
from bench.core import Cell, Dataset
from bench.datasets import overlap
from bench.evaluation import noise_correlation
from bench.evaluation.data_source import DataSource
from bench.execution import environment
from bench.execution.supervisor import Setup
from bench.planning.cells import notes
from bench.planning.recorded_methods import recorded_methods
from bench.planning.request import RequestedMethod
from bench.planning.requested_metrics import RequestedMetric
from bench.planning.settings import Settings
from bench.plugins.plugin import BUILT_IN, Plugin
from bench.store import Manifest, RecordedMetric
from bench.store.manifest import Git
from bench.store.recorded_data import RecordedOverlap


def manifest_of(
    settings: Settings,
    data: Dataset,
    source: DataSource,
    cells: Sequence[Cell],
    *,
    said: Iterable[str],
    methods: Mapping[str, RequestedMethod],
    metrics: Mapping[str, RequestedMetric],
    described: Mapping[str, RecordedMetric],
    beside: Iterable[Plugin],
    setup: Setup,
    command: str,
) -> Manifest:
    """The manifest of a run that starts now.

    Args:
        settings: after defaults.
        data: that is measured on.
        source: where it comes from.
        cells: in the plan's order.
        said: what methods say of themselves.
        methods: that were asked for, by their labels.
        metrics: likewise.
        described: what the manifest says of each of these.
        beside: the metric that parameters are chosen by, and kinds of noise.
        setup: with what cells are measured.
        command: what made the run.
    """
    plugins = [one.method for one in methods.values()]
    files = {method.name: method.file for method in plugins if method.origin != BUILT_IN}
    seen = overlap.leak(data, settings.split) if any(each.learns for each in plugins) else None
    manifest = Manifest.of(
        settings.recorded(),
        data,
        recorded_methods(methods.values()),
        cells,
        metrics=described,
        device=setup.device,
        threads=setup.threads,
        notes=[
            *notes(settings, data, methods.values(), cells, said),
            *([seen.sentence(data, settings.split)] if seen else []),
            *noise_correlation.notes(data, settings.split),
        ],
        command=command,
        environment=environment.describe(setup.device, files),
    )
    manifest.dataset.overlap = seen and _overlap(seen)
    manifest.dataset.elsewhere = _elsewhere(data, methods.values(), settings)
    manifest.plugins |= _checkouts([*(one.metric for one in metrics.values()), *beside], source)
    asked: dict[str, Any] = {**methods, **metrics}
    manifest.files = {label: one.files for label, one in asked.items() if one.files}
    return manifest


def _overlap(found: overlap.Overlap) -> RecordedOverlap:
    return RecordedOverlap(images=found.images, looked_at=found.of)


def _elsewhere(
    data: Dataset, requested: Iterable[RequestedMethod], settings: Settings
) -> dict[str, RecordedOverlap]:
    """Measured images among those that others trained on, where these lie here."""
    names = [name for one in requested for name in one.trained_on or ()]
    folder = datasets.data_folder(settings.data_dir)
    found = overlap.elsewhere(data, names, folder, settings.split)
    return {name: _overlap(one) for name, one in found.items()}


def _checkouts(others: Iterable[Plugin], source: DataSource) -> dict[str, Git | None]:
    """The checkouts of plugins that are no methods, by their kind and name."""
    files = {
        f"{each.declared.kind} {each.name}": each.file for each in others if each.origin != BUILT_IN
    }
    files |= {f"dataset {name}": file for name, file in source.plugin_files.items()}
    return {name: Git(**git) if git else None for name, git in environment.checkouts(files).items()}
