"""The risk of a denoiser from one noisy image, by Stein's lemma with a Monte Carlo divergence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bench.core import estimate_sigma

if TYPE_CHECKING:
    from bench.core import Array, Perturbed, Values

#: How far pixels are moved, as a share of the noise's deviation. Less falls between the thresholds
#: of median and wavelet, more smooths non-local means' slope away: docs/without-truth.md has the
#: figures, tests/analysis/probe_step.py made them, on training images. It stands here since what
#: is measured with another step is another metric, by the digest of its code.
STEP = 0.05


def estimated_deviations(noisy: Array) -> Values:
    """Of noise that came with images (N, C, H, W) and nobody stated: of each, float64 (N,)."""
    return np.array([estimate_sigma(image) for image in noisy])


def risk(restored: Array, noisy: Array, perturbed: Perturbed, variance: Any) -> Values:
    """An estimate of each image's MSE from how the output answers to a small change of the input.

    With y = x + n, f = f(y) and n of mean 0 and variance v, independent at every pixel,

        E (f - x)^2 = E (f - y)^2 - E v + 2 E (f - x) n,

    and E (f - x) n = E v f', the derivative of a pixel's output by its own input: exactly where n
    is Gaussian (Stein 1981), to first order where it is Poisson noise with v estimated by the
    counts (Hudson 1978; exactly where f is linear). All these derivatives at once are
    b (f(y + e b) - f(y)) / e on average over probes b of +1 and -1 (Ramani, Blu and Unser 2008,
    eq. 14); a single probe does for an image, over whose pixels it is averaged.

    Args:
        restored: float32 (N, C, H, W), f(y).
        noisy: of the same shape, y.
        perturbed: see `bench.core.Perturbed`.
        variance: v, of the noise at every pixel: broadcast to the images.

    Returns:
        Float64 (N,); it may be negative.
    """
    values = np.empty(len(restored))
    variances = np.broadcast_to(variance, noisy.shape)
    for index, v in enumerate(variances):
        answer = perturbed.probe[index] * (perturbed.restored[index] - restored[index])
        residual = restored[index] - noisy[index]
        values[index] = (
            np.mean(residual**2, dtype=np.float64)
            - np.mean(v, dtype=np.float64)
            + 2 * np.mean(v * answer, dtype=np.float64) / perturbed.step
        )
    return values
