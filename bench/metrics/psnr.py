"""Peak signal-to-noise ratio: in dB, data range 1, capped at 100 dB; higher is better."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bench import metric
from bench.core import PSNR_CAP
from bench.metrics.mse import mse

if TYPE_CHECKING:
    from bench.core import Array, Values


@metric(
    reference="none",
    better="higher",
    unit="dB",
    title="PSNR",
    decimals=2,
    between=(0, PSNR_CAP),
    threads=True,
)
def psnr(clean: Array, restored: Array) -> Values:
    """PSNR of each image, 10 log10(1 / MSE) with the MSE over its pixels and channels.

    Args:
        clean: float32 (N, C, H, W), data range 1.
        restored: of the same shape.

    Returns:
        Float64 (N,) in dB, at most `PSNR_CAP`; at least 0 where both images lie in [0, 1].

    Example:
        >>> clean = np.zeros((2, 1, 8, 8), np.float32)
        >>> psnr(clean, clean + np.float32([[[[0.1]]], [[[0]]]])).round(4).tolist()
        [20.0, 100.0]
    """
    return decibels(mse(clean, restored))


def decibels(squared_error: Values) -> Values:
    """PSNR from mean squared errors: 10 log10(1 / MSE), capped.

    Args:
        squared_error: of any shape, see `mse`.

    Returns:
        Float64 of that shape in dB, at most `PSNR_CAP`.

    Example:
        >>> decibels(np.array([0.01, 0.0])).tolist()
        [20.0, 100.0]
    """
    floor = 10.0 ** (-PSNR_CAP / 10)
    return -10.0 * np.log10(np.maximum(squared_error, floor))
