"""The figures of a report, drawn with matplotlib."""

from bench.report.figures.draw import draw, draw_ranks
from bench.report.figures.figure import UNCERTAINTY, Figure

__all__ = ["UNCERTAINTY", "Figure", "draw", "draw_ranks"]
