"""How often the gate errs, simulated: the figures of docs/gate.md.

A simulated run has the spreads of a real one: over 1,000 images the standard error of a paired
difference is 0.02 dB, and the training seeds of a VAE differ with a standard deviation of
0.07 dB. Seeds are independent between levels: of the six correlations between levels in two
real runs of eight seeds the mean was -0.04. SSIM is simulated without a drop where PSNR drops,
so it only makes the comparisons more: what is found, is found in PSNR.
"""

import re
from pathlib import Path

import numpy as np
import pytest

from bench.gate.baseline import decide
from bench.gate.pairing import OVERALL_SHARE, TOLERANCE, Sample

DOCS = Path(__file__).parents[2] / "docs" / "gate.md"

IMAGES = 1000
# Standard deviation of one image's paired difference: 0.02 dB is that of 1,000 images' mean.
PAIRED = {"psnr": 0.02 * IMAGES**0.5, "ssim": 0.0006 * IMAGES**0.5}
SEEDS = {"psnr": 0.07, "ssim": 0.002}
LEVELS = 3


def method(rng, *, random, drops=(0.0,) * LEVELS, seeds=4, same=False, border=False, ratio=1.0):
    """The samples of one method: over all levels and at each, as `pair` makes them.

    Args:
        rng: random numbers.
        random: its training is random.
        drops: the true drop in dB at each level.
        seeds: a side.
        same: the two runs agree in every image, as with unchanged code.
        border: it drops by the tolerance itself, at every level and in both metrics.
        ratio: of the seeds' spreads, old to new.
    """
    samples = []
    levels = len(drops)
    for metric in TOLERANCE:
        shape = (levels, seeds if random else 1, IMAGES)
        spread = PAIRED[metric] / 2**0.5
        new, old = (spread * rng.standard_normal(shape, np.float32) for _ in range(2))
        if random:
            for side, share in ((new, 1.0), (old, ratio)):
                side += share * SEEDS[metric] * rng.standard_normal((*shape[:2], 1), np.float32)
        if same:
            new = old
        elif border:
            new = new - TOLERANCE[metric]
        elif metric == "psnr":
            new = new - np.array(drops, np.float32)[:, None, None]
        if levels > 1:
            samples.append(Sample(new, old, random, metric, OVERALL_SHARE))
        weight = (1 - OVERALL_SHARE if levels > 1 else 1.0) / levels
        for level in range(levels):
            one = slice(level, level + 1)
            samples.append(Sample(new[one], old[one], random, metric, weight))
    return samples


def alarm_rate(make, runs=1000):
    """Share of simulated runs in which the gate finds a regression."""
    alarms = 0
    for run in range(runs):
        samples = make(np.random.default_rng(run))
        alarms += any(c.verdict == "regressed" for c in decide(samples))
    return alarms / runs


def methods(rng, deterministic, learned, **options):
    """So many methods of each sort, all measured anew."""
    samples = []
    for number in range(deterministic + learned):
        samples += method(rng, random=number >= deterministic, **options)
    return samples


def learned(rng, levels=LEVELS, seeds=4):
    """A learned method that drops by 0.2 dB at every level."""
    return method(rng, random=True, drops=(0.2,) * levels, seeds=seeds)


# What is true -> how it is simulated, and the least and most alarms that the gate may raise. At
# the border the promise is 5%, which 1,000 runs tell to within 1.4 points.
SCENARIOS = {
    "nothing is worse; all seven methods measured anew": (
        lambda rng: methods(rng, 5, 2), 0, 0.05,
    ),
    "all seven are worse by the tolerance itself, in PSNR and SSIM": (
        lambda rng: methods(rng, 5, 2, border=True), 0, 0.064,
    ),
    "a deterministic method drops at one level of three; all seven measured anew": (
        lambda rng: methods(rng, 4, 2) + method(rng, random=False, drops=(0.2, 0, 0)), 0.95, 1,
    ),
    "a learned method drops, 4 seeds a side; the others' results are as before": (
        lambda rng: learned(rng), 0.95, 1,
    ),
    "a learned method drops, 4 seeds a side; the other learned one trained anew": (
        lambda rng: learned(rng) + methods(rng, 0, 1), 0.8, 1,
    ),
    "a learned method drops, 4 seeds a side; all seven measured anew": (
        lambda rng: learned(rng) + methods(rng, 5, 1), 0.4, 1,
    ),
    "a learned method drops, 8 seeds a side; all seven measured anew": (
        lambda rng: learned(rng, seeds=8) + methods(rng, 5, 1, seeds=8), 0.95, 1,
    ),
    "a learned method drops, 4 seeds a side, one level only; nothing else": (
        # With 4 seeds even known spreads would give no more than 88%.
        lambda rng: learned(rng, levels=1), 0.5, 0.88,
    ),
    "a learned method drops, 8 seeds a side, one level only; nothing else": (
        lambda rng: learned(rng, levels=1, seeds=8), 0.95, 1,
    ),
}  # fmt: skip


@pytest.mark.parametrize("ratio", [1.0, 0.1])
def test_many_learned_methods_of_unequal_spreads_err_no_more_than_promised(ratio):
    # The hardest case for so few seeds: the error is shared by many, deep in the tails.
    rate = alarm_rate(lambda rng: methods(rng, 0, 7, border=True, ratio=ratio), runs=500)
    assert rate <= 0.05 + 0.02  # within two standard errors of 500 runs


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_gate_errs_as_rarely_as_the_documentation_says(name):
    make, least, most = SCENARIOS[name]
    rate = alarm_rate(make)
    assert least <= rate <= most
    (said,) = re.findall(rf"\| {re.escape(name)} \| ([\d.]+)% \|", DOCS.read_text())
    assert rate == pytest.approx(float(said) / 100, abs=0.01)
