"""How often the gate errs, simulated: the figures of docs/gate.md.

A simulated run has the spreads of a real one: over 1,000 images the standard error of a paired
difference is 0.02 dB, and the training seeds of a VAE differ with a standard deviation of
0.07 dB. Five deterministic methods and two learned ones of four seeds, three levels, PSNR and
SSIM. SSIM is simulated without a drop, so it only makes the comparisons more: what is found, is
found in PSNR.
"""

import re
from pathlib import Path

import numpy as np
import pytest

from bench.check.baseline import OVERALL_SHARE, TOLERANCE, Sample, decide

DOCS = Path(__file__).parents[2] / "docs" / "gate.md"

IMAGES = 1000
# Standard deviation of one image's paired difference: 0.02 dB is that of 1,000 images' mean.
PAIRED = {"psnr": 0.02 * IMAGES**0.5, "ssim": 0.0006 * IMAGES**0.5}
SEEDS = {"psnr": 0.07, "ssim": 0.002}
DETERMINISTIC, LEARNED, LEVELS = 5, 2, 3


def method(rng, *, random, drops, seeds=4, same=False):
    """The samples of one method: over all levels and at each, as `pair` makes them.

    Args:
        rng: random numbers.
        random: its training is random.
        drops: the true drop in dB at each level.
        seeds: a side.
        same: the two runs agree in every image, as unchanged code does.
    """
    samples = []
    levels = len(drops)
    for metric in TOLERANCE:
        shape = (levels, seeds if random else 1, IMAGES)
        spread = PAIRED[metric] / 2**0.5
        sides = [spread * rng.standard_normal(shape, np.float32) for _ in range(2)]
        if random:
            for side in sides:
                side += SEEDS[metric] * rng.standard_normal((*shape[:2], 1), np.float32)
        new, old = sides
        if same:
            new = old
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
        alarms += any(c.verdict == "regression" for c in decide(samples))
    return alarms / runs


def all_methods(rng, drop):
    """Every method was changed and is measured anew; all drop by `drop` at every level."""
    samples = []
    for number in range(DETERMINISTIC + LEARNED):
        random = number >= DETERMINISTIC
        samples += method(rng, random=random, drops=[drop] * LEVELS)
    return samples


def one_deterministic(rng, drop):
    """One deterministic method drops at one level only, amid others measured anew."""
    return all_methods(rng, 0.0) + method(rng, random=False, drops=[drop] + [0.0] * (LEVELS - 1))


def one_learned(rng, drop, levels=LEVELS, seeds=4):
    """A learned method drops at every level; the rest of the code and its results are as before."""
    rest = method(rng, random=True, drops=[0.0] * levels, same=True)
    return rest + method(rng, random=True, drops=[drop] * levels, seeds=seeds)


SCENARIOS = {
    "nothing is worse, every method measured anew": (lambda rng: all_methods(rng, 0.0), 0, 0.05),
    "every method is worse by the tolerance itself": (
        # At the border the promise is 5%; 1,000 runs tell it to within 1.4 points.
        lambda rng: all_methods(rng, TOLERANCE["psnr"]), 0, 0.064,
    ),
    "a deterministic method drops by 0.2 dB at one level of three": (
        lambda rng: one_deterministic(rng, 0.2), 0.95, 1,
    ),
    "a learned method, 4 seeds a side, drops by 0.2 dB at three levels": (
        lambda rng: one_learned(rng, 0.2), 0.95, 1,
    ),
    "the same, measured at one level only": (
        # With 4 seeds even known spreads would give no more than 88%.
        lambda rng: one_learned(rng, 0.2, levels=1), 0.5, 0.88,
    ),
    "the same, measured at one level only, 8 seeds a side": (
        lambda rng: one_learned(rng, 0.2, levels=1, seeds=8), 0.95, 1,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_gate_errs_as_rarely_as_the_documentation_says(name):
    make, least, most = SCENARIOS[name]
    rate = alarm_rate(make)
    assert least <= rate <= most
    (said,) = re.findall(rf"\| {re.escape(name)} \| ([\d.]+)% \|", DOCS.read_text())
    assert rate == pytest.approx(float(said) / 100, abs=0.01)
