"""Gradient magnitude similarity deviation: 0 to 0.5, 0 for equal images; lower is better.

Through piq (Apache 2.0).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench import metric
from bench.metrics._torch import by_torch

if TYPE_CHECKING:
    from bench.core import Array, Values


@metric(
    better="lower",
    title="GMSD",
    decimals=4,
    between=(0, 0.5),
    requires=("piq",),
    reference="Xue, Zhang, Mou and Bovik 2014",
    note="of the luma of RGB images",
)
def gmsd(clean: Array, restored: Array) -> Values:
    """Standard deviation over an image of how alike the gradients of both are.

    Pixels are first averaged two by two; of RGB images the luma, 0.299 R + 0.587 G + 0.114 B.

    Args:
        clean: float32 (N, C, H, W), data range 1, C 1 or 3.
        restored: of the same shape, in [0, 1].

    Returns:
        Float64 (N,) in [0, 0.5]; NaN below 2 pixels a side, and for other numbers of channels.

    Source: Xue, Zhang, Mou and Bovik 2014, eq. 4 to 6.

    Example:
        >>> import numpy as np
        >>> clean = np.random.default_rng(0).random((1, 1, 28, 28), np.float32)
        >>> gmsd(clean, clean).tolist()
        [0.0]
    """
    import piq

    return by_torch(
        lambda x, y: piq.gmsd(y, x, reduction="none"), clean, restored, least=2, pixels=1 << 18
    )
