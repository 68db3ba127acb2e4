"""How often conclusions about means are wrong, simulated with the scores of published runs.

    python tests/analysis/conclusions.py [RUNS]        # tables for docs/reports.md; 400 runs

The scores of `results/learned` (10,000 digits) and `results/bsd68` are the population: each
method's are shifted so that all methods have one mean under a noise, images are drawn, and what a
report would say is counted. They keep their skewness and how methods go along with each other.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench import store
from bench.analysis import Scores, statistics
from bench.analysis.comparison import compare_noises
from bench.analysis.scores import NoiseScores
from bench.core import DEFAULT_SCALES

RESULTS = Path(__file__).parents[2] / "results"
#: Images of a field or patient.
UNIT_SIZES = (1, 2, 4, 6, 12)
#: Methods of `results/bsd68` that are not trained at random.
FILTERS = ["identity", "gaussian", "median", "bilateral", "wiener", "tv", "wavelet", "nlm",
           "lmmse", "bm3d"]  # fmt: skip
#: Of the published runs.
METRICS = list(DEFAULT_SCALES)


@dataclass(frozen=True)
class Population:
    """Scores of a published run: noise -> metric -> (images, methods)."""

    labels: list[str]
    values: list[dict[str, np.ndarray]]

    @classmethod
    def of(cls, run, labels=None):
        run = store.open_run(RESULTS / run)
        parts = list(Scores.of_run(run, run.cells()).noises())
        labels = labels or [one for one in parts[0].labels if all(one in p.labels for p in parts)]
        chosen = [[part.labels.index(label) for label in labels] for part in parts]
        values = [
            {metric: part.values[metric][:, columns] for metric in METRICS}
            for part, columns in zip(parts, chosen, strict=True)
        ]
        return cls(labels, values)

    def level(self):
        """The same with all methods at one mean under each noise, by each metric."""
        values = [
            {m: v - v.mean(axis=0) + v.mean() for m, v in noise.items()} for noise in self.values
        ]
        return Population(self.labels, values)

    def draw(self, rng, images):
        """What a run on so many images, drawn from all, would give."""
        size = len(self.values[0]["psnr"])
        at = rng.integers(size, size=images)
        return [{metric: values[at] for metric, values in noise.items()} for noise in self.values]

    def draw_units(self, rng, units):
        """The same of so many units of unequal size, five images on average that are much alike.

        Returns the unit of each image too. The images of a unit share most of their scores: those
        of one image of the population weigh 0.8, those of another for each 0.2.
        """
        size = len(self.values[0]["psnr"])
        of = np.repeat(np.arange(units), rng.choice(UNIT_SIZES, size=units))
        shared, own = rng.integers(size, size=units)[of], rng.integers(size, size=len(of))
        drawn = [{m: 0.8 * v[shared] + 0.2 * v[own] for m, v in n.items()} for n in self.values]
        return of, drawn


def noise_scores(level, labels, values, seed_means=None, units=None):
    """The scores under one noise, as `Scores` reads them: metric -> (images, methods)."""
    images = len(values["psnr"])
    return NoiseScores(
        ("toy", "gaussian", level),
        list(labels),
        values,
        np.arange(images),
        np.arange(images) if units is None else units,
        np.ones(len(labels), np.int64),
        seed_means or [{} for _ in labels],
    )


def compared(labels, noises, seed_means=None, units=None):
    """Means and pairs of a run."""
    seed_means = seed_means or [None] * len(noises)
    parts = [
        noise_scores(float(number), labels, values, seeds, units)
        for number, (values, seeds) in enumerate(zip(noises, seed_means, strict=True))
    ]
    return compare_noises(parts)


def false_differences(population, images, runs, rng):
    """Share of the runs with one or more false differences, by metric."""
    level = population.level()
    wrong = dict.fromkeys(METRICS, 0)
    for _ in range(runs):
        _, pairs = compared(level.labels, level.draw(rng, images))
        for metric in set(pairs["metric"][pairs["better"] != ""]):
            wrong[metric] += 1
    return {metric: count / runs for metric, count in wrong.items()}


def of_units(population, units, runs, rng, *, known=True):
    """What goes wrong where several images are of one unit.

    Args:
        known: the report knows of the units; else it takes each image for one.

    Returns:
        Metric -> share of the intervals that hold the mean over the population; and metric -> share
        of the runs with one or more false differences of methods of equal means.
    """
    level = population.level()
    held = {metric: [] for metric in METRICS}
    wrong = dict.fromkeys(METRICS, 0)
    for _ in range(runs):
        of, drawn = level.draw_units(rng, units)
        summary, pairs = compared(level.labels, drawn, units=of if known else None)
        for metric in set(pairs["metric"][pairs["better"] != ""]):
            wrong[metric] += 1
        for part, noise in zip(summary, level.values, strict=True):
            for metric, rows in part.groupby("metric"):
                truth = noise[metric].mean(axis=0)
                given = np.isfinite(rows["high"] - rows["low"])
                held[metric] += list(((rows["low"] <= truth) & (truth <= rows["high"]))[given])
    return (
        {metric: float(np.mean(inside)) for metric, inside in held.items()},
        {metric: count / runs for metric, count in wrong.items()},
    )


def power(population, images, runs, rng):
    """Share of the differences that are found which are as large as the report says it would find.

    Each run says so of one pair of methods; another run of as many images is then made in which the
    pair differs by as much.
    """
    found = dict.fromkeys(METRICS, 0)
    tried = dict.fromkeys(METRICS, 0)
    level = population.level()
    for _ in range(runs):
        _, pairs = compared(level.labels, level.draw(rng, images))
        again = level.draw(rng, images)
        moved = [{metric: values.copy() for metric, values in noise.items()} for noise in again]
        asked = {}
        for metric, part in pairs.groupby("metric"):
            part = part[np.isfinite(part["detectable"])]
            if part.empty:
                continue
            pair = part.iloc[rng.integers(len(part))]
            sign = rng.choice([-1.0, 1.0])
            moved[int(pair["level"])][metric][:, level.labels.index(pair["a"])] += (
                sign * pair["detectable"]
            )
            better = pair["a"] if (sign > 0) == DEFAULT_SCALES[metric].higher else pair["b"]
            asked[metric] = pair["level"], pair["a"], pair["b"], better
        _, pairs = compared(level.labels, moved)
        for metric, (at, a, b, better) in asked.items():
            told = pairs[
                (pairs["metric"] == metric) & (pairs["level"] == at) & (pairs["a"] == a)
                & (pairs["b"] == b)
            ]  # fmt: skip
            tried[metric] += 1
            found[metric] += told["better"].iloc[0] == better
    return {
        metric: found[metric] / tried[metric] if tried[metric] else np.nan for metric in METRICS
    }


def coverage(population, images, runs, rng):
    """How often an interval of a mean holds the mean over the population; and none was given.

    Metric -> (share of the intervals given, share of the means without one), the worst of all
    methods and noises first, then of all together.
    """
    held = {metric: [] for metric in METRICS}
    for _ in range(runs):
        for drawn, noise in zip(population.draw(rng, images), population.values, strict=True):
            for metric, values in drawn.items():
                low, high = statistics.studentised(statistics.UnitScores(values)).intervals()
                mean = noise[metric].mean(axis=0)
                inside = ((low <= mean) & (mean <= high)).astype(float)
                inside[~np.isfinite(high - low)] = np.nan
                held[metric].append(inside)
    result = {}
    for metric, rows in held.items():
        table = np.array(rows)
        result[metric] = (float(np.nanmean(table)), float(np.isnan(table).mean()))
    return result


def seeds_told_apart(population, images, runs, rng, *, spread=0.1, seeds=4, methods=4, shared=True):
    """Share of the runs in which one method, trained with other seeds, is told apart from itself.

    Args:
        spread: standard deviation in dB of the means of training seeds; of the other metrics as
            many times an image's as of PSNR.
        shared: all have the same training seeds.
    """
    labels = [f"m{number}" for number in range(methods)]
    wrong = dict.fromkeys(METRICS, 0)
    for _ in range(runs):
        noises, means = [], []
        for drawn in population.draw(rng, images):
            by_method = [{} for _ in labels]
            values = {}
            for number, metric in enumerate(METRICS):
                scores = drawn[metric]
                image = scores[:, [0]]
                unit = spread * scores[:, 0].std() / drawn["psnr"][:, 0].std()
                effects = unit * rng.standard_normal((methods, seeds))
                # What an image gets from one training more than from another.
                own = (scores[:, 1] - scores[:, 0])[:, None, None]
                own = (own - own.mean()) * rng.standard_normal((1, methods, seeds)) * 0.3
                table = image[:, :, None] + effects[None] + own
                values[metric] = table.mean(axis=2)
                for m in range(methods):
                    for k in range(seeds):
                        name = k if shared else m * seeds + k
                        by_method[m].setdefault(name, np.zeros(len(METRICS)))[number] = table[
                            :, m, k
                        ].mean()
            noises.append(values)
            means.append(by_method)
        _, pairs = compared(labels, noises, means)
        for metric in set(pairs["metric"][pairs["better"] != ""]):
            wrong[metric] += 1
    return {metric: count / runs for metric, count in wrong.items()}


def _percent(rates):
    return " / ".join("–" if np.isnan(rate) else f"{100 * rate:.1f}%" for rate in rates.values())


def main():
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    # The fewest that a report takes, as it does of 10,000 images.
    statistics._RESAMPLES = (2000, 2000)
    rng = np.random.default_rng(0)
    digits, photographs = Population.of("learned"), Population.of("bsd68", FILTERS)
    pairs = len(digits.labels) * (len(digits.labels) - 1) // 2 * len(digits.values)
    print(f"{len(digits.labels)} methods, {pairs} comparisons a metric; PSNR / SSIM / MSE")
    print("| images | one or more false | found |\n|---|---|---|")
    for images in (12, 68, 200, 1000):
        false = false_differences(digits, images, runs, rng)
        found = power(digits, images, runs // 2, rng)
        print(f"| {images} | {_percent(false)} | {_percent(found)} |", flush=True)
    false = false_differences(photographs, 12, runs // 2, rng)
    print(f"| 12 photographs | {_percent(false)} | |", flush=True)
    print("| images | intervals that hold the mean |\n|---|---|")
    for images in (5, 12, 20, 68, 200):
        held = coverage(digits, images, runs // 2, rng)
        shown = " / ".join(
            f"{100 * share:.1f}%" + (f" ({100 * none:.0f}% without)" if none else "")
            for share, none in held.values()
        )
        print(f"| {images} | {shown} |", flush=True)
    print("| units | intervals that hold | one or more false | taken for images: hold | false |")
    print("|---|---|---|---|---|")
    for units in (10, 20, 50):
        rates = (
            rate
            for known in (True, False)
            for rate in of_units(digits, units, runs // 2, rng, known=known)
        )
        print(f"| {units} | {' | '.join(map(_percent, rates))} |", flush=True)
    print("| images, spread of seeds | same seeds | other seeds |\n|---|---|---|")
    for images, spread in ((12, 0.02), (68, 0.02), (1000, 0.02), (1000, 0.07), (1000, 0.2)):
        told = (
            seeds_told_apart(digits, images, runs // 2, rng, spread=spread, shared=shared)
            for shared in (True, False)
        )
        print(f"| {images}, {spread} dB | {' | '.join(map(_percent, told))} |", flush=True)


if __name__ == "__main__":
    main()
