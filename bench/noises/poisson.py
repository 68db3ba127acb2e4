"""Photon noise: what light itself has."""

from __future__ import annotations

from typing import Any

from bench import Noise, noise


@noise(photons=True, reference="folklore")
class Poisson(Noise):
    """Photon noise: y = k / level, k Poisson of mean level x; level = photons at white."""

    def add(self, clean: Any, draws: Any) -> Any:
        """See `Noise.add`."""
        return draws.poisson(self.level * clean) / self.level

    def std(self, clean: Any) -> Any:
        """The square root of x / level."""
        return (clean / self.level) ** 0.5
