"""The code of the methods that a run measured, where it is here as it was then."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from bench.core import BenchError, method_label, without_folders
from bench.planning.request import resolve
from bench.plugins.code import Home
from bench.plugins.contract import Method
from bench.plugins.sources import Registry
from bench.store import CellMeta
from bench.store.pack import PackedSource, can_be_named

#: Name in the pack -> the file.
Files = dict[str, Path]


def sources_of(
    metadata: Iterable[CellMeta], registry: Registry[Method]
) -> tuple[dict[str, list[PackedSource]], Files]:
    """The methods' code, and the files that hold it.

    Code that differs from what measured, by its digest, is never packed in its place.

    Args:
        metadata: of the cells.
        registry: of the methods that are here.

    Returns:
        A method's label -> its code, of each digest that its cells have; and the files.
    """
    wanted: dict[tuple[str, str], CellMeta] = {}
    for meta in metadata:
        label = method_label(meta.cell.method, meta.cell.params)
        wanted.setdefault((label, meta.cell.source), meta)
    found: dict[str, list[PackedSource]] = {}
    files: Files = {}
    for (label, source), meta in wanted.items():
        said = _source(label, source, meta, registry, files)
        found.setdefault(label, []).append(said)
    return found, files


def _source(
    label: str, source: str, meta: CellMeta, registry: Registry[Method], files: Files
) -> PackedSource:
    """What there is of a method's code; its files are added to `files`."""
    said = PackedSource(source=source)
    if not source:
        said.left_out = "its cells do not say which code measured"
        return said
    try:
        method = resolve(label, registry).method
    except BenchError as error:
        said.left_out = without_folders(str(error))
        return said
    said.origin = method.origin
    if method.source != source:
        said.left_out = "the code that is here is other code than that which measured"
        return said
    if method.origin.startswith("package "):
        said.left_out = f"it is of the {method.origin}, to be installed"
        return said
    mine = dict(_files_of(method, meta, registry))
    if unfit := [name for name in mine if not can_be_named(name)]:
        said.left_out = f"a file of it has a name that no pack takes: {Path(unfit[0]).name}"
        return said
    said.files = sorted(mine)
    said.data = {Path(path).name: digest for path, digest in sorted(method.contents.items())}
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


def _own_files(method: Method) -> Iterator[tuple[str, Path]]:
    home = Home.of_file(method.file)
    for file in home.imported([method.file]):
        within = file.relative_to(home.root) if file.is_relative_to(home.root) else Path(file.name)
        yield f"sources/{method.name}/{within.as_posix()}", file
