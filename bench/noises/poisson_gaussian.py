"""A camera's noise: photons, and the electronics that count them."""

from __future__ import annotations

from typing import Any, ClassVar

from bench import Noise, noise


@noise(photons=True, reference="Foi et al. 2008")
class PoissonGaussian(Noise):
    """A camera's noise: y = (k + 2 z) / level, k Poisson of mean level x, z standard normal.

    Level = photons at white; `read_noise`, the deviation of what the sensor's electronics add,
    is 2 photons (Foi et al. 2008, eq. 1 to 3, with both parts tied to one level).
    """

    #: In photons.
    read_noise: ClassVar[float] = 2.0

    def add(self, clean: Any, draws: Any) -> Any:
        """See `Noise.add`."""
        return (draws.poisson(self.level * clean) + self.read_noise * draws.normal()) / self.level

    def std(self, clean: Any) -> Any:
        """The square root of x / level + (2 / level)^2."""
        return (clean / self.level + (self.read_noise / self.level) ** 2) ** 0.5
