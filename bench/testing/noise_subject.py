"""What a noise is tried on: even and other small images, a low and a high level."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bench.core import BadNoise, Noise
from bench.evaluation.runner import explain
from bench.plugins.noise import NoiseKind
from bench.plugins.sources import Source
from bench.testing import child
from bench.testing.subject import clean_images

if TYPE_CHECKING:
    from bench.core import Array
    from bench.noises import ImageDraws


class NoiseSubject:
    """A kind of noise with what the checks try it on.

    Args:
        kind: the kind of noise.
        source: where it comes from.
        typed: nothing; a level is all that is typed.

    Attributes:
        levels: little noise and more of it.
    """

    def __init__(
        self, kind: NoiseKind, source: Source[NoiseKind], typed: Mapping[str, Any] | None = None
    ) -> None:
        self.kind, self.source = kind, source
        highest = kind.declared.highest
        low, high = (10.0, 100.0) if kind.declared.photons else (0.1, 0.4)
        if high > highest:
            low, high = highest / 4, highest
        self.levels = (high, low) if kind.declared.photons else (low, high)

    def noise(self, level: float | None = None, *, clip: bool = False) -> Noise:
        """The noise, of the higher amount unless a level is said."""
        return self.kind.noise(self.levels[1] if level is None else level, clip)

    def images(self, count: int = 5, shape: tuple[int, ...] = (1, 28, 28)) -> Array:
        """Smooth clean images with edges, float32 (count, *shape)."""
        return clean_images(count, shape)

    def draws(self, clean: Array, key: str = "test") -> ImageDraws:
        """Random numbers for images; those of another key are others."""
        return child.draws_for(clean, key)

    def noisy(self, clean: Array, level: float | None = None, key: str = "test") -> Array:
        """Copies of images under the noise, found to be such that may be given."""
        return self.noise(level).corrupt(clean.copy(), self.draws(clean, key))

    def explain(self, error: BaseException) -> str:
        """What went wrong, in one line, with the line of its file where it did."""
        plugin: Any = self.kind
        text = str(error) if isinstance(error, BadNoise) else explain(error, plugin)
        return text.removeprefix(f"noise {self.kind.name}: ")
