"""All pairs of methods that share one error: critical values, intervals, who is better.

See `bench.analysis.comparison` for the procedure.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.analysis import statistics
from bench.analysis.scores import NOISE

if TYPE_CHECKING:
    import pandas as pd

    from bench.analysis.statistics import Array, Draws

#: Of fewer nobody knows well how far others would lie.
ENOUGH_TRAININGS = 4


@dataclass
class Pairs:
    """Pairs of methods under one noise; all arrays are (pairs,).

    Attributes:
        point: data set, noise, level.
        a, b: the methods' labels.
        images: that both have.
        units: that these are of.
        effective: how many of equal size tell as much, see `UnitScores`.
        trainings: number of training seeds; 0 where nothing is random.
        difference: of the means.
        error: its standard error over units.
        seed_error: over training seeds; 0 where nothing is random or there is but one.
        low, high: 2.5% and 97.5% points of the resampled difference, in errors; infinite where so
            few units, or so few that differ, tell nothing.
    """

    point: tuple[Any, ...]
    a: list[str]
    b: list[str]
    images: Array
    units: Array
    effective: Array
    trainings: Array
    difference: Array
    error: Array
    seed_error: Array
    low: Array
    high: Array


@dataclass
class Family:
    """All pairs of a data set by one metric, which share one error.

    Attributes:
        metric: its label.
        higher: more of it is better.
        parts: the pairs, noise by noise.
        largest: of each resample the largest difference of all pairs, in its own 2.5% points.
        largest_untrained: of the pairs in which nothing is random.
    """

    metric: str
    higher: bool
    parts: list[Pairs] = field(default_factory=list)
    largest: Draws | None = None
    largest_untrained: Draws | None = None

    def add(self, pairs: Pairs, draws: Draws) -> None:
        """Take up pairs with their (resamples, pairs) draws."""
        self.parts.append(pairs)
        with np.errstate(divide="ignore", invalid="ignore"):
            sizes = np.maximum(draws / pairs.high, draws / pairs.low).astype(np.float32)
        # A pair that is never told apart, or needs no error to be, leaves the others alone.
        sizes[:, ~np.isfinite(pairs.high - pairs.low) | (pairs.error == 0)] = 0
        self.largest = _larger(self.largest, sizes)
        self.largest_untrained = _larger(self.largest_untrained, sizes[:, pairs.trainings == 0])

    def judged(self) -> pd.DataFrame:
        """The columns of `compare`'s pairs."""
        import pandas as pd

        if not self.parts:
            return pd.DataFrame()
        trainings = np.concatenate([part.trainings for part in self.parts])
        untrained, tests = int((trainings == 0).sum()), int((trainings != 1).sum())
        alone = _Critical(self.largest, len(trainings), len(trainings))
        ours = _Critical(self.largest_untrained, untrained, tests)
        return pd.concat(
            [self._judged(part, alone, ours, tests) for part in self.parts], ignore_index=True
        )

    def _judged(self, part: Pairs, alone: _Critical, ours: _Critical, tests: int) -> pd.DataFrame:
        import pandas as pd

        names = dict(zip(NOISE, part.point, strict=True))
        several = part.trainings > 1
        low, high = ours.interval(part)
        p, critical = ours.p(part), ours.errors(part)
        error = np.hypot(part.error, part.seed_error)
        degrees = np.where(several, part.trainings, part.images) - 1.0
        if several.any():
            students = statistics.student(degrees, tests)
            critical = np.where(several, students, critical)
            width = np.where(several, students * error, 0)
            low = np.where(several, part.difference - width, low)
            high = np.where(several, part.difference + width, high)
            p = np.where(several, _student_p(part.difference, error, degrees, tests), p)
        better = np.where(part.trainings == 1, "", self._better(part, low, high))
        # Of few trainings what is left to say is said of these very models, over images alone.
        models = (part.trainings > 0) & (part.trainings < ENOUGH_TRAININGS) & (better == "")
        low, high = np.where(models, alone.interval(part), (low, high))
        p = np.where(models, alone.p(part), p)
        critical = np.where(models, alone.errors(part), critical)
        error = np.where(models, part.error, error)
        degrees = np.where(models, part.effective - 1.0, degrees)
        return pd.DataFrame(
            {
                **names,
                "metric": self.metric,
                "a": part.a,
                "b": part.b,
                "images": part.images,
                "units": part.units,
                "trainings": part.trainings,
                "difference": part.difference,
                "low": low,
                "high": high,
                "p": p,
                # A little more, as of intervals, for what few units do not show of their spread.
                "detectable": statistics.detectable(error, degrees, critical)
                * (1 + 1 / part.effective),
                "better": better,
                "told": np.where(models, self._better(part, low, high), better),
            }
        )

    def _better(self, part: Pairs, low: Array, high: Array) -> Any:
        """The label of the better method of each pair, "" where the interval holds 0."""
        first = (low > 0) if self.higher else (high < 0)
        second = (high < 0) if self.higher else (low > 0)
        return np.where(first, part.a, np.where(second, part.b, ""))


class _Critical:
    """How many of its own 2.5% points a difference must reach, from the resamples' largest.

    Args:
        largest: of each resample; None where there are no pairs.
        pairs: number of those that it is of.
        tests: number of all that share the error, so that theirs is a part of it.
    """

    def __init__(self, largest: Draws | None, pairs: int, tests: int) -> None:
        self._tests, self._share = tests, pairs / max(tests, 1)
        self._largest = np.sort(largest) if largest is not None else np.empty(0, np.float32)
        self._value = float("inf")
        if len(self._largest) and pairs:
            at = 1 - self._share * statistics.ALPHA
            # Not under 1, which is a pair's alone.
            self._value = max(1.0, float(np.quantile(self._largest, at, method="higher")))

    def _reach(self, part: Pairs) -> Array:
        return self._value * _widened(part)

    def interval(self, part: Pairs) -> tuple[Array, Array]:
        """Ends of each difference's interval."""
        reach = self._reach(part)
        with np.errstate(invalid="ignore"):
            low = part.difference - reach * part.high * part.error
            high = part.difference - reach * part.low * part.error
        sure = self.p(part) < statistics.ALPHA  # of equal differences, which have no error
        edge = np.where(sure, 0.0, np.inf)
        equal = part.error == 0
        return (
            np.where(equal, part.difference - edge, low),
            np.where(equal, part.difference + edge, high),
        )

    def errors(self, part: Pairs) -> Array:
        """How many standard errors a difference must reach, on the side that asks for more."""
        with np.errstate(invalid="ignore"):  # of equal differences, whose points are 0
            errors = self._reach(part) * np.maximum(part.high, -part.low)
        return np.where(np.isnan(errors), np.inf, errors)

    def p(self, part: Pairs) -> Array:
        """Share of the resamples in which some difference is as large as each of the pairs'."""
        with np.errstate(divide="ignore", invalid="ignore"):
            reached = part.difference / part.error
            own = np.maximum(reached / part.high, reached / part.low) / _widened(part)
        above = len(self._largest) - np.searchsorted(self._largest, own.astype(np.float32))
        p = (above + 1) / (len(self._largest) + 1) / max(self._share, 1e-300)
        # Where units differ alike there is no error to divide by; their signs are left.
        signs = np.where(part.difference == 0, 1.0, 2.0 ** (1 - part.units) * self._tests)
        p = np.where(part.error == 0, signs, p)
        return np.minimum(1, np.where(np.isfinite(part.high - part.low), p, 1.0))


def _widened(part: Pairs) -> Array:
    """What resamples lack where units are few, which seldom hold their population's tails.

    By 4/n, found with the scores of published runs: see `tests/analysis/conclusions.py`.
    """
    return 1 + 4 / part.effective


def _larger(known: Draws | None, sizes: Draws) -> Draws | None:
    """The largest of each resample so far, with further columns."""
    if not sizes.shape[1]:
        return known
    largest = sizes.max(axis=1)
    if known is None:
        return largest
    # Noises with fewer images have more resamples.
    common = min(len(known), len(largest))
    return np.maximum(known[:common], largest[:common])


def _student_p(difference: Array, error: Array, degrees: Array, tests: int) -> Array:
    """Student's two-sided p-values, adjusted for so many tests."""
    from scipy.special import stdtr

    with np.errstate(divide="ignore", invalid="ignore"):
        reached = np.where(error > 0, np.abs(difference) / error, np.inf * np.abs(difference))
        return np.minimum(1, np.nan_to_num(2 * stdtr(degrees, -reached), nan=1) * tests)
