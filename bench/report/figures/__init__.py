"""The figures of a report, each as PNG and SVG."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bench.report import style
from bench.report.figures.figure import UNCERTAINTY, Figure

if TYPE_CHECKING:
    from bench.report.contents import Contents

__all__ = ["UNCERTAINTY", "Figure", "draw"]


def draw(contents: Contents, folder: Path) -> list[Figure]:
    """Draw what the run has data for; the figures in the order of the page."""
    import matplotlib.pyplot as plt

    from bench.report.figures.curves import losses, quality, speed
    from bench.report.figures.pictures import examples
    from bench.report.figures.transfer import transfer
    from bench.report.figures.uncertainty import calibration, uncertainty

    style.use()
    drawn = []
    for make in (examples, quality, speed, transfer, uncertainty, calibration, losses):
        for figure, canvas in make(contents):
            for suffix in ("png", "svg"):
                canvas.savefig(
                    folder / f"{figure.name}.{suffix}",
                    bbox_inches="tight",
                    metadata={"Date": None} if suffix == "svg" else {"Software": None},
                )
            plt.close(canvas)
            drawn.append(figure)
    return drawn
