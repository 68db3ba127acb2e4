"""All restored images of a cell, kept so that they can be scored again.

A file `outputs/KEY.images` holds chunks, each of whole images of one shape under one noise seed: a
line of JSON, and behind it their float32 pixels, little-endian, packed by LZ4 (a block without a
frame) unless that made them no smaller:

    {"image": [0, 1, 2], "noise_seed": 0, "shape": [1, 28, 28], "bytes": 5210}

`bytes` are those that follow. The file has no digests of its own: what is read is held to the
`restored` digests of the cell's rows, and every row has its image there.
"""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Annotated, BinaryIO, NamedTuple, NoReturn

import numpy as np
import pyarrow as pa
import pydantic

from bench.core import StorageError, image_digests
from bench.store.files import LARGEST, opened, readable, writable, written_aside
from bench.store.json_model import Count, JsonModel, misfit

if TYPE_CHECKING:
    import numpy.typing as npt

    from bench.core import Array

OUTPUTS = "outputs"
_CODEC = pa.Codec("lz4_raw")
_SUFFIX = ".images"
#: Values and images of a chunk, at most, where it is more than one image.
_VALUES, _IMAGES = 1 << 20, 1 << 13
#: Bytes of a chunk's line of JSON, at most; and of each of its images.
_LINE, _OF_AN_IMAGE = 1 << 18, 128
_BY_HAND = "delete it, and `bench score` denoises again instead"


class KeptOutputs(NamedTuple):
    """Finished restored images of one shape, float32 (N, C, H, W), under one noise seed."""

    positions: npt.NDArray[np.int64]
    noise_seed: int
    images: Array


class _Chunk(JsonModel):
    """What a chunk says of itself."""

    image: Annotated[list[Count], pydantic.Field(min_length=1, max_length=_IMAGES)]
    noise_seed: Count
    shape: Annotated[list[Annotated[Count, pydantic.Field(ge=1)]], pydantic.Field(
        min_length=3, max_length=3
    )]  # fmt: skip
    bytes: Count

    @property
    def unpacked(self) -> int:
        """Bytes that its images take."""
        return 4 * len(self.image) * math.prod(self.shape)


def outputs_path(run: Path, key: str) -> Path:
    """The file of a cell's outputs in a run's folder."""
    return run / OUTPUTS / f"{key}{_SUFFIX}"


def kept_outputs(run: Path) -> set[str]:
    """Keys of the cells whose outputs lie in a run's folder; reads names only."""
    folder = run / OUTPUTS
    with readable(folder, ""), contextlib.suppress(FileNotFoundError):
        return {path.stem for path in folder.iterdir() if path.suffix == _SUFFIX}
    return set()


def remove_outputs(run: Path, but_of: Collection[str]) -> None:
    """Remove outputs from a run's folder, but of cells of these keys; raises `StorageError`."""
    for key in kept_outputs(run).difference(but_of):
        path = outputs_path(run, key)
        with writable(path):
            path.unlink()


class OutputsWriter:
    """Keeps a cell's restored images, chunk by chunk; they are there once all are.

    A worker needs no more than the run's folder and the cell's key. As a context manager it
    commits at the end of the block, and leaves nothing where the block raises.

    Args:
        run: the run's folder.
        key: the cell's.

    Raises:
        StorageError: the folder cannot be written; so do its methods.
    """

    def __init__(self, run: Path, key: str) -> None:
        path = outputs_path(run, key)
        with writable(path):
            path.parent.mkdir(exist_ok=True)
        self._aside = written_aside(path)
        self._file: BinaryIO = self._aside.__enter__()

    def add(self, positions: npt.NDArray[np.int64], noise_seed: int, images: Array) -> None:
        """Keep images as they are scored.

        Args:
            positions: int64 (N,), in the split.
            noise_seed: under which they were.
            images: float32 (N, C, H, W).
        """
        size = 4 * math.prod(images.shape[1:])
        if size > LARGEST:
            self._fail(StorageError(f"a restored image takes {size:,} bytes: more than "
                                    f"{LARGEST:,} are not read again"))  # fmt: skip
        step = min(_IMAGES, max(1, 4 * _VALUES // size))
        for first in range(0, len(images), step):
            part = slice(first, first + step)
            self._add(positions[part], noise_seed, np.ascontiguousarray(images[part], "<f4"))

    def _add(self, positions: npt.NDArray[np.int64], noise_seed: int, images: Array) -> None:
        raw = images.data.cast("B")
        packed = _CODEC.compress(raw, asbytes=True)
        content = packed if len(packed) < len(raw) else raw
        line = {
            "image": positions.tolist(),
            "noise_seed": noise_seed,
            "shape": list(images.shape[1:]),
            "bytes": len(content),
        }
        try:
            self._file.write(f"{json.dumps(line)}\n".encode())
            self._file.write(content)
        except OSError as error:
            self._fail(error)

    def commit(self) -> None:
        """Put the file in its place."""
        self._aside.__exit__(None, None, None)

    def discard(self) -> None:
        """Leave nothing."""
        with contextlib.suppress(_Discarded):
            self._fail(_Discarded())

    def _fail(self, error: BaseException) -> NoReturn:
        """Remove what was written, and raise the error, as `writable` words it."""
        self._aside.__exit__(type(error), error, error.__traceback__)
        raise error

    def __enter__(self) -> OutputsWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None:
            self.commit()
        else:
            self.discard()


class _Discarded(Exception):
    """What is written is not wanted."""


def read_outputs(
    path: Path,
    positions: npt.NDArray[np.int64],
    noise_seeds: npt.NDArray[np.int64],
    digests: npt.NDArray[np.uint64],
) -> Iterator[KeptOutputs]:
    """The images of a file, a chunk of some MiB in memory at a time.

    Args:
        path: the file.
        positions: of the images that are to be there, a row of the cell each.
        noise_seeds: of these rows.
        digests: `image_digests` of these rows.

    Raises:
        StorageError: there is no such file, or what it holds is not what was scored.
    """
    expected = _Expected(positions, noise_seeds, digests)
    with readable(path, _BY_HAND):
        try:
            with opened(path) as file:
                while chunk := _read_chunk(file):
                    expected.tick_off(chunk)
                    yield chunk
        except FileNotFoundError:
            raise StorageError(f"{path} is missing: the cell's outputs were not kept") from None
        expected.end()


def _read_chunk(file: BinaryIO) -> KeptOutputs | None:
    """The next chunk, no larger than a reader takes; raises what `readable` catches."""
    line = file.readline(_LINE)
    if not line:
        return None
    try:
        said = _Chunk.model_validate_json(line)
    except pydantic.ValidationError as error:
        raise ValueError(misfit(error)) from None
    unpacked = said.unpacked
    if unpacked > max(4 * _VALUES, 4 * math.prod(said.shape)) or unpacked > LARGEST:
        raise ValueError(f"a chunk unpacks to {unpacked:,} bytes")
    if said.bytes > unpacked:
        raise ValueError("a chunk is larger packed than unpacked")
    content = file.read(said.bytes)
    if len(content) < said.bytes:
        raise ValueError("it ends within a chunk")
    is_packed = said.bytes < unpacked
    pixels = _CODEC.decompress(content, unpacked) if is_packed else bytearray(content)
    images = np.frombuffer(pixels, "<f4").reshape(-1, *said.shape)
    return KeptOutputs(np.array(said.image, np.int64), said.noise_seed, images)


class _Expected:
    """The rows of a cell, to be ticked off as their images are read."""

    def __init__(
        self,
        positions: npt.NDArray[np.int64],
        noise_seeds: npt.NDArray[np.int64],
        digests: npt.NDArray[np.uint64],
    ) -> None:
        order = np.lexsort((positions, noise_seeds))
        self._positions, self._seeds = positions[order], noise_seeds[order]
        self._digests = digests[order]
        self._met = np.zeros(len(positions), bool)

    def tick_off(self, chunk: KeptOutputs) -> None:
        """Raise `ValueError` unless these are images of rows that were not met before."""
        first = np.searchsorted(self._seeds, chunk.noise_seed, side="left")
        last = np.searchsorted(self._seeds, chunk.noise_seed, side="right")
        rows = first + np.searchsorted(self._positions[first:last], chunk.positions)
        known = rows < last
        known[known] = self._positions[rows[known]] == chunk.positions[known]
        if not known.all() or self._met[rows].any() or len(np.unique(rows)) < len(rows):
            raise ValueError("it holds an image that was not scored, or one twice")
        other = image_digests(chunk.images) != self._digests[rows]
        if other.any():
            raise ValueError(f"image {chunk.positions[other][0]} is not the one that was scored")
        self._met[rows] = True

    def end(self) -> None:
        """Raise `ValueError` unless all were met."""
        if not self._met.all():
            raise ValueError(f"it lacks {np.count_nonzero(~self._met):,} images")


def planned_bytes(sizes: Iterable[int], cells: int, noise_seeds: int = 1) -> int:
    """Bytes that the outputs of a run's cells take at most, packed or not.

    Args:
        sizes: values (channels x height x width) of each image that is measured.
        cells: number of cells.
        noise_seeds: number of noise seeds under which each measures every image.

    >>> planned_bytes([784] * 10_000, cells=21) / 2**20  # MiB
    653.84...
    """
    return cells * noise_seeds * sum(4 * size + _OF_AN_IMAGE for size in sizes)
