"""Stein's unbiased risk estimate: the MSE told from one image with white Gaussian noise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bench import metric
from bench.core import Unsupported
from bench.metrics._stein import estimated_deviations, risk

if TYPE_CHECKING:
    from bench.core import Array, Noise, Perturbed, Values


@metric(
    reference="Ramani, Blu and Unser 2008",
    better="lower",
    title="SURE (est. MSE)",
    decimals=5,
    threads=True,
    note="an estimate, which may be negative: for white Gaussian noise alone, and wrong by as much "
    "as the variance that is taken for the noise's",
)
def sure(restored: Array, noisy: Array, noise: Noise, perturbed: Perturbed) -> Values:
    """An estimate of each image's MSE, from the noisy image alone; it may be negative.

    mean (f(y) - y)^2 - s^2 + 2 s^2 mean f'(y), the divergence by Monte Carlo, see
    `bench.metrics._stein.risk`. The deviation s is that of the noise that is drawn, or that came
    with the images and was stated (`--sigma`); without either it is estimated from each image,
    which is wrong by some percent in images with fine texture. An s that is too large by 2% makes
    the estimate too small by up to 4% of s^2: a denoiser that removes nine tenths of the noise
    seems better by 2 dB. Differences of methods depend much less on it.

    Args:
        restored: float32 (N, C, H, W), data range 1.
        noisy: of the same shape.
        noise: Gaussian, not clipped; or given.
        perturbed: see `bench.core.Perturbed`.

    Returns:
        Float64 (N,).

    Raises:
        Unsupported: the noise is of another kind, or clipped; or it is to be estimated from an
            image that is too small.

    Source: Stein 1981, Annals of Statistics 9; Ramani, Blu and Unser 2008, IEEE TIP 17, eq. 7, 14.

    Example:
        >>> from bench import make_noise
        >>> from bench.core import Perturbed
        >>> draw, probe = np.random.default_rng(0), np.ones((1, 1, 64, 64), np.float32)
        >>> y = draw.normal(0.5, 0.1, probe.shape).astype("float32")
        >>> half = Perturbed(probe, 0.01, (y + np.float32(0.01)) / 2 + np.float32(0.25))
        >>> sure(y / 2 + np.float32(0.25), y, make_noise("gaussian", 0.1), half).round(4).tolist()
        [0.0025]
    """
    if noise.kind not in ("gaussian", "given") or noise.clip:
        raise Unsupported(f"SURE holds for Gaussian noise that is not clipped; this is {noise}")
    stated = np.full(len(noisy), noise.level)
    deviations = stated if noise.level else estimated_deviations(noisy)
    return risk(restored, noisy, perturbed, deviations[:, None, None, None] ** 2)
