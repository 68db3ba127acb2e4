"""The critical-difference diagram: which methods rank alike over several data sets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bench.report.content.metrics import title
from bench.report.content.overall import ranks_over
from bench.report.content.style import looks
from bench.report.content.words import outside
from bench.report.figures.figure import Drawn, Figure
from bench.report.figures.typesetting import WIDTH

if TYPE_CHECKING:
    from bench.report.content.section import Section


def critical_differences(
    sections: Sequence[Section], metric: str, budget: str | None = None
) -> Drawn:
    """Average ranks over data sets, where there are enough of them for a test (Demšar 2006).

    Of sections with the methods within a budget, the caption says so.
    """
    import matplotlib.pyplot as plt
    import scikit_posthocs

    scale = sections[0].scales[metric]
    ranks = ranks_over(sections, metric)
    if ranks is None or ranks.pairs is None:
        return []
    labels = [str(label) for label in ranks.average.index]
    look = looks(label for part in sections for label in part.labels)
    height = 1.2 + 0.22 * (len(labels) + 1) // 2
    canvas, axes = plt.subplots(figsize=(WIDTH, height), layout="constrained")
    scikit_posthocs.critical_difference_diagram(
        ranks.average,
        ranks.pairs,
        ax=axes,
        label_fmt_left="{label}  {rank:.1f} ",
        label_fmt_right=" {rank:.1f}  {label}",
        color_palette={label: look[label].colour for label in labels},
        crossbar_props={"color": "#444444", "linewidth": 3},
    )
    axes.grid(visible=False)
    within = f" within {outside(budget)}" if budget else ""
    caption = (
        f"Average ranks by {title(scale, heading=True)}{within} over {len(ranks.datasets)} data "
        "sets, 1 being the best. Bars join methods whose ranks Nemenyi's test cannot tell apart at "
        "0.05 (Demšar 2006)."
    )
    return [(Figure("ranks", "Ranks over data sets", caption), canvas)]
