"""Where learned methods cross the filters: below the best of them at one level, above at another.

Between two measured levels the crossing is interpolated, each method's means by a straight line.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from bench.core import IDENTITY, level_text
from bench.report.content import learning
from bench.report.content.comparisons import Comparisons
from bench.report.content.rows import Column
from bench.report.content.words import code, listed, outside

#: Methods that one part of the sentence names.
_NAMED = 4


@dataclass(frozen=True)
class _Crossing:
    """A learned method that crosses the best of the others between two levels.

    Attributes:
        label: its.
        rising: it is the better one at the higher level.
        low, high: the noises between which it crosses, at both of which the tests tell.
        level: interpolated; None where the means cross more than once between them.
    """

    label: str
    rising: bool
    low: Column
    high: Column
    level: float | None


def crossing(made: Comparisons) -> tuple[str, tuple[str, Column]] | None:
    """Which networks are above and below every filter, and which cross them: a sentence.

    Without networks it is of what is fitted, without filters of networks against that. Every one of
    the other side that has a value anywhere must have one under a noise that is spoken of.
    """
    learned = learning.learning(made.section)
    classes = {
        "network": [x for x in made.ranked if learned[x].network],
        "fitted method": [x for x in made.ranked if learned[x].family == "fitted"],
        "filter": [x for x in made.ranked if learned[x].family == "filter" and x != IDENTITY],
    }
    classes = {name: [x for x in own if made.measured(x)] for name, own in classes.items()}
    there = [name for name, own in classes.items() if own]
    if len(there) < 2:
        return None
    who, whom = there[0], there[-1]
    others = classes[whom]
    columns = [c for c in made.table.columns if len(made.sorted(others, c)) == len(others)]
    return _sentence(made, classes[who], others, columns, (who, whom)) if columns else None


def _sentence(
    made: Comparisons,
    labels: Sequence[str],
    others: Sequence[str],
    columns: Sequence[Column],
    names: tuple[str, str],
) -> tuple[str, tuple[str, Column]] | None:
    who, whom = names
    sides = {
        x: {c: _side(made, x, others, c) for c in columns if c in made.measured(x)} for x in labels
    }
    sides = {label: own for label, own in sides.items() if own}
    above = [x for x, own in sides.items() if all(side > 0 for side in own.values())]
    below = [x for x, own in sides.items() if all(side < 0 for side in own.values())]
    crossings = [found for x, own in sides.items() if (found := _found(made, x, others, own))]
    if not (above or below or crossings):
        return None
    every = f"every {whom}" if len(others) > 1 else code(others[0])
    best = f"the best {whom}" if len(others) > 1 else code(others[0])
    parts = []
    if crossings:
        parts.append(_crossed(made, crossings, others, best))
    for group, side, than in ((above, True, every), (below, False, best)):
        if group:
            is_are = "is" if len(group) == 1 else "are"
            own = {tuple(sides[x]) for x in group}
            where = made.where(own.pop()) if len(own) == 1 else "wherever they were measured"
            parts.append(f"{_named(group, who)} {is_are} {made.side(better=side)} {than} {where}")
    cell = (crossings[0].label, crossings[0].high) if crossings else None
    if cell is None:
        label = (above or below)[0]
        column, near = _narrowest(made, label, others, sides[label])
        name = f"{code(label)} " if len(above or below) > 1 else ""
        parts[0] += f", {name}by {made.size(column, label, near)}"
        parts[0] += f" at {made.at([column])}, the least" if len(sides[label]) > 1 else ""
        cell = label, column
    heads = {"network": "Networks", "fitted method": "Fitted methods"}[who]
    text = "; ".join(parts)
    return f"{heads} against {whom}s: {text}.", cell


def _named(labels: Sequence[str], who: str) -> str:
    names = [code(label) for label in labels]
    return listed(names) if len(names) <= _NAMED else f"{len(names)} {who}s"


def _narrowest(
    made: Comparisons, label: str, others: Sequence[str], columns: dict[Column, int]
) -> tuple[Column, str]:
    """The noise where a method lies the nearest to the best of the others."""
    pairs = ((column, made.sorted(others, column)[0]) for column in columns)
    return min(pairs, key=lambda pair: made.distance(pair[0], label, pair[1]))


def _crossed(
    made: Comparisons, crossings: Sequence[_Crossing], others: Sequence[str], best: str
) -> str:
    """Who crosses where."""
    first = crossings[0]
    low, high = (made.sorted(others, column)[0] for column in (first.low, first.high))
    worse, better = made.side(better=False), made.side(better=True)
    sides = (worse, better) if first.rising else (better, worse)
    texts = [
        f"{made.named(one.high, one.label)} crosses {best} {_where(made, one)}"
        if number == 0
        else f"{made.named(one.high, one.label)} {_where(made, one)}"
        for number, one in enumerate(crossings[:_NAMED])
    ]
    shown = (
        f"{code(first.label)} is {made.size(first.low, first.label, low)} {sides[0]} {code(low)} "
        f"at {made.at([first.low])} and {made.size(first.high, first.label, high)} {sides[1]} "
        f"{code(high)} at {made.at([first.high])}"
    )
    more = len(crossings) - len(texts)
    texts += [f"{more} more elsewhere"] if more else []
    how = "levels interpolated linearly between those measured"
    known = any(one.level is not None for one in crossings[:_NAMED])
    return f"{', '.join(texts)} ({f'{how}; ' if known else ''}{shown})"


def _where(made: Comparisons, one: _Crossing) -> str:
    if one.level is None:
        return f"between {made.at([one.low])} and {made.at([one.high])}"
    kind = f"{outside(one.low[0])} " if len({c[0] for c in made.table.columns}) > 1 else ""
    fractions = all("/255" in level_text(column[1]) for column in (one.low, one.high))
    level = f"{255 * one.level:.0f}/255" if fractions else f"{one.level:.2g}"
    # The interpolation must not seem to be one of its ends.
    if float(f"{one.level:.2g}") in (one.low[1], one.high[1]) and not fractions:
        level = f"{one.level:.3g}"
    return f"at about {kind}{level}"


def _side(made: Comparisons, label: str, others: Sequence[str], column: Column) -> int:
    """1 where a method is better than all others, -1 where the best of them is better than it."""
    if all(made.better(column, label, other) for other in others):
        return 1
    return -1 if made.better(column, made.sorted(others, column)[0], label) else 0


def _found(
    made: Comparisons, label: str, others: Sequence[str], sides: dict[Column, int]
) -> _Crossing | None:
    """Where a method crosses, of the first kind of noise in which it does so once."""
    for kind in dict.fromkeys(kind for kind, _ in sides):
        columns = sorted((c for c in sides if c[0] == kind), key=lambda column: column[1])
        told = [column for column in columns if sides[column]]
        turns = [(a, b) for a, b in pairwise(told) if sides[a] != sides[b]]
        if len(turns) == 1:
            low, high = turns[0]
            between = [column for column in columns if low[1] <= column[1] <= high[1]]
            roots = [
                root for a, b in pairwise(between) for root in _roots(made, label, others, a, b)
            ]
            level = roots[0] if len(roots) == 1 else None
            return _Crossing(label, sides[high] > 0, low, high, level)
    return None


def _roots(
    made: Comparisons, label: str, others: Sequence[str], low: Column, high: Column
) -> list[float]:
    """The level between two neighbours at which a method meets the best of the others, if any."""
    sign = 1 if made.table.scale.higher else -1

    def ahead(column: Column, other: str) -> float:
        return sign * (made.mean(column, label) - made.mean(column, other))

    start = min(ahead(low, other) for other in others)
    end = min(ahead(high, other) for other in others)
    if (start < 0) == (end < 0):
        return []
    shares = []
    for other in others:
        first, last = ahead(low, other), ahead(high, other)
        if (first < 0) != (last < 0):
            shares.append(first / (first - last))
    # Better than all of them it is beyond the last one met, or before the first.
    share = max(shares) if start < 0 else min(shares)
    return [low[1] + share * (high[1] - low[1])]
