"""How many threads compute: a batch cut into parts, one a thread, and the libraries' own."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.core.dataset import Array

#: Each library of array operations reads how many threads it may have from its own variable.
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_NUM_THREADS",
    "BLIS_NUM_THREADS",
)


@contextlib.contextmanager
def limited_threads(threads: int) -> Iterator[None]:
    """A block in which libraries (BLAS, OpenMP, torch) compute with so many threads.

    Those too that are loaded within it, which then keep that number.

    >>> import numpy
    >>> from threadpoolctl import threadpool_info
    >>> with limited_threads(1):
    ...     {pool["num_threads"] for pool in threadpool_info()}
    {1}
    """
    from threadpoolctl import threadpool_limits

    before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    torch = sys.modules.get("torch")
    torch_before = torch.get_num_threads() if torch else None
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(threads)))
    try:
        with threadpool_limits(threads):
            if torch:  # keeps its own count, for threads that begin later
                torch.set_num_threads(threads)
            yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
        if torch:
            torch.set_num_threads(torch_before)


def load_average() -> float | None:
    """Processes that computed or waited for a core, the mean of the last minute."""
    try:
        return round(os.getloadavg()[0], 2)
    except (AttributeError, OSError):
        return None


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
