"""How noises, and the noise that a method is trained on, are typed."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

from bench.core import MATCHED, Noise, PluginNoise, UsageError, shown
from bench.noises.gaussian import Gaussian
from bench.noises.given import Given
from bench.noises.kinds import KINDS, MakeNoise, make_noise

#: Training on a range of levels, from none to the most that is tested.
BLIND = "blind"


def training_regime(text: str | float, make: MakeNoise = make_noise) -> str:
    """A training regime in its short form: "matched", "blind" or a noise.

    Args:
        text: as typed. A noise is a level of the kind that is tested (`0.3`), or says its kind
            (`poisson:30`).
        make: makes a noise of its kind and level, or says why there is none.

    Raises:
        UsageError: it is none of them.

    >>> training_regime("poisson: 30.0")
    'poisson:30'
    """
    text = str(text).strip()
    if text in (MATCHED, BLIND):
        return text
    kind, colon, typed = text.rpartition(":")
    try:
        level = parse_level(typed)
    except UsageError:
        raise UsageError(
            f"training noise {text!r} is not understood: write {MATCHED}, {BLIND}, a level such "
            "as 0.1, or poisson:30"
        ) from None
    if colon:
        make(kind, level, typed=typed)
    elif not any(0 < level <= noise.highest for noise in KINDS.values()):
        make_noise(Gaussian.kind, level, typed=typed)  # says what is wrong
    short = f"{level:g}"
    return kind + colon + (short if float(short) == level else typed.replace(" ", ""))


def noise_kind(regime: str) -> str:
    """The kind of noise that a training regime names; empty where it names none.

    >>> noise_kind("poisson:30"), noise_kind("0.3"), noise_kind("matched")
    ('poisson', '', '')
    """
    return regime.rpartition(":")[0]


def training_noise(regime: str, tested: Noise, make: MakeNoise = make_noise) -> Noise:
    """The noise that a training regime names, clipped as the tested one is.

    Args:
        regime: a level, or kind and level; neither matched nor blind.
        tested: whose kind is meant where `regime` is a level; Gaussian where that cannot be drawn.
        make: makes a noise of its kind and level.

    Raises:
        UsageError: the level is out of range for the kind that is tested.

    >>> print(training_noise("0.2", Gaussian(0.5)))
    gaussian 0.2
    """
    kind, _, level = regime.rpartition(":")
    same = Gaussian.kind if isinstance(tested, Given) else tested.kind
    return make(kind or same, parse_level(level), tested.clip, typed=level)


def parse_noise(
    levels: str | float | Iterable[str | float], clip: bool = False, make: MakeNoise = make_noise
) -> list[Noise]:
    """Noises from levels: numbers, or text such as `0.1,25/255` or `gaussian:0.3;poisson:10,30`.

    Levels without a kind are of Gaussian noise; a kind holds for the levels up to the next
    semicolon. `make` makes a noise of its kind and level, or says why there is none.

    Raises:
        UsageError: unknown kind; no level, one that is no number, or one out of range.

    >>> [str(noise) for noise in parse_noise("25/255;poisson:10,30")]
    ['gaussian 25/255', 'poisson 10', 'poisson 30']
    """
    if isinstance(levels, str):
        groups: list[list[str | float]] = [
            [*group.split(",")] for group in levels.split(";") if group.strip(" ,")
        ]
    elif isinstance(levels, Iterable):
        groups = [[level] for level in levels]
    else:
        groups = [[levels]]
    noises = []
    for group in groups:
        kind = Gaussian.kind
        for item in group:
            typed_kind, colon, typed = str(item).rpartition(":")
            kind = typed_kind.strip() if colon else kind
            level = parse_level(typed if isinstance(item, str) else item)
            noises.append(make(kind, level, clip, typed=typed.strip()))
    if not noises:
        raise UsageError("no noise level given: use for example --noise 0.1,0.3,0.5")
    noises = list(dict.fromkeys(noises))
    for one, other in itertools.combinations(noises, 2):
        if str(one) == str(other):
            raise UsageError(
                f"noise levels {one.level!r} and {other.level!r} look the same in tables: drop one"
            )
    return noises


def doubts(noises: Iterable[Noise]) -> list[str]:
    """A line for each noise whose level was hardly meant in its unit.

    >>> doubts([make_noise("gaussian", 10), make_noise("gaussian", 10 / 255)])
    ['noise level 10 is 10 times the range of the images: for 10 of 255 write 10/255']
    """
    lines = []
    for noise in noises:
        level = f"{noise.level:g}"
        name = "" if noise.kind == Gaussian.kind else f"{noise.kind} "
        what = f"--sigma {level}" if isinstance(noise, Given) else f"{name}noise level {level}"
        if noise.photons and noise.level < 1:
            lines.append(
                f"{what} is less than one photon at white: levels count "
                "photons, and a higher one is less noise"
            )
        elif not noise.photons and noise.level > 1 and _is_of_the_range(noise):
            lines.append(
                f"{what} is {level} times the range of the images: for {level} "
                f"of 255 write {level}/255"
            )
    return lines


def _is_of_the_range(noise: Noise) -> bool:
    """Whether a level is in units of the images' range; of a plugin's its unit tells."""
    return not isinstance(noise, PluginNoise) or "deviation" in noise.unit


def parse_level(text: str | float) -> float:
    """A level from a number, or from text such as `25/255`.

    Raises:
        UsageError: it is no number.

    >>> parse_level("51/255")
    0.2
    """
    if not isinstance(text, str):
        try:
            return float(text)
        except OverflowError:  # a whole number that no floating-point number reaches
            raise UsageError(f"noise level {shown(text)} is too large") from None
    numerator, slash, denominator = text.partition("/")
    try:
        return float(numerator) / (float(denominator) if slash else 1.0)
    except (ValueError, ZeroDivisionError):
        raise UsageError(
            f"noise level {text.strip()!r} is not a number: write it as 0.1 or 25/255"
        ) from None
