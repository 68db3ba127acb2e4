"""The code that a run measured with, where it is here as it was then.

Of its methods, and of the noises and metrics that are not bench's own: of those the protocol tells.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from bench.core import BenchError, method_label, without_folders
from bench.planning.request import resolve
from bench.planning.requested_metrics import metrics_of
from bench.plugins.code import Home
from bench.plugins.contract import Method
from bench.plugins.kinds import NOISES
from bench.plugins.plugin import Plugin
from bench.plugins.sources import Registry
from bench.store import CellMeta
from bench.store.manifest import RecordedMetric
from bench.store.pack import PackedSource, can_be_named

#: Name in the pack -> the file.
Files = dict[str, Path]


class _Measured(NamedTuple):
    """Code that measured: by which digest, how it is found here, and where a pack has it."""

    source: str
    find: Callable[[], Plugin]
    files: Callable[[Any], Iterator[tuple[str, Path]]]


def sources_of(
    metadata: Iterable[CellMeta], metrics: Mapping[str, RecordedMetric], registry: Registry[Method]
) -> tuple[dict[str, list[PackedSource]], Files]:
    """The code, and the files that hold it.

    Code that differs from what measured, by its digest, is never packed in its place.

    Args:
        metadata: of the cells.
        metrics: of the run, by label.
        registry: of the methods that are here, and of plugins of other kinds.

    Returns:
        A method's label, `noise NAME` or `metric LABEL` -> its code, of each digest that there is;
        and the files.
    """
    found: dict[str, list[PackedSource]] = {}
    files: Files = {}
    for label, measured in _measured(list(metadata), metrics, registry):
        found.setdefault(label, []).append(_source(measured, files))
    return found, files


def _measured(
    metadata: list[CellMeta], metrics: Mapping[str, RecordedMetric], registry: Registry[Method]
) -> Iterator[tuple[str, _Measured]]:
    methods = dict[tuple[str, str], CellMeta]()
    noises = dict[tuple[str, str], None]()
    measured = {
        (label, metric.source): None for label, metric in metrics.items() if metric.code_of_others
    }
    for meta in metadata:
        label = method_label(meta.cell.method, meta.cell.params)
        methods.setdefault((label, meta.cell.source), meta)
        for noise in (meta.cell.noise, meta.cell.train):
            if noise and noise.source:
                noises[noise.kind, noise.source] = None
        label, _, code = meta.cell.tune_by.partition(" (")
        if code:  # parameters were chosen by a plugin's metric
            measured[label, code.rstrip(")")] = None
    for (label, source), meta in methods.items():
        yield label, _method(label, source, meta, registry)
    for kind, source in noises:
        yield f"noise {kind}", _noise(kind, source, registry)
    for label, source in measured:
        yield f"metric {label}", _metric(label, source, registry)


def _method(label: str, source: str, meta: CellMeta, registry: Registry[Method]) -> _Measured:
    return _Measured(
        source,
        lambda: resolve(label, registry).method,
        lambda method: _files_of(method, meta, registry),
    )


def _noise(kind: str, source: str, registry: Registry[Method]) -> _Measured:
    return _Measured(
        source,
        lambda: registry.of(NOISES).load(kind),
        lambda noise: _own_files(noise, "noises/"),
    )


def _metric(label: str, source: str, registry: Registry[Method]) -> _Measured:
    return _Measured(
        source,
        lambda: next(iter(metrics_of([label], registry).values())).metric,
        lambda metric: _own_files(metric, "metrics/"),
    )


def _source(measured: _Measured, files: Files) -> PackedSource:
    """What there is of some code; its files are added to `files`."""
    said = PackedSource(source=measured.source)
    if not measured.source:
        said.left_out = "its cells do not say which code measured"
        return said
    try:
        plugin = measured.find()
    except BenchError as error:
        said.left_out = without_folders(str(error))
        return said
    said.origin = plugin.origin
    if plugin.source != measured.source:
        said.left_out = "the code that is here is other code than that which measured"
        return said
    if plugin.origin.startswith("package "):
        said.left_out = f"it is of the {plugin.origin}, to be installed"
        return said
    mine = dict(measured.files(plugin))
    if unfit := [name for name in mine if not can_be_named(name)]:
        said.left_out = f"a file of it has a name that no pack takes: {Path(unfit[0]).name}"
        return said
    said.files = sorted(mine)
    said.data = {Path(path).name: digest for path, digest in sorted(plugin.contents.items())}
    files |= mine
    return said


def _files_of(
    method: Method, meta: CellMeta, registry: Registry[Method]
) -> Iterator[tuple[str, Path]]:
    """The files of a method's code, and of the method that it wraps, with their names."""
    yield from _own_files(method)
    if wraps := method.declared.wraps:
        name = json.loads(meta.cell.params).get(wraps, method.parameters[wraps])
        yield from _own_files(registry.without_given().load(name))


def _own_files(plugin: Plugin, within: str = "") -> Iterator[tuple[str, Path]]:
    home = Home.of_file(plugin.file)
    for file in home.imported([plugin.file]):
        own = file.relative_to(home.root) if file.is_relative_to(home.root) else Path(file.name)
        yield f"sources/{within}{plugin.name}/{own.as_posix()}", file
