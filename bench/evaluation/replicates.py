"""What a method always gets wrong, and what noise passes through, told apart by several draws."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from bench.core import Array


class Replicates:
    """Images that are restored under several draws of their noise, while they come.

    With r_1 ... r_k what is restored of the clean image x, and their mean r:

        variance = mean over pixels of sum (r_i - r)^2 / (k - 1)
        bias2    = mean over pixels of (r - x)^2  -  variance / k

    Both are estimated without bias (so `bias2` of an image may fall below 0), and their sum is the
    mean over draws of the image's mean squared error: Geman, Bienenstock and Doursat 1992, eq. 2.

    Args:
        clean: float32 (N, C, H, W) in [0, 1].
        draws: how many there are; at least two.

    >>> half = np.full((1, 1, 2, 2), 0.5, np.float32)
    >>> replicates = Replicates(half, 2)
    >>> for shift in (0.1, 0.3):
    ...     replicates.add(slice(0, 1), half + np.float32(shift))
    >>> {name: values.round(3).tolist() for name, values in replicates.columns().items()}
    {'bias2': [0.03], 'variance': [0.02]}
    """

    def __init__(self, clean: Array, draws: int) -> None:
        self._clean, self._draws = clean, draws
        self._sum = np.zeros(clean.shape)
        self._squares = np.zeros(clean.shape)

    def add(self, rows: slice, restored: Array) -> None:
        """Images under one draw, as they are scored; every row comes once a draw."""
        error = restored.astype(np.float64) - self._clean[rows]
        self._sum[rows] += error
        self._squares[rows] += error**2

    def columns(self) -> dict[str, npt.NDArray[Any]]:
        """`bias2` and `variance` of each image, float64 (N,), once all draws have come."""
        squared_mean = (self._sum / self._draws) ** 2
        spread = (self._squares / self._draws - squared_mean).mean(axis=(1, 2, 3))
        variance = spread * self._draws / (self._draws - 1)
        return {
            "bias2": squared_mean.mean(axis=(1, 2, 3)) - variance / self._draws,
            "variance": variance,
        }
