"""How a method looks in every figure and chart, safe for colour-blind readers.

Methods of one name share a hue; shade, dash and marker tell its variants apart: `vae` and
`vae[latent=5]` are both blue. The methods known here have the same hue in each report.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench.core import IDENTITY
from bench.report.content.colour_vision import distances
from bench.report.content.palette import GREY, HUES, KNOWN

#: Two colours that are this far apart (CIEDE2000, by the least of all kinds of sight) are told
#: apart; where two are not, dash and marker differ.
APART = 10
#: matplotlib's.
MARKERS = ("o", "s", "^", "D", "v", "P", "<", "*", "h", ">", "d", "p", "H", "8", "X")
#: Lengths of strokes and gaps, in widths of the line; the first one is solid.
DASHES: tuple[tuple[float, ...], ...] = (
    (),
    (4, 1.5),
    (1.2, 1.2),
    (6, 1.5, 1.2, 1.5),
    (9, 2),
    (4, 1.5, 1.2, 1.5, 1.2, 1.5),
    (2.2, 2.2),
    (9, 1.5, 2.5, 1.5),
)

_COLOURS = (GREY, *(shade for hue in HUES for shade in hue))


@dataclass(frozen=True)
class Look:
    """How a method is drawn.

    Attributes:
        colour: `#rrggbb`, on white or paper.
        on_dark: the same on a dark ground; goes with `colour`, whatever the method.
        dash: one of `DASHES`.
        marker: one of `MARKERS`.
    """

    colour: str
    on_dark: str
    dash: tuple[float, ...]
    marker: str


def looks(labels: Iterable[str]) -> dict[str, Look]:
    """How each method of a report looks.

    Args:
        labels: in the order in which the report has them; neighbours are told apart by colour, as
            are the families, while there are no more than colours.

    >>> vae, five = looks(["vae", "vae[latent=5]"]).values()
    >>> vae.dash == five.dash or vae.marker == five.marker or vae.colour == five.colour
    False
    """
    return dict(_looks(tuple(dict.fromkeys(labels))))


@functools.lru_cache(maxsize=32)
def _looks(labels: Sequence[str]) -> dict[str, Look]:
    near = _nearness()
    shades = _shades(labels, near)
    dashes: list[int] = []
    markers: list[int] = []
    for at, label in enumerate(labels):
        name = method_name(label)
        variants = [other for other in range(at) if method_name(labels[other]) == name]
        alike = [other for other in range(at) if near[shades[other], shades[at]] < APART]
        dashes.append(_rarest(len(DASHES), dashes, (alike, variants), first=0))
        markers.append(_rarest(len(MARKERS), markers, (alike, variants), first=_marker(name, at)))
    return {
        label: Look(*_COLOURS[shade], DASHES[dash], MARKERS[marker])
        for label, shade, dash, marker in zip(labels, shades, dashes, markers, strict=True)
    }


def method_name(label: str) -> str:
    """A method's name, of its label.

    >>> method_name("vae[latent=5]")
    'vae'
    """
    return label.partition("[")[0]


def _rarest(number: int, used: Sequence[int], by: Iterable[Sequence[int]], first: int) -> int:
    """The choice that is rarest among others, then among further ones; in a ring from the first."""
    counts = [Counter(used[other] for other in others) for others in by]
    return min(
        range(number),
        key=lambda choice: (*(count[choice] for count in counts), (choice - first) % number),
    )


def _marker(name: str, at: int) -> int:
    if name == IDENTITY:
        return MARKERS.index("X")
    return KNOWN.index(name) % len(MARKERS) if name in KNOWN else at % len(MARKERS)


@functools.cache
def _nearness() -> npt.NDArray[np.float64]:
    """How far each two of `_COLOURS` are apart on the ground on which they are nearer."""
    light, dark = zip(*_COLOURS, strict=True)
    return np.minimum(distances(light), distances(dark))


def _shades(labels: Sequence[str], near: npt.NDArray[np.float64]) -> list[int]:
    """Of each label its colour's place in `_COLOURS`."""
    names = [method_name(label) for label in labels]
    hue_of = _hues(dict.fromkeys(names))
    bases = {name: _places(hue)[0] for name, hue in hue_of.items()}
    chosen: list[int] = []
    for at, name in enumerate(names):
        others = [base for other, base in bases.items() if other != name]
        beside = chosen[-1:]
        if at + 1 < len(names) and names[at + 1] not in names[: at + 1]:
            beside.append(bases[names[at + 1]])
        chosen.append(
            max(
                _places(hue_of[name]),
                key=lambda place: (
                    # Told apart from its neighbours; a method's first colour is its hue's; like no
                    # other method's; rare.
                    min([APART, *near[place, beside]]),
                    place == bases[name] and name not in names[:at],
                    -int((near[place, others] < APART).sum()),
                    -chosen.count(place),
                ),
            )
        )
    return chosen


def _places(hue: int | None) -> list[int]:
    """Where a hue's shades are in `_COLOURS`; grey where there is none."""
    if hue is None:
        return [0]
    start = 1 + sum(len(shades) for shades in HUES[:hue])
    return list(range(start, start + len(HUES[hue])))


def _hues(names: Iterable[str]) -> dict[str, int | None]:
    """Method -> its hue: its own where it is known, and else one that is free, or used least."""
    names = list(names)
    found: dict[str, int | None] = {
        name: KNOWN.index(name) for name in names if name in KNOWN[: len(HUES)]
    }
    for name in names:
        if name == IDENTITY:
            found[name] = None
        elif name not in found:
            used = list(found.values())
            # From the last one on: the first ones are those of well-known methods.
            found[name] = min(reversed(range(len(HUES))), key=used.count)
    return found
