"""Test images that are seen in training: copies, and crops of the same image at any place.

Blocks of 16 x 16 pixels of the test images are looked for at every place of the training images, by
a hash of their pixels rounded to 8 bits. What was resized, turned or compressed in between is not
found.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from bench.core import SPLITS, BenchError, Dataset, Group
from bench.datasets.catalogue import CATALOGUE, load

if TYPE_CHECKING:
    import numpy.typing as npt

    from bench.core import Array
    from bench.core.dataset import MeasuredSplit

    Hashes = npt.NDArray[np.uint64]

#: Pixels a side of a block.
SIDE = 16
#: Test images of which blocks are looked for, and blocks of each: those with most contrast.
TESTED, BLOCKS = 500, 4
#: Grey values that a block has at least: flat ones are alike everywhere.
_VALUES = 24
# Training pixels that are looked at, at most: seconds, whatever the data set.
_PIXELS = 1 << 25
# Windows of which hashes are computed at once.
_AT_ONCE = 1 << 21


class Overlap(NamedTuple):
    """Test images that share blocks with training images.

    Attributes:
        images: how many do.
        of: how many were looked at.
        test, train: positions of the first of them, and of a training image that it is seen in.
    """

    images: int
    of: int
    test: int
    train: int

    def sentence(self, dataset: Dataset, split: str = "test") -> str:
        """What a reader must know."""
        some = " that were looked at" if self.of < dataset.sizes[split] else ""
        return (
            f"of {self.of} {split} images of {dataset.name}{some} {self.images} show what training "
            f"images show, as number {self.test} and number {self.train} of {dataset.training}: "
            "what learns from these has seen the answer"
        )


def leak(dataset: Dataset, split: MeasuredSplit = "test") -> Overlap | None:
    """Measured images that are trained on; None where none was found.

    Of data sets that come with bench it is known that they share none.
    """
    if {dataset.name, dataset.training} <= set(CATALOGUE):
        return None
    return overlap(dataset, split)


def elsewhere(
    dataset: Dataset, names: Iterable[str], folder: Path, split: MeasuredSplit = "test"
) -> dict[str, Overlap]:
    """Measured images that are shown by what was trained on elsewhere, as far as it lies here.

    Args:
        dataset: what is measured.
        names: of data sets, which words may follow; those with a place, as `folder:PATH`, are
            opened, and what cannot be is left out.
        folder: of the data sets.
        split: whose images are measured.

    Returns:
        Name -> what was found, be it none.
    """
    found = {}
    for name in dict.fromkeys(names):
        typed = name.split()[0]
        if ":" not in typed:
            continue
        try:
            training = load(typed, folder, download=False)
            none = Overlap(0, min(dataset.sizes[split], TESTED), 0, 0)
            found[name] = overlap(dataset, split, training) or none
        except BenchError:
            continue
    return found


def overlap(
    dataset: Dataset, split: MeasuredSplit = "test", training: Dataset | None = None
) -> Overlap | None:
    """Whether measured images are seen in training; None where none was found.

    Training images are the data set's own, or all of another one. An image counts where at least
    half of its blocks are found. Of large data sets some images are looked at only, see `TESTED`.

    >>> images = np.random.default_rng(0).random((4, 1, 40, 40), np.float32)
    >>> seen = {"train": images[:2], "test": images[1:, :, 5:, 3:]}
    >>> def groups(split):
    ...     yield Group(np.arange(len(seen[split])), seen[split])
    >>> overlap(Dataset("toy", "", {"train": 2, "test": 3}, groups))
    Overlap(images=1, of=3, test=0, train=1)
    """
    wanted: dict[int, list[int]] = {}
    for position, image in _some(dataset, split):
        if hashes := _telling(image):
            wanted[position] = hashes
    if not wanted:
        return None
    known = np.unique(
        np.array([block for hashes in wanted.values() for block in hashes], np.uint64)
    )
    found: dict[int, int] = {}
    left = _PIXELS
    for group in _training(dataset, training):
        for few in _parts(group):
            for position, block in _found(few, known):
                found.setdefault(block, position)
            left -= len(few.positions) * few.shape[1] * few.shape[2]
            if left <= 0:
                break
        if left <= 0:
            break
    seen = {
        position: next(found[block] for block in hashes if block in found)
        for position, hashes in wanted.items()
        if 2 * sum(block in found for block in hashes) >= len(hashes)
    }
    if not seen:
        return None
    first = min(seen)
    return Overlap(len(seen), len(wanted), first, seen[first])


def _training(dataset: Dataset, other: Dataset | None) -> Iterator[Group]:
    if other is None:
        yield from dataset.groups("train")
        return
    for split in SPLITS:
        if other.sizes.get(split):
            yield from other.groups(split)


def _some(dataset: Dataset, split: MeasuredSplit) -> Iterator[tuple[int, Array]]:
    """Positions and grey values of images spread evenly over a split."""
    size = dataset.sizes[split]
    chosen = np.linspace(0, size - 1, min(size, TESTED), dtype=np.int64)
    for group in dataset.groups(split):
        few = group.only(np.isin(group.positions, chosen))
        yield from zip(few.positions.tolist(), _grey(few), strict=True)


def _parts(group: Group) -> Iterator[Group]:
    """A group's images, a few at a time."""
    step = max(1, _AT_ONCE // (group.shape[1] * group.shape[2]))
    for start in range(0, len(group.positions), step):
        yield group.only(slice(start, start + step))


def _grey(group: Group) -> Hashes:
    """The sums over channels of the images' pixels in 8 bits, (N, H, W)."""
    images = group.clean
    if images is None:
        assert group.frames is not None
        images = group.frames[:, 0]
    return np.rint(np.clip(images, 0, 1) * 255).astype(np.uint64).sum(axis=1, dtype=np.uint64)


def _telling(image: Array) -> list[int]:
    """Hashes of the blocks of an image, side by side, that have most contrast."""
    height, width = (side // SIDE for side in image.shape)
    whole = image[: height * SIDE, : width * SIDE].reshape(height, SIDE, width, SIDE)
    blocks = whole.swapaxes(1, 2).reshape(-1, SIDE, SIDE)
    most = np.argsort(-blocks.astype(np.float64).var(axis=(1, 2)), kind="stable")[:BLOCKS]
    return [int(_hashes(block)[0, 0]) for block in blocks[most] if len(np.unique(block)) >= _VALUES]


def _found(group: Group, known: Hashes) -> Iterator[tuple[int, int]]:
    """Positions and hashes of the known blocks that images hold, at whatever place."""
    _, height, width = group.shape
    if min(height, width) < SIDE:
        return
    # Most are told by their highest bits not to be there.
    table = np.zeros(1 << 16, bool)
    table[_highest(known)] = True
    images, rows = _grey(group), max(1, _AT_ONCE // width)
    for top in range(0, height - SIDE + 1, rows):
        hashes = _hashes(images[:, top : top + rows + SIDE - 1])
        maybe = np.nonzero(table[_highest(hashes)])
        there = np.isin(hashes[maybe], known)
        for row, block in zip(maybe[0][there], hashes[maybe][there], strict=True):
            yield int(group.positions[row]), int(block)


def _highest(hashes: Hashes) -> npt.NDArray[np.intp]:
    return (hashes >> np.uint64(48)).astype(np.intp)


def _hashes(images: Hashes) -> Hashes:
    """Of the block that begins at each pixel (..., H, W): sums of pixels, each times its number."""
    numbers = np.random.default_rng(0).integers(1, 1 << 63, (2, SIDE), dtype=np.uint64)
    down, across = numbers * np.uint64(2) + np.uint64(1)
    height, width = (side - SIDE + 1 for side in images.shape[-2:])
    rows = np.zeros((*images.shape[:-1], width), np.uint64)
    for step in range(SIDE):
        rows += images[..., step : step + width] * across[step]
    rows ^= rows >> np.uint64(31)
    total = np.zeros((*images.shape[:-2], height, width), np.uint64)
    for step in range(SIDE):
        total += rows[..., step : step + height, :] * down[step]
    return total
