"""Ranks of methods over several data sets (Demšar 2006).

Levels of one data set share images and noise, so they are no independent blocks: a data set
counts once, whatever the number of its levels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

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
