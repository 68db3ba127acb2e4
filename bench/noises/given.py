"""Noise that came with the images: nothing is drawn, and nobody knows it but by its traces."""

from __future__ import annotations

from typing import Any, ClassVar

from bench.core import Noise


class Given(Noise):
    """The noise of noisy images that were given; level = the deviation that methods are told.

    A level of 0 says that no deviation was stated, and it is estimated from each image.
    """

    kind: ClassVar = "given"
    unit: ClassVar = "standard deviation that methods are told; 0: estimated from each image"

    def add(self, clean: Any, draws: Any) -> Any:
        """Nothing can be added; raises `TypeError`."""
        raise TypeError("noise that came with the images cannot be drawn")

    def std(self, clean: Any) -> Any:
        """The level, whatever the clean value."""
        return self.level + 0 * clean

    @property
    def estimated(self) -> bool:
        """Methods are told what is estimated from each image."""
        return self.level == 0
