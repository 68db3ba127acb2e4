"""Two runs compared image by image, and whether the new one is worse.

What is paired: records of equal data set, method, typed parameters, noise trained on, noise
tested on, seed and image, where the digests of the noisy image agree. A method's code is not
part of that: it is what the gate is about.

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

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from bench.analysis import with_labels
from bench.core import MATCHED, noise_text

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd

#: Drops up to these, in the metric's unit, are no regression.
TOLERANCE = {"psnr": 0.05, "ssim": 0.002}
#: Error of all comparisons of two runs together.
ALPHA = 0.05
#: Training seeds that each run needs before a method that is random in its training is judged.
MIN_SEEDS = 4
#: Share of a method's error that its mean over several levels gets.
OVERALL_SHARE = 0.8

_IDENTITY = [
    "dataset",
    "method",
    "params",
    "noise",
    "clip",
    "level",
    "train",
    "regime",
    "seed",
    "image",
]


@dataclass(frozen=True)
class Sample:
    """One metric of one method under both runs.

    Attributes:
        new, old: (levels, seeds, images); one seed where nothing is random.
        random: the method's training is random.
        metric: "psnr" or "ssim".
        weight: share of the error.
        name: dataset, label, noise, levels, trained.
    """

    new: npt.NDArray[np.float64]
    old: npt.NDArray[np.float64]
    random: bool
    metric: str = "psnr"
    weight: float = 1.0
    name: Mapping[str, Any] = field(default_factory=dict)


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


@dataclass(frozen=True)
class Pairing:
    """What two runs have in common: samples, and in words what could not be paired."""

    samples: list[Sample]
    unpaired: list[str]


def compare(
    new: pd.DataFrame, old: pd.DataFrame, tolerance: Mapping[str, float] = TOLERANCE
) -> tuple[list[Comparison], list[str]]:
    """The records of two runs, compared.

    Returns:
        A verdict for each method, noise and metric, over all levels and at each; and what
        could not be paired, a line each. No comparison where nothing could be.
    """
    pairing = pair(new, old)
    return decide(pairing.samples, tolerance), pairing.unpaired


# -- pairing ---------------------------------------------------------------------------------


def pair(new: pd.DataFrame, old: pd.DataFrame) -> Pairing:
    """Join two runs' records; see the module's text for what is equal."""
    metrics = list(TOLERANCE)
    columns = [*_IDENTITY, "digest", *metrics]
    # As nullable integers, since digests as floats would lose bits where a side has no row.
    new, old = (frame[columns].astype({"digest": "UInt64"}) for frame in (new, old))
    joined = new.merge(old, on=_IDENTITY, how="outer", suffixes=("_new", "_old"), indicator="side")
    joined = with_labels(joined)
    # Matched training is one way to train at all levels, whatever each level's is called.
    joined["trained"] = joined["train"].where(joined["regime"] != MATCHED, "").fillna("")
    joined["random"] = joined["seed"].notna()
    joined["seed"] = joined["seed"].fillna(-1)
    both = joined["side"] == "both"
    agree = joined["digest_new"] == joined["digest_old"]
    unpaired = _describe(joined[~both & (joined["side"] == "left_only")], "only in the new run")
    unpaired += _describe(joined[~both & (joined["side"] == "right_only")], "only in the baseline")
    unpaired += _describe(joined[both & ~agree], "under other noise: other data or noise seed")
    samples: list[Sample] = []
    for key, part in joined[both & agree].groupby(
        ["dataset", "label", "trained", "noise"], sort=False, observed=True
    ):
        name = dict(zip(("dataset", "label", "trained", "noise"), key, strict=True))
        for metric in metrics:
            samples += _samples(part, metric, name)
    return Pairing(samples, unpaired)


def _describe(rows: pd.DataFrame, why: str) -> list[str]:
    """What could not be paired: a line a cell, with the number of images and seeds."""
    lines = []
    cells: Any = rows.groupby(["label", "noise", "level"], sort=False, observed=True)
    for (label, noise, level), part in cells:
        seeds = sorted(int(seed) for seed in part["seed"].unique() if seed >= 0)
        of = f", seed{'s' * (len(seeds) > 1)} {', '.join(map(str, seeds))}" if seeds else ""
        lines.append(
            f"{label} at {noise_text(noise, level)}{of}: {part['image'].nunique():,} images {why}"
        )
    return lines


def _samples(part: pd.DataFrame, metric: str, name: Mapping[str, Any]) -> list[Sample]:
    """A method's samples of one metric: over all levels, where there are several, and at each."""
    stacks = {}
    for level, rows in part.groupby("level", sort=False):
        table = rows.pivot(index="image", columns="seed", values=[f"{metric}_new", f"{metric}_old"])
        table = table.dropna()  # images without this metric, or not measured under every seed
        if len(table):
            stacks[level] = table
    if not stacks:
        return []
    random = bool(part["random"].any())
    samples = []
    if len(stacks) > 1:
        images = _common(table.index for table in stacks.values())
        seeds = _common(table[f"{metric}_new"].columns for table in stacks.values())
        if len(images) and len(seeds):
            new, old = (
                np.stack([t.loc[images, f"{metric}_{side}"][seeds].T for t in stacks.values()])
                for side in ("new", "old")
            )
            overall = {**name, "levels": list(stacks)}
            samples.append(Sample(new, old, random, metric, OVERALL_SHARE, overall))
    weight = (1 - OVERALL_SHARE if samples else 1.0) / len(stacks)
    for level, table in stacks.items():
        new, old = (table[f"{metric}_{side}"].to_numpy().T[None] for side in ("new", "old"))
        samples.append(Sample(new, old, random, metric, weight, {**name, "levels": [level]}))
    return samples


def _common(indexes: Iterable[Any]) -> Any:
    first, *others = indexes
    for other in others:
        first = first.intersection(other)
    return first


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
    samples: Sequence[Sample], tolerance: Mapping[str, float] = TOLERANCE, alpha: float = ALPHA
) -> list[Comparison]:
    """The verdict on each sample, in order; together they err with at most `alpha`."""
    from scipy.special import stdtr, stdtrit

    estimates = [estimate(sample) for sample in samples]
    reasons = [_not_tested(sample) for sample in samples]
    p_values: dict[int, float] = {}
    for index, (sample, (difference, error, degrees)) in enumerate(
        zip(samples, estimates, strict=True)
    ):
        if reasons[index]:
            continue
        excess = difference + tolerance[sample.metric]
        p_values[index] = float(excess >= 0 if error == 0 else stdtr(degrees, excess / error))
    rejected = _holm({i: (p, samples[i].weight) for i, p in p_values.items()}, alpha)
    comparisons = []
    for index, (sample, (difference, error, degrees)) in enumerate(
        zip(samples, estimates, strict=True)
    ):
        verdict: Literal["regression", "held", "undecided"] = "held"
        if index in rejected:
            verdict = "regression"
        elif reasons[index] not in ("", "identical"):
            verdict = "undecided"
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
                verdict=verdict,
                reason=reasons[index],
                images=sample.new.shape[2],
                seeds=sample.new.shape[1] if sample.random else 0,
            )
        )
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
