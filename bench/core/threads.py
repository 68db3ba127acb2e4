"""Batches cut into parts, one a thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.core.dataset import Array


def in_threads(
    call: Callable[..., Any], threads: int, *batches: Array, at_most: int | None = None
) -> list[Any]:
    """`call` on batches cut into one part a thread: images are independent of each other.

    With `at_most` into parts of at most so many images.
    """
    images = len(batches[0])
    count = threads if images >= 2 * threads else 1
    if at_most:
        count = max(count, -(-images // at_most))
    if count == 1:
        return [call(*batches)]
    from concurrent.futures import ThreadPoolExecutor

    import numpy as np

    parts = zip(*(np.array_split(batch, count) for batch in batches), strict=True)
    if threads == 1:
        return [call(*part) for part in parts]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(lambda part: call(*part), parts))
