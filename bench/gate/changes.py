"""What else differs between two runs: parameters that were chosen, speeds, single images."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.analysis import Scores, tuples
from bench.analysis.scores import CELL
from bench.core import noise_text
from bench.gate.baseline import Comparison
from bench.gate.outliers import Moved
from bench.gate.verdict import number

if TYPE_CHECKING:
    import pandas as pd

#: How lines of single images begin.
MOVED = "images that moved most"
#: Lines of each sort that are shown.
_SHOWN = 6


def changes(new: Scores, old: Scores, comparisons: Sequence[Comparison]) -> list[str]:
    """What else differs, a line each.

    Args:
        new: scores of the run that is judged.
        old: of the run that it is compared with.
        comparisons: of these.
    """
    identity = [name for name in CELL if name != "train"]
    columns = [*identity, "label", "chosen", "images_per_second"]
    both = new.cells[columns].merge(old.cells[columns], on=[*identity, "label"])
    return [
        *_first(list(_chosen(both)), "methods whose parameters changed"),
        *_speeds(both),
        *_first(list(_moved(comparisons)), "comparisons of which images moved"),
    ]


def _first(lines: list[str], what: str) -> list[str]:
    more = len(lines) - _SHOWN
    return [*lines[:_SHOWN], f"and {more} more {what}"] if more > 0 else lines


def _chosen(both: pd.DataFrame) -> Iterator[str]:
    """`nlm chose: at gaussian 0.1 distance 6 → 10`, a line a method."""
    found: dict[str, dict[str, None]] = {}
    columns = ("label", "noise", "level", "chosen_x", "chosen_y")
    for label, noise, level, now, before in tuples(both, *columns):
        if now == before:
            continue
        mine, theirs = json.loads(now), json.loads(before)
        values = [
            f"{name} {_shown(theirs, name)} → {_shown(mine, name)}"
            for name in dict.fromkeys((*theirs, *mine))
            if _shown(theirs, name) != _shown(mine, name)
        ]
        entry = f"at {noise_text(noise, level)} {', '.join(values)}"
        found.setdefault(label, {})[entry] = None  # seeds that chose alike are one entry
    for label, entries in found.items():
        listed = list(entries)
        more = f"; and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
        yield f"{label} chose other parameters: {'; '.join(listed[:_SHOWN])}{more}"


def _shown(values: dict[str, Any], name: str) -> str:
    return f"{values[name]}" if name in values else "none"


def _speeds(both: pd.DataFrame) -> list[str]:
    """A line with each method's images per second, new over old: the median of its cells."""
    now, before = (both[f"images_per_second_{side}"] for side in "xy")
    timed = both.assign(ratio=now / before)[(now > 0) & (before > 0)]
    ratios = timed.groupby("label", sort=False)["ratio"].median()
    if not len(ratios):
        return []
    order = np.argsort(-abs(np.log(ratios.to_numpy())), kind="stable")[:_SHOWN]
    listed = ", ".join(f"{ratios.index[i]} {ratios.iloc[i]:.3g}" for i in sorted(order))
    more = f", and {len(ratios) - _SHOWN} that changed less" if len(ratios) > _SHOWN else ""
    return [f"images per second, as a ratio to the baseline's: {listed}{more}"]


def _moved(comparisons: Sequence[Comparison]) -> Iterator[str]:
    """The images of each method and noise that moved most by the first metric, farthest first."""
    first = comparisons[0].metric if comparisons else ""
    entries = [(c.moved, c) for c in comparisons if c.metric == first and c.moved]
    for moved, comparison in sorted(entries, key=lambda entry: -abs(entry[0][0].difference)):
        name = comparison.name
        where = f"{name['label']} at {noise_text(name['noise'], name['levels'][0])}"
        images = ", ".join(f"{image_text(one)} {change(one, comparison)}" for one in moved)
        yield f"{MOVED}, {where}: {images}"


def image_text(moved: Moved) -> str:
    """An image by its position, and by the seed where there is one."""
    return f"image {moved.image}" + ("" if moved.seed is None else f", seed {moved.seed},")


def change(moved: Moved, comparison: Comparison) -> str:
    """By how much an image moved: `-12.300 dB`."""
    unit = f" {comparison.scale.unit}" if comparison.scale.unit else ""
    return f"{number(comparison.metric, moved.difference, '+')}{unit}"
