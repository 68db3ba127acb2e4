"""Intervals of means, and which methods can be told apart.

Two methods are told apart by a metric where Wilcoxon's signed-rank test on the same images,
corrected after Holm for all pairs of methods and all noises of the data set, has p < 0.05, and
the 95% interval of the mean difference lies on the same side of 0: the one alone may hold
while the means, which tables show, say the opposite.

The tests are over images. What they tell apart are these trained models; how far another
training would move a mean is `seed_sd` of `means`.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.analysis import statistics
from bench.analysis.labels import METRICS, tuples
from bench.analysis.means import COLUMNS, in_order, noise_means, table
from bench.analysis.scores import NOISE
from bench.core import IDENTITY

if TYPE_CHECKING:
    import pandas as pd

    from bench.analysis.scores import Scores
    from bench.analysis.statistics import Array

_MEAN = COLUMNS.index("mean") + 1
_SUMMARY = [*COLUMNS[:_MEAN], "low", "high", *COLUMNS[_MEAN:]]
_PAIR = ["a", "b", "images", "difference", "low", "high", "deviation", "p", "direction"]


def compare(scores: Scores) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The means with their intervals, and every pair of methods under every noise.

    Images are paired where the digests of their noisy pixels are equal, by which they are the
    same image under the same noise.

    Returns:
        `means` with the ends of the 95% confidence interval, low and high (NaN for a single
        image). And a row for each data set, noise, level, metric and pair of methods a and b:
        images in common, difference of the means (a - b, in the metric's unit), ends of its 95%
        interval, p (after Holm), detectable (the smallest difference that would have been found
        with a chance of 80%) and better (the label of the better one; "" where they cannot be
        told apart).
    """
    import pandas as pd

    summaries, parts = [], []
    for part in scores.noises():  # what is held of one noise is given back before the next
        summary = noise_means(part)
        lows: list[float] = []
        highs: list[float] = []
        for metric, values in part.values.items():
            resampled = _Resampled(values)
            for ends, found in zip((lows, highs), resampled.intervals(), strict=True):
                ends += found
            pairs = pd.DataFrame(resampled.pairs(), columns=_PAIR)
            for name in ("a", "b"):
                pairs[name] = [part.labels[index] for index in pairs[name]]
            pairs.insert(0, "metric", metric)
            for number, name in enumerate(NOISE):
                pairs.insert(number, name, part.point[number])
            parts.append(pairs)
        summaries.append(summary.assign(low=lows, high=highs))
    summary = in_order(summaries, scores).reindex(columns=_SUMMARY)
    columns = [*NOISE, "metric", *_PAIR]
    pairs = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)
    return summary, _judged(pairs)


class _Resampled:
    """The scores of a metric under one noise, resampled over the images that columns share.

    Args:
        values: (images, methods); NaN where a method has no score.
    """

    def __init__(self, values: Array) -> None:
        self._values = values
        self._there = np.isfinite(values)
        self._known: dict[bytes, Array] = {}

    def _means(self, rows: Any) -> Array:
        """Resampled means of all methods over some images; NaN for those that lack one."""
        key = rows.tobytes()
        if key not in self._known:
            self._known[key] = statistics.resampled_means(self._values[rows])
        return self._known[key]

    def intervals(self) -> tuple[list[float], list[float]]:
        """Ends of the interval of each method's mean."""
        lows: list[float] = []
        highs: list[float] = []
        for column, rows in enumerate(self._there.T):
            low = high = np.array([np.nan])
            if rows.any():
                resampled = self._means(rows)[:, [column]]
                low, high = statistics.interval(resampled, int(rows.sum()))
            lows.append(float(low[0]))
            highs.append(float(high[0]))
        return lows, highs

    def pairs(self) -> Iterator[tuple[Any, ...]]:
        """A row of `_PAIR` for each two methods with at least two images in common."""
        for a, b in combinations(range(self._values.shape[1]), 2):
            rows = self._there[:, a] & self._there[:, b]
            images = int(rows.sum())
            if images < 2:
                continue
            differences = self._values[rows, a] - self._values[rows, b]
            resampled = self._means(rows)
            low, high = statistics.interval((resampled[:, a] - resampled[:, b])[:, None], images)
            yield (
                a, b, images, differences.mean(), low[0], high[0], differences.std(ddof=1),
                *statistics.signed_rank(differences),
            )  # fmt: skip


def _judged(pairs: pd.DataFrame) -> pd.DataFrame:
    """The pairs with what is to be said of them, corrected for their number."""
    family = pairs.groupby(["dataset", "metric"], sort=False)
    pairs = pairs.assign(
        p=family["p"].transform(lambda p: statistics.holm(p.to_numpy(dtype=np.float64))),
        detectable=statistics.detectable(
            *(
                column.to_numpy(dtype=np.float64)
                for column in (pairs["deviation"], pairs["images"], family["p"].transform("size"))
            )
        ),
    )
    side = np.sign(pairs["low"]) * (np.sign(pairs["low"]) == np.sign(pairs["high"]))
    apart = (pairs["p"] < statistics.ALPHA) & (side != 0) & (side == np.sign(pairs["direction"]))
    larger_is_better = pairs["metric"].map(METRICS).astype(bool)
    first = np.where((side > 0) == larger_is_better, pairs["a"], pairs["b"])
    better = np.where(apart, first, "")
    return pairs.assign(better=better).drop(columns=["deviation", "direction"])


def marks(summary: pd.DataFrame, pairs: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Mark "best" each column's best mean, "near" what cannot be told apart from it, "" the rest.

    Tables show "near" as †. Rows methods, columns (noise, level), as in `table`.
    """
    mean = table(summary, metric)
    pairs = pairs[pairs["metric"] == metric]
    apart = {
        (noise, level, *sorted((a, b)))
        for noise, level, a, b, better in tuples(pairs, "noise", "level", "a", "b", "better")
        if better
    }
    result = mean.astype(object)
    for column in mean.columns:
        values = mean[column]
        if values.isna().all():
            result[column] = ""
            continue
        winner: Any = values.idxmax() if METRICS[metric] else values.idxmin()
        result[column] = [
            "" if np.isnan(value) or (*column, *sorted((label, winner))) in apart else "near"
            for label, value in zip(mean.index, values, strict=True)
        ]
        result.loc[winner, column] = "best"
    return result


def harm(pairs: pd.DataFrame) -> pd.DataFrame:
    """Where a method is worse than the noisy image itself, `identity`, and told apart from it.

    Columns: label, noise, level, metric, difference (method - identity), low, high.
    """
    import pandas as pd

    worse = pairs[pairs["better"] == IDENTITY]
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
