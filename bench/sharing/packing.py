"""Runs -> a pack: what goes in, and what strangers need not know of the machine that measured."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.core import StorageError, UsageError, expanded, method_label, without_folders
from bench.planning.settings import Settings
from bench.plugins.sources import Registry
from bench.sharing import texts
from bench.sharing.sources import sources_of
from bench.store import CellMeta, Manifest, Run, RunInUse, holder, is_held
from bench.store.merging import Merged
from bench.store.outputs import outputs_path
from bench.store.pack import ABOUT, PACK_VERSION, PackAbout, write_pack
from bench.store.retelling import retold

_BESIDE = {"history": "json", "samples": "npz"}


@dataclass(frozen=True)
class Packed:
    """A pack that was written.

    Attributes:
        path: of the zip file.
        about: what it says of itself, with notes on what was changed or left out.
        cells: how many results it holds, of `planned`.
        planned: cells of the run.
    """

    path: Path
    about: PackAbout
    cells: int
    planned: int


def pack(
    runs: Sequence[Run],
    out: str | os.PathLike[str] | None = None,
    *,
    samples: bool = True,
    outputs: bool = False,
    plugins: Sequence[str | os.PathLike[str]] = (),
    authors: Sequence[str] = (),
    paths: bool = False,
) -> Packed:
    """Write a pack of a run, or of several that are merged into one.

    Args:
        runs: of one data set, under conditions whose numbers can stand in one table.
        out: the zip file, or a folder for it; None for the working folder.
        samples: with the few images that reports show.
        outputs: with all restored images, where these were kept.
        plugins: files and folders of what is not bench's own, whose code goes in.
        authors: whom its CITATION.cff names.
        paths: also where methods' parameters name folders of this machine.

    Raises:
        UsageError: the runs cannot be merged, or parameters name folders of this machine.
        RunInUse: a run is being written.
        StorageError: a run is damaged, or the pack cannot be written.
    """
    for run in runs:
        if is_held(run.path):
            raise RunInUse(
                f"{run.path} is being written by {holder(run.path) or 'another process'}: pack it "
                "when that has ended"
            )
    merged = Merged.of(runs, "pack them apart")
    metadata = [meta for meta, _ in merged.cells.values()]
    if not metadata:
        raise UsageError(f"{runs[0].path} has no results to pack")
    if not paths:
        _refuse_folders(merged)
    registry = Registry(Settings.checked(plugins=tuple(plugins)).plugins)
    sources, code = sources_of(metadata, merged.manifest.metrics, registry)
    manifest, files = _shareable(merged.manifest), dict[str, bytes | Path](code)
    notes, kept = list(merged.notes), 0
    if not samples:
        notes.append("sample images were left out: reports show none")
    for key, (_, run) in merged.cells.items():
        files |= _files_of(run, key, samples=samples)
        if outputs and run.has_outputs(key):
            files[f"outputs/{key}.images"] = outputs_path(run.path, key)
            kept += 1
    if outputs and kept < len(metadata):
        notes.append(f"restored images of {len(metadata) - kept} cells were not kept")
    planned = len(dict.fromkeys(manifest.cells))
    if len(metadata) < planned:
        notes.append(f"unfinished: {planned - len(metadata)} of {planned} cells have no result")
    about = PackAbout(
        pack=PACK_VERSION,
        name=_name(merged.runs),
        runs=[run.name for run in merged.runs],
        outputs=kept > 0,
        sources=sources,
        notes=[*notes, *_left_out(sources)],
    )
    files |= _texts(about, manifest, metadata, authors)
    path = _target(out, about.name)
    write_pack(path, files)
    return Packed(path, about, len(metadata), planned)


def _files_of(run: Run, key: str, *, samples: bool) -> dict[str, bytes | Path]:
    """A cell's files, by their names in the pack; folders of this machine are told of nowhere."""
    cell = run.path / "cells" / f"{key}.parquet"
    told = retold(cell, without_folders, samples=samples)
    files: dict[str, bytes | Path] = {f"cells/{key}.parquet": told or cell}
    for folder, suffix in _BESIDE.items():
        path = run.path / folder / f"{key}.{suffix}"
        if path.is_file() and (samples or folder != "samples"):
            files[f"{folder}/{key}.{suffix}"] = path
    return files


def _texts(
    about: PackAbout, manifest: Manifest, metadata: list[CellMeta], authors: Sequence[str]
) -> dict[str, bytes]:
    """What stands beside the records."""
    made = {
        ABOUT: f"{about.model_dump_json(indent=2)}\n",
        "manifest.json": f"{manifest}\n",
        "README.md": texts.readme(about, manifest, metadata),
        "CITATION.cff": texts.citation(about, manifest, metadata, authors),
        "environment/requirements.txt": texts.requirements(manifest),
        **texts.schemas(manifest),
    }
    return {name: text.encode() for name, text in made.items()}


def _shareable(manifest: Manifest) -> Manifest:
    """Without folders of the machine that measured, in what is no part of a cell's key."""
    entries = manifest.as_dict()
    for name in ("command", "notes", "dataset", "earlier", "plugins"):
        if name in entries:
            entries[name] = _without_folders(entries[name])
    return Manifest.model_validate(entries)


def _without_folders(value: Any) -> Any:
    if isinstance(value, str):
        return without_folders(value)
    if isinstance(value, list):
        return [_without_folders(item) for item in value]
    if isinstance(value, dict):
        return {name: _without_folders(item) for name, item in value.items()}
    return value


def _refuse_folders(merged: Merged) -> None:
    """Refuse parameters with folders: they are part of the cells' keys, and cannot be shortened."""
    for meta, run in merged.cells.values():
        params = json.loads(meta.cell.params)
        for name, value in params.items():
            if isinstance(value, str) and without_folders(value) != value:
                label = method_label(meta.cell.method, meta.cell.params)
                raise UsageError(
                    f"{run.path}: {name} of {label} names a folder of this machine, which is part "
                    "of its cells' keys: run it again where the name alone will do, or pack it as "
                    "it is with --paths"
                )


def _left_out(sources: dict[str, list[Any]]) -> list[str]:
    """Which code is not in the pack, and why."""
    why: dict[str, list[str]] = {}
    for label, several in sources.items():
        for one in several:
            if one.left_out:
                why.setdefault(one.left_out, []).append(label)
    return [f"no code of {', '.join(labels)}: {reason}" for reason, labels in why.items()]


def _name(runs: Sequence[Run]) -> str:
    """Of the runs, as a pack's may be."""
    plain = [re.sub(r"[^\w.@=-]+", "-", run.name).strip("-.") or "run" for run in runs]
    return "+".join(plain)


def _target(out: str | os.PathLike[str] | None, name: str) -> Path:
    """The zip file that is meant."""
    path = expanded(out) if out is not None else Path()
    if path.is_dir():
        return path / f"{name}.zip"
    if path.suffix.lower() != ".zip":
        raise UsageError(f"--out {path}: a pack is a zip file: give a name that ends with .zip")
    if not path.parent.is_dir():
        raise StorageError(f"{path.parent} is no folder: make it, or choose another --out")
    return path
