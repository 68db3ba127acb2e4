"""The random numbers of the test noise, which belong to the image.

They are drawn on the CPU from Philox, a counter-based generator (Salmon et al. 2011): its key
is a hash of noise seed, data set and split, its counter the image's position in the full split.
So neither method, batch size, worker, limit nor machine changes a pixel. What is made of the
generator's bits is our own: NumPy promises the bits for good but not its `normal`. Uniform,
normal and Poisson numbers are all quantiles: one image has the same underlying numbers at
every level of a kind.

NumPy is imported where it is used, because settings, which parse noises, load without it.
"""

from __future__ import annotations

import functools
import hashlib
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from bench.core import Array


@dataclass(frozen=True, eq=False)
class ImageDraws:
    """The test noise's random numbers for images of one shape; see `core.Draws`.

    Normal and uniform numbers are kept, since all levels share them.

    Attributes:
        positions: int64 (N,), of the images in the full split.
        shape: of one image, (C, H, W).
        dataset: the data set's name.
        split: the images' split, and where its images have several draws, what they are for.
        seed: the noise seed.

    >>> import numpy as np
    >>> one = ImageDraws(np.array([7]), (1, 28, 28), "mnist", "test").normal()
    >>> many = ImageDraws(np.arange(100), (1, 28, 28), "mnist", "test").normal()
    >>> one.shape, bool((one[0] == many[7]).all())
    ((1, 1, 28, 28), True)
    """

    positions: npt.NDArray[np.int64]
    shape: tuple[int, ...]
    dataset: str
    split: str
    seed: int = 0

    @functools.cached_property
    def _normal(self) -> Array:
        import numpy as np
        from scipy.special import ndtri

        values = self.uniforms()
        return ndtri(values, out=values).astype(np.float32)

    @functools.cached_property
    def _uniform(self) -> Array:
        import numpy as np

        return self.uniforms().astype(np.float32)

    def normal(self) -> Array:
        """Float32 (N, *shape), the normal quantiles of `uniforms`."""
        return self._normal

    def uniform(self) -> Array:
        """Float32 (N, *shape): `uniforms`, rounded."""
        return self._uniform

    def poisson(self, rate: Array) -> Array:
        """Float32 counts of mean `rate` (N, *shape): Poisson quantiles of uniforms of their own."""
        import numpy as np
        from scipy.stats import poisson

        counts = np.zeros(rate.shape, np.float32)
        lit = rate > 0
        counts[lit] = poisson.ppf(self.uniforms(block=1)[lit], rate[lit].astype(np.float64))
        return counts

    def uniforms(self, block: int = 0) -> npt.NDArray[Any]:
        """Float64 (N, *shape), uniform in (0, 1); other blocks have other numbers."""
        import numpy as np

        key = int.from_bytes(
            hashlib.blake2b(
                f"{self.seed}/{self.dataset}/{self.split}".encode(), digest_size=16
            ).digest(),
            "little",
        )
        size = math.prod(self.shape)
        bits = np.empty((len(self.positions), size), np.uint64)
        for row, position in zip(bits, self.positions, strict=True):
            # The counter's high word is the position, the next the block, its low ones count
            # within the image.
            counter = (int(position) << 192) + (block << 128)
            row[:] = np.random.Philox(key=key, counter=counter).random_raw(size)
        # The upper 52 bits as the middle of one of 2**52 intervals: exact, never 0, never 1.
        return (((bits >> np.uint64(12)) + 0.5) * 2.0**-52).reshape(-1, *self.shape)


def digests(noisy: Array) -> npt.NDArray[np.uint64]:
    """64-bit digest of each image's noisy pixels (little-endian float32), uint64 (N,).

    >>> import numpy as np
    >>> first, second, third = digests(np.float32([[[[0]]], [[[0]]], [[[1]]]]))
    >>> bool(first == second), bool(first == third)
    (True, False)
    """
    import numpy as np

    rows = np.ascontiguousarray(noisy, dtype="<f4").reshape(len(noisy), -1)
    hashes = b"".join(hashlib.blake2b(row.tobytes(), digest_size=8).digest() for row in rows)
    return np.frombuffer(hashes, "<u8").astype(np.uint64)
