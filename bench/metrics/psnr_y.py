"""PSNR of the luma channel Y, as papers on colour images have it: in dB; higher is better.

It is over `psnr` by 1.3 dB, since Y has a smaller range, where the three channels err alike, and by
4.8 dB where they err independently: figures of the two are not to be compared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bench import metric
from bench.core import PSNR_CAP
from bench.metrics._blocks import blocks
from bench.metrics.mse import mse
from bench.metrics.psnr import decibels

if TYPE_CHECKING:
    from bench.core import Array, Values

# Of red, green and blue in [0, 1]: Y runs from 16 to 235 of 255.
_LUMA = np.array([65.481, 128.553, 24.966]) / 255


@metric(
    better="higher",
    unit="dB",
    title="PSNR-Y",
    decimals=2,
    between=(0, PSNR_CAP),
    threads=True,
    reference="ITU-R BT.601",
    note="Y from 16/255 to 235/255 as MATLAB's rgb2ycbcr has it, peak 1; grey images: as psnr",
)
def psnr_y(clean: Array, restored: Array) -> Values:
    """PSNR of Y = (16 + 65.481 R + 128.553 G + 24.966 B) / 255, not rounded, with the peak 1.

    Grey images have no Y of their own: they are taken as they are, and have their `psnr`.

    Args:
        clean: float32 (N, C, H, W), data range 1; C = 3 is red, green, blue.
        restored: of the same shape.

    Returns:
        Float64 (N,) in dB, at most `PSNR_CAP`; NaN where C is neither 1 nor 3.

    Source: ITU-R BT.601, 2.5; MATLAB's rgb2ycbcr.

    Example:
        >>> clean = np.zeros((1, 3, 8, 8), np.float32)
        >>> psnr_y(clean, clean + np.float32(0.1)).round(3).tolist()
        [21.322]
    """
    n, c, h, w = clean.shape
    if c == 1:
        return decibels(mse(clean, restored))
    if c != 3:
        return np.full(n, np.nan)
    error = np.empty(n)
    for block in blocks(clean):
        # Y is linear: that of the difference is the difference of both, and the 16 falls out.
        difference = (clean[block] - restored[block]).astype(np.float64)
        luma = np.einsum("c,nchw->nhw", _LUMA, difference).reshape(len(difference), -1)
        error[block] = np.einsum("ij,ij->i", luma, luma) / (h * w)
    return decibels(error)
