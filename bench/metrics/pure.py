"""Poisson's unbiased risk estimate: the MSE told from one image with photon noise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bench import metric
from bench.core import Unsupported
from bench.metrics._stein import risk

if TYPE_CHECKING:
    from bench.core import Array, Noise, Perturbed, Values


@metric(
    reference="Le Montagner, Angelini and Olivo-Marin 2014",
    better="lower",
    title="PURE (est. MSE)",
    decimals=5,
    threads=True,
    note="an estimate, which may be negative: for Poisson and Poisson-Gaussian noise of known gain",
)
def pure(restored: Array, noisy: Array, noise: Noise, perturbed: Perturbed) -> Values:
    """An estimate of each image's MSE, from the noisy image alone; it may be negative.

    A pixel of L photons at white and read noise of r photons has a variance of x / L + (r / L)^2,
    of which y / L + (r / L)^2 is an unbiased estimate. With it as v, the estimate is
    mean (f(y) - y)^2 - mean v + 2 mean v f'(y), see `bench.metrics._stein.risk`: Luisier, Blu and
    Unser's (2011, eq. 9) with f(y - 1 / L) = f - f' / L and without the second derivative, as a
    denoiser answers to a change of one photon. It is exact for linear denoisers, and fails where a
    photon is much: below some ten of them at white.

    Args:
        restored: float32 (N, C, H, W), data range 1.
        noisy: of the same shape.
        noise: Poisson or Poisson-Gaussian, not clipped.
        perturbed: see `bench.core.Perturbed`.

    Returns:
        Float64 (N,).

    Raises:
        Unsupported: the noise is of another kind, or clipped.

    Source: Luisier, Blu and Unser 2011, IEEE TIP 20; Le Montagner et al. 2014, IEEE TIP 23.

    Example:
        >>> from bench import make_noise
        >>> from bench.core import Perturbed
        >>> probe = np.ones((1, 1, 64, 64), np.float32)
        >>> y = (np.random.default_rng(0).poisson(50, probe.shape) / 100).astype("float32")
        >>> same = Perturbed(probe, 0.01, y + np.float32(0.01))
        >>> pure(y, y, make_noise("poisson", 100), same).round(4).tolist()
        [0.005]
    """
    if noise.kind not in ("poisson", "poisson-gaussian") or noise.clip:
        raise Unsupported(
            "PURE holds for Poisson and Poisson-Gaussian noise that is not clipped; this is "
            f"{noise}"
        )
    read_noise = getattr(noise, "read_noise", 0.0)
    variance = noisy / np.float32(noise.level) + np.float32((read_noise / noise.level) ** 2)
    return risk(restored, noisy, perturbed, variance)
