"""Haar wavelet perceptual similarity: 0 to 1, 1 for equal images; higher is better.

Through piq (Apache 2.0), which follows the authors' code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bench import metric
from bench.metrics._torch import by_torch

if TYPE_CHECKING:
    from bench.core import Array, Values


@metric(
    better="higher",
    title="HaarPSI",
    decimals=4,
    between=(0, 1),
    requires=("piq",),
    reference="Reisenhofer, Bosse, Kutyniok and Wiegand 2018",
    note="NaN below 16 pixels a side",
)
def haarpsi(clean: Array, restored: Array) -> Values:
    """HaarPSI of grey images, and of RGB ones with colour (YIQ).

    Pixels are first averaged two by two, as the authors do.

    Args:
        clean: float32 (N, C, H, W), data range 1, C 1 or 3.
        restored: of the same shape, in [0, 1].

    Returns:
        Float64 (N,) in [0, 1]; NaN below 16 pixels a side, where both images are black (0 / 0),
        and for other numbers of channels.

    Source: Reisenhofer, Bosse, Kutyniok and Wiegand 2018, eq. 10 to 12.

    Example:
        >>> clean = np.random.default_rng(0).random((1, 1, 28, 28), np.float32)
        >>> haarpsi(clean, clean).round(6).tolist()
        [1.0]
    """
    import piq

    values = by_torch(
        lambda x, y: piq.haarpsi(y, x, reduction="none"), clean, restored, least=16, pixels=1 << 16
    )
    black = (clean.max(axis=(1, 2, 3)) == 0) & (restored.max(axis=(1, 2, 3)) == 0)
    return np.where(black, np.nan, values)
