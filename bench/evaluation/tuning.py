"""Chooses a method's parameters on validation images: best mean PSNR, from coarse to fine."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bench import metrics
from bench.evaluation.calls import Calls
from bench.evaluation.noisy_images import batches
from bench.evaluation.scoring import apply, finish
from bench.noises import ImageDraws

if TYPE_CHECKING:
    from bench.core import Dataset, Noise
    from bench.plugins.contract import Denoiser, Method

Trials = list[tuple[dict[str, Any], float]]
#: A setting: of each parameter, the index of its value among those to try.
Point = tuple[int, ...]

#: Up to so many settings are all tried; of more, a part is.
FULL_GRID = 24
#: The neighbours of so many of the best are tried: parameters that make up for each other leave
#: several hills, and the best of the coarse values may stand on a lower one.
LEADERS = 3


def search(
    axes: Mapping[str, Sequence[Any]],
    score: Callable[[dict[str, Any]], float],
    watch: Callable[[int, int], None] = lambda done, total: None,
) -> Trials:
    """Settings with their scores, in the order they were tried.

    All of them where they are few. Otherwise from coarse to fine: every second value of each
    parameter, and then, until all of them have been tried, the neighbours of the best three, one
    value further along one parameter.

    Args:
        axes: name -> values, in an order in which neighbours are alike.
        score: larger is better.
        watch: told the settings tried and, as far as known, in all, first of none.
    """
    tried: dict[Point, float] = {}
    waiting = _points(axes, step=1)
    if len(waiting) > FULL_GRID:
        waiting = _points(axes, step=2)
    watch(0, len(waiting))
    while waiting:
        for index, point in enumerate(waiting):
            tried[point] = score(_setting(axes, point))
            watch(len(tried), len(tried) + len(waiting) - index - 1)
        leaders = sorted(tried, key=lambda point: -tried[point])[:LEADERS]
        around = (near for point in leaders for near in _neighbours(axes, point))
        waiting = [point for point in dict.fromkeys(around) if point not in tried]
    return [(_setting(axes, point), value) for point, value in tried.items()]


def _points(axes: Mapping[str, Sequence[Any]], step: int) -> list[Point]:
    """Every combination of every `step`th value, and of the last one."""
    indices = ({*range(0, len(values), step), len(values) - 1} for values in axes.values())
    return list(itertools.product(*map(sorted, indices)))


def _neighbours(axes: Mapping[str, Sequence[Any]], point: Point) -> list[Point]:
    points = []
    for axis, values in enumerate(axes.values()):
        for index in (point[axis] - 1, point[axis] + 1):
            if 0 <= index < len(values):
                points.append((*point[:axis], index, *point[axis + 1 :]))
    return points


def _setting(axes: Mapping[str, Sequence[Any]], point: Point) -> dict[str, Any]:
    return {name: values[i] for (name, values), i in zip(axes.items(), point, strict=True)}


def tune(
    method: Method,
    typed: Mapping[str, Any],
    make: Callable[[Mapping[str, Any]], Denoiser],
    noise: Noise,
    dataset: Dataset,
    *,
    images: int,
    quantize: bool,
    noise_seed: int,
    calls: Calls,
    watch: Callable[[float, int], None],
) -> Trials:
    """Settings tried with their mean validation PSNR in dB, in the order they were tried.

    Args:
        method: what is tuned.
        typed: parameters that the user typed, which are not tuned.
        make: gives the (fitted) denoiser with such parameters.
        noise: what it is tuned for.
        dataset: its validation split is used.
        images: the first so many of them.
        quantize: as for the test images.
        noise_seed: as for the test images; the split is another, and so are the draws.
        calls: cuts the images into calls.
        watch: told the settings tried, with the share of the one under way, and in all.
    """
    validation = [
        (group.images, noise.corrupt(group.images, _draws(group, dataset, noise_seed)))
        for group in dataset.groups("validation", images)
    ]

    count = sum(len(clean) for clean, _ in validation)
    tried = (0, 0)

    def tell(done: int, total: int) -> None:
        nonlocal tried
        tried = done, total
        watch(done, total)

    def score(params: dict[str, Any]) -> float:
        denoiser = make(params)
        scores: list[Any] = []
        seen = 0
        for clean, noisy in validation:
            for batch in batches(len(clean), clean.shape[1:]):
                for part in calls.cut(len(clean[batch])):
                    few = noisy[batch][part].copy()
                    with calls.timed(len(few)):
                        restored = apply(denoiser, few, noise)
                    mse = metrics.mse(clean[batch][part], finish(restored, quantize))
                    scores.append(metrics.psnr(mse))
                    seen += len(few)
                    if seen < count:
                        watch(tried[0] + seen / count, tried[1])
        return float(np.concatenate(scores).mean())

    free = {name: values for name, values in method.declared.tune.items() if name not in typed}
    return search(free, score, tell)


def best(trials: Trials) -> tuple[dict[str, Any], float]:
    """The candidate of the highest score; of equal ones the first."""
    return max(trials, key=lambda trial: trial[1])


def _draws(group: Any, dataset: Dataset, seed: int) -> ImageDraws:
    shape = group.images.shape[1:]
    return ImageDraws(group.positions, shape, dataset.training, "validation", seed)
