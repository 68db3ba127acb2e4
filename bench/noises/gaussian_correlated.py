"""Gaussian noise that neighbours share: what cameras' own processing leaves."""

from __future__ import annotations

import math
from typing import Any

from bench import Noise, noise


@noise(reference="folklore")
class CorrelatedGaussian(Noise):
    """Gaussian noise blurred by a Gaussian of one pixel: level = its standard deviation.

    Demosaicking, compression and resizing leave such noise, which misleads methods that take
    noise for white. The blur wraps at the border, so that each pixel's deviation is the level.
    """

    def add(self, clean: Any, draws: Any) -> Any:
        """See `Noise.add`."""
        return clean + self.level * _blurred(draws.normal())

    def std(self, clean: Any) -> Any:
        """The level, whatever the clean value."""
        return self.level + 0 * clean


# A Gaussian of deviation 1 pixel, cut where it is invisible, scaled to keep a variance of 1.
_TAPS = [math.exp(-(tap**2) / 2) for tap in range(-4, 5)]
_REACH = len(_TAPS) // 2


def _blurred(values: Any) -> Any:
    """White noise of variance 1 blurred along rows and columns, round the border, variance 1."""
    for axis in (-2, -1):
        size = values.shape[axis]
        folded = [0.0] * size  # images may be smaller than the blur reaches
        for shift, tap in enumerate(_TAPS, -_REACH):
            folded[shift % size] += tap
        norm = math.sqrt(sum(tap**2 for tap in folded))
        shifts = [(shift, tap / norm) for shift, tap in enumerate(folded) if tap]
        values = sum(tap * _rolled(values, shift, axis) for shift, tap in shifts)
    return values


def _rolled(values: Any, shift: int, axis: int) -> Any:
    """`np.roll`, of tensors too."""
    if hasattr(values, "roll"):  # a tensor
        return values.roll(shift, axis)
    import numpy as np

    return np.roll(values, shift, axis)
