"""What a run measured at each point: means, and how far they may be off."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from bench.analysis import Scores
from bench.analysis.scores import Columns
from bench.analysis.statistics import unit_scores
from bench.core import Scale
from bench.gate.images import image_table, joined, units_of

#: Data set, label, noise, level.
Point = tuple[str, str, str, float]

#: Standard errors of the mean that a limit lies below it.
MARGIN = 3.0


@dataclass(frozen=True)
class Measured:
    """A mean over images, each first averaged over training seeds.

    Attributes:
        mean: its value.
        error: standard error, over images and seeds, as far as there are several.
        images: measured under every seed.
        seeds: training seeds; 0 where nothing is random.
        units: that the images are of, each drawn independently of the others.
    """

    mean: float
    error: float
    images: int
    seeds: int
    units: int

    def limit(self, scale: Scale) -> float:
        """What a run of an unchanged method stays above; below, where less is better.

        Where every image has the best value that there is, nothing is known of how values vary:
        one unit may then have the worst.
        """
        best, worst = scale.most, scale.least
        if not scale.higher:
            best, worst = worst, best
        if self.mean == best and math.isfinite(worst):
            return best - (best - worst) / self.units
        return self.mean - (MARGIN if scale.higher else -MARGIN) * self.error


def measured(scores: Scores) -> Iterator[tuple[Point, str, Measured]]:
    """Of each point of a run and each metric, where there is a value.

    The standard error is sqrt(s_image^2 / n + s_seed^2 / k) with n images (or units,
    where several are of one) and k seeds.
    """
    for (dataset, label, noise, level), part in scores.by("dataset", "label", "noise", "level"):
        random = bool(part.cells["seed"].notna().any())
        seeds: dict[int, list[Columns]] = {}
        for seed, columns in zip(part.cells["seed"].fillna(-1), part, strict=True):
            seeds.setdefault(int(seed), []).append(columns)
        cells = {(seed,): joined(parts, scores.scales) for seed, parts in seeds.items()}
        table = image_table(cells, scores.scales)
        for metric in scores.scales:
            # An image that was not measured under every seed is left out.
            known = table[metric].dropna()
            values, count = known.to_numpy(), len(cells)
            if not len(values):
                continue
            units = units_of(next(iter(cells.values())), known.index)
            by_unit = unit_scores(values.mean(axis=1, keepdims=True), units)
            variance = by_unit.variance if len(by_unit.scores) > 1 else 0.0
            if count > 1:
                variance += values.mean(axis=0).var(ddof=1) / count
            error = float(np.sqrt(variance))
            found = Measured(
                float(values.mean()),
                error,
                len(values),
                count if random else 0,
                len(by_unit.scores),
            )
            yield (dataset, label, noise, level), metric, found
