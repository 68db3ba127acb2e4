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
        low, high = ours.interval(part)
        p, critical = ours.p(part), ours.errors(part)
        error = np.hypot(part.error, part.seed_error)
        degrees = part.effective - 1.0
        several = part.trainings > 1
        if several.any():
            seeded = _Seeded(part, tests)
            low, high = np.where(several, seeded.interval(), (low, high))
            p = np.where(several, seeded.p(), p)
            critical = np.where(several, seeded.errors(), critical)
            degrees = np.where(several, seeded.degrees(), degrees)
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


class _Seeded:
    """How far a difference must lie from 0 where training is random, for images and for seeds.

    Either error times Student's value of its own degrees of freedom, at the pair's share of the
    chance of error, and the root of the sum of their squares (Banerjee 1960). Whatever the two
    errors are, no more than that share is told apart wrongly: the chance to lie within a bound is
    concave in its square, and so at least the mean of what either error alone would give. One
    number of degrees of freedom for both, Welch's and Satterthwaite's, does not hold so: at the
    share of 600 pairs, with four seeds, it is wrong forty times as often as it says.

    Args:
        part: pairs; what is said of those in which nothing is random has no meaning.
        tests: number of pairs that share the error.
    """

    def __init__(self, part: Pairs, tests: int) -> None:
        self._part, self._tests = part, tests
        self._of_images = np.maximum(part.effective - 1.0, 1.0)
        self._of_seeds = np.maximum(part.trainings - 1.0, 1.0)
        # What lies further out than the 2.5% points, which follow the skewness, is Student's.
        self._error = _widened(part) * part.error / statistics.student(self._of_images, 1)

    def _reach(self, alpha: float | Array) -> tuple[Array, Array, Array]:
        """How far images move a difference down and up, and seeds either way."""
        part = self._part
        images = statistics.student(self._of_images, self._tests, alpha) * self._error
        seeds = statistics.student(self._of_seeds, self._tests, alpha)
        # Where units differ alike there is no error to multiply; their signs are left.
        signs = 2.0 ** (1 - part.units) * self._tests
        alike = np.where((signs < alpha) & (part.difference != 0), 0.0, np.inf)
        with np.errstate(invalid="ignore"):
            down, up = (
                np.where(part.error > 0, images * end, alike) for end in (part.high, -part.low)
            )
        return down, up, seeds * part.seed_error

    def interval(self) -> tuple[Array, Array]:
        """Ends of each difference's interval."""
        down, up, seeds = self._reach(statistics.ALPHA)
        middle = self._part.difference
        return middle - np.hypot(down, seeds), middle + np.hypot(up, seeds)

    def errors(self) -> Array:
        """How many standard errors a difference must reach, on the side that asks for more."""
        down, up, seeds = self._reach(statistics.ALPHA)
        error = np.hypot(self._part.error, self._part.seed_error)
        reach = np.hypot(np.maximum(down, up), seeds)
        return np.divide(reach, error, out=np.zeros_like(error), where=error > 0)

    def degrees(self) -> Array:
        """Of freedom, of what `errors` asks for: a sum of two squares, of which one may rule."""
        down, up, seeds = self._reach(statistics.ALPHA)
        images, seeds = np.maximum(down, up) ** 2, seeds**2
        with np.errstate(divide="ignore", invalid="ignore"):
            parts = images**2 / self._of_images + seeds**2 / self._of_seeds
            degrees = (images + seeds) ** 2 / parts
        return np.where(np.isfinite(degrees), degrees, self._of_seeds)

    def p(self) -> Array:
        """The chance of error, of all pairs, at which each interval would end at 0."""
        first = self._part.difference > 0
        size = np.abs(self._part.difference)
        # In powers of ten: halved until no digit of a p-value is left to find.
        least, most = np.full(len(size), -100.0), np.zeros(len(size))
        for _ in range(40):
            middle = (least + most) / 2
            down, up, seeds = self._reach(10**middle)
            within = size <= np.hypot(np.where(first, down, up), seeds)
            least, most = np.where(within, middle, least), np.where(within, most, middle)
        return np.asarray(np.where(size > 0, 10**most, 1.0))


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
