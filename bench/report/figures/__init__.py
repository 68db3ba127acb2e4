"""The figures of a report, each as PNG and SVG, or as PDF."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from bench.report import style
from bench.report.figures.figure import UNCERTAINTY, Figure

if TYPE_CHECKING:
    from bench.report.contents import Contents

__all__ = ["UNCERTAINTY", "Figure", "draw"]


#: Those of a page in Markdown.
FORMS = ("png", "svg")
#: Without a date or a version, the same figure is the same file.
_METADATA = {
    "svg": {"Date": None},
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}


def draw(contents: Contents, folder: Path, forms: Iterable[str] = FORMS) -> list[Figure]:
    """Draw what there is data for; the figures in the order of the page."""
    import matplotlib.pyplot as plt

    from bench.report.figures.curves import losses, quality, speed
    from bench.report.figures.pictures import examples
    from bench.report.figures.transfer import transfer
    from bench.report.figures.uncertainty import calibration, uncertainty

    style.use()
    drawn = []
    with warnings.catch_warnings():
        # Names may be written in any script; what the font has not shows as a box.
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        for make in (examples, quality, speed, transfer, uncertainty, calibration, losses):
            for figure, canvas in make(contents):
                figure = replace(figure, name=figure.name + contents.suffix)
                for form in forms:
                    canvas.savefig(
                        folder / f"{figure.name}.{form}",
                        bbox_inches="tight",
                        metadata=_METADATA[form],
                    )
                plt.close(canvas)
                drawn.append(figure)
    return drawn
