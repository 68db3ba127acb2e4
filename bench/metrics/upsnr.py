"""Unsupervised PSNR: in dB from uMSE, without ground truth, data range 1; higher is better."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bench import metric
from bench.core import PSNR_CAP
from bench.metrics.psnr import decibels
from bench.metrics.umse import with_errors

if TYPE_CHECKING:
    from bench.core import Array, Values

#: Standard errors that an image's uMSE is to be over 0, for a logarithm to be taken of it.
TOLD = 2.0


@metric(
    reference="Marcos Morales et al. 2023",
    better="higher",
    unit="dB",
    title="uPSNR",
    decimals=2,
    between=(-np.inf, PSNR_CAP),
    threads=True,
    note="an estimate of the PSNR; images whose uMSE lies within two standard errors of 0 have "
    "none: where these are more than a tenth, read uMSE",
)
def upsnr(restored: Array, noisy: Array, frames: Array) -> Values:
    """An estimate of each image's PSNR, 10 log10(1 / uMSE); NaN where that cannot be told.

    The error may be smaller than what the noise of the frames lets be seen of it: of small images,
    or where a denoiser gains much. A logarithm magnifies that, so an image whose uMSE is not over
    0 by two of its standard errors has no value. If r is the standard error as a share of the MSE,
    a mean over images is then wrong by (simulated) +0.02 dB at r = 0.1, where all have a value,
    +0.09 dB at 0.2, and -0.10 dB at 0.3, where 9% have none; beyond that by more. uMSE itself has
    no such error.

    For noise of deviation s, an error that is g dB below the noise's own, and n values an image,
    r is about sqrt(2 / n) 10^(g / 10): 0.003 g = 0 dB, 0.03 at 10 dB in an image of 481 x 321.

    Args:
        restored: float32 (N, C, H, W), data range 1: a denoiser's output for `noisy`.
        noisy: of the same shape: the frame that was denoised.
        frames: float32 (N, F, C, H, W), further noisy frames of the same scenes.

    Returns:
        Float64 (N,) in dB, at most `PSNR_CAP`.

    Source: Marcos Morales et al. 2023, ICML, eq. 6. What it assumes: `bench.metrics.umse`.

    Example:
        >>> draw = np.random.default_rng(0)
        >>> y1, y2 = (draw.normal(0.5, 0.1, (1, 1, 512, 512)).astype("float32") for _ in range(2))
        >>> upsnr(np.full_like(y1, 0.6), y1, y2[:, None]).round(1).tolist()
        [20.0]
    """
    values, errors = with_errors(restored, noisy, frames)
    told = (values > 0) & (values > TOLD * errors)
    return np.where(told, decibels(values), np.nan)
