"""Is a run whole, and is this machine fit for another? Each observation says what to do."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from bench import datasets, store
from bench.core import PROTOCOL_VERSION, BenchError, Dataset, StorageError, counted
from bench.execution import environment

#: Free bytes of a folder below which it gets a note.
_ROOM = 2 * 2**30


@dataclass(frozen=True)
class Observation:
    """What an examination saw of one thing.

    Attributes:
        text: what it is.
        remedy: what to do; "" where all is well, or the text says it.
        wrong: whether it keeps something from working, or is only worth knowing.
    """

    text: str
    remedy: str = ""
    wrong: bool = False


def examine_run(path: Path) -> Iterator[Observation]:
    """A run: every file of it is read and held to its digests."""
    try:
        run = store.open_run(path)
    except StorageError as error:
        yield Observation(str(error), wrong=True)
        return
    place, path, manifest = path, run.path, run.manifest
    protocol = manifest.protocol
    digests = "" if manifest.format > 1 else " (without digests: damage may go unseen)"
    yield Observation(f"{place}: format {manifest.format}{digests}, protocol {protocol}")
    if protocol != PROTOCOL_VERSION:
        yield Observation(
            f"its protocol is version {protocol}, this program's is {PROTOCOL_VERSION}",
            "its numbers are not to be put beside those of newer runs; run it again",
        )
    cells = list(dict.fromkeys(manifest.cells))
    finished = run.finished()
    unread = []
    for key in cells:
        if key in finished:
            try:
                run.verify(key)
            except StorageError as error:
                unread.append(error)
                yield Observation(str(error), wrong=True)
    missing = [key for key in cells if key not in finished]
    whole = len(cells) - len(missing) - len(unread)
    yield Observation(f"{whole} of {len(cells)} cells are there and whole")
    if missing:
        held = store.is_held(path)
        yield Observation(
            f"{counted(len(missing), 'cell')} without a result",
            "they are being worked on" if held else f"go on with: {manifest.command}",
            wrong=not held,
        )
    if not unread:
        frame = run.cells()
        failed = int((frame["status"] == "failed").sum())
        if failed:
            yield Observation(
                f"{counted(failed, 'cell')} failed", "take them up again with --retry-failed"
            )
    yield from _left_over(path, finished - set(cells))
    lost = store.kept_outputs(path) - finished
    if lost and not store.is_held(path):
        yield Observation(
            f"{counted(len(lost), 'file')} in outputs/ without a cell's result, as {min(lost)}",
            "the next `bench run` removes them",
        )
    if store.is_held(path):
        yield Observation(f"being written by {store.holder(path) or 'another process'}")


def _left_over(path: Path, strangers: set[str]) -> Iterator[Observation]:
    """Files in a run's folder that belong to none of its cells; `strangers` are keys."""
    if others := sorted(strangers):
        yield Observation(
            f"{len(others)} orphan cells, files in cells/ that belong to no cell of the run, such "
            f"as {others[0]}",
            "no report shows them: results of an earlier version of a method, as a rule; delete "
            "them before the run is published",
        )
    if left := sorted(file.name for file in path.rglob(".*.tmp")):
        yield Observation(
            f"{len(left)} unfinished files of a process that was killed, such as {left[0]}",
            "they are ignored, and can be deleted",
        )


def examine_machine(data_dir: Path | None, results: Path) -> Iterator[Observation]:
    """Versions, memory, processors, GPU, folders and data sets."""
    names = ("denoise-bench", "numpy", "scipy", "torch", "pyarrow")
    versions = []
    for name in names:
        try:
            versions.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            yield Observation(f"{name} is not installed", "install denoise-bench anew", wrong=True)
    yield Observation(f"Python {sys.version.split()[0]}, {', '.join(versions)}")
    machine = environment.describe("cpu")["machine"]
    memory = machine["memory_bytes"]
    room = f", {memory / 2**30:.0f} GiB" if memory else ""
    yield Observation(f"{machine['cpu']}, {machine['cores']} cores{room}; {machine['os']}")
    busy = environment.busy_cores()
    if busy > 0.25:
        yield Observation(
            f"other processes keep {busy:.1f} of the cores busy",
            "runs take longer beside them, and times hold for that load only",
        )
    yield _gpu()
    folder = datasets.data_folder(data_dir)
    for content, path in (
        ("runs", results),
        ("fitted models", store.cache_folder()),
        ("data sets", folder),
    ):
        yield _folder(content, path, written=path != folder)
    for entry in datasets.CATALOGUE.values():
        if not entry.lies_in(folder):
            how = "it is downloaded when it is asked for" if entry.has_download else "put it there"
            yield Observation(f"{entry.name}: {entry.missing(folder)}", how)
            continue
        try:
            data = datasets.load(entry.name, folder, download=False)
            counts = [f"{count:,} {split}" for split, count in data.sizes.items() if count]
            yield Observation(f"{entry.name}: whole, {', '.join(counts)} images{_labels(data)}")
        except BenchError as error:
            yield Observation(f"{entry.name}: {error}", wrong=True)


def _labels(data: Dataset) -> str:
    """Whether images that have labels have them here."""
    if data.labels is None:
        return ""
    try:
        data.labels("train")
        data.labels("test")  # a file each
    except BenchError as error:
        return f"; no labels, which only metrics such as recognised need: {error}"
    return " with labels"


def _gpu() -> Observation:
    try:
        import torch

        if torch.cuda.is_available():
            return Observation(f"GPU: {torch.cuda.get_device_name()}")
        return Observation("no GPU that torch can use: networks are trained on the CPU")
    except Exception as error:  # a broken installation of torch raises all kinds
        reason = " ".join(str(error).split())
        return Observation(f"torch cannot be loaded: {reason}", "install it anew", wrong=True)


def _folder(content: str, path: Path, *, written: bool) -> Observation:
    """Whether a folder, or where it would be made, can be written and has room."""
    folder = path.absolute()
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    try:
        if written:
            with tempfile.TemporaryFile(dir=folder):
                pass
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return Observation(
            f"folder of {content}, {path}: {error.strerror or error}", "choose another", wrong=True
        )
    text = f"folder of {content}, {path}: {free / 2**30:.1f} GiB free"
    return Observation(text, "make room" if written and free < _ROOM else "")
