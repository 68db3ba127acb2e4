"""Anscombe's transform: photon noise made Gaussian for another method, and back."""

import numpy as np

from bench import Unsupported, get_method, make_noise, method


@method(
    tune={"strength": (0.5, 0.6, 0.8, 1.0, 1.2, 1.5)},
    reference="Anscombe 1948; Mäkitalo and Foi 2011, 2013",
    wraps="inner",
)
def anscombe(noisy, noise, *, inner="nlm", strength=1.0):
    """Denoise photon noise with the method `inner`, made for Gaussian noise.

    Counts k become 2 sqrt(k + 3/8 + r^2), r the read noise in photons, whose noise has a deviation
    of 1 whatever the light (Starck, Murtagh and Bijaoui 1998, eq. 2.2.4), and are scaled to
    [0, 1]. What `inner` gives, told that deviation times `strength`, goes back through the
    closed-form approximation of the exact unbiased inverse (Mäkitalo and Foi 2011, eq. 10; 2013,
    eq. 6).
    """
    if noise.kind not in ("poisson", "poisson-gaussian"):
        raise Unsupported(f"it is for poisson and poisson-gaussian noise, not for {noise.kind}")
    denoiser = get_method(inner)
    if hasattr(denoiser, "fit"):
        raise Unsupported(f"inner={inner}: the method inside must not have to be trained")
    shift = 3 / 8 + getattr(noise, "read_noise", 0.0) ** 2
    black, white = 2 * np.sqrt(shift), 2 * np.sqrt(noise.level + shift)
    stable = 2 * np.sqrt(np.maximum(noise.level * noisy + shift, 0))
    scaled = ((stable - black) / (white - black)).astype(np.float32)
    # Below a photon there is next to nothing to tell the noise from.
    told = make_noise("gaussian", min(strength / (white - black), 10.0))
    restored = black + (white - black) * denoiser.denoise(scaled, told)
    return (_inverse(restored, shift) / noise.level).astype(np.float32)


def _inverse(stable, shift):
    """Counts whose transform has the mean `stable`; none below that of no light."""
    stable = np.maximum(stable, 2 * np.sqrt(3 / 8))
    root = np.sqrt(3 / 2)
    counts = stable**2 / 4 + root / (4 * stable) - 11 / (8 * stable**2) + 5 * root / (8 * stable**3)
    return np.maximum(counts - 1 / 8 - (shift - 3 / 8), 0)
