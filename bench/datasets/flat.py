"""`flat`: constant and evenly graded images, in which all structure of an output is invented.

Test images only, made by formula: nine greys and, in eight directions, gradients of two slopes.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from bench.core import Dataset, Group, Split

if TYPE_CHECKING:
    from bench.core import Array

#: Pixels a side.
SIDE = 256
#: Greys are at least three deviations of noise of 25/255 away from black and white, so that hardly
#: any of it is cut off where outputs are clamped.
DARKEST, BRIGHTEST = 0.3, 0.7
#: Rows and columns that a gradient rises by, and how far it rises from the darkest to the
#: brightest pixel.
_DIRECTIONS = ((0, 1), (1, 2), (1, 1), (2, 1), (1, 0), (2, -1), (1, -1), (1, -2))
_RISES = (BRIGHTEST - DARKEST, (BRIGHTEST - DARKEST) / 2)
#: What is measured by default; the first leads.
METRICS = ("residual", "structure", "psnr")


def _gradient(rows: int, columns: int, rise: float) -> Array:
    """Float64 (SIDE, SIDE), with 0.5 in the middle."""
    row, column = np.mgrid[:SIDE, :SIDE]
    height = rows * row + columns * column  # whole numbers: the same on every machine
    share = (height - height.min()) / (height.max() - height.min())
    return 0.5 + rise * (share - 0.5)


def _images() -> Array:
    """Float32 (25, 1, SIDE, SIDE); the first few are of both kinds, however few they are."""
    greys = np.linspace(DARKEST, BRIGHTEST, 1 + len(_DIRECTIONS) * len(_RISES) // 2)
    constants = iter([np.full((SIDE, SIDE), grey) for grey in greys])
    images = [next(constants)]
    for rise, (rows, columns) in itertools.product(_RISES, _DIRECTIONS):
        images.append(_gradient(rows, columns, rise))
        if len(images) % 3 == 0:
            images.append(next(constants))
    return np.stack(images).astype(np.float32)[:, None]


def open_flat() -> Dataset:
    """The images.

    >>> flat = open_flat()
    >>> flat.fingerprint, flat.sizes["test"]
    ('9fd1bba619aa7247', 25)
    """
    images = _images()

    def read(split: Split) -> Iterator[Group]:
        if split == "test":
            yield Group(np.arange(len(images)), images)

    fingerprint = hashlib.sha256(images.tobytes()).hexdigest()[:16]
    sizes = {"train": 0, "validation": 0, "test": len(images)}
    return Dataset(
        "flat", fingerprint, sizes, read, samples=tuple(range(8)), largest=SIDE**2, metrics=METRICS
    )
