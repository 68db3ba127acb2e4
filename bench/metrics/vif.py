"""Visual information fidelity, in pixels: 0 and up, 1 for equal images; higher is better.

Through piq (Apache 2.0), which follows the authors' code `vifp_mscale`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bench import metric
from bench.metrics._torch import by_torch, flat

if TYPE_CHECKING:
    from bench.core import Array, Values


@metric(
    better="higher",
    title="VIF",
    decimals=4,
    between=(0, float("inf")),
    requires=("piq",),
    reference="Sheikh and Bovik 2006",
    note="of the luma of RGB images; NaN below 41 pixels a side",
)
def vif(clean: Array, restored: Array) -> Values:
    """How much of the clean image's information is left: VIF of pixels (VIFp), at four scales.

    Of RGB images the luma, 0.299 R + 0.587 G + 0.114 B. More contrast than the clean image has
    gives values over 1.

    Args:
        clean: float32 (N, C, H, W), data range 1, C 1 or 3.
        restored: of the same shape, in [0, 1].

    Returns:
        Float64 (N,), at least 0; NaN below 41 pixels a side, where the clean image is flat and has
        no information, and for other numbers of channels.

    Source: Sheikh and Bovik 2006, in its authors' form for pixels.

    Example:
        >>> clean = np.random.default_rng(0).random((1, 1, 48, 48), np.float32)
        >>> vif(clean, clean).round(6).tolist()
        [1.0]
    """
    import piq

    values = by_torch(
        lambda x, y: piq.vif_p(y, x, reduction="none"), clean, restored, least=41, pixels=1 << 18
    )
    return np.where(flat(clean), np.nan, values)
