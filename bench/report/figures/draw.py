"""The figures of a report, each as PNG and SVG, or as PDF."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bench.report.content.families import representative
from bench.report.figures import typesetting
from bench.report.figures.figure import Drawn, Figure
from bench.store import commit

if TYPE_CHECKING:
    from bench.report.content.section import Section

#: Those of a page in Markdown.
FORMS = ("png", "svg")
#: Without a date or a version, the same figure is the same file.
METADATA = {
    "svg": {"Date": None},
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}


def draw(section: Section, folder: Path, forms: Iterable[str] = FORMS) -> list[Figure]:
    """Draw what there is data for; the figures in the order of the page."""
    from bench.report.figures.losses import losses
    from bench.report.figures.parameters import parameters
    from bench.report.figures.pictures import examples
    from bench.report.figures.quality import quality
    from bench.report.figures.speed import speed
    from bench.report.figures.transfer import transfer
    from bench.report.figures.tuning import tuning
    from bench.report.figures.uncertainty import calibration, uncertainty

    shown = representative(section)
    makers = [partial(make, shown) for make in (examples, quality)]
    makers.append(partial(parameters, section))  # all values, of however many methods
    others = (speed, transfer, uncertainty, calibration, losses, tuning)
    makers += [partial(make, shown) for make in others]
    return _save(makers, folder, forms, section.suffix)


def draw_ranks(
    sections: Sequence[Section],
    metric: str,
    folder: Path,
    forms: Iterable[str] = FORMS,
    budget: str | None = None,
) -> list[Figure]:
    """Draw how the methods rank over several data sets, where there are enough of them.

    Of sections with the methods within a budget, its figure says so.
    """
    from bench.report.figures.ranks import critical_differences

    return _save([lambda: critical_differences(sections, metric, budget)], folder, forms)


def _save(
    makers: Iterable[Callable[[], Drawn]], folder: Path, forms: Iterable[str], suffix: str = ""
) -> list[Figure]:
    """Write the figures as they are made, so that only one is held."""
    import matplotlib.pyplot as plt

    typesetting.use()
    drawn = []
    with warnings.catch_warnings():
        # Names may be written in any script; what the font has not shows as a box.
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        for make in makers:
            for figure, canvas in make():
                figure = replace(figure, name=figure.name + suffix)
                for form in forms:
                    file = io.BytesIO()
                    canvas.savefig(file, format=form, metadata=METADATA[form])
                    commit(folder / f"{figure.name}.{form}", file.getvalue(), flush=False)
                plt.close(canvas)
                drawn.append(figure)
    return drawn
