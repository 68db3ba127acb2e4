"""Ranks of methods over several data sets (Demšar 2006), and who may take part in a ranking.

Levels of one data set share images and noise, so they are no independent blocks: a data set
counts once, whatever the number of its levels.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

from bench.analysis.labels import tuples
from bench.analysis.means import table

if TYPE_CHECKING:
    import pandas as pd

    Noise = tuple[str, float]

#: Fewest data sets and methods that Friedman's test is made of.
LEAST_DATA_SETS, LEAST_METHODS = 3, 3


@dataclass(frozen=True)
class Ranks:
    """How methods rank over data sets; ties share their mean rank.

    Attributes:
        metric: by which they are ranked.
        datasets: the names of the data sets.
        columns: the noises, each a full name and a level, that they are ranked over.
        left_out: the methods that some data set lacks under one of these.
        average: a method's rank, 1 the best, averaged over the data sets; the best first.
        p: of Friedman's test that all methods rank alike; None where there is too little.
        pairs: p-values of Nemenyi's test, methods by methods; None likewise.
    """

    metric: str
    datasets: list[str]
    columns: list[Noise]
    left_out: list[str]
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


def common(measured: Mapping[str, Collection[Noise]]) -> tuple[list[str], list[Noise]]:
    """The methods and noises that rank each other: each of the methods has all of the noises.

    Ranks over whatever each method was measured under would favour the one that was measured under
    the easiest, or among the fewest. Of all such groups it is the one of the most entries; of as
    many the one of more methods. A group of one method ranks nothing, and is taken where there is
    no other.

    Args:
        measured: a method's label -> the noises, each a full name and a level, of its means.

    >>> low, high = ("gaussian", 0.1), ("gaussian", 0.3)
    >>> common({"identity": [low, high], "median": [low, high], "dncnn": [low]})
    (['identity', 'median'], [('gaussian', 0.1), ('gaussian', 0.3)])
    """
    noises = list(dict.fromkeys(noise for own in measured.values() for noise in own))
    sets = list(dict.fromkeys(frozenset(own) for own in measured.values()))
    shared = [frozenset.intersection(*sets)] if sets else []
    shared += [a & b for a, b in combinations(sets[:_MOST_SETS], 2)]

    def group(chosen: frozenset[Noise]) -> list[str]:
        return [label for label, own in measured.items() if chosen <= set(own)]

    found = {chosen: group(chosen) for chosen in dict.fromkeys([*sets, *shared]) if chosen}
    if not found:
        return [], []
    best = max(
        found, key=lambda one: (len(found[one]) > 1, len(found[one]) * len(one), len(found[one]))
    )
    return found[best], [noise for noise in noises if noise in best]


#: Sets of noises of which each two are tried; of a run there are one or a few.
_MOST_SETS = 50


def average_ranks(
    summaries: Mapping[str, pd.DataFrame],
    metric: str,
    *,
    higher: bool,
    uneven: Collection[Noise] = (),
) -> Ranks | None:
    """Rank the methods that all data sets have, under the noises that all of them have.

    In each data set methods are ranked by the mean over these noises of their means. Where not all
    data sets have all methods under all noises, it is those of `common`.

    Args:
        summaries: data set -> its `means`.
        metric: its label.
        higher: more of it is better.
        uneven: noises under which a data set's means are over other images each, see `uneven`:
            they rank nothing.

    Returns:
        None where there are no two data sets, or nothing that all of them have.
    """
    import pandas as pd

    tables: dict[str, Any] = {name: table(summary, metric) for name, summary in summaries.items()}
    if len(tables) < 2:
        return None
    first, *others = tables.values()
    columns = [c for c in first.columns if c not in uneven and all(c in f.columns for f in others)]
    every = list(dict.fromkeys(label for frame in tables.values() for label in frame.index))
    measured = {
        label: [c for c in columns if all(frame[c].notna().at[label] for frame in tables.values())]
        for label in every
        if all(label in frame.index for frame in tables.values())
    }
    labels, columns = common(measured)
    if len(labels) < 2:
        return None
    scores: Any = pd.DataFrame(
        {name: frame.loc[labels, columns].mean(axis=1) for name, frame in tables.items()}
    )
    average = scores.rank(ascending=not higher).mean(axis=1).sort_values(kind="stable")
    p = pairs = None
    if len(tables) >= LEAST_DATA_SETS and len(labels) >= LEAST_METHODS:
        import scikit_posthocs
        from scipy import stats

        p = float(stats.friedmanchisquare(*scores.to_numpy()).pvalue)
        pairs = scikit_posthocs.posthoc_nemenyi_friedman(scores.T)
    left_out = [label for label in every if label not in labels]
    return Ranks(metric, list(tables), columns, left_out, average, p, pairs)
