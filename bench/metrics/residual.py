"""Deviation of what is left of the noise: in 255ths of the data range; lower is better."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bench import metric
from bench.metrics._blocks import blocks

if TYPE_CHECKING:
    from bench.core import Array, Values


@metric(
    reference="ISO 15739:2013, noise of a uniform patch",
    better="lower",
    unit="1/255",
    title="residual",
    decimals=2,
    between=(0, 255),
    threads=True,
)
def residual(clean: Array, restored: Array) -> Values:
    """Standard deviation of `restored - clean` over an image's pixels and channels, times 255.

    Of images without detail, as `flat` has them, it is what is left of the noise and what the
    method put in its place, in the unit in which noise of 25/255 is 25. A shift of the whole image
    is not in it.

    Args:
        clean: float32 (N, C, H, W), data range 1.
        restored: of the same shape.

    Returns:
        Float64 (N,), at least 0; at most 255 where both lie in [0, 1].

    Example:
        >>> clean = np.full((1, 1, 2, 2), 0.5, np.float32)
        >>> restored = np.array([[[[0.4, 0.6], [0.6, 0.4]]]], np.float32)
        >>> residual(clean, restored).round(2).tolist()
        [25.5]
    """
    result = np.empty(len(clean))
    for block in blocks(clean):
        error = restored[block].astype(np.float64) - clean[block]
        result[block] = 255 * error.std(axis=(1, 2, 3))
    return result
