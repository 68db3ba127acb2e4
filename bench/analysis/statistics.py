"""Intervals and tests of means, by resampling: a row a unit, a column a method or a difference.

A unit is what was drawn independently of the others: an image, or all images of one field or
patient. All resampling is over units and seeded, so that equal scores give equal numbers
everywhere, but for the last digits of sums of float32. It is our own, since two matrix products
resample and studentise all columns alike; SciPy's draws anew for each.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[np.float64]
    Draws = npt.NDArray[np.float32]

#: Chance of an error of the first kind: a false difference, an interval that misses.
ALPHA = 0.05
#: Chance that a difference of the size that `detectable` gives is found.
POWER = 0.8
# Fewest and most resamples; between them, as many as `_DRAWS` draws of a unit make.
_RESAMPLES = (2000, 5000)
_DRAWS = 20_000_000
# Numbers that a block of resamples takes in memory as floats.
_BLOCK = 10_000_000
# Of a resample that holds one value only, in units of the sample's variance.
_NO_SPREAD = 1e-6


@lru_cache(maxsize=1)  # the levels of a data set have the same images
def _counts(units: int) -> npt.NDArray[np.uint8]:
    """How often each resample holds each unit: (resamples, units)."""
    resamples = int(np.clip(_DRAWS // units, *_RESAMPLES))
    generator = np.random.default_rng(0)
    counts = np.empty((resamples, units), np.uint8)
    for row in counts:
        drawn = generator.integers(units, size=units, dtype=np.int32)
        # Over 255 times the same unit is not to be seen: a Poisson variable of mean 1.
        row[:] = np.bincount(drawn, minlength=units)
    return counts


class UnitScores(NamedTuple):
    """What has a row a unit, made of what has a row an image.

    Attributes:
        scores: (units, columns).
        sizes: (units,), images of each over their mean; None where all have as many.
    """

    scores: Array
    sizes: Array | None = None

    @property
    def effective(self) -> float:
        """How many units of equal size tell as much: (sum of sizes)^2 / sum of squares (Kish 1965).

        >>> import numpy as np
        >>> UnitScores(np.zeros((3, 1)), np.array([0.6, 0.6, 1.8])).effective.__round__(2)
        2.27
        """
        if self.sizes is None:
            return len(self.scores)
        return float(self.sizes.sum() ** 2 / np.square(self.sizes).sum())

    @property
    def degrees(self) -> float:
        """What sums of squares are divided by, to be no smaller than they would be of all units.

        One less than their number; of unequal ones less, since the mean follows the large ones.
        """
        units = len(self.scores)
        return units - 1 if self.sizes is None else units * (1 - 1 / self.effective)

    @property
    def variance(self) -> float:
        """Of the mean of the first column, of at least two units."""
        values = self.scores[:, 0]
        return float(values.var(ddof=len(values) - self.degrees) / len(values))


def unit_scores(scores: Array, units: npt.NDArray[np.int64]) -> UnitScores:
    """A row a unit of what has a row an image; the means of the columns stay as they are.

    A unit's score is its images' sum, less what its number of images alone adds to that
    (the influence of the unit on the mean over images, linear in the scores). Of units that all
    have as many images it is their mean.

    Args:
        scores: (images, columns).
        units: (images,), the unit of each.

    >>> import numpy as np
    >>> scores = np.array([[1.0], [3.0], [5.0], [7.0]])
    >>> unit_scores(scores, np.array([0, 0, 1, 1])).scores.tolist()
    [[2.0], [6.0]]
    """
    _, at, sizes = np.unique(units, return_inverse=True, return_counts=True)
    if len(sizes) == len(scores):
        return UnitScores(scores)
    sums = np.zeros((len(sizes), scores.shape[1]))
    np.add.at(sums, at, scores)
    mean = scores.mean(axis=0)
    by_unit = mean + (sums - np.multiply.outer(sizes, mean)) * (len(sizes) / len(scores))
    return UnitScores(by_unit, None if (sizes == sizes[0]).all() else sizes / sizes.mean())


class Studentised(NamedTuple):
    """Means over units, and how far resamples' means lie from them in standard errors.

    Attributes:
        mean: (columns,).
        error: standard error of the mean, (columns,); 0 where all units are equal.
        draws: (resamples, columns), infinite where a resample holds no spread.
        units: their number, see `UnitScores.effective`.
    """

    mean: Array
    error: Array
    draws: Draws
    units: float

    def tails(self) -> tuple[Array, Array]:
        """The 2.5% and 97.5% points of the draws of each column, below and above 0."""
        ends = [ALPHA / 2, 1 - ALPHA / 2]
        # Between the two nearest draws numbers would be made that none of them has, or NaN.
        low = np.quantile(self.draws, ends[0], axis=0, method="lower")
        high = np.quantile(self.draws, ends[1], axis=0, method="higher")
        return low.astype(np.float64), high.astype(np.float64)

    def intervals(self) -> tuple[Array, Array]:
        """Ends of each mean's 95% interval; infinite where the units are too few to give one."""
        low, high = (end * (1 + 1 / self.units) for end in self.tails())
        with np.errstate(invalid="ignore"):
            ends = self.mean - high * self.error, self.mean - low * self.error
        equal = self.error == 0
        return np.where(equal, self.mean, ends[0]), np.where(equal, self.mean, ends[1])


def studentised(by_unit: UnitScores) -> Studentised:
    """The bootstrap-t of the columns' means (Efron 1981; Hall 1988, section 2).

    A resample's mean is set off against its own standard error, so that intervals follow the
    skewness of the scores, on either side. All columns are resampled alike. Intervals are wider by
    1/n, since a few units seldom hold their population's tails.

    Where units differ in size the mean over images is a ratio, of sums of scores to sums of images
    (Cochran 1977, section 9A.1); so is each resample's, with the error that belongs to it.

    Args:
        by_unit: at least two units.

    >>> import numpy as np
    >>> scores = np.random.default_rng(0).normal(20, 3, (50, 1))
    >>> low, high = studentised(UnitScores(scores)).intervals()
    >>> bool(low[0] < 20 < high[0])
    True
    """
    scores, sizes = by_unit
    units = len(scores)
    mean, deviation = scores.mean(axis=0), scores.std(axis=0)
    # Equal scores differ from their mean by rounding.
    deviation[deviation <= 1e-12 * np.abs(mean)] = 0
    scaled = ((scores - mean) / np.where(deviation > 0, deviation, np.inf)).astype(np.float32)
    squares = scaled**2
    relative = np.ones((1, 1), np.float32)
    if sizes is not None:
        relative = sizes.astype(np.float32)[:, None]
        products = scaled * relative
    counts = _counts(units)
    step = max(1, _BLOCK // units)
    draws = np.empty((len(counts), scores.shape[1]), np.float32)
    for at in range(0, len(counts), step):
        weights = counts[at : at + step].astype(np.float32) / units
        means = weights @ scaled
        if sizes is None:
            variances = weights @ squares - means**2
        else:
            size = weights @ relative
            means /= size
            variances = weights @ squares - 2 * means * (weights @ products)
            variances = (variances + means**2 * (weights @ relative**2)) / size**2
        spread = variances > _NO_SPREAD
        with np.errstate(divide="ignore", invalid="ignore"):
            nowhere = np.where(np.abs(means) > _NO_SPREAD, np.inf * np.sign(means), 0)
            some = means * np.float32(by_unit.degrees**0.5) / np.sqrt(variances)
        draws[at : at + step] = np.where(spread, some, nowhere)
    return Studentised(mean, deviation / by_unit.degrees**0.5, draws, by_unit.effective)


def student(degrees: Array, tests: float, alpha: float | Array = ALPHA) -> Array:
    """Student's two-sided critical value at a chance of error over so many tests (Bonferroni).

    >>> import numpy as np
    >>> student(np.array([3.0]), 1).round(3).tolist()
    [3.182]
    """
    from scipy.special import stdtrit

    return np.asarray(-stdtrit(degrees, alpha / (2 * tests)))


def detectable(error: Array, degrees: Array, critical: Array) -> Array:
    """The smallest mean difference that a test finds with a chance of 80%.

    Of a noncentral t variable, by a normal approximation: the error that a test divides by has
    the mean and the spread of a standard deviation with so many degrees of freedom.

    Args:
        error: standard error of the difference.
        degrees: of freedom, of the error.
        critical: how many errors a difference must reach.
    """
    from scipy.special import ndtri

    mean = 1 - 1 / (4 * degrees)
    spread = np.sqrt(1 + critical**2 * (1 - mean**2))
    return np.asarray(error * (critical * mean + ndtri(POWER) * spread))
