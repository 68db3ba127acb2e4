"""Ranks of methods over several data sets (Demšar 2006), and who may take part in a ranking.

Levels of one data set share images and noise, so they are no independent blocks: a data set
counts once, whatever the number of its levels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.analysis.labels import tuples
from bench.analysis.means import table

if TYPE_CHECKING:
    import pandas as pd

#: Fewest data sets and methods that Friedman's test is made of.
LEAST_DATA_SETS, LEAST_METHODS = 3, 3


@dataclass(frozen=True)
class Ranks:
    """How methods rank over data sets; ties share their mean rank.

    Attributes:
        metric: by which they are ranked.
        datasets: the names of the data sets.
        average: a method's rank, 1 the best, averaged over the data sets; the best first.
        p: of Friedman's test that all methods rank alike; None where there is too little.
        pairs: p-values of Nemenyi's test, methods by methods; None likewise.
    """

    metric: str
    datasets: list[str]
    average: pd.Series
    p: float | None
    pairs: pd.DataFrame | None


@dataclass(frozen=True)
class Affordable:
    """Which methods keep to a bound on a cost under all noises that they were measured under.

    Attributes:
        within: the labels of those that do.
        over: label -> the noises, each a full name and a level, under which it costs more.
        unknown: label -> those under which its cost is not known; none of them is over.
    """

    within: list[str]
    over: dict[str, list[tuple[str, float]]]
    unknown: dict[str, list[tuple[str, float]]]


def affordable(cells: pd.DataFrame, column: str, most: float) -> Affordable:
    """Hold the methods of cells to a bound; of several seeds the median counts.

    Args:
        cells: as of `Run.cells`, with labels; only those that are done count.
        column: the cost's, as "milliseconds_per_megapixel".
        most: that a method may cost, in the column's unit.
    """
    done = cells[cells["status"] == "done"]
    costs = done.assign(cost=done[column].astype("float64"))
    entry = ["label", "noise", "level"]
    grouped = costs.groupby(entry, sort=False)["cost"].median().reset_index()
    found = Affordable([], {}, {})
    for label, noise, level, cost in tuples(grouped, *entry, "cost"):
        if not cost <= most:
            side = found.over if cost > most else found.unknown
            side.setdefault(label, []).append((noise, level))
    for label in found.over:
        found.unknown.pop(label, None)
    kept = dict.fromkeys(done["label"])
    found.within.extend(x for x in kept if x not in found.over and x not in found.unknown)
    return found


def average_ranks(
    summaries: Mapping[str, pd.DataFrame], metric: str, *, higher: bool
) -> Ranks | None:
    """Rank the methods that all data sets have, under the noises that all of them have.

    In each data set methods are ranked by the mean over these noises of their means.

    Args:
        summaries: data set -> its `means`.
        metric: its label.
        higher: more of it is better.

    Returns:
        None where there are no two data sets, or nothing that all of them have.
    """
    import pandas as pd

    tables = {name: table(summary, metric) for name, summary in summaries.items()}
    tables = {name: frame.dropna(axis="columns", how="all") for name, frame in tables.items()}
    if len(tables) < 2:
        return None
    first, *others = tables.values()
    columns = [c for c in first.columns if all(c in frame.columns for frame in others)]
    complete = [frame[columns].dropna().index for frame in tables.values()]
    labels = [label for label in first.index if all(label in index for index in complete)]
    if not columns or len(labels) < 2:
        return None
    scores = pd.DataFrame(
        {name: frame.loc[labels, columns].mean(axis=1) for name, frame in tables.items()}
    )
    average = scores.rank(ascending=not higher).mean(axis=1).sort_values(kind="stable")
    p = pairs = None
    if len(tables) >= LEAST_DATA_SETS and len(labels) >= LEAST_METHODS:
        import scikit_posthocs
        from scipy import stats

        p = float(stats.friedmanchisquare(*scores.to_numpy()).pvalue)
        pairs = scikit_posthocs.posthoc_nemenyi_friedman(scores.T)
    return Ranks(metric, list(tables), average, p, pairs)
