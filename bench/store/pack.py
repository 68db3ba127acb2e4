"""A pack: a run as one zip file, to be sent, published and checked by others.

    pack.json                 what the pack is, see `PackAbout`
    manifest.json             of the run, without paths of the machine that measured
    cells/ history/ samples/  as in the run's folder, see `bench.store.run`
    outputs/                  all restored images, where they were asked for
    schema/                   JSON schemas of the manifest, of a cell's metadata and of its columns
    sources/METHOD/           the methods' code, where it is the code that measured;
                              in noises/NAME/ and metrics/NAME/ that of plugins
    README.md CITATION.cff environment/requirements.txt
    SHA256SUMS                of every other file, as `sha256sum -c` takes it

Entries are sorted, bear one fixed time and are not compressed (what they hold is): the same run and
the same code give the same bytes. What is read may be a stranger's: only files of a run are ever
written to disk, under names that this module makes.
"""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import io
import os
import re
import shutil
import stat
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

import pydantic

from bench.core import StorageError, printable
from bench.store.cell_files import CellFiles
from bench.store.files import opened, readable, sha256_of, writable, written_aside
from bench.store.folders import open_run
from bench.store.json_model import Count, JsonModel, misfit
from bench.store.run import Run

#: Of what is written.
PACK_VERSION = 1
ABOUT, SUMS = "pack.json", "SHA256SUMS"
#: The earliest that a zip can say.
_TIME = (1980, 1, 1, 0, 0, 0)
_CHUNK = 1 << 20
#: Entries of a pack, at most; and how many times its own size it may unpack to, beyond some MiB.
_ENTRIES, _FACTOR, _ROOM = 300_000, 50, 1 << 26
_PART = re.compile(r"\w[\w.+@=-]*")
_DEEPEST = 8
#: What of a pack is a run's.
_OF_A_RUN = re.compile(
    r"manifest\.json|cells/\w+\.parquet|history/\w+\.json|samples/\w+\.npz|outputs/\w+\.images",
    re.ASCII,
)
_SUM = re.compile(r"([0-9a-f]{64}) [ *](.+)")
_ANEW = "get the pack anew"


class PackedSource(JsonModel):
    """The code of a method, or of a plugin's noise or metric.

    Attributes:
        source: digest of the code that measured, as the cells have it.
        origin: where it came from: "built in", "file box.py", "package box 1.0".
        files: those of the pack that hold it.
        data: name of each file that counts as its code and is not packed -> its SHA-256.
        left_out: why there are none; else empty.
    """

    source: str
    origin: str = ""
    files: list[str] = pydantic.Field(default_factory=list)
    data: dict[str, str] = pydantic.Field(default_factory=dict)
    left_out: str = ""


class PackAbout(JsonModel):
    """What a pack says of itself.

    Attributes:
        pack: version of its form.
        name: of the run, and of the folder that it is unpacked to.
        runs: names of the runs that it was made of, the newest first.
        outputs: restored images are in it.
        sources: a method's label, `noise NAME` or `metric LABEL` -> its code, of each digest.
        notes: what was changed or left out as it was packed, a sentence each.
    """

    pack: Count
    name: str
    runs: list[str] = pydantic.Field(default_factory=list)
    outputs: bool = False
    sources: dict[str, list[PackedSource]] = pydantic.Field(default_factory=dict)
    notes: list[str] = pydantic.Field(default_factory=list)


def can_be_named(name: str) -> bool:
    """Whether a file of a pack may be called so."""
    parts = name.split("/")
    return len(parts) <= _DEEPEST and all(map(_PART.fullmatch, parts))


# -- writing ---------------------------------------------------------------------------------


def write_pack(path: Path, files: Mapping[str, bytes | Path]) -> None:
    """Write a pack: the files under their names, and their sums.

    Args:
        path: of the zip file; what lies there is replaced.
        files: name in the pack -> content, or the file that holds it.

    Raises:
        StorageError: one cannot be read, or the pack cannot be written.
    """
    sums = {name: _sum_of(content) for name, content in sorted(files.items())}
    lines = "".join(f"{digest}  {name}\n" for name, digest in sums.items())
    with written_aside(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, content in sorted({**files, SUMS: lines.encode()}.items()):
            entry = zipfile.ZipInfo(name, _TIME)
            entry.create_system, entry.external_attr = 3, (stat.S_IFREG | 0o644) << 16
            with _content(content) as (source, size):
                entry.file_size = size
                with archive.open(entry, "w") as target:
                    shutil.copyfileobj(source, target, _CHUNK)


def _sum_of(content: bytes | Path) -> str:
    with _content(content) as (source, _):
        return sha256_of(source)


@contextlib.contextmanager
def _content(content: bytes | Path) -> Iterator[tuple[BinaryIO, int]]:
    """What is packed, to be read, and its size in bytes; raises `StorageError`."""
    if isinstance(content, bytes):
        yield io.BytesIO(content), len(content)
        return
    with readable(content), opened(content) as file:
        yield file, os.fstat(file.fileno()).st_size


# -- reading ---------------------------------------------------------------------------------


def open_pack(path: str | os.PathLike[str]) -> Run:
    """Open a pack as a run, which lies in a temporary folder until the process ends.

    Every file is held to its sum, and every cell to the digests and the key in its metadata.
    What this cannot tell: whether the numbers are those that the methods give. `bench verify` does.

    Raises:
        StorageError: it is no pack, not what was packed, or nothing that should be unpacked.
    """
    path = Path(path).resolve()
    with readable(path, _ANEW), opened(path) as file:
        name = sha256_of(file)
        folder = _UNPACKED.get(name)
        if folder is None or not folder.is_dir():
            folder = _UNPACKED[name] = _unpacked(path, file)
    return Run(folder, open_run(folder).manifest, path)


def unpack(run: Run, folder: Path) -> Run:
    """Copy the run of a pack to a folder of its own, where it can be added to.

    Raises:
        StorageError: the folder is there already, or cannot be written.
    """
    if os.path.lexists(folder):
        raise StorageError(f"{folder} exists: rename it, or use it instead of {run.place}")
    with writable(folder):
        shutil.copytree(run.path, folder)
    return open_run(folder)


#: SHA-256 of each pack that this process has opened -> the run's folder.
_UNPACKED: dict[str, Path] = {}


def about(path: str | os.PathLike[str]) -> PackAbout:
    """What a pack says of itself; raises `StorageError`."""
    path = Path(path).resolve()
    with readable(path, _ANEW), opened(path) as file, zipfile.ZipFile(file) as archive:
        return _about(archive, _entries(archive, os.fstat(file.fileno()).st_size))


def read_file(path: str | os.PathLike[str], name: str) -> bytes:
    """A file of a pack, held to its sum; raises `StorageError` where there is none."""
    path = Path(path).resolve()
    with readable(path, _ANEW), opened(path) as file, zipfile.ZipFile(file) as archive:
        entries = _entries(archive, os.fstat(file.fileno()).st_size)
        if name not in entries:
            raise StorageError(f"{path} holds no {printable(name)}")
        content = archive.read(entries[name])
        if hashlib.sha256(content).hexdigest() != _sums(archive, entries)[name]:
            raise ValueError(f"{name} is not what was packed")
        return content


def _unpacked(path: Path, file: BinaryIO) -> Path:
    """The folder of a pack's run, whole and as it was packed; raises what `readable` catches."""
    with zipfile.ZipFile(file) as archive:
        entries = _entries(archive, os.fstat(file.fileno()).st_size)
        said, sums = _about(archive, entries), _sums(archive, entries)
        with writable(Path(tempfile.gettempdir())):
            home = Path(tempfile.mkdtemp(prefix="bench-pack-"))
        atexit.register(_remove, home, os.getpid())
        folder = home / said.name
        for name, entry in entries.items():
            kept = _OF_A_RUN.fullmatch(name) is not None
            if name != SUMS and _taken_out(archive, entry, folder / name, kept) != sums[name]:
                raise ValueError(f"{name} is not what was packed: {SUMS} has another sum of it")
    run = open_run(folder)
    finished = run.finished()
    if strangers := finished.difference(run.manifest.cells):
        raise ValueError(f"cells/{min(strangers)}.parquet is no cell of its run")
    files = CellFiles(folder, run.manifest)
    for key in sorted(finished):
        try:
            files.read(key)  # its history and samples are held to their digests when they are read
        except StorageError as error:  # though its sum is right
            reason = str(error.__cause__ or error)
            raise ValueError(f"cell {key} is not what was measured: {reason}") from error
    return folder


def _taken_out(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path, kept: bool) -> str:
    """Write an entry to disk where it is `kept`; its SHA-256 either way."""
    digest = hashlib.sha256()
    with contextlib.ExitStack() as stack:
        source = stack.enter_context(archive.open(entry))
        target = None
        if kept:
            with writable(path):
                path.parent.mkdir(parents=True, exist_ok=True)
                target = stack.enter_context(path.open("xb"))
        while chunk := source.read(_CHUNK):
            digest.update(chunk)
            if target is not None:
                with writable(path):
                    target.write(chunk)
    return digest.hexdigest()


def _remove(folder: Path, process: int) -> None:
    """Remove what a process unpacked; a copy that was forked off leaves it alone."""
    if os.getpid() == process:
        shutil.rmtree(folder, ignore_errors=True)


def _entries(archive: zipfile.ZipFile, size: int) -> dict[str, zipfile.ZipInfo]:
    """The entries of a zip file of so many bytes, by name; raises `ValueError` of a trap."""
    entries: dict[str, zipfile.ZipInfo] = {}
    found = [entry for entry in archive.infolist() if not _is_plain_folder(entry)]
    if len(found) > _ENTRIES:
        raise ValueError(f"it has more than {_ENTRIES:,} files")
    for entry in found:
        name = entry.orig_filename
        if not can_be_named(name):
            raise ValueError(f"it has a file of the name {name!r}, which no pack has")
        if stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG):
            raise ValueError(f"{name} is a link, or another thing that is no file")
        if entry.flag_bits & 0x1 or entry.compress_type not in (0, zipfile.ZIP_DEFLATED):
            raise ValueError(f"{name} is packed in another way")
        if entries.setdefault(name, entry) is not entry:
            raise ValueError(f"it has two files of the name {name}")
    unpacked = sum(entry.file_size for entry in found)
    if unpacked > _FACTOR * size + _ROOM:
        raise ValueError(f"it unpacks to {unpacked:,} bytes")
    return entries


def _is_plain_folder(entry: zipfile.ZipInfo) -> bool:
    """Whether an entry is a folder's, as tools that pack a pack anew write them: nothing's."""
    name = entry.orig_filename
    return name.endswith("/") and not entry.file_size and bool(_PART.fullmatch(name[:-1]))


def _about(archive: zipfile.ZipFile, entries: Mapping[str, zipfile.ZipInfo]) -> PackAbout:
    if missing := sorted({ABOUT, SUMS, "manifest.json"} - set(entries)):
        raise ValueError(f"it is no pack of bench's: it has no {missing[0]}")
    try:
        said = PackAbout.model_validate_json(_small(archive, entries[ABOUT]))
    except pydantic.ValidationError as error:
        raise ValueError(f"{ABOUT}: {misfit(error)}") from None
    if said.pack != PACK_VERSION:
        raise ValueError(
            f"it is a pack of version {said.pack}, and this version of bench reads {PACK_VERSION}"
        )
    if not _PART.fullmatch(said.name):
        raise ValueError(f"{said.name!r} is no name of a run")
    return said


def _sums(archive: zipfile.ZipFile, entries: Mapping[str, zipfile.ZipInfo]) -> dict[str, str]:
    """Name -> SHA-256 of every file, as `SHA256SUMS` has them."""
    sums = {}
    for line in _small(archive, entries[SUMS]).decode().splitlines():
        found = _SUM.fullmatch(line)
        if found is None:
            raise ValueError(f"{SUMS} has a line that is none of sha256sum's: {line!r}")
        sums[found[2]] = found[1]
    if missing := sorted(set(sums) - set(entries)):
        raise ValueError(f"{missing[0]} is missing, of which {SUMS} has a sum")
    if added := sorted(set(entries) - {SUMS} - set(sums)):
        raise ValueError(f"{added[0]} was added: {SUMS} has no sum of it")
    return sums


#: Bytes of a file that is read as a whole.
_LARGEST_TEXT = 1 << 27


def _small(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    if entry.file_size > _LARGEST_TEXT:
        raise ValueError(f"{entry.filename} has more than {_LARGEST_TEXT:,} bytes")
    return archive.read(entry)
