"""Two runs compared image by image, and whether the new one is worse; paired as in `pairing`.

What is estimated: the mean difference d (new less old) over the images, at each level and over
all levels of a noise. The replicates of a deterministic method are the images; a method that is
random in its training has two sorts, and the variance of d is their sum,

    s_image^2 / n  +  s_new^2 / k  +  s_old^2 / k

with s_image over the n images' differences (each a mean over seeds) and s_new, s_old over the
means of the k seeds. Its degrees of freedom are those of the seeds alone (Welch 1947): counting
the many images in would promise more than so few seeds can keep. Equal seeds of two versions of
a method are taken as independent: where they are not, they resemble each other, and the interval
is too wide rather than too narrow.

What is tested: H0, the drop is no larger than the tolerance (-d <= tolerance), one-sided t-test.
The comparisons of two runs share an error of 5% (Holm 1979, with weights): of a method's share
four fifths go to the mean over its levels, where the seeds of all levels count, and one fifth to
the single levels. Where two runs agree in every image nothing is left to test.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from bench.analysis import Scores
from bench.gate.pairing import TOLERANCE, Pairing, Sample

#: Error of all comparisons of two runs together.
ALPHA = 0.05
#: Training seeds that each run needs before a method that is random in its training is judged.
MIN_SEEDS = 4


@dataclass(frozen=True)
class Comparison:
    """A sample's verdict.

    Attributes:
        name: dataset, label, noise, levels, trained.
        metric: "psnr" or "ssim".
        new, old: means.
        difference: new less old.
        low, high: the 95% interval of this difference alone; NaN if unknown.
        verdict: "regression", "held" or "undecided".
        reason: why undecided; "identical" where the runs agree in every image.
        images, seeds: how many were paired.
    """

    name: Mapping[str, Any]
    metric: str
    new: float
    old: float
    difference: float
    low: float
    high: float
    verdict: Literal["regression", "held", "undecided"]
    reason: str
    images: int
    seeds: int


def compare(
    new: Scores, old: Scores, tolerance: Mapping[str, float] = TOLERANCE
) -> tuple[list[Comparison], list[str]]:
    """The scores of two runs, compared.

    Returns:
        A verdict for each method, noise and metric, over all levels and at each; and what
        could not be paired, a line each. No comparison where nothing could be.
    """
    pairing = Pairing(new, old)
    return decide(pairing.samples(), tolerance), pairing.unpaired()


# -- statistics ------------------------------------------------------------------------------


def estimate(sample: Sample) -> tuple[float, float, float]:
    """Mean difference, its standard error and degrees of freedom; see the module's text.

    NaN for error and degrees where there is but one image.
    """
    new, old = sample.new.mean(axis=0), sample.old.mean(axis=0)
    by_image = (new - old).mean(axis=0)
    seeds, images = new.shape
    if images < 2:
        return float(by_image.mean()), float("nan"), float("nan")
    variance, degrees = by_image.var(ddof=1) / images, images - 1
    if seeds > 1:
        parts = [side.mean(axis=1).var(ddof=1) / seeds for side in (new, old)]
        variance += sum(parts)
        if sum(parts) > 0:
            degrees = sum(parts) ** 2 / sum(part**2 / (seeds - 1) for part in parts)
    return float(by_image.mean()), float(np.sqrt(variance)), float(degrees)


def decide(
    samples: Iterable[Sample], tolerance: Mapping[str, float] = TOLERANCE, alpha: float = ALPHA
) -> list[Comparison]:
    """The verdict on each sample, in order; together they err with at most `alpha`.

    A sample is looked at once, and not kept.
    """
    from scipy.special import stdtr, stdtrit

    comparisons: list[Comparison] = []
    p_values: dict[int, tuple[float, float]] = {}
    for index, sample in enumerate(samples):
        difference, error, degrees = estimate(sample)
        reason = _not_tested(sample)
        if not reason:
            excess = difference + tolerance[sample.metric]
            p = float(excess >= 0 if error == 0 else stdtr(degrees, excess / error))
            p_values[index] = (p, sample.weight)
        half_width = float(stdtrit(degrees, 0.975)) * error if error else 0.0
        comparisons.append(
            Comparison(
                name=sample.name,
                metric=sample.metric,
                new=float(sample.new.mean()),
                old=float(sample.old.mean()),
                difference=difference,
                low=difference - half_width,
                high=difference + half_width,
                verdict="held" if reason in ("", "identical") else "undecided",
                reason=reason,
                images=sample.new.shape[2],
                seeds=sample.new.shape[1] if sample.random else 0,
            )
        )
    for index in _holm(p_values, alpha):
        comparisons[index] = replace(comparisons[index], verdict="regression")
    return comparisons


def _not_tested(sample: Sample) -> str:
    """Why a sample is not tested; empty if it is."""
    if np.array_equal(sample.new, sample.old):
        return "identical"
    _, seeds, images = sample.new.shape
    if sample.random and seeds < MIN_SEEDS:
        return (
            f"{seeds} training seed{'s' if seeds > 1 else ''} in common and {MIN_SEEDS} needed: "
            "measure both with --seeds 0,1,2,3"
        )
    return "one image, two needed" if images < 2 else ""


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
