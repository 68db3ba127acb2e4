"""Images a few at a time, so that what is computed of them stays in the processor's cache."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.core import Array

#: Pixels of a block.
BLOCK = 1 << 15


def blocks(images: Array, pixels: int | None = None) -> Iterator[slice]:
    """Slices of (N, C, H, W) that hold at most so many pixels, but at least one image.

    >>> import numpy as np
    >>> list(blocks(np.empty((5, 1, 4, 4)), pixels=40))
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    count, size = len(images), max(1, images[:1].size)
    step = max(1, (BLOCK if pixels is None else pixels) // size)
    for start in range(0, count, step):
        yield slice(start, min(start + step, count))
