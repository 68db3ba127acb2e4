"""What the page's charts share: their form, and each method's look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.core import Scale, printable
from bench.report.content.metrics import unit
from bench.report.content.rows import Column
from bench.report.content.style import looks

#: matplotlib's markers -> plotly's, and a sign of the same form for text.
SYMBOLS = {
    "X": ("x", "✖"), "o": ("circle", "●"), "s": ("square", "■"), "^": ("triangle-up", "▲"),
    "v": ("triangle-down", "▼"), "D": ("diamond", "◆"), "P": ("cross", "✚"),
    "<": ("triangle-left", "◀"), "*": ("star", "★"), "h": ("hexagon", "⬢"),
    ">": ("triangle-right", "▶"), "d": ("diamond-tall", "♦"), "p": ("pentagon", "⬟"),
    "H": ("hexagon2", "⬣"), "8": ("octagon", "◉"),
}  # fmt: skip
#: Of noises, from dark to light, and of what there are more of.
SHADES = ("#440154", "#3b528b", "#21918c", "#5ec962", "#b8860b", "#d55e00", "#cc78bc")
# Of a method's line, in pixels.
_WIDTH = 1.8


@dataclass(frozen=True)
class Chart:
    """A chart with its choices, one of which is shown.

    Attributes:
        title: of its section.
        caption: what it shows; backticks enclose code.
        figures: choice -> plotly's data and layout.
        height: in pixels.
        key: what its colours and signs mean, for a picture of it that has no caption.
        labels: where lines are named: at their "ends", points "beside" them; "" where a legend
            or an axis names them.
    """

    title: str
    caption: str
    figures: Mapping[str, Mapping[str, Any]]
    height: int = 380
    wide: bool = True
    key: str = ""
    labels: str = ""


class Styles:
    """Look and index of each method, index of each noise: one for the whole page."""

    def __init__(self, labels: Sequence[str], columns: Sequence[Column] = ()) -> None:
        self.labels = list(labels)
        self.looks = looks(labels)
        self.index = {label: index for index, label in enumerate(labels)}
        self._columns = {column: index for index, column in enumerate(columns)}

    def column(self, column: Column) -> int:
        """The index of a noise, by which the page's filter hides it."""
        return self._columns.setdefault(column, len(self._columns))

    @property
    def on_dark(self) -> dict[str, str]:
        """Colour of a method -> what it is on a dark ground."""
        return {look.colour: look.on_dark for look in self.looks.values()}

    def sign(self, label: str) -> str:
        """Its marker as a sign of text."""
        return SYMBOLS[self.looks[label].marker][1]

    def own(self, label: str) -> str:
        """Its colours as properties of CSS."""
        look = self.looks[label]
        return f"--own: {look.colour}; --own-dark: {look.on_dark}"

    def trace(self, label: str) -> dict[str, Any]:
        """What all traces of a method share."""
        look = self.looks[label]
        symbol = SYMBOLS[look.marker][0]
        dash = ",".join(f"{_WIDTH * length:g}px" for length in look.dash) or "solid"
        return {
            "name": safe(label),
            "meta": self.index[label],
            "marker": {"color": look.colour, "symbol": symbol, "size": 9},
            "line": {"color": look.colour, "width": _WIDTH, "dash": dash},
            "showlegend": False,
        }


def safe(text: str) -> str:
    """Text from outside, of which plotly makes no markup."""
    return escape(printable(text), quote=False)


def safe_unit(scale: Scale) -> str:
    """A metric's unit as it follows a number."""
    text = safe(unit(scale)).strip()
    return f" {text}" if text else ""


def metric_axis(scale: Scale, *, logarithmic: bool = False) -> dict[str, Any]:
    """An axis of a metric: its title, and a range that stays within the values that it can have."""
    axis: dict[str, Any] = {"title": {"text": safe(scale.heading)}}
    if logarithmic:
        return {**axis, "type": "log", "dtick": "D2"}
    ends = {"clipmin": scale.least, "clipmax": scale.most}
    known = {name: value for name, value in ends.items() if np.isfinite(value)}
    return {**axis, "autorangeoptions": known} if known else axis


def scatter(**values: Any) -> dict[str, Any]:
    """A line or points, as plotly draws them."""
    return {"type": "scatter", **values}


def box(**values: Any) -> dict[str, Any]:
    """Quantiles, as plotly draws them."""
    return {"type": "box", **values}


def heatmap(**values: Any) -> dict[str, Any]:
    """Coloured squares, as plotly draws them."""
    return {"type": "heatmap", **values}


def figure(
    traces: Sequence[Mapping[str, Any]],
    *,
    of: Mapping[str, Sequence[int]] | None = None,
    **layout: Any,
) -> dict[str, Any]:
    """A figure of plotly, ready for JSON, and what the page's filters are to know of it.

    Args:
        traces: by `scatter`, `box` or `heatmap`. One may have what plotly does not know: `meta`,
            the index of its method, or `methods`, those of its points; `columns`, the index of its
            noise or, in a list, its points'.
        of: the `methods` and `columns` of which it is, where it is of some alone: without any of
            them there is nothing to choose it for.
        **layout: of plotly.
    """
    return {"data": list(traces), "layout": layout, "of": dict(of or {})}


def numbers(values: npt.ArrayLike) -> list[float | None]:
    """Plain numbers; JSON has no NaN and no infinity. Six digits are more than a screen shows."""
    return [
        None if not np.isfinite(v) else float(f"{v:.6g}") for v in np.asarray(values, dtype=float)
    ]
