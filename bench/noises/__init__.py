"""The built-in noises, how they are typed, and the random numbers of the test noise."""

from bench.noises.draws import ImageDraws, digests
from bench.noises.gaussian import Gaussian
from bench.noises.given import Given
from bench.noises.kinds import KINDS, make_noise
from bench.noises.notation import (
    BLIND,
    doubts,
    parse_level,
    parse_noise,
    training_noise,
    training_regime,
)

__all__ = [
    "BLIND",
    "KINDS",
    "Gaussian",
    "Given",
    "ImageDraws",
    "digests",
    "doubts",
    "make_noise",
    "parse_level",
    "parse_noise",
    "training_noise",
    "training_regime",
]
