"""One of a report's charts, by its name, for an article."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.core import UsageError, nearest, printable
from bench.report.content.families import representative
from bench.report.content.parameters import PARAMETERS_TITLE, parameter_caption, parameter_curves
from bench.report.figures import typesetting
from bench.report.figures.figure import Drawn, Figure
from bench.report.figures.parameters import curve_figure
from bench.report.figures.quality import quality
from bench.report.figures.speed import speed

if TYPE_CHECKING:
    from bench.report.content.section import Section

#: Charts that are laid out for one width, `typesetting.WIDTH`.
FIXED = {"quality": quality, "speed": speed}


def chart(section: Section, of: str, width: float | None = None) -> tuple[Figure, Any]:
    """A chart with its canvas.

    Args:
        section: the data set.
        of: `quality`, `speed`, or a swept parameter: `latent`, or `vae[latent]` where several
            methods have it.
        width: in inches; None for the one that the reports have.

    Raises:
        UsageError: there is no such chart, or it has another width.
    """
    import matplotlib as mpl
    import matplotlib.pyplot as plt

    if of in FIXED and width is not None and width < typesetting.WIDTH:
        raise UsageError(
            f"the figure of {of} is {typesetting.WIDTH} inches wide and stands across both "
            "columns: leave --width out"
        )
    with mpl.rc_context():
        typesetting.theme()
        figure, canvas = _drawn(section, of, width or typesetting.WIDTH)
        plt.close(canvas)
    return figure, canvas


def _drawn(section: Section, of: str, width: float) -> tuple[Figure, Any]:
    if of in FIXED:
        drawn: Drawn = FIXED[of](representative(section))
        if not drawn:
            raise UsageError(f"the run has nothing that a figure of {of} would show")
        return drawn[0]
    every = parameter_curves(section)
    named = {f"{curves.method}[{curves.parameter}]": curves for curves in every}
    found = [curves for name, curves in named.items() if of in (name, curves.parameter)]
    if len(found) != 1:
        parameters = [curves.parameter for curves in every]
        known = [
            name if parameters.count(curves.parameter) > 1 else curves.parameter
            for name, curves in named.items()
        ]
        raise UsageError(
            f"--of {printable(of)!r} names no figure of this run: {nearest(of, [*known, *FIXED])}"
        )
    caption = parameter_caption(section, found[0])
    return Figure("parameters", PARAMETERS_TITLE, caption), curve_figure(found[0], width)
