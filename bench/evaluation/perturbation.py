"""Noisy images changed a little, at random: how a denoiser answers to that tells its error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bench.core import Perturbed
from bench.metrics._stein import STEP

if TYPE_CHECKING:
    from bench.core import Array, Noise
    from bench.noises import ImageDraws

#: The deviation that is taken where nobody knows the noise's: no estimate hangs on it.
USUAL_SIGMA = 15 / 255


class Perturbation(NamedTuple):
    """What is added to noisy images: step * probe, float32 (N, C, H, W), the probe +1 or -1."""

    probe: Array
    step: float

    @classmethod
    def of(cls, draws: ImageDraws, noise: Noise) -> Perturbation:
        """For images under a noise; each has its own draws, whatever its batch.

        >>> from bench.noises import Gaussian, ImageDraws
        >>> draws = ImageDraws(np.arange(2), (1, 2, 2), "toy", "test-probe")
        >>> probe, step = Perturbation.of(draws, Gaussian(0.1))
        >>> probe.shape, np.unique(probe).tolist(), round(step, 4)
        ((2, 1, 2, 2), [-1.0, 1.0], 0.005)
        """
        probe = np.where(draws.uniform() < 0.5, np.float32(-1), np.float32(1))
        return cls(probe, STEP * (noise.sigma or USUAL_SIGMA))

    def only(self, rows: Any) -> Perturbation:
        """Of the images that a mask, a slice or indices choose."""
        return Perturbation(self.probe[rows], self.step)

    def added_to(self, noisy: Array) -> Array:
        """The images to be denoised once more."""
        return noisy + np.float32(self.step) * self.probe

    def answered(self, restored: Array) -> Perturbed:
        """With what became of them, finished as all restored images are."""
        return Perturbed(self.probe, self.step, restored)
