"""Intervals of means, and which methods can be told apart: one procedure for all of it.

What is compared are means over images, under every noise and for every two methods, by one metric
on the same noisy images. A difference d of two means stands beside its standard error,

    e^2 = s_image^2 / n + s_seed^2 / k

with s_image over the n images' differences (each a mean over training seeds) or, where several
images are of one unit (a field, patient or file), over the n units' (see `unit_scores`); and, for
methods that are trained at random, s_seed over the differences of the k seeds' means; paired where
both have the same seeds, else of either side (Welch 1947). Methods are told apart where d lies
further from 0 than as many errors as a difference of equal methods reaches anywhere with a chance
of 5%, the critical value. It also gives the interval of d and the smallest difference that would
have been found, so that these cannot contradict each other.

- Where nothing is trained at random the critical value comes from a studentised max-T bootstrap
  over units (Romano and Wolf 2005, single step): all differences are resampled alike, each is
  measured in its own 2.5% points on either side, since scores are skewed, and the largest of each
  resample counts. It is wider by 4/n, since a few units seldom hold their population's tails.
- Four seeds are too few to resample: there images and seeds each have Student's value of their own
  degrees of freedom, at a share of the error (Bonferroni), and the difference must reach the root
  of the sum of their squares (Banerjee 1960), which errs no more often than either alone.

The pairs share the error by their number, which grows with the square of the methods: of more than
`MOST_COMPARED` under a noise only as many are compared with each other, those with the best means,
and every method with the noisy image itself. The best of equal methods lie closer together than any
others of them would, so that choosing them makes no differences.

Of a method with a single training nobody knows how far another would lie: no pair with one is told
apart. What can be said of fewer than four trainings is said of these very models, over images alone
(`told`), a family of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.analysis import statistics
from bench.analysis.families import ENOUGH_TRAININGS, Family, Pairs
from bench.analysis.labels import tuples
from bench.analysis.means import COLUMNS, in_order, noise_means, table
from bench.analysis.scores import NOISE, column_means
from bench.core import IDENTITY

if TYPE_CHECKING:
    import pandas as pd

    from bench.analysis.scores import NoiseScores, Scores
    from bench.analysis.statistics import Array

_MEAN = COLUMNS.index("mean") + 1
_SUMMARY = [*COLUMNS[:_MEAN], "low", "high", *COLUMNS[_MEAN:]]
_PAIR = [
    "a", "b", "images", "units", "trainings", "difference", "low", "high", "p", "detectable",
    "better", "told",
]  # fmt: skip
#: Methods under one noise of which every two are compared.
MOST_COMPARED = 50
# Pairs whose resamples are held at once.
_BLOCK = 1000
# Share of resamples without spread from which a pair tells nothing: that of five images that
# differ. Several such pairs would rule the largest of each resample.
_RARE = 0.005


def compare(scores: Scores) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The means with their intervals, and the pairs of methods under every noise.

    Images are paired where the digests of their noisy pixels are equal, by which they are the
    same image under the same noise.

    Returns:
        `means` with the ends of the 95% confidence interval over units, low and high (NaN for a
        single one, infinite where there are too few to give one). And a row for each data set,
        noise, level, metric and pair of methods a and b (see `MOST_COMPARED`): images in common,
        and units that these are of; trainings, the number of training seeds of the one that has
        fewer (0 where nothing is random); difference of the means (a - b, in the metric's unit);
        low and high, the ends of its interval (all intervals of a metric hold together with 95%);
        p (adjusted for all pairs and noises); detectable (the smallest difference that would have
        been found with a chance of 80%); better (the label of the better method; "" where they
        cannot be told apart, and wherever there is but one training); and told (better or, of
        fewer than four trainings, the better one of these very models, whatever others would give;
        interval, p and detectable are then theirs).
    """
    # What is held of one noise is given back before the next.
    summaries, pairs = compare_noises(scores.noises())
    return in_order(summaries, scores).reindex(columns=_SUMMARY), pairs


def compare_noises(parts: Iterable[NoiseScores]) -> tuple[list[pd.DataFrame], pd.DataFrame]:
    """The same of noises one after the other: the means under each, and the pairs."""
    import pandas as pd

    summaries: list[pd.DataFrame] = []
    families: dict[tuple[str, str], Family] = {}
    for part in parts:
        summary = noise_means(part)
        ends = []
        for metric, scale in part.scales.items():
            compared = _Compared(part, metric)
            ends.append(compared.intervals())
            family = families.setdefault((part.point[0], metric), Family(metric, scale.higher))
            compared.pairs(family)
        low, high = np.concatenate(ends, axis=1)
        summaries.append(summary.assign(low=low, high=high))
    frames = [family.judged() for family in families.values()]
    columns = [*NOISE, "metric", *_PAIR]
    pairs = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()
    pairs = pairs.reindex(columns=columns)
    if len(pairs):
        points = list(tuples(pairs, *NOISE))
        number = {point: at for at, point in enumerate(dict.fromkeys(points))}
        order = [number[point] for point in points]
        pairs = pairs.iloc[np.argsort(order, kind="stable")].reset_index(drop=True)
    return summaries, pairs


class _Compared:
    """The scores of a metric under one noise."""

    def __init__(self, part: NoiseScores, metric: str) -> None:
        self._part = part
        self._values = part.values[metric]
        self._there = np.isfinite(self._values)
        self._higher = part.scales[metric].higher
        at = list(part.scales).index(metric)
        self._seeds = [
            # Of a training without a value nothing is known.
            {seed: float(means[at]) for seed, means in by_seed.items() if np.isfinite(means[at])}
            for by_seed in part.seed_means
        ]

    def intervals(self) -> Array:
        """Ends of the interval of each method's mean: (2, methods)."""
        ends = np.full((2, self._values.shape[1]), np.nan)
        for rows, columns in _alike(self._there):
            by_unit = statistics.unit_scores(self._values[rows][:, columns], self._part.units[rows])
            if len(by_unit.scores) > 1:
                ends[:, columns] = statistics.studentised(by_unit).intervals()
        return ends

    def pairs(self, family: Family) -> None:
        """Give a family the two methods of each pair that have at least two units in common."""
        both = self._pairs()
        for start in range(0, len(both), _BLOCK):
            first, second = np.array(both[start : start + _BLOCK]).T
            for rows, chosen in _alike(self._there[:, first] & self._there[:, second]):
                self._add(family, rows, first[chosen], second[chosen])

    def _pairs(self) -> list[tuple[int, int]]:
        """Which are compared: all, or those of the best methods and of the noisy image."""
        labels, mean = self._part.labels, column_means(self._values)
        best = np.argsort(-mean if self._higher else mean, kind="stable")
        chosen = sorted(best[:MOST_COMPARED].tolist())
        pairs = list(combinations(chosen, 2))
        if IDENTITY in labels and len(chosen) < len(labels):
            noisy = labels.index(IDENTITY)
            others = set(range(len(labels))) - {noisy}
            others -= set(chosen) if noisy in chosen else set()
            pairs += sorted((min(noisy, other), max(noisy, other)) for other in others)
        return pairs

    def _add(self, family: Family, rows: Any, first: Any, second: Any) -> None:
        values = self._values[rows]
        differences = values[:, first] - values[:, second]
        images = len(np.unique(self._part.positions[rows]))
        by_unit = statistics.unit_scores(differences, self._part.units[rows])
        if len(by_unit.scores) < 2:
            return
        resampled = statistics.studentised(by_unit)
        low, high = resampled.tails()
        rare = np.isinf(resampled.draws).mean(axis=0) > _RARE
        low[rare], high[rare] = -np.inf, np.inf
        seeds = [self._seed_error(*pair) for pair in zip(first, second, strict=True)]
        trainings, seed_error = (np.array(column) for column in zip(*seeds, strict=True))
        pairs = Pairs(
            self._part.point,
            [self._part.labels[index] for index in first],
            [self._part.labels[index] for index in second],
            np.full(len(first), images),
            np.full(len(first), len(by_unit.scores)),
            np.full(len(first), by_unit.effective),
            trainings,
            resampled.mean,
            resampled.error,
            seed_error,
            low,
            high,
        )
        family.add(pairs, resampled.draws)

    def _seed_error(self, a: int, b: int) -> tuple[int, float]:
        """The fewer training seeds of two methods, and the error of their difference over seeds."""
        ours, theirs = self._seeds[a], self._seeds[b]
        random = [by_seed for by_seed in (ours, theirs) if by_seed]
        trainings = min(map(len, random), default=0)
        if trainings < 2:
            return trainings, 0.0
        if ours.keys() == theirs.keys():
            paired = [ours[seed] - theirs[seed] for seed in ours]
            return trainings, float(np.std(paired, ddof=1) / trainings**0.5)
        variances = (np.var(list(by_seed.values()), ddof=1) / len(by_seed) for by_seed in random)
        return trainings, float(sum(variances) ** 0.5)


def _alike(there: Any) -> Iterator[tuple[Any, Any]]:
    """The columns of a mask that hold the same rows: these rows, and the columns' numbers."""
    groups: dict[bytes, list[int]] = {}
    for column, rows in enumerate(there.T):
        groups.setdefault(rows.tobytes(), []).append(column)
    for columns in groups.values():
        rows = there[:, columns[0]]
        if rows.any():
            yield rows, np.array(columns)


def uneven(summary: pd.DataFrame, pairs: pd.DataFrame, metric: str) -> set[tuple[str, float]]:
    """The noises under which methods have a metric of other images each: no mean is best there.

    What decides is whether every method's mean is over as many images as any two have in common;
    two of several units each that could not be compared have none. Methods without a value do not
    count.
    """
    images: Any = table(summary, metric, "images").where(table(summary, metric).notna())
    least, most = images.min(), images.max()
    units, methods = table(summary, metric, "units").where(images.notna()).min(), images.count()
    pairs = pairs[pairs["metric"] == metric]
    common: Any = pairs.groupby(["noise", "level"])["images"].agg(["min", "count"])
    found: set[tuple[str, float]] = set()
    columns: Any = images.columns
    for column in columns:
        fewest, compared = common.loc[column] if column in common.index else (most[column], 0)
        every = methods[column] * (methods[column] - 1) / 2
        apart = units[column] > 1 and methods[column] <= MOST_COMPARED and compared < every
        if apart or min(fewest, least[column]) < most[column]:
            found.add(column)
    return found


def marks(
    summary: pd.DataFrame,
    pairs: pd.DataFrame,
    metric: str,
    *,
    higher: bool,
    unranked: Collection[str] = (),
) -> pd.DataFrame:
    """Mark each column's highest mean, and what cannot be told apart from it.

    "best" is the highest mean (the lowest, where not `higher` is better), and "few" where it is
    that of a method with fewer than four trainings, of which nobody knows how far others would lie;
    "near" what cannot be told apart from it, of few trainings by their images alone; "" the rest.
    Tables show them in bold, as ‡ and as †; what was not compared with the best has no mark. Rows
    methods, columns (noise, level), as in `table`. Nothing is marked where methods are over other
    images each, see `uneven`; nor are the methods `unranked`, which have seen the images.
    """
    mean = table(summary, metric)
    without: set[Any] = uneven(summary, pairs, metric)
    pairs = pairs[pairs["metric"] == metric]
    apart, compared = set(), set()
    for noise, level, a, b, told in tuples(pairs, "noise", "level", "a", "b", "told"):
        pair = (noise, level, *sorted((a, b)))
        compared.add(pair)
        if told:
            apart.add(pair)
    few = summary[summary["trainings"].between(1, ENOUGH_TRAININGS - 1)]
    few_trainings = set(tuples(few, "noise", "level", "label"))
    result = mean.astype(object)
    of_mean: Any = mean.columns
    for column in of_mean:
        values = mean[column].where(~mean.index.isin(list(unranked)))
        if values.isna().all() or column in without:
            result[column] = ""
            continue
        winner: Any = values.idxmax() if higher else values.idxmin()
        with_winner = [(*column, *sorted((label, winner))) for label in mean.index]
        # Not compared are those beyond the bound, and those with too few images: these are not told
        # from the best.
        beyond = values.rank(ascending=not higher, method="first") > MOST_COMPARED
        result[column] = [
            "" if np.isnan(value) or pair in apart or (out and pair not in compared) else "near"
            for pair, value, out in zip(with_winner, values, beyond, strict=True)
        ]
        result.loc[winner, column] = "few" if (*column, winner) in few_trainings else "best"
    return result


def harm(pairs: pd.DataFrame) -> pd.DataFrame:
    """Where a method is worse than the noisy image itself, `identity`, and told apart from it.

    Of fewer than four trainings that may be said of these very models.
    Columns: label, noise, level, metric, difference (method - identity), low, high.
    """
    import pandas as pd

    worse = pairs[pairs["told"] == IDENTITY]
    swap = worse["a"] == IDENTITY
    sign = np.where(swap, -1.0, 1.0)
    return pd.DataFrame(
        {
            "label": worse["b"].where(swap, worse["a"]),
            "noise": worse["noise"],
            "level": worse["level"],
            "metric": worse["metric"],
            "difference": sign * worse["difference"],
            "low": np.where(swap, -worse["high"], worse["low"]),
            "high": np.where(swap, -worse["low"], worse["high"]),
        }
    ).reset_index(drop=True)
