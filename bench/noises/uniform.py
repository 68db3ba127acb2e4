"""Uniform noise: what rounding leaves."""

from __future__ import annotations

from typing import Any

from bench import Noise, noise


@noise(unit="half the width of the interval; images lie in [0, 1]", reference="folklore")
class Uniform(Noise):
    """Additive noise, uniform over [-level, level], as rounding leaves it."""

    def add(self, clean: Any, draws: Any) -> Any:
        """See `Noise.add`."""
        return clean + self.level * (2 * draws.uniform() - 1)

    def std(self, clean: Any) -> Any:
        """Level / sqrt(3), whatever the clean value."""
        return self.level / 3**0.5 + 0 * clean
