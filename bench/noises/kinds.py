"""The kinds of noise: each a way to corrupt an image, and its own standard deviation.

NumPy arrays and torch tensors alike: test images are the one, training images the other. What
a kind's levels mean, and how high they go, stands in its `unit` and `highest`.
"""

from __future__ import annotations

import math
import numbers
from typing import Any, ClassVar

from bench.core import Draws, Noise, UsageError, nearest, shown


class Gaussian(Noise):
    """Additive white Gaussian noise: y = x + sigma z, z standard normal, level = sigma."""

    kind: ClassVar = "gaussian"

    def add(self, clean: Any, draws: Draws) -> Any:
        """See `Noise.add`."""
        return clean + self.level * draws.normal()

    def std(self, clean: Any) -> Any:
        """Sigma, whatever the clean value."""
        return self.level + 0 * clean


class CorrelatedGaussian(Noise):
    """Gaussian noise blurred by a Gaussian of one pixel: level = its standard deviation.

    Demosaicking, compression and resizing leave such noise, which misleads methods that take
    noise for white. The blur wraps at the border, so that each pixel's deviation is the level.
    """

    kind: ClassVar = "gaussian-correlated"

    def add(self, clean: Any, draws: Draws) -> Any:
        """See `Noise.add`."""
        return clean + self.level * _blurred(draws.normal())

    def std(self, clean: Any) -> Any:
        """The level, whatever the clean value."""
        return self.level + 0 * clean


class Uniform(Noise):
    """Additive noise, uniform over [-level, level], as rounding leaves it."""

    kind: ClassVar = "uniform"
    unit: ClassVar = "half the width of the interval; images lie in [0, 1]"

    def add(self, clean: Any, draws: Draws) -> Any:
        """See `Noise.add`."""
        return clean + self.level * (2 * draws.uniform() - 1)

    def std(self, clean: Any) -> Any:
        """Level / sqrt(3), whatever the clean value."""
        return self.level / 3**0.5 + 0 * clean


class Speckle(Noise):
    """Multiplicative Gaussian noise: y = x + x sigma z, z standard normal, level = sigma.

    As in scikit-image's and MATLAB's tools; of radar and ultrasound a model at small levels.
    """

    kind: ClassVar = "speckle"
    unit: ClassVar = "standard deviation at white"

    def add(self, clean: Any, draws: Draws) -> Any:
        """See `Noise.add`."""
        return clean + clean * (self.level * draws.normal())

    def std(self, clean: Any) -> Any:
        """Sigma times the clean value."""
        return self.level * clean


class SaltPepper(Noise):
    """Impulse noise: a pixel is black with probability level / 2, white with level / 2.

    Channels are hit independently of each other.
    """

    kind: ClassVar = "salt-pepper"
    highest: ClassVar = 1.0
    unit: ClassVar = "share of the pixels that are replaced"

    def add(self, clean: Any, draws: Draws) -> Any:
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


class Poisson(Noise):
    """Photon noise: y = k / level, k Poisson of mean level x; level = photons at white."""

    kind: ClassVar = "poisson"
    highest: ClassVar = 1e6
    unit: ClassVar = "photons at white"
    photons: ClassVar = True

    def add(self, clean: Any, draws: Draws) -> Any:
        """See `Noise.add`."""
        return draws.poisson(self.level * clean) / self.level

    def std(self, clean: Any) -> Any:
        """The square root of x / level."""
        return (clean / self.level) ** 0.5


class PoissonGaussian(Noise):
    """A camera's noise: y = (k + 2 z) / level, k Poisson of mean level x, z standard normal.

    Level = photons at white; `read_noise`, the deviation of what the sensor's electronics add,
    is 2 photons (Foi et al. 2008, eq. 1 to 3, with both parts tied to one level).
    """

    kind: ClassVar = "poisson-gaussian"
    highest: ClassVar = 1e6
    unit: ClassVar = "photons at white"
    photons: ClassVar = True
    #: In photons.
    read_noise: ClassVar[float] = 2.0

    def add(self, clean: Any, draws: Draws) -> Any:
        """See `Noise.add`."""
        return (draws.poisson(self.level * clean) + self.read_noise * draws.normal()) / self.level

    def std(self, clean: Any) -> Any:
        """The square root of x / level + (2 / level)^2."""
        return (clean / self.level + (self.read_noise / self.level) ** 2) ** 0.5


KINDS: dict[str, type[Noise]] = {
    kind.kind: kind
    for kind in (
        Gaussian, SaltPepper, Poisson, Speckle, Uniform, PoissonGaussian, CorrelatedGaussian,
    )
}  # fmt: skip

# A Gaussian of deviation 1 pixel, cut where it is invisible, scaled to keep a variance of 1.
_TAPS = [math.exp(-(tap**2) / 2) for tap in range(-4, 5)]
_REACH = len(_TAPS) // 2


def _blurred(values: Any) -> Any:
    """White noise of variance 1 blurred along rows and columns, round the border, variance 1."""
    for axis in (-2, -1):
        size = values.shape[axis]
        folded = [0.0] * size  # images may be smaller than the blur reaches
        for shift, tap in enumerate(_TAPS, -_REACH):
            folded[shift % size] += tap
        norm = math.sqrt(sum(tap**2 for tap in folded))
        shifts = [(shift, tap / norm) for shift, tap in enumerate(folded) if tap]
        values = sum(tap * _rolled(values, shift, axis) for shift, tap in shifts)
    return values


def _rolled(values: Any, shift: int, axis: int) -> Any:
    """`np.roll`, of tensors too."""
    if hasattr(values, "roll"):  # a tensor
        return values.roll(shift, axis)
    import numpy as np

    return np.roll(values, shift, axis)


def make_noise(kind: str, level: float, clip: bool = False, *, typed: str = "") -> Noise:
    """The noise of that kind and level.

        >>> photons = bench.make_noise("poisson", 30)
        >>> print(photons, round(photons.sigma, 3))
        poisson 30 0.129
        >>> print(bench.make_noise("gaussian", 25 / 255, clip=True))
        gaussian, clipped 25/255

    Args:
        kind: one of `bench.noises.KINDS`.
        level: over 0; the kind says what it is (`noise.unit`) and how high it may be.
        clip: limit noisy images to [0, 1].
        typed: how the level was written, for the error.

    Raises:
        UsageError: unknown kind; a level out of the kind's range.
    """
    if not isinstance(kind, str):
        raise UsageError(f"a noise is named by a text, such as gaussian; not {shown(kind)}")
    if kind not in KINDS:
        raise UsageError(f"unknown noise {kind!r}: {nearest(kind, KINDS)}")
    given: tuple[object, object] = level, clip
    if isinstance(given[0], bool) or not isinstance(given[0], numbers.Real):
        raise UsageError(f"a noise level is a number, such as 0.1; not {shown(level)}")
    if not isinstance(given[1], bool):
        raise UsageError(f"clip is True or False, not {shown(clip)}")
    noise_class = KINDS[kind]
    highest, unit = noise_class.highest, noise_class.unit
    if not (math.isfinite(level) and 0 < level <= highest):
        gaussian = noise_class is Gaussian
        name, hint = ("", "; 25/255 is a level too") if gaussian else (f"{kind} ", "")
        raise UsageError(
            f"{name}noise level {typed or level} is out of range: give levels over 0 and at most "
            f"{highest:.15g} ({unit}{hint})"
        )
    return noise_class(level, clip)
