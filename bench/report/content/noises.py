"""Noises by how they are typed: looked up among those that were measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bench.core import UsageError, level_text, noise_text
from bench.report.content.rows import Column


def matching(typed: str, measured: Sequence[Column]) -> list[Column]:
    """The noises that were typed, in that order: `0.3,0.1`, `gaussian:0.1;poisson`, a kind alone.

    Of a level of several kinds, and of a kind of several levels, they come as they were measured.

    >>> known = [("gaussian", 0.1), ("gaussian", 25 / 255), ("poisson", 30.0)]
    >>> [noise_text(*column) for column in matching("poisson;25/255", known)]
    ['poisson 30', 'gaussian 25/255']

    Raises:
        UsageError: one of them was not measured.
    """
    wanted: dict[Column, None] = {}
    for text, kind, level in _typed(typed, {noise for noise, _ in measured}):
        matches = [
            (noise, at)
            for noise, at in measured
            if kind in ("", noise) and (not level or _same(level, at))
        ]
        if not matches:
            known = "; ".join(noise_text(*column) for column in measured)
            raise UsageError(f"no column is {text!r}; the runs have: {known}")
        wanted |= dict.fromkeys(matches)
    return list(wanted)


def _typed(columns: str, kinds: set[str]) -> Iterator[tuple[str, str, str]]:
    """Each column as typed, with its kind of noise ("": any) and its level ("": any)."""
    for part in (part.strip() for part in columns.split(";")):
        kind, colon, levels = part.rpartition(":")
        if part in kinds:  # before it is cut: `gaussian, clipped` is one
            yield part, part, ""
        elif colon:
            for level in levels.split(","):
                yield f"{kind.strip()}:{level.strip()}", kind.strip(), level.strip()
        else:
            for piece in (piece.strip() for piece in part.split(",")):
                yield (piece, piece, "") if piece in kinds else (piece, "", piece or "nothing")


def _same(typed: str, level: float) -> bool:
    """Whether a level was typed so: as tables write it, or as a number."""
    try:
        number, _, over = typed.partition("/")
        return typed == level_text(level) or abs(float(number) / float(over or 1) - level) < 1e-9
    except (ValueError, ZeroDivisionError):
        return False


def sigma(column: Column) -> str | None:
    """Gaussian noise's deviation as the field writes it; None of noise of another kind.

    >>> sigma(("gaussian", 25 / 255)), sigma(("gaussian", 0.1)), sigma(("poisson", 30.0))
    ('25', '0.1', None)
    """
    kind, level = column
    if kind.partition(",")[0] != "gaussian" or not level:
        return None
    return level_text(level).removesuffix("/255")


def field_text(column: Column) -> str:
    """A noise as the field writes it, where it has a way.

    >>> field_text(("poisson", 30.0))
    'poisson 30'
    """
    deviation = sigma(column)
    if deviation is None:
        return noise_text(*column)
    _, comma, rest = column[0].partition(",")
    return f"σ = {deviation}{comma}{rest}"
