"""Names of methods beside their lines and points, pushed apart where they would meet.

A legend of twenty entries is searched line by line; a name at the line's end is read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from bench.report.figures.typesetting import SMALL, text_width

#: Inches from one line of text to the next, and from a line's end to its name.
LINE = SMALL * 1.2 / 72
REACH = 0.16
# Inches between a point and its name; how far a name may lie from it, and by what steps.
_NEAR, _FARTHEST, _STEP = 0.06, 1.2, 0.06
_ANGLES = np.deg2rad([0, 180, 90, 270, 35, 145, 215, 325, 65, 115, 245, 295])


class Name(NamedTuple):
    """A name, its colour, and where what it names is, in the axes' values."""

    text: str
    colour: str
    x: float
    y: float


def room(names: Sequence[str]) -> float:
    """Inches to the right of a panel that the names at the ends of its lines take."""
    return REACH + max((text_width(name) for name in names), default=0) + 0.02


def at_ends(axes: Any, names: Sequence[Name], height: float) -> None:
    """Names to the right of a panel, each at the height of its line's end or as near as fits.

    Args:
        axes: whose limits no longer change.
        names: at the lines' ends, in the axes' values.
        height: of the panel, in inches.
    """
    names = sorted(names, key=lambda name: name.y)
    known = [name.y for name in names]
    ends = _fractions(axes, [name.x for name in names], known)
    gap = LINE / height
    places = pushed_apart(np.clip(ends[:, 1], 0, 1), gap)
    # All of them may have slid over an end of the panel.
    over = max(0.0, places[-1] - 1 + gap / 2) if len(places) else 0
    places = places - over
    for name, (x, y), place in zip(names, ends, places, strict=True):
        axes.annotate(
            name.text,
            (x, np.clip(y, 0, 1)),
            xytext=(1 + REACH / _width(axes), place),
            xycoords="axes fraction",
            textcoords="axes fraction",
            color=name.colour,
            fontsize=SMALL,
            va="center_baseline",
            annotation_clip=False,
            arrowprops={
                "arrowstyle": "-",
                "color": name.colour,
                "linewidth": 0.5,
                "shrinkA": 1,
                "shrinkB": 3,
                "relpos": (0, 0.5),
            },
        )


def pushed_apart(places: npt.ArrayLike, gap: float) -> npt.NDArray[np.float64]:
    """Rising places, moved as little as can be so that each two are a gap apart.

    The least squares of all moves: an isotonic regression of the places less their gaps.

    >>> pushed_apart([0.0, 0.1, 5.0], 1.0).round(2).tolist()
    [-0.45, 0.55, 5.0]
    """
    from scipy.optimize import isotonic_regression

    places = np.asarray(places, dtype=float)
    if len(places) < 2:
        return places
    steps = gap * np.arange(len(places))
    return np.asarray(isotonic_regression(places - steps).x) + steps


def beside(axes: Any, names: Sequence[Name], size: tuple[float, float]) -> None:
    """Names beside the points of a panel, none on another nor on a point.

    Args:
        axes: whose limits no longer change.
        names: at the points, in the axes' values; the first ones find the best places.
        size: of the panel, in inches.
    """
    points = _fractions(axes, [name.x for name in names], [name.y for name in names])
    points *= size
    half = 0.045  # of a marker
    taken = [(x - half, y - half, x + half, y + half) for x, y in points]
    for number, (name, (x, y)) in enumerate(zip(names, points, strict=True)):
        own = taken[number]
        others = taken[:number] + taken[number + 1 :]
        box, far = _place((x, y), text_width(name.text), others, size)
        taken.append(box)
        left, low, _, high = box
        arrow = {"arrowstyle": "-", "color": name.colour, "linewidth": 0.5, "shrinkA": 0}
        axes.annotate(
            name.text,
            (x / size[0], y / size[1]),
            xytext=(left / size[0], (low + high) / 2 / size[1]),
            xycoords="axes fraction",
            textcoords="axes fraction",
            color=name.colour,
            fontsize=SMALL,
            va="center_baseline",
            annotation_clip=False,
            arrowprops={**arrow, "shrinkB": 3, "relpos": _nearest(own, box)} if far else None,
        )


Box = tuple[float, float, float, float]


def _place(
    point: tuple[float, float], width: float, taken: Sequence[Box], size: tuple[float, float]
) -> tuple[Box, bool]:
    """The nearest free place for a name, and whether it needs a line to its point."""
    candidates = list(_candidates(point, width))
    inside = [
        (box, far)
        for box, far in candidates
        if box[0] >= 0 and box[2] <= size[0] and box[1] >= 0 and box[3] <= size[1]
    ]
    for box, far in inside:
        if not any(_meet(box, other) for other in taken):
            return box, far
    return (inside or candidates)[0]


def _candidates(point: tuple[float, float], width: float) -> Iterator[tuple[Box, bool]]:
    """Places for a name around a point, by rising distance."""
    x, y = point
    for radius in np.arange(_NEAR, _FARTHEST, _STEP).tolist():
        for angle in _ANGLES:
            across, up = float(np.cos(angle)), float(np.sin(angle))
            # The box touches the circle with that side or corner which looks to the point.
            left = x + radius * across - width * (1 - across) / 2
            middle = y + (radius + LINE / 2) * up
            yield (left, middle - LINE / 2, left + width, middle + LINE / 2), radius > 2 * _NEAR


def _meet(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _nearest(point: Box, box: Box) -> tuple[float, float]:
    """Where a line from a point meets a name: a part of its width and height."""
    x, y = (point[0] + point[2]) / 2, (point[1] + point[3]) / 2
    return (
        float(np.clip((x - box[0]) / (box[2] - box[0]), 0, 1)),
        float(np.clip((y - box[1]) / (box[3] - box[1]), 0, 1)),
    )


def _fractions(axes: Any, x: Sequence[float], y: Sequence[float]) -> npt.NDArray[np.float64]:
    """Values -> fractions of the panel (N, 2)."""
    pixels = axes.transData.transform(np.column_stack([x, y]))
    return np.asarray(axes.transAxes.inverted().transform(pixels))


def _width(axes: Any) -> float:
    """Of a panel whose place is set, in inches."""
    return float(axes.get_position().width * axes.figure.get_figwidth())
