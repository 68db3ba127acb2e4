"""The built-in noises, how they are typed, and the random numbers of the test noise."""

from bench.noises.draws import ImageDraws, digests
from bench.noises.gaussian import Gaussian
from bench.noises.given import Given
from bench.noises.kinds import KINDS, MakeNoise, make_noise, recalled
from bench.noises.notation import (
    BLIND,
    doubts,
    noise_kind,
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
    "MakeNoise",
    "digests",
    "doubts",
    "make_noise",
    "noise_kind",
    "parse_level",
    "parse_noise",
    "recalled",
    "training_noise",
    "training_regime",
]
