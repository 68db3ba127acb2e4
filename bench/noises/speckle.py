"""Speckle as image tools have it: multiplicative Gaussian noise."""

from __future__ import annotations

from typing import Any

from bench import Noise, noise


@noise(unit="standard deviation at white", reference="scikit-image, random_noise")
class Speckle(Noise):
    """Multiplicative Gaussian noise: y = x + x sigma z, z standard normal, level = sigma.

    As in scikit-image's and MATLAB's tools; of radar and ultrasound a model at small levels. Of
    radar's intensities see `gamma`.
    """

    def add(self, clean: Any, draws: Any) -> Any:
        """See `Noise.add`."""
        return clean + clean * (self.level * draws.normal())

    def std(self, clean: Any) -> Any:
        """Sigma times the clean value."""
        return self.level * clean
