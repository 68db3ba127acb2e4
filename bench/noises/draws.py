"""The random numbers of the test noise, which belong to the image.

They are drawn on the CPU from Philox, a counter-based generator (Salmon et al. 2011): its key
is a hash of noise seed, data set and split, its counter the image's position in the full split.
So neither method, batch size, worker, limit nor machine changes a pixel. What is made of the
generator's bits is our own: NumPy promises the bits for good but not its `normal`. Uniform,
normal, gamma and Poisson numbers are all quantiles: one image has the same underlying numbers at
every level of a kind. A field of numbers is a block of the counter: 0 of field 0, 1 of Poisson
counts, 2 of field 1, and so on.

NumPy is imported where it is used, because settings, which parse noises, load without it.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from bench.core import Array

    #: Of uniform numbers, and the rows and columns at which they lie.
    _Quantile = Callable[[npt.NDArray[Any], tuple[slice, slice]], npt.NDArray[Any]]

# Numbers that are made at a time, and those that are kept for the next level.
_PIECE, _KEPT = 1 << 20, 1 << 25


@dataclass(frozen=True, eq=False)
class ImageDraws:
    """The test noise's random numbers for images of one shape; see `core.Draws`.

    Normal and uniform numbers are kept, since all levels share them, but for large images.

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
    _made: dict[str, Array] = field(default_factory=dict, init=False, repr=False)

    def normal(self, field: int = 0) -> Array:
        """Float32 (N, *shape), the normal quantiles of `uniforms`."""
        from scipy.special import ndtri

        return self._kept("normal", lambda values, part: ndtri(values, out=values), field)

    def uniform(self, field: int = 0) -> Array:
        """Float32 (N, *shape): `uniforms`, rounded."""
        return self._kept("uniform", lambda values, part: values, field)

    def gamma(self, shape: float) -> Array:
        """Float32 (N, *shape), the quantiles of `uniforms` of such a gamma distribution, mean 1."""
        from scipy.special import gammaincinv

        return self._quantiles(lambda values, part: gammaincinv(shape, values) / shape)

    def poisson(self, rate: Array) -> Array:
        """Float32 counts of mean `rate` (N, *shape): Poisson quantiles of uniforms of their own."""
        import numpy as np
        from scipy.stats import poisson

        rates = rate.reshape(len(rate), -1)

        def counts(values: npt.NDArray[Any], part: tuple[slice, slice]) -> npt.NDArray[Any]:
            means = rates[part].astype(np.float64)
            lit = means > 0
            quantiles = np.zeros(means.shape)
            quantiles[lit] = poisson.ppf(values[lit], means[lit])
            return quantiles

        return self._quantiles(counts, block=1)

    def _kept(self, name: str, quantile: _Quantile, field: int) -> Array:
        """Quantiles of a field, of which those of large images are made anew each time."""
        key = f"{name} {field}"
        if key in self._made:
            return self._made[key]
        values = self._quantiles(quantile, block=field + (field > 0))
        if values.size <= _KEPT:
            self._made[key] = values
        return values

    def _quantiles(self, quantile: _Quantile, block: int = 0) -> Array:
        """Float32 (N, *shape), a function of `uniforms` and where they lie, made piece by piece."""
        import numpy as np

        result = np.empty((len(self.positions), math.prod(self.shape)), np.float32)
        for part, values in self._pieces(block):
            result[part] = quantile(values, part)
        return result.reshape(-1, *self.shape)

    def uniforms(self, block: int = 0) -> npt.NDArray[Any]:
        """Float64 (N, *shape), uniform in (0, 1); other blocks have other numbers."""
        import numpy as np

        result = np.empty((len(self.positions), math.prod(self.shape)))
        for part, values in self._pieces(block):
            result[part] = values
        return result.reshape(-1, *self.shape)

    def _pieces(self, block: int) -> Iterator[tuple[tuple[slice, slice], npt.NDArray[Any]]]:
        """The uniform numbers, one piece after the other: rows, columns, values."""
        import numpy as np

        key = int.from_bytes(
            hashlib.blake2b(
                f"{self.seed}/{self.dataset}/{self.split}".encode(), digest_size=16
            ).digest(),
            "little",
        )
        size = math.prod(self.shape)
        images, width = max(1, _PIECE // size), min(_PIECE, size)
        for first in range(0, len(self.positions), images):
            rows = slice(first, first + images)
            # The counter's high word is the position, the next the block, its low ones count
            # within the image.
            generators = [
                np.random.Philox(key=key, counter=(int(position) << 192) + (block << 128))
                for position in self.positions[rows]
            ]
            for start in range(0, size, width):
                columns = slice(start, min(start + width, size))
                count = columns.stop - start
                bits = np.stack([generator.random_raw(count) for generator in generators])
                bits >>= np.uint64(12)
                # The upper 52 bits as the middle of one of 2**52 intervals: exact, never 0 or 1.
                values = bits + 0.5
                values *= 2.0**-52
                yield (rows, columns), values


def digests(noisy: Array) -> npt.NDArray[np.uint64]:
    """64-bit digest of each image's noisy pixels (little-endian float32), uint64 (N,).

    >>> import numpy as np
    >>> first, second, third = digests(np.float32([[[[0]]], [[[0]]], [[[1]]]]))
    >>> bool(first == second), bool(first == third)
    (True, False)
    """
    import numpy as np

    rows = np.ascontiguousarray(noisy, dtype="<f4").reshape(len(noisy), -1)
    hashes = b"".join(hashlib.blake2b(row.data, digest_size=8).digest() for row in rows)
    return np.frombuffer(hashes, "<u8").astype(np.uint64)
