"""How often the gate errs, simulated with real spreads; prints the table of docs/gate.md.

    python tests/gate/error_rates.py            1,000 runs a row, a few minutes

What images do is real: the differences between two trainings of `vae` in results/learned, or
between two filters of results/reference, image by image, with both metrics and all levels of an
image together. They are drawn anew for each simulated run, centred, and shifted by the drop that is
to be found. Training seeds are normal, with the spread that a row names (of one run; two runs
differ by more), in PSNR and SSIM alike.
"""

from __future__ import annotations

import functools
import sys
from pathlib import Path

import numpy as np

import bench
from bench.core import DEFAULT_SCALES
from bench.gate.baseline import decide
from bench.gate.pairing import OVERALL_SHARE, Sample
from bench.gate.tolerance import tolerances

RESULTS = Path(__file__).parents[2] / "results"
TOLERANCE = tolerances(DEFAULT_SCALES)
METRICS = list(TOLERANCE)
LEVELS = 3
IMAGES = 1000
#: SSIM that goes with a dB, as in results/learned for seeds of `vae`.
SSIM_A_DB = 0.04


@functools.cache
def real(name):
    """Centred differences of (metrics, levels, images): of two seeds of vae, or of two filters."""
    run, one, other = {
        "vae": ("learned", ("vae", 0), ("vae", 1)),
        "filter": ("reference", ("tv", -1), ("wavelet", -1)),
    }[name]
    opened = bench.open_run(RESULTS / run)
    cells = opened.cells()
    cells = cells[(cells["params"] == "{}") & (cells["regime"].fillna("matched") == "matched")]
    cells = cells[cells["noise"] == "gaussian"]
    sides = []
    for named, seed in (one, other):
        chosen = (cells["method"] == named) & (cells["seed"].fillna(-1) == seed)
        keys = cells[chosen].sort_values("level")["key"]
        images = [opened.images(key) for key in keys]
        sides.append(np.array([[image[metric] for image in images] for metric in METRICS]))
    difference = sides[0] - sides[1]
    difference -= difference.mean(axis=2, keepdims=True)
    if name == "filter":  # of two versions of one filter, not of two filters
        difference *= 0.25
    return difference.astype(np.float32)


def method(
    rng, *, seeds=0, sd=0.07, drops=(0.0,) * LEVELS, paired=True, shared=False, both=False,
    images=IMAGES, ratio=1.0,
):  # fmt: skip
    """The samples of one method: over all levels and at each, as `pairing` makes them.

    Args:
        rng: random numbers.
        seeds: training seeds a side; 0 for a filter.
        sd: in dB, of the seeds of one side.
        drops: the true drop in dB at each level.
        paired: both sides have the same seeds, which then have nothing in common all the same.
        shared: a seed does the same at all levels.
        both: SSIM drops too, by the same number of tolerances.
        images: that were measured.
        ratio: of the seeds' spreads, old to new.
    """
    pool = real("vae" if seeds else "filter")
    levels = len(drops)
    k = max(seeds, 1)
    at = rng.integers(pool.shape[2], size=(k, images))
    at[1:] = np.where(
        rng.random(images) < 0.5, at[0], at[1:]
    )  # half of what images do is their own
    # (metrics, levels, seeds, images)
    new = pool[:, :levels, at]
    old = np.zeros_like(new)
    for side, share in ((new, 1.0), (old, ratio)):
        if seeds:
            shape = (1, 1 if shared else levels, k, 1)
            own = share * sd * rng.standard_normal(shape)
            side += np.concatenate([own, SSIM_A_DB * own])
    fallen = np.array(drops)[:, None, None]
    new[0] -= fallen
    if both:
        new[1] -= fallen * TOLERANCE["ssim"] / TOLERANCE["psnr"]
    samples = []
    for metric, now, before in zip(METRICS, new, old, strict=True):
        options = {"random": bool(seeds), "metric": metric, "paired": paired}
        options["scale"] = DEFAULT_SCALES[metric]
        if levels > 1:
            samples.append(Sample(now, before, weight=OVERALL_SHARE, **options))
        weight = (1 - OVERALL_SHARE if levels > 1 else 1.0) / levels
        for level in range(levels):
            one = slice(level, level + 1)
            samples.append(Sample(now[one], before[one], weight=weight, **options))
    return samples


def seven(rng, **options):
    """Five filters and two learned methods, four seeds a side unless said, all measured anew."""
    learned = {"seeds": 4, **options}
    filters = {name: options[name] for name in ("drops", "both") if name in options}
    return [
        *(sample for _ in range(5) for sample in method(rng, **filters)),
        *(sample for _ in range(2) for sample in method(rng, **learned)),
    ]


def learned(rng, drop, **options):
    """One learned method that drops at every level; all others gave what they gave before."""
    return method(rng, drops=(drop,) * LEVELS, **options)


LIMIT = (TOLERANCE["psnr"],) * LEVELS
# What is true -> how it is simulated, and how many of a hundred runs may be regressed, and held.
SCENARIOS = {
    "nothing changed; seeds differ by 0.02 dB": (lambda rng: seven(rng, sd=0.02), (0, 5), (0, 100)),
    "nothing changed; seeds differ by 0.07 dB": (lambda rng: seven(rng), (0, 5), (0, 100)),
    "nothing changed; seeds differ by 0.2 dB, alike at all levels": (
        lambda rng: seven(rng, sd=0.2, shared=True), (0, 5), (0, 5),
    ),
    "all drop by the tolerance itself; seeds differ by 0.02 dB": (
        lambda rng: seven(rng, sd=0.02, drops=LIMIT, both=True), (0, 6), (0, 5),
    ),
    "all drop by the tolerance itself; seeds differ by 0.2 dB, alike at all levels": (
        lambda rng: seven(rng, sd=0.2, shared=True, drops=LIMIT, both=True), (0, 6), (0, 5),
    ),
    "a filter drops by 0.2 dB at one level of three; all seven measured anew": (
        lambda rng: seven(rng) + method(rng, drops=(0.2, 0, 0)), (95, 100), (0, 0),
    ),
    "a learned method drops by 0.27 dB; 4 seeds that differ by 0.11 dB": (
        lambda rng: learned(rng, 0.27, seeds=4, sd=0.11), (40, 100), (0, 0),
    ),
    "a learned method drops by 0.27 dB; 8 seeds that differ by 0.11 dB": (
        lambda rng: learned(rng, 0.27, seeds=8, sd=0.11), (95, 100), (0, 0),
    ),
    "the same, 4 seeds, alike at all levels": (
        lambda rng: learned(rng, 0.27, seeds=4, sd=0.11, shared=True), (10, 100), (0, 0),
    ),
    "the same, 4 seeds, one level only": (
        lambda rng: method(rng, drops=(0.27,), seeds=4, sd=0.11), (10, 100), (0, 0),
    ),
    "a learned method drops by 0.2 dB; 4 seeds that differ by 0.02 dB": (
        lambda rng: learned(rng, 0.2, seeds=4, sd=0.02), (95, 100), (0, 0),
    ),
    "a learned method is as it was; 4 seeds that differ by 0.02 dB": (
        lambda rng: learned(rng, 0, seeds=4, sd=0.02), (0, 5), (0, 100),
    ),
    "a learned method is as it was; 8 seeds that differ by 0.02 dB": (
        lambda rng: learned(rng, 0, seeds=8, sd=0.02), (0, 5), (0, 100),
    ),
}  # fmt: skip


def outcome(comparisons):
    """What a run's exit code follows from."""
    verdicts = {comparison.verdict for comparison in comparisons}
    order = ("regressed", "undecided", "improved", "held")
    return next(verdict for verdict in order if verdict in verdicts)


def rates(make, runs):
    """Share of simulated runs in which each verdict is the outcome."""
    found = [outcome(decide(make(np.random.default_rng(run)))) for run in range(runs)]
    return {verdict: found.count(verdict) / runs for verdict in set(found)}


if __name__ == "__main__":
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    for name, (make, *_) in SCENARIOS.items():
        share = rates(make, runs)
        columns = (f"{100 * share.get(v, 0):.1f}%" for v in ("regressed", "undecided", "held"))
        print(f"| {name} | {' | '.join(columns)} |", flush=True)
