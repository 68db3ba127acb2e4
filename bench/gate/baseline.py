"""Two runs compared image by image: has the new one got worse? Paired as in `pairing`.

**What is estimated**: d, the mean difference (new less old) over images and training seeds, at each
level and over all levels of a noise. The difference of image i under seed s is taken to be

    d  +  (of the image)  +  (of the seed)  +  (rest)

with images and seeds both drawn from many: what is asked is whether the method got worse, not
whether it did so on these images under these seeds. So the variance of the estimate is

    s_image^2 / n  +  s_seed^2 / k

with s_image over the n images' differences (each a mean over seeds; or over the n units', where
several images are of one field, patient or file), and s_seed over those of the
k seeds (each a mean over images) where both runs have the same seeds: what a seed does to both
sides cancels, and levels that share seeds may be correlated as they like. Where the seeds are
others, those of the two sides are independent (Welch 1947): s_new^2 / k_new + s_old^2 / k_old. The
rest stands in both terms, which errs to the safe side. Degrees of freedom are those of the seeds
alone, n - 1 where nothing is random: counting the many images in would promise more than so few
seeds can keep. Images' differences are often skewed, which misleads t-tests of few images: t is
transformed by the skewness first (Hall 1992).

**What is said**, by one-sided t-tests against the tolerance:

- regressed: it is shown that d < -tolerance;
- improved: it is shown that d > tolerance;
- held: neither, and it is shown that d > -tolerance, so that a drop of the tolerance or more is
  passed off as held in at most 5%. This is the test of equivalence; to ask only whether a drop
  would have been found with a chance of 80%, and then to take what is not significant for held, is
  known to err far more often (Schuirmann 1987);
- undecided: none of these, or there are too few seeds or images, or the run lacks what the baseline
  has.

**Many comparisons.** Those of two runs share an error of 5% for *regressed*, and one of 5% for
*improved* (Holm 1979, with weights): of a method's share four fifths go to the mean over its
levels, where the seeds of all levels count, and one fifth to the single levels. Where two runs
agree in every image nothing is left to test. *Held* needs no correction: that all have held is said
only where each has (an intersection-union test, Berger 1982).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from bench.analysis import Scores
from bench.analysis.statistics import unit_scores
from bench.core import Scale, counted
from bench.gate.outliers import Moved, outliers
from bench.gate.pairing import MIN_SEEDS, Lost, Pairing, Sample
from bench.gate.tolerance import tolerance_of

#: Error of all comparisons of two runs together, for drops and for gains.
ALPHA = 0.05
#: Chance with which a drop that is `detectable` is found.
POWER = 0.8


@dataclass(frozen=True)
class Comparison:
    """A sample's verdict.

    Attributes:
        name: dataset, label, noise, levels, trained.
        metric: its label.
        scale: how its numbers are read; where less is better, a drop is a rise.
        new, old: means; `new` is NaN, as is what follows from it, where there are no images.
        difference: new less old.
        low, high: the 90% interval of this difference alone, whose ends are one-sided 95% bounds;
            NaN if unknown.
        detectable: the smallest drop that would be found, as *regressed* beside the other
            comparisons, with a chance of 80%; NaN if unknown.
        verdict: see the module's text.
        reason: why undecided; "identical" where the runs agree in every image.
        images: how many were paired.
        units: that these are of, each drawn independently of the others.
        seeds: training seeds of the new and of the old side; (0, 0) where nothing is random.
        paired: the seeds are the same on both sides.
        moved: of one level, the images that moved most, the farthest first.
        worst: of one level, the image that fell most.
    """

    name: Mapping[str, Any]
    metric: str
    scale: Scale
    new: float
    old: float
    difference: float
    low: float
    high: float
    detectable: float
    verdict: Literal["regressed", "improved", "held", "undecided"]
    reason: str
    images: int
    units: int
    seeds: tuple[int, int]
    paired: bool
    moved: Sequence[Moved] = ()
    worst: Moved | None = None


def compare(
    new: Scores, old: Scores, tolerance: Mapping[str, float] | None = None
) -> tuple[list[Comparison], list[str]]:
    """The scores of two runs, compared by the metrics that both have.

    Args:
        new: scores of the run that is judged.
        old: of the run that it is compared with.
        tolerance: by metric, where it is not that of `tolerance_of`.

    Returns:
        A verdict for each method, noise and metric, over all levels and at each; and what
        could not be paired, a line each. No comparison where nothing could be.
    """
    pairing = Pairing(new, old)
    comparisons = decide(pairing.samples(), tolerance)
    return comparisons + [_without_value(lost) for lost in pairing.lost], pairing.unpaired()


def _without_value(lost: Lost) -> Comparison:
    """Of a metric that this run has no value of: what became of it is not known."""
    nan = float("nan")
    return Comparison(
        lost.name, lost.metric, lost.scale, nan, lost.old, nan, nan, nan, nan, "undecided",
        "the baseline has it, and this run has no value", images=0, units=0, seeds=(0, 0),
        paired=False,
    )  # fmt: skip


# -- statistics ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Estimate:
    """A mean difference, new less old.

    Attributes:
        difference: the estimate.
        error: its standard error; NaN where it is unknown.
        degrees: of freedom.
        units: number of those that images are of.
        skewness: of the estimate, as far as it comes from images.
    """

    difference: float
    error: float
    degrees: float
    units: int
    skewness: float = 0.0

    @classmethod
    def of(cls, sample: Sample) -> Estimate:
        """That of a sample: see the module's text."""
        new, old = sample.new.mean(axis=0), sample.old.mean(axis=0)
        by_image = new.mean(axis=0) - old.mean(axis=0)
        difference = float(by_image.mean())
        units = np.array(sample.units) if len(sample.units) else np.arange(len(by_image))
        by_unit = unit_scores(by_image[:, None], units)
        count = len(by_unit.scores)
        if count < 2:
            return cls(difference, float("nan"), float("nan"), count)
        variance, degrees = by_unit.variance, by_unit.effective - 1
        sides = [new - old] if sample.paired else [new, old]
        seeds = [side.mean(axis=1) for side in sides if len(side) > 1]
        parts = [means.var(ddof=1) / len(means) for means in seeds]
        if total := sum(parts):
            variance += total
            freedom = zip(parts, seeds, strict=True)
            degrees = total**2 / sum(part**2 / (len(means) - 1) for part, means in freedom)
        third = ((by_unit.scores - difference) ** 3).mean() / count**2
        skewness = float(third / variance**1.5) if variance > 0 else 0.0
        return cls(difference, float(np.sqrt(variance)), float(degrees), count, skewness)

    def p_value(self, least: float) -> float:
        """Of the hypothesis that the true difference is no less than that: small where it is."""
        from scipy.special import stdtr

        if not self.error:
            return float(self.difference >= least)
        t, skewness = (self.difference - least) / self.error, self.skewness
        straight = t + skewness * (2 * t**2 + 1) / 6 + skewness**2 * t**3 / 27
        return float(stdtr(self.degrees, straight))

    def bounds(self, alpha: float) -> tuple[float, float]:
        """The least and the largest difference that tests at that level do not reject."""
        from scipy.special import stdtrit

        if not self.error:
            return self.difference, self.difference
        reach = float(stdtrit(self.degrees, 1 - alpha))
        low, high = (self._curved(end) for end in (reach, -reach))
        return self.difference - self.error * low, self.difference - self.error * high

    def _curved(self, straight: float) -> float:
        """The t whose transform, see `p_value`, is that."""
        if abs(self.skewness) < 1e-6:
            return straight
        cube = 1 + self.skewness * (straight - self.skewness / 6)
        return float(3 * (np.cbrt(cube) - 1) / self.skewness)


def decide(
    samples: Iterable[Sample],
    tolerance: Mapping[str, float] | None = None,
    alpha: float = ALPHA,
) -> list[Comparison]:
    """The verdict on each sample, in order.

    Together they say *regressed* wrongly with a chance of at most `alpha`, and *improved* too; of
    each, *held* is wrong with at most that. A sample is looked at once, and not kept.
    """
    given = tolerance or {}
    tests = [
        _Test.of(sample, given.get(sample.metric, tolerance_of(sample.scale))) for sample in samples
    ]
    tested = {number: test for number, test in enumerate(tests) if not test.found.reason}
    drops = _holm({n: (test.no_drop(), test.weight) for n, test in tested.items()}, alpha)
    gains = _holm({n: (test.no_gain(), test.weight) for n, test in tested.items()}, alpha)
    total = sum(test.weight for test in tested.values())
    comparisons = []
    for number, test in enumerate(tests):
        found = test.found
        if number in tested:
            found = replace(found, detectable=test.detectable(alpha * test.weight / total))
        if number in drops:
            found = replace(found, verdict="regressed")
        elif found.reason not in ("", "identical") or test.lacks:
            reasons = (found.reason, f"this run has {test.lacks}" if test.lacks else "")
            found = replace(found, reason="; ".join(filter(None, reasons)))
        elif number in gains:
            found = replace(found, verdict="improved")
        elif found.reason == "identical" or test.no_drop() >= 1 - alpha:
            found = replace(found, verdict="held")
        comparisons.append(found)
    return comparisons


@dataclass(frozen=True)
class _Test:
    """What is kept of a sample: the comparison, undecided as yet, and what its tests take."""

    found: Comparison
    estimate: Estimate
    tolerance: float
    weight: float
    lacks: str

    @classmethod
    def of(cls, sample: Sample, tolerance: float) -> _Test:
        estimate = Estimate.of(sample)
        low, high = sorted(sample.sign * end for end in estimate.bounds(ALPHA))
        reason = _not_tested(sample, estimate.units)
        one_level = len(sample.new) == 1 and reason != "identical"
        moved, worst = outliers(sample) if one_level else ((), None)
        found = Comparison(
            name=sample.name,
            metric=sample.metric,
            scale=sample.scale,
            new=sample.sign * float(sample.new.mean()),
            old=sample.sign * float(sample.old.mean()),
            difference=sample.sign * estimate.difference,
            low=low,
            high=high,
            detectable=float("nan"),
            verdict="undecided",
            reason=reason,
            images=sample.new.shape[2],
            units=estimate.units,
            seeds=(sample.new.shape[1], sample.old.shape[1]) if sample.random else (0, 0),
            paired=sample.paired,
            moved=moved,
            worst=worst,
        )
        return cls(found, estimate, tolerance, sample.weight, sample.lacks)

    def no_drop(self) -> float:
        """The p-value of the hypothesis that the drop is no larger than the tolerance."""
        return self.estimate.p_value(-self.tolerance)

    def no_gain(self) -> float:
        """The p-value of the hypothesis that the gain is no larger than the tolerance."""
        turned = replace(
            self.estimate,
            difference=-self.estimate.difference,
            skewness=-self.estimate.skewness,
        )
        return turned.p_value(-self.tolerance)

    def detectable(self, alpha: float) -> float:
        """The smallest drop that a test at such a level finds with a chance of `POWER`."""
        from scipy.special import nctdtrinc, stdtrit

        error, degrees = self.estimate.error, self.estimate.degrees
        if not error:
            return self.tolerance
        critical = stdtrit(degrees, 1 - alpha)
        return self.tolerance + error * float(nctdtrinc(degrees, 1 - POWER, critical))


def _not_tested(sample: Sample, units: int) -> str:
    """Why a sample is not tested; empty if it is."""
    if np.array_equal(sample.new, sample.old):
        return "identical"
    seeds = min(sample.new.shape[1], sample.old.shape[1])
    if sample.random and seeds < MIN_SEEDS:
        return (
            f"{counted(seeds, 'training seed')} in common and {MIN_SEEDS} needed: "
            "measure both with --seeds 0,1,2,3"
        )
    if units < 2:
        alone = sample.new.shape[2] == 1
        return "one image, two needed" if alone else "images of one unit, two needed"
    return ""


def _holm(p_values: Mapping[int, tuple[float, float]], alpha: float) -> set[int]:
    """The hypotheses that Holm's step-down test with weights rejects (Holm 1979, section 4).

    Args:
        p_values: p-value and weight of each hypothesis.
        alpha: chance of one or more false rejections.
    """
    rejected = set()
    left = sum(weight for _, weight in p_values.values())
    for index, (p, weight) in sorted(p_values.items(), key=lambda item: item[1][0] / item[1][1]):
        if p > alpha * weight / left:
            break
        rejected.add(index)
        left -= weight
    return rejected
