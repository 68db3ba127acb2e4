"""How methods rank over several data sets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bench.analysis import Ranks, average_ranks, uneven
from bench.core import noise_text
from bench.report.content.metrics import title
from bench.report.content.words import code, listed, outside

if TYPE_CHECKING:
    from bench.report.content.section import Section

#: Methods, and noises, that are named one by one.
_NAMED = 6


def ranks_over(sections: Sequence[Section], metric: str) -> Ranks | None:
    """The ranks by a metric, see `analysis.average_ranks`; None where there are none."""
    return average_ranks(
        {part.name: part.summary for part in sections},
        metric,
        higher=sections[0].scales[metric].higher,
        uneven=set().union(*(uneven(part.summary, part.pairs, metric) for part in sections)),
    )


def over_data_sets(
    sections: Sequence[Section], metric: str | None = None, budget: str | None = None
) -> str:
    """How the methods rank over several data sets, in sentences; "" for one.

    By a metric's label; by default that of the first data set which leads. Of sections with the
    methods within a budget, it says so.
    """
    metric = sections[0].first_metric if metric is None else metric
    ranks = ranks_over(sections, metric)
    if ranks is None:
        return ""
    named = ", ".join(f"{code(str(label))} {rank:.1f}" for label, rank in ranks.average.items())
    over = f"over {len(ranks.datasets)} data sets"
    over = f"within {outside(budget)} {over}" if budget else over
    at = [noise_text(*column) for column in ranks.columns]
    noises = outside(listed(at)) if len(at) <= _NAMED else f"{len(at)} noises"
    text = f"Average ranks by {title(sections[0].scales[metric])} {over}, at {noises}: {named}."
    if ranks.left_out:
        some = [code(str(label)) for label in ranks.left_out[:_NAMED]]
        more = len(ranks.left_out) - len(some)
        some += [f"{more} more"] if more else []
        text += (
            f" Not measured under all of these in all data sets, and not ranked: {listed(some)}."
        )
    if ranks.p is None:
        return f"{text} Fewer than three data sets carry no test of them."
    if ranks.p < 0.05:
        return f"{text} The methods do not all rank alike (Friedman's test, {p_text(ranks.p)})."
    return f"{text} By Friedman's test ({p_text(ranks.p)}) they might all rank alike."


def p_text(p: float) -> str:
    """A p-value as it is printed: `p = 0.031` or `p < 0.001`."""
    return f"p = {p:.3f}" if p >= 0.001 else "p < 0.001"
