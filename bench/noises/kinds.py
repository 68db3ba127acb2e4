"""The kinds of noise that come with bench, by name, and how a noise is made of one.

NumPy arrays and torch tensors alike: test images are the one, training images the other. What
a kind's levels mean, and how high they go, stands in its `unit` and `highest`.
"""

from __future__ import annotations

from typing import Protocol

from bench.core import Noise, PluginNoise, UsageError, expect_level, nearest, shown
from bench.noises.gamma import Gamma
from bench.noises.gaussian import Gaussian
from bench.noises.gaussian_correlated import CorrelatedGaussian
from bench.noises.given import Given
from bench.noises.poisson import Poisson
from bench.noises.poisson_gaussian import PoissonGaussian
from bench.noises.rician import Rician
from bench.noises.salt_pepper import SaltPepper
from bench.noises.speckle import Speckle
from bench.noises.uniform import Uniform

KINDS: dict[str, type[Noise]] = {
    kind.kind: kind
    for kind in (
        Gaussian, SaltPepper, Poisson, Speckle, Uniform, PoissonGaussian, CorrelatedGaussian,
        Rician, Gamma,
    )
}  # fmt: skip


class MakeNoise(Protocol):
    """Makes noises, as `make_noise` does; of other kinds too."""

    def __call__(self, kind: str, level: float, clip: bool = False, *, typed: str = "") -> Noise:
        """See `make_noise`."""


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
    noise_class, given = KINDS[kind], clip
    name = "" if noise_class is Gaussian else kind
    expect_level(name, level, noise_class.highest, noise_class.unit, typed)
    if not isinstance(given, bool):
        raise UsageError(f"clip is True or False, not {shown(clip)}")
    return noise_class(level, clip)


def recalled(kind: str, level: float, clip: bool = False, source: str = "") -> Noise:
    """The noise that a record names, whether it can be drawn here or not.

    Args:
        kind: by name; of a plugin's nothing else is known than what follows.
        level: in the unit of the kind.
        clip: noisy images were limited to [0, 1].
        source: of a plugin's the digest of its code.

    >>> print(recalled("fading", 0.2, source="1f3a5c7e9b2d4f60"))
    fading 0.2
    """
    if kind == Given.kind:
        return Given(level)
    if kind in KINDS and not source:
        return make_noise(kind, level, clip)
    return PluginNoise(level, clip, kind=kind, source=source)
