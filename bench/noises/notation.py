"""How noises are written on the command line, and read from it."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

from bench.core import MATCHED, Noise, UsageError
from bench.noises.kinds import KINDS, Gaussian, make_noise

#: Training on a range of levels, from none to the most that is tested.
BLIND = "blind"


def training_regime(text: str | float) -> str:
    """How a method is trained: "matched", "blind", or a noise, as labels show it.

    A noise is a level of the kind that is tested (`0.3`), or says its kind (`poisson:30`).

    Raises:
        UsageError: it is none of them.
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
        make_noise(kind, level, typed=typed)
    elif not any(0 < level <= noise.highest for noise in KINDS.values()):
        make_noise(Gaussian.kind, level, typed=typed)  # says what is wrong
    short = f"{level:g}"
    return kind + colon + (short if float(short) == level else typed.replace(" ", ""))


def training_noise(regime: str, tested: Noise) -> Noise:
    """The noise that such a regime, a level or a kind and level, trains for.

    Raises:
        UsageError: the level is out of range for the kind that is tested.
    """
    kind, _, level = regime.rpartition(":")
    return make_noise(kind or tested.kind, parse_level(level), tested.clip, typed=level)


def parse_noise(levels: str | float | Iterable[str | float], clip: bool = False) -> list[Noise]:
    """Noises from levels: numbers, or text such as `0.1,25/255` or `gaussian:0.3;poisson:10,30`.

    Levels without a kind are of Gaussian noise; a kind holds for the levels up to the next
    semicolon.

    Raises:
        UsageError: unknown kind; no level, one that is no number, or one out of range.
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
            named, colon, typed = str(item).rpartition(":")
            kind = named.strip() if colon else kind
            level = parse_level(typed if isinstance(item, str) else item)
            noises.append(make_noise(kind, level, clip, typed=typed.strip()))
    if not noises:
        raise UsageError("no noise level given: use for example --noise 0.1,0.3,0.5")
    noises = list(dict.fromkeys(noises))
    for one, other in itertools.combinations(noises, 2):
        if str(one) == str(other):
            raise UsageError(
                f"noise levels {one.level!r} and {other.level!r} look the same in tables: drop one"
            )
    return noises


def parse_level(text: str | float) -> float:
    """A number, or text such as `25/255`; raises `UsageError`."""
    if not isinstance(text, str):
        return float(text)
    numerator, slash, denominator = text.partition("/")
    try:
        return float(numerator) / (float(denominator) if slash else 1.0)
    except (ValueError, ZeroDivisionError):
        raise UsageError(
            f"noise level {text.strip()!r} is not a number: write it as 0.1 or 25/255"
        ) from None
