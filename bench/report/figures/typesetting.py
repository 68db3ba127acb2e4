"""How figures are set: at the size at which an article prints them, without a screen or a date."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from bench.core import printable

#: Width of every figure in inches: the text of an A4 page with margins of 25 mm. It is printed as
#: it is drawn, so that a text of 7 points has 7 points on paper.
WIDTH = 6.3
#: Inches that a figure may be high, to share its page with a caption.
HIGHEST = 7.7
#: Of pictures that are no vectors: 1890 pixels for the width.
DPI = 300
#: Sizes of text, in points.
TEXT, SMALL = 8.0, 7.0

_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def use() -> None:
    """Set matplotlib and seaborn up to draw files."""
    import matplotlib as mpl

    mpl.use("agg")
    theme()


def theme() -> None:
    """Set matplotlib's look, and leave it where it draws."""
    import seaborn as sns

    sns.set_theme(
        context="paper",
        style="ticks",
        rc={
            "axes.grid": True,
            "axes.labelsize": TEXT,
            "axes.linewidth": 0.6,
            "axes.spines.right": False,
            "axes.spines.top": False,
            "axes.titlesize": TEXT,
            "figure.dpi": 100,
            "font.size": TEXT,
            "grid.alpha": 0.5,
            "grid.linewidth": 0.4,
            "legend.fontsize": SMALL,
            "legend.title_fontsize": SMALL,
            "lines.linewidth": 1.2,
            "lines.markersize": 4,
            # Type 42 (TrueType): publishers refuse Type 3.
            "pdf.fonttype": 42,
            "savefig.dpi": DPI,
            "svg.fonttype": "none",
            "svg.hashsalt": "bench",
            # Names are text from outside: `$` in them begins no formula.
            "text.parse_math": False,
            "xtick.labelsize": SMALL,
            "xtick.major.size": 3,
            "xtick.major.width": 0.6,
            "xtick.minor.size": 2,
            "xtick.minor.width": 0.4,
            "ytick.labelsize": SMALL,
            "ytick.major.size": 3,
            "ytick.major.width": 0.6,
            "ytick.minor.size": 2,
            "ytick.minor.width": 0.4,
        },
    )


@cache
def text_width(text: str, size: float = SMALL, *, bold: bool = False) -> float:
    """Inches that a line of text takes."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font = FontProperties(size=size, weight="bold" if bold else "normal")
    return float(text_to_path.get_text_width_height_descent(text, font, ismath=False)[0]) / 72


def broken(text: str, room: float) -> list[str]:
    """A name in lines that have room: broken at brackets, behind blanks and signs, else anywhere.

    Args:
        text: from outside.
        room: inches that a line may take.

    >>> broken("vae[latent=20,beta=0.5]", 50 / 72)
    ['vae', '[latent=20,', 'beta=0.5]']
    """
    lines, line = [], ""
    for piece in _pieces(printable(text)):
        if line and text_width((line + piece).strip()) > room:
            lines.append(line.strip())
            line = ""
        for character in piece:
            if line.strip() and text_width(line + character) > room:
                lines.append(line.strip())
                line = ""
            line += character
    return [*lines, line.strip()] if line.strip() else lines or [""]


def _pieces(text: str) -> list[str]:
    """A text cut before each bracket and behind each other sign, but for what belongs to a number.

    >>> _pieces("vae[latent=20,beta=0.5]")
    ['vae', '[latent=20,', 'beta=0.5]']
    """
    return re.findall(r"(?:\[|\()?[^\[\(\s,;/_-]*[\s,;/_-]?", text)[:-1] or [text]


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
