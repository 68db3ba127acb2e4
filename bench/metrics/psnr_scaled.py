"""PSNR after the best affine fit, as microscopy has it: in dB, data range 1; higher is better.

A restored image of another gain or offset than the clean one is not worse to a microscopist, who
scales it before looking.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bench import metric
from bench.core import PSNR_CAP
from bench.metrics._blocks import blocks
from bench.metrics.psnr import decibels

if TYPE_CHECKING:
    from bench.core import Array, Values


@metric(
    better="higher",
    unit="dB",
    title="PSNR scaled",
    decimals=2,
    between=(0, PSNR_CAP),
    threads=True,
    reference="Weigert et al. 2018",
    note="the peak is the data range, 1; microscopy's own code takes each clean image's range",
)
def psnr_scaled(clean: Array, restored: Array) -> Values:
    """PSNR of a * restored + b, with a and b of each image those of the least squared error.

    One a and one b an image, over its pixels and channels; a may be negative. A flat restored
    image has a = 0. A flat clean image is fitted without error by any other, so it has the cap.

    Args:
        clean: float32 (N, C, H, W), data range 1.
        restored: of the same shape.

    Returns:
        Float64 (N,) in dB, at most `PSNR_CAP`, and never less than `psnr`. Where a paper's peak is
        the range of its clean image, max - min, its figure is lower by 20 log10(1 / range).

    Source: Weigert et al. 2018, Nature Methods 15, online methods (normalised by the least MSE).

    Example:
        >>> clean = np.random.default_rng(0).random((2, 1, 8, 8), np.float32)
        >>> psnr_scaled(clean, np.float32(0.2) + clean / 2).tolist()
        [100.0, 100.0]
    """
    error = np.empty(len(clean))
    for block in blocks(clean):
        x, y = _centred(clean[block]), _centred(restored[block])
        own, power, shared = (np.einsum("ij,ij->i", a, b) for a, b in ((x, x), (y, y), (x, y)))
        explained = np.divide(shared**2, power, out=np.zeros_like(power), where=power > 0)
        error[block] = (own - explained) / x.shape[1]
    return decibels(error)


def _centred(images: Array) -> Array:
    """Float64 (N, C * H * W) less each image's mean.

    The error is a small difference of large sums: in float32, or with the mean, it would be lost.
    """
    values = images.reshape(len(images), -1).astype(np.float64)
    values -= values.mean(axis=1, keepdims=True)
    return values
