"""One look for every figure, safe for colour-blind readers.

A method has one colour and one marker, the same in each figure and, for the methods known
here, in each report.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from bench.core import IDENTITY

# seaborn's "colorblind" palette (after Wong 2011), in a fixed order.
_BLUE, _ORANGE, _GREEN, _RED, _PURPLE, _BROWN, _PINK, _GREY, _YELLOW, _SKY = (
    "#0173b2", "#de8f05", "#029e73", "#d55e00", "#cc78bc",
    "#ca9161", "#fbafe4", "#949494", "#ece133", "#56b4e9",
)  # fmt: skip
_KNOWN = {
    IDENTITY: (_GREY, "X"),
    "gaussian": (_SKY, "o"),
    "median": (_BROWN, "s"),
    "nlm": (_GREEN, "^"),
    "wavelet": (_PURPLE, "v"),
    "dae": (_ORANGE, "D"),
    "vae": (_BLUE, "P"),
    "cvae": (_YELLOW, "<"),
    "hvae": (_RED, "*"),
    "unet": ("#000000", "h"),
    "dncnn": ("#5b3a8e", ">"),
    "tv": ("#7f7f00", "d"),
    "bilateral": (_PINK, "p"),
    "wiener": ("#8b0000", "H"),
    "lmmse": ("#4b6cb7", "8"),
    "posterior-mean": ("#3cb371", "d"),
    "bm3d": ("#2f4f4f", "*"),
}
_SPARE_COLOURS = (
    "#c71585",
    "#556b2f",
    "#b5651d",
    "#1b7f79",
    "#7b68ee",
    "#ff6f61",
    "#a0a000",
    "#6a3d9a",
)
_SPARE_MARKERS = ("p", "d", "H", "8", "^", "v", "s", "o")

_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

#: Width of a figure in inches; 900 pixels at screen resolution, twice that in the file.
WIDTH = 9.0
DPI = 200


def assign(labels: Iterable[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Colour and marker of each method's label."""
    colours, markers = {}, {}
    spare = 0
    for label in labels:
        if label in _KNOWN:
            colours[label], markers[label] = _KNOWN[label]
        else:
            # Stepping both lists at different lengths keeps the pairs apart for long.
            colours[label] = _SPARE_COLOURS[spare % len(_SPARE_COLOURS)]
            markers[label] = _SPARE_MARKERS[
                (spare + spare // len(_SPARE_COLOURS)) % len(_SPARE_MARKERS)
            ]
            spare += 1
    return colours, markers


def use() -> None:
    """Set matplotlib and seaborn up; files without a screen and without a date in them."""
    import matplotlib as mpl
    import seaborn as sns

    mpl.use("agg")
    sns.set_theme(
        context="paper",
        style="ticks",
        font_scale=1.1,
        rc={
            "axes.grid": True,
            "axes.spines.right": False,
            "axes.spines.top": False,
            "axes.titlesize": "medium",
            "figure.dpi": 100,
            # Type 42 (TrueType): publishers refuse Type 3.
            "pdf.fonttype": 42,
            # Names are text from outside: `$` in them begins no formula.
            "text.parse_math": False,
            "grid.alpha": 0.5,
            "grid.linewidth": 0.6,
            "savefig.dpi": DPI,
            "svg.fonttype": "none",
            "svg.hashsalt": "bench",
        },
    )


def powers(axis: Any) -> None:
    """Label a logarithmic axis with powers of ten, as matplotlib would by formulae."""
    from matplotlib.ticker import LogFormatterSciNotation

    class Powers(LogFormatterSciNotation):
        def __call__(self, x: float, pos: int | None = None) -> str:
            text = str(super().__call__(x, pos))
            text = text.removeprefix(r"$\mathdefault{").removesuffix("}$").replace(r"\times", "×")
            base, _, power = text.partition("^{")
            return base + power.removesuffix("}").translate(_RAISED)

    class Between(Powers):
        def __call__(self, x: float, pos: int | None = None) -> str:
            # Labels of more than twice and five times a power would meet.
            return super().__call__(x, pos) if f"{x:e}"[0] in "25" else ""

    axis.set_major_formatter(Powers())
    axis.set_minor_formatter(Between())
