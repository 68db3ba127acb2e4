"""A network as a denoiser: channels checked, images padded as it needs, in parts, cropped again."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from bench.core import Unsupported

if TYPE_CHECKING:
    from bench.core import Array

# Pixels that go through a network at once; a single image may have more.
_PART_PIXELS = 1 << 18


class Sides(NamedTuple):
    """What a network asks of the sides of an image.

    Attributes:
        multiple: that they are divisible by.
        least: pixels.
        square: they are equal.
    """

    multiple: int = 1
    least: int = 1
    square: bool = False

    def fitting(self, height: int, width: int) -> tuple[int, int]:
        """The least sides that do, and are no smaller than these.

        >>> Sides(multiple=8, least=20).fitting(5, 30)
        (24, 32)
        >>> Sides(multiple=8, square=True).fitting(5, 30)
        (32, 32)
        """
        high, wide = (
            math.ceil(max(side, self.least) / self.multiple) * self.multiple
            for side in (height, width)
        )
        return (max(high, wide),) * 2 if self.square else (high, wide)


#: What asks nothing.
ANY_SIDES = Sides()


class Network(ABC):
    """A network of a file, on its device.

    Args:
        name: its architecture.
        channels: of the images that it takes; None where any.
        takes_level: it is told the noise's standard deviation.
        sides: what it asks of the sides of an image.
    """

    def __init__(
        self, name: str, channels: int | None, takes_level: bool, sides: Sides = ANY_SIDES
    ) -> None:
        self.name, self.channels, self.takes_level = name, channels, takes_level
        self.sides = sides

    def restore(self, noisy: Array, sigma: float) -> Array:
        """What it makes of images, float32 (N, C, H, W), white = 1.

        They are reflected beyond their right and lower edges as far as it needs, and cropped again.

        Args:
            noisy: the images.
            sigma: their noise's standard deviation, for networks that are told it.

        Raises:
            Unsupported: it takes other images.
        """
        count, channels, height, width = noisy.shape
        if self.channels not in (None, channels):
            raise Unsupported(
                f"its network ({self.name}) takes {_colours(self.channels)}; these have {channels}"
            )
        high, wide = self.sides.fitting(height, width)
        at_once = max(1, _PART_PIXELS // (high * wide))
        parts = []
        for start in range(0, count, at_once):
            part = np.ascontiguousarray(noisy[start : start + at_once], dtype=np.float32)
            if (high, wide) != (height, width):
                edges = ((0, 0), (0, 0), (0, high - height), (0, wide - width))
                part = np.pad(part, edges, mode="reflect")
            restored = self._apply(part, sigma)
            if restored.shape != part.shape:
                raise Unsupported(self._other_shape(restored.shape, part.shape))
            parts.append(restored[..., :height, :width])
        return np.ascontiguousarray(np.concatenate(parts))

    @abstractmethod
    def _apply(self, images: Array, sigma: float) -> Array:
        """What it makes of images that have the sides it needs."""

    def _other_shape(self, given: tuple[int, ...], wanted: tuple[int, ...]) -> str:
        if len(given) == 4 and given[2] > wanted[2]:
            return (
                f"its network ({self.name}) enlarges images {given[2] / wanted[2]:g} times: it is "
                "for super-resolution"
            )
        text = ["x".join(map(str, shape[1:])) for shape in (given, wanted)]
        return f"its network ({self.name}) makes {text[0]} of images of {text[1]}"


def _colours(channels: int | None) -> str:
    names = {1: "grey images (1 channel)", 3: "RGB images (3 channels)"}
    return names.get(channels or 0, f"images of {channels} channels")
