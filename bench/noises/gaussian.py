"""White Gaussian noise: what a sensor's electronics add."""

from __future__ import annotations

from typing import Any

from bench import Noise, noise


@noise(reference="folklore")
class Gaussian(Noise):
    """Additive white Gaussian noise: y = x + sigma z, z standard normal, level = sigma."""

    def add(self, clean: Any, draws: Any) -> Any:
        """See `Noise.add`."""
        return clean + self.level * draws.normal()

    def std(self, clean: Any) -> Any:
        """Sigma, whatever the clean value."""
        return self.level + 0 * clean
