"""A batch cut into parts, one a thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.core.dataset import Array


def in_threads(
    call: Callable[..., Any], threads: int, *batches: Array, at_most: int | None = None
) -> list[Any]:
    """The results of `call` on parts of batches, in order: images are independent of each other.

    Args:
        call: takes a part of each batch.
        threads: that work at a time; a batch is cut where it has two images for each.
        batches: arrays of one length.
        at_most: images of a part.

    >>> import numpy as np
    >>> [int(total) for total in in_threads(np.sum, 2, np.arange(6))]
    [3, 12]
    """
    images = len(batches[0])
    count = threads if images >= 2 * threads else 1
    if at_most:
        count = max(count, -(-images // at_most))
    if count == 1:
        return [call(*batches)]
    # Here, so that `bench --help` stays quick.
    from concurrent.futures import ThreadPoolExecutor

    import numpy as np

    parts = zip(*(np.array_split(batch, count) for batch in batches), strict=True)
    if threads == 1:
        return [call(*part) for part in parts]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(lambda part: call(*part), parts))
