"""Opening, finding and starting runs: what stands in a folder, and whether it may be taken up."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import pydantic

from bench.core import StorageError, UsageError, shown
from bench.store.files import (
    UNFINISHED,
    no_file,
    read_bytes,
    read_json,
    readable,
    remove_unfinished,
    writable,
)
from bench.store.json_model import misfit
from bench.store.lock import HOLDER, LOCK
from bench.store.manifest import FORMAT_VERSION, Manifest, RecordedMetric, RecordedSettings
from bench.store.outputs import OUTPUTS, remove_outputs
from bench.store.progress import PROGRESS
from bench.store.recorded_data import RecordedDataset
from bench.store.run import Run

READABLE = range(1, FORMAT_VERSION + 1)
_FOLDERS = ("cells", "history", "samples")
#: With those that only some runs have.
_ALL_FOLDERS = (*_FOLDERS, OUTPUTS)


def open_run(path: str | os.PathLike[str]) -> Run:
    """Open a run by its folder, or by its pack; its cells are read when they are asked for.

    >>> import bench, tempfile
    >>> made = bench.run("digits", methods="identity", noise=0.3, limit=2, out=tempfile.mkdtemp())
    >>> run = bench.open_run(made.path)
    >>> run.manifest.settings.limit, len(run.records())
    (2, 2)

    Raises:
        StorageError: there is no run, its manifest is damaged, or it was written in a format
            that this version cannot read.
        UsageError: what is given is no path.
    """
    if not isinstance(path, (str, os.PathLike)):
        raise UsageError(f"a run is opened by its folder, not by {shown(path)}")
    folder = Path(path)
    if is_pack(folder):
        from bench.store.pack import open_pack  # which opens what it has unpacked by this

        return open_pack(folder)
    manifest_path = folder / "manifest.json"
    if not _is_there(manifest_path):
        raise StorageError(f"{folder} is not a run: it has no manifest.json")
    _refuse_links(folder)
    entries = read_json(manifest_path, "start over with --fresh")
    version = entries.get("format") if isinstance(entries, dict) else None
    if version is None:
        raise StorageError(f"{folder} is not a run: its manifest.json is not one of bench's")
    if version not in READABLE or isinstance(version, bool):
        raise StorageError(
            f"{folder} is in format {version}, and this version of bench reads formats "
            f"{READABLE[0]} to {READABLE[-1]}: use the version that wrote it, or run again "
            "with --fresh"
        )
    try:
        return Run(folder, Manifest.model_validate(entries))
    except pydantic.ValidationError as error:
        raise StorageError(
            f"{manifest_path} is damaged ({misfit(error)}): start over with --fresh"
        ) from None


def is_pack(path: str | os.PathLike[str]) -> bool:
    """Whether a path is a zip file's, as packs are, see `bench.store.pack`."""
    return Path(path).suffix.lower() == ".zip" and Path(path).is_file()


def is_run(path: str | os.PathLike[str]) -> bool:
    """Whether a run's manifest lies in the folder; raises `StorageError` where it cannot tell."""
    return _is_there(Path(path) / "manifest.json")


def _is_there(path: Path) -> bool:
    """Whether something lies there; raises `StorageError` where that cannot be told."""
    with readable(path):
        try:
            path.lstat()
        except (FileNotFoundError, NotADirectoryError, ValueError):
            return False
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                return False
            raise
        return True


def _refuse_links(path: Path) -> None:
    """Refuse a run whose folders lead elsewhere: what is written there would be, too."""
    for folder in _ALL_FOLDERS:
        if (path / folder).is_symlink():
            raise no_file(path / folder)


def locate(run: str | os.PathLike[str], results: Path = Path("results")) -> Path:
    """The folder that is meant by a run's folder or by its name in `results`."""
    return results / run if is_run(results / run) and not is_run(run) else Path(run)


def find_run(run: str | None, results: Path = Path("results")) -> Run:
    """A run by its folder, pack or name in `results`; None for the one worked on last there.

    Raises:
        StorageError: there is none.
    """
    if run is not None:
        folder = locate(run, results)
        if is_pack(folder):
            return open_run(folder)
        if not is_run(folder):
            raise StorageError(
                f"{folder} is not a run: it has no manifest.json, nor is there a run of that name "
                f"in {results}"
            )
        return open_run(folder)
    folders = run_folders(results)
    if not folders:
        raise StorageError(f"there is no run in {results}: make one with `bench run`")
    return open_run(folders[-1])


def run_folders(folder: Path) -> list[Path]:
    """The folders of the runs in `folder`, the one that was worked on last at the end."""
    with readable(folder):  # `Path.glob` says nothing of what it may not read
        try:
            within = list(folder.iterdir())
        except (FileNotFoundError, NotADirectoryError):
            return []
        runs = []
        for path in within:
            with contextlib.suppress(OSError):
                runs.append(((path / "manifest.json").lstat().st_mtime, path))
        return [path for _, path in sorted(runs)]


def start_run(
    path: Path,
    manifest: Manifest,
    *,
    fresh: bool = False,
    retry: bool = False,
    keep: bool = False,
) -> Run:
    """Create a run, or take up the one that stands there with the same settings.

    A run that is taken up keeps its format, its earlier sessions, and entries of its manifest that
    this version does not know. With `retry` its failed cells count as not finished;
    with `keep` outputs are to be kept, which early formats cannot.

    Raises:
        UsageError: a run of that name has other settings, or was made of other images.
        StorageError: the folder cannot be written, or holds something else.
    """
    cleared = fresh and _is_a_run(path)
    if cleared:
        _clear(path)
    if _is_there(path / "manifest.json"):
        run = open_run(path)
        known = run.manifest
        _same_settings(path, known.settings, manifest.settings)
        _same_images(path, known.dataset, manifest.dataset)
        check_metrics(path, known.metrics, manifest.metrics)
        _same_format(path, known, manifest, keep)
        complete = set(known.cells) <= run.finished() - (run.failed() if retry else set())
        if known.cells == manifest.cells and complete:
            # Nothing will be computed, so the manifest stays that of what was; but it was asked
            # for last, and `find_run` is to find it.
            with writable(path):
                os.utime(path / "manifest.json")
            remove_unfinished(path / OUTPUTS)  # of a worker that was killed over its last cell
            return run
        kept = {
            "format": known.format,
            "metrics": {**known.metrics, **manifest.metrics},
            "earlier": [*known.earlier, known.session()],
        }
        manifest = known.model_copy(update={**dict(manifest), **kept})
    elif not cleared:
        check_free(path)
    _refuse_links(path)
    run = Run(path, manifest)
    with writable(path):
        for folder in _FOLDERS:
            (path / folder).mkdir(parents=True, exist_ok=True)
    for folder in ("", *_ALL_FOLDERS):
        remove_unfinished(path / folder)  # whoever starts a run holds it: nobody writes there
    if (path / OUTPUTS).is_dir():  # some may be of cells that were ended before they had a result
        remove_outputs(path, but_of=run.finished() - (run.failed() if retry else set()))
    run.update_manifest()
    return run


def check_free(path: Path) -> None:
    """Refuse a folder that holds something else than a run.

    Raises:
        StorageError: it does.
    """
    if _holds_something_else(path) and not _is_a_run(path):
        raise StorageError(f"{path} exists and is not a run: choose another --name or --out")


def _is_a_run(path: Path) -> bool:
    """Whether a manifest of ours stands there, of whatever version, or a damaged one."""
    manifest = path / "manifest.json"
    if not _is_there(manifest):
        return False
    with readable(manifest):
        try:
            return "format" in json.loads(read_bytes(manifest))
        except (ValueError, TypeError, RecursionError):
            return (path / "cells").is_dir()


def _holds_something_else(path: Path) -> bool:
    """Whether a folder holds more than what a run leaves that was killed as it began."""
    with readable(path):
        try:
            names = {entry.name for entry in path.iterdir()}
        except (FileNotFoundError, NotADirectoryError):
            return False
        names -= {*_ALL_FOLDERS, PROGRESS, LOCK, HOLDER}
        return not all(map(UNFINISHED.fullmatch, names))


def _clear(path: Path) -> None:
    """Remove a run's files, and nothing else that lies in its folder."""
    with writable(path):
        for folder in _ALL_FOLDERS:
            if (path / folder).is_symlink():
                (path / folder).unlink()
            elif (path / folder).is_dir():
                shutil.rmtree(path / folder)
        (path / PROGRESS).unlink(missing_ok=True)
        (path / "manifest.json").unlink()


def _same_settings(path: Path, known: RecordedSettings, wanted: RecordedSettings) -> None:
    before, now = (settings.model_dump(by_alias=True) for settings in (known, wanted))
    for name in {**now, **before}:  # a setting may be recorded only where it is set
        if before.get(name) != now.get(name):
            raise UsageError(
                f"{path} was made with {name} = {json.dumps(before.get(name))}, and this command "
                f"says {json.dumps(now.get(name))}: choose another --name, or start over with "
                "--fresh"
            )


def _same_images(path: Path, known: RecordedDataset, wanted: RecordedDataset) -> None:
    """Refuse images that have changed: their results would take the place of the others'."""
    for which, before, now in (
        ("", known.fingerprint, wanted.fingerprint),
        (" to train on", known.trained_fingerprint, wanted.trained_fingerprint),
    ):
        if before != now:
            raise UsageError(
                f"{path} was made with other images{which}: the fingerprint of {wanted.name} was "
                f"{before} and is {now}; choose another --name, or start over with --fresh"
            )


def _same_format(path: Path, known: Manifest, wanted: Manifest, keep: bool) -> None:
    """Refuse what cells of a run's format have no room for."""
    if known.format < 3 and keep:
        raise UsageError(
            f"{path} is in format {known.format}, whose records cannot vouch for outputs: "
            "choose another --name, or leave out --keep outputs"
        )
    if known.format < 3 and (more := set(wanted.metrics) - set(known.metrics)):
        raise UsageError(
            f"{path} is in format {known.format}, whose cells have no column for "
            f"{', '.join(sorted(more))}: finish it as it is, then `bench score` adds columns"
        )


def check_metrics(
    path: Path, known: Mapping[str, RecordedMetric], wanted: Mapping[str, RecordedMetric]
) -> None:
    """Refuse metrics that a run has by other code: of one name they would stand in one column.

    Of bench's own the protocol's version tells.

    Raises:
        UsageError: there is such a metric.
    """
    for label, metric in wanted.items():
        before = known.get(label)
        if before and not before.same_code(metric):
            raise UsageError(
                f"{path} has {label} already, measured by other code: give the metric another "
                "name, or measure it anew (bench score --again; bench run --fresh)"
            )
