"""Salt and pepper: pixels that are dead or saturated."""

from __future__ import annotations

from typing import Any

from bench import Noise, noise


@noise(highest=1.0, unit="share of the pixels that are replaced", reference="folklore")
class SaltPepper(Noise):
    """Impulse noise: a pixel is black with probability level / 2, white with level / 2.

    Channels are hit independently of each other.
    """

    def add(self, clean: Any, draws: Any) -> Any:
        """See `Noise.add`."""
        uniform = draws.uniform()
        # What is hit at a low level is hit at a higher one too.
        pepper, salt = uniform < self.level / 2, uniform > 1 - self.level / 2
        return clean * ~(pepper | salt) + salt

    def mean(self, clean: Any) -> Any:
        """The clean value, drawn towards grey: (1 - level) x + level / 2."""
        return (1 - self.level) * clean + self.level / 2

    def std(self, clean: Any) -> Any:
        """Of a pixel that is 0, 1 or its clean value."""
        share = self.level
        return ((1 - share) * clean**2 + share / 2 - self.mean(clean) ** 2) ** 0.5
