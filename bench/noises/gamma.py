"""Gamma speckle: what radar's intensities have, by the number of looks."""

from __future__ import annotations

from typing import Any

from bench import Noise, noise

#: Less noise than this, which float32 hardly shows, is drawn as if it were as much.
_LEAST = 1e-4


@noise(
    unit="standard deviation at white: 1 / sqrt(looks)",
    highest=1.0,
    reference="Goodman 1976",
)
class Gamma(Noise):
    """Multiplicative speckle: y = x g, g gamma distributed of mean 1; level = 1 / sqrt(looks).

    The intensity of synthetic aperture radar, averaged over L looks (Goodman 1976): a level of 1
    is one look, whose noise is exponential, 0.5 are 4 looks, 0.1 are 100. At equal levels it is as
    strong as `speckle`.
    """

    def add(self, clean: Any, draws: Any) -> Any:
        """See `Noise.add`."""
        level = self.level
        looks = (level.clamp(min=_LEAST) if hasattr(level, "clamp") else max(level, _LEAST)) ** -2.0
        return clean * draws.gamma(looks)

    def std(self, clean: Any) -> Any:
        """The level times the clean value."""
        return self.level * clean
