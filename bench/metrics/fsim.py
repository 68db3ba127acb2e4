"""Feature similarity, phase congruency and gradients: 0 to 1, 1 for equal images; higher is better.

Through piq (Apache 2.0), which follows the authors' MATLAB code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bench import metric
from bench.metrics._torch import by_torch, flat

if TYPE_CHECKING:
    from bench.core import Array, Values

# Its 16 filters take some 2 kB a pixel.
_PIXELS = 1 << 15


@metric(
    better="higher",
    title="FSIM",
    decimals=4,
    between=(0, 1),
    requires=("piq",),
    reference="Zhang, Zhang, Mou and Zhang 2011",
    note="RGB images have FSIMc, with colour; NaN where an image is flat",
)
def fsim(clean: Array, restored: Array) -> Values:
    """FSIM of grey images, FSIMc of RGB ones.

    Images of more than 384 pixels a side are first averaged down to some 256, as the authors do.

    Args:
        clean: float32 (N, C, H, W), data range 1, C 1 or 3.
        restored: of the same shape, in [0, 1].

    Returns:
        Float64 (N,) in [0, 1]; NaN where either image is flat, whose phase congruency is 0 / 0,
        below 3 pixels a side, and for other numbers of channels.

    Source: Zhang, Zhang, Mou and Zhang 2011, eq. 7 and 10.

    Example:
        >>> clean = np.random.default_rng(0).random((1, 1, 28, 28), np.float32)
        >>> fsim(clean, clean).round(6).tolist()
        [1.0]
    """
    import piq

    def measure(x: object, y: object) -> object:
        return piq.fsim(y, x, reduction="none", chromatic=clean.shape[1] == 3)

    values = by_torch(measure, clean, restored, least=3, pixels=_PIXELS)
    return np.where(flat(clean) | flat(restored), np.nan, values)
