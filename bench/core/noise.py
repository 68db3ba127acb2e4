"""Noise: what corrupts clean images, and what a method is trained on."""

from __future__ import annotations

import functools
import math
import numbers
import sys
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from bench.core.errors import UsageError
from bench.core.text import noise_name, noise_text, shown


class Draws(Protocol):
    """Random numbers for a batch of images, one a pixel, all of the images' shape.

    Test images have theirs from `bench.noises.ImageDraws`, training images from torch. Fields of
    numbers have numbers of their own: those of field 1 are independent of those of field 0, and
    so on; normal, uniform and gamma numbers of one field are made from the same bits. The same
    call gives the same numbers.
    """

    def normal(self, field: int = 0) -> Any:
        """Standard normal."""

    def uniform(self, field: int = 0) -> Any:
        """Uniform in [0, 1]."""

    def gamma(self, shape: Any) -> Any:
        """Gamma numbers of that shape and of mean 1; of field 0."""

    def poisson(self, rate: Any) -> Any:
        """Poisson counts of that mean, independent of all fields."""


@dataclass(frozen=True)
class Noise(ABC):
    """A way to corrupt clean images, at one level.

    Attributes:
        level: strength, in the unit that the kind defines.
        clip: limit what methods see to [0, 1], as an 8-bit file would.
        kind: the noise's name.
        highest: of the levels that the kind may have; all are over 0.
        unit: what a level is, as messages and reports say it.
        photons: a level counts photons, so that a higher one is less noise.

    Clean and noisy images are NumPy arrays or torch tensors, (N, C, H, W) with white = 1.

    >>> from bench import make_noise
    >>> noise = make_noise("gaussian", 0.1)
    >>> print(noise, noise.sigma)
    gaussian 0.1 0.1
    >>> round(float(make_noise("poisson", 100).std(0.25)), 3)
    0.05
    """

    level: float
    clip: bool = False
    kind: ClassVar[str]
    highest: ClassVar[float] = 10.0
    unit: ClassVar[str] = "standard deviation; images lie in [0, 1]"
    photons: ClassVar[bool] = False

    @abstractmethod
    def add(self, clean: Any, draws: Draws) -> Any:
        """The noisy images, before clipping; of the kind and shape of `clean`."""

    @abstractmethod
    def std(self, clean: Any) -> Any:
        """Standard deviation of a pixel's noise, given its clean value (before clipping)."""

    def mean(self, clean: Any) -> Any:
        """Mean of a noisy pixel, given its clean value (before clipping)."""
        return clean

    @property
    def sigma(self) -> float:
        """One standard deviation for methods that want a single number, in [0, 1] units.

        The root of the mean variance over clean values spread evenly over [0, 1]. Of noise that
        clips, what is left of it after clipping:

        >>> from bench import make_noise
        >>> round(make_noise("gaussian", 0.5, clip=True).sigma, 3)
        0.331
        """
        if self.clip:
            return _clipped_sigma(self)
        return _sigma(self)

    def corrupt(self, clean: Any, draws: Draws) -> Any:
        """The noisy images, limited to [0, 1] where this noise clips."""
        noisy = self.add(clean, draws)
        return noisy.clip(0, 1) if self.clip else noisy

    @property
    def name(self) -> str:
        """The kind, and whether it clips, as tables show it."""
        return noise_name(self.kind, self.clip)

    def __str__(self) -> str:
        return noise_text(self.name, self.level)

    def as_dict(self) -> dict[str, Any]:
        """What identifies this noise, for keys and files."""
        return {"kind": self.kind, "level": self.level, "clip": self.clip}


def expect_level(kind: str, level: Any, highest: float, unit: str, typed: str = "") -> None:
    """Raise `UsageError` unless a level is a number over 0 that the kind of noise may have.

    Args:
        kind: for the error; empty where the noise is Gaussian, which need not be said.
        level: to be checked.
        highest: see `Noise`.
        unit: see `Noise`.
        typed: how the level was written, for the error.
    """
    if isinstance(level, bool) or not isinstance(level, numbers.Real):
        raise UsageError(f"a noise level is a number, such as 0.1; not {shown(level)}")
    if not 0 < float(level) <= min(highest, sys.float_info.max):
        name, hint = (f"{kind} ", "") if kind else ("", "; 25/255 is a level too")
        raise UsageError(
            f"{name}noise level {typed or level} is out of range: give levels over 0 and at most "
            f"{highest:.15g} ({unit}{hint})"
        )


@functools.lru_cache
def _sigma(noise: Noise) -> float:
    """The root of the variance, averaged over clean values; a rule that is exact for most kinds."""
    black, grey, white = (float(noise.std(value)) for value in (0.0, 0.5, 1.0))
    if black == grey == white:
        return grey
    # Simpson's rule, exact where the variance is a polynomial of degree 3 or less; where Gauss's
    # of degree 63 finds another mean, that.
    rough = ((black**2 + 4 * grey**2 + white**2) / 6) ** 0.5
    nodes, weights = _gauss()
    fine = (
        math.fsum(
            weight * float(noise.std(float(node))) ** 2
            for node, weight in zip(nodes, weights, strict=True)
        )
        ** 0.5
    )
    return rough if math.isclose(rough, fine, rel_tol=1e-9) else fine


def _gauss() -> tuple[Any, Any]:
    """Nodes and weights of Gauss's rule for means over [0, 1]."""
    import numpy as np

    nodes, weights = np.polynomial.legendre.leggauss(32)  # over [-1, 1]
    return (nodes + 1) / 2, weights / 2


@functools.lru_cache
def _clipped_sigma(noise: Noise) -> float:
    """The root of the variance of clipped noise, averaged over clean values by Gauss's rule."""
    nodes, weights = _gauss()
    clean = nodes.reshape(-1, *_Quantiles.AXES)
    noisy = noise.add(clean, _Quantiles()).clip(0, 1).reshape(len(nodes), -1)
    return float(weights @ noisy.var(axis=1)) ** 0.5


class _Quantiles:
    """Draws that stand for all: evenly spaced quantiles, whose means are expectations.

    Of images of one pixel, so that noise that neighbours share is each pixel's own. Clean values
    lie along the first axis, Poisson counts and further fields along the second, field 0 along the
    third.
    """

    AXES = (1, 1, 1, 1, 1)
    _COUNT = 384  # sigma is right within 0.2%
    #: Of a lattice: in what order further fields go through their quantiles (Korobov 1959).
    _STEP = 233

    def uniform(self, field: int = 0) -> Any:
        import numpy as np

        steps = np.arange(self._COUNT)
        if field:
            steps = steps * pow(self._STEP, field, self._COUNT) % self._COUNT
        levels = (steps + 0.5) / self._COUNT
        return levels.reshape((1, -1, 1, 1, 1, 1) if field else (1, 1, -1, 1, 1, 1))

    def normal(self, field: int = 0) -> Any:
        from scipy.special import ndtri

        return ndtri(self.uniform(field))

    def gamma(self, shape: Any) -> Any:
        from scipy.special import gammaincinv

        return gammaincinv(shape, self.uniform()) / shape

    def poisson(self, rate: Any) -> Any:
        from scipy.stats import poisson

        return poisson.ppf(self.uniform().reshape(1, -1, 1, 1, 1, 1), rate)


@dataclass(frozen=True)
class TrainNoise:
    """The noise that a method is trained on: of one level, or of levels from a range.

    Attributes:
        regime: how it was typed: "matched" (the noise that it is tested on), "blind" (a range,
            whatever it is tested on) or a noise, such as "0.3" or "poisson:30".
        noise: its kind and level; of a range the level of most noise.
        lowest: of a range, the level of least noise: each training image gets a level drawn
            evenly from between the two. None where there is one level.
    """

    regime: str
    noise: Noise
    lowest: float | None = None

    def __str__(self) -> str:
        if self.lowest is None:
            return str(self.noise)
        return noise_text(self.noise.name, self.noise.level, self.lowest)

    def as_dict(self) -> dict[str, Any]:
        """What identifies it, for keys and files."""
        return {"regime": self.regime, "lowest": self.lowest, **self.noise.as_dict()}
