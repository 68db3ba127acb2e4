"""Whether methods help at all: who is better and who is worse than the noisy image itself."""

from __future__ import annotations

from collections.abc import Sequence

from bench.core import IDENTITY
from bench.report.content.comparisons import Comparisons
from bench.report.content.rows import Column
from bench.report.content.words import code, listed

#: Methods, and groups of noises, that the sentence names.
_NAMED = 4

#: A sentence, and the table's row and column that it rests on; None where nothing can be said.
_Said = tuple[str, tuple[str, Column]] | None


def benefit(made: Comparisons) -> _Said:
    """Does it help at all: who is worse than the noisy image, and where."""
    others = [label for label in made.ranked if label != IDENTITY and made.measured(label)]
    noisy = set(made.measured(IDENTITY))
    columns = {x: [c for c in made.measured(x) if c in noisy] for x in others}
    columns = {label: own for label, own in columns.items() if own}
    if not columns:
        return None
    worse = {x: [c for c in own if made.better(c, IDENTITY, x)] for x, own in columns.items()}
    worse = {label: own for label, own in worse.items() if own}
    good = [x for x, own in columns.items() if all(made.better(c, x, IDENTITY) for c in own)]
    if worse:
        return _harm(made, columns, worse, good)
    if not good:
        label, own = next(iter(columns.items()))
        return (
            "Of no method can it be told that it is better than the noisy image itself wherever "
            "it was measured; nor that it is worse.",
            (label, own[0]),
        )
    gain, column, label = min(
        (made.distance(c, x, IDENTITY), c, x) for x in good for c in columns[x]
    )
    del gain
    least = f"{made.size(column, label, IDENTITY)}"
    everywhere = sorted({c for x in good for c in columns[x]}, key=made.table.columns.index)
    whole = all(len(columns[x]) == len(everywhere) for x in good)
    measured = "they were measured" if len(good) > 1 else "it was measured"
    where = made.where(everywhere) if whole else f"wherever {measured}"
    name = made.named(column, label)
    at = f" at {made.at([column])}" if len(everywhere) > 1 else ""
    if len(columns) == 1:
        text = f"{name} is better than the noisy image itself {where}: by {least}{at}"
        text += ", the least." if at else "."
        return text, (label, column)
    seen = " that has not seen the images" if made.table.unranked else ""
    if len(good) == len(columns):
        text = f"Every method{seen} is better than the noisy image itself {where}"
    else:
        rest = [code(x) for x in columns if x not in good]
        unknown = listed(rest) if len(rest) <= _NAMED else f"{len(rest)} others"
        text = (
            f"{len(good)} of {len(columns)} methods are better than the noisy image itself {where}"
        )
        text += f" (of {unknown} that cannot be told everywhere)"
    return f"{text}; the least is gained by {name}{at}, {least}.", (label, column)


def _harm(
    made: Comparisons,
    columns: dict[str, list[Column]],
    worse: dict[str, list[Column]],
    good: Sequence[str],
) -> _Said:
    """Who is worse than the noisy image itself."""
    worst, column = max(
        ((label, c) for label, own in worse.items() for c in own),
        key=lambda entry: made.distance(entry[1], entry[0], IDENTITY),
    )
    alike: dict[tuple[Column, ...], list[str]] = {}
    for label, own in worse.items():
        alike.setdefault(tuple(own), []).append(label)
    size_of = made.size(column, worst, IDENTITY)
    side = made.side(better=False)
    if len(worse) == 1:
        own = worse[worst]
        text = f"{made.named(column, worst)} does harm {made.where(own)}: "
        text += f"{made.where([column])} " if len(own) > 1 else ""
        text += f"it is {size_of} {side} the noisy image itself"
        turned = [c for c in columns[worst] if made.better(c, worst, IDENTITY)]
        text += f", and {made.where(turned)} better than it" if turned else ""
    else:
        named = [
            f"{listed([code(label) for label in labels])} {made.where(own)}"
            for own, labels in alike.items()
        ]
        short = len(worse) <= _NAMED and len(named) <= _NAMED
        text = f"{len(worse)} of {len(columns)} methods do harm"
        if short:
            text += f", {'; '.join(named)}"
        else:
            text += f" {made.where(next(iter(alike)))}" if len(alike) == 1 else " at some noise"
        text += f": the worst, {made.named(column, worst)}"
        several = len({c for own in worse.values() for c in own}) > 1
        text += f" at {made.at([column])}" if several else ""
        text += f", is {size_of} {side} the noisy image itself"
    rest = len(columns) - len(worse)
    if rest and len(good) == rest:
        whole = all(len(columns[x]) == len(made.table.columns) for x in good)
        where = made.where(made.table.columns) if whole else "wherever they were measured"
        others = "all others are" if rest > 1 else f"{code(good[0])} is"
        text += f"; {others} better than it {where}"
    return f"{text}.", (worst, column)
