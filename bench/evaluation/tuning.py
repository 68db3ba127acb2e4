"""Chooses a method's parameters on validation images: by a metric's mean, from coarse to fine."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.core import Restoration
from bench.evaluation.axis import Axis
from bench.evaluation.blame import ends_the_sweep
from bench.evaluation.calls import Calls
from bench.evaluation.measurements import apart, own
from bench.evaluation.noisy_images import batches
from bench.evaluation.scoring import apply, finish
from bench.noises import ImageDraws
from bench.plugins.metric import BadValues, Measure

if TYPE_CHECKING:
    from bench.core import Dataset, Noise
    from bench.plugins.contract import Denoiser, Method

Params = dict[str, Any]
Trials = list[tuple[Params, float]]
#: A setting: of each parameter, the position of its value on its axis.
Point = tuple[int, ...]

#: Up to so many settings are all tried; of more, a part is.
FULL_GRID = 24
#: The neighbours of so many of the best are tried: parameters that make up for each other leave
#: several hills, and the best of the coarse values may stand on a lower one.
LEADERS = 3
#: A number beyond those listed must be better than the one before by so many of the metric's last
#: decimal (of PSNR 0.05 dB) for the next to be tried: some methods gain less and less up to
#: infinity, and cost more and more.
GAIN = 5


@dataclass
class Tuned:
    """What tuning a method gave.

    Attributes:
        trials: settings with the metric's mean on validation images, in the order they were tried.
        failed: settings that gave no score, each with what went wrong.
        at_edge: of the best setting, the parameters whose value is the "smallest" or "largest"
            that may be tried, though it could go on.
    """

    trials: Trials = field(default_factory=list)
    failed: list[tuple[Params, str]] = field(default_factory=list)
    at_edge: dict[str, str] = field(default_factory=dict)


def search(
    axes: Mapping[str, Axis],
    score: Callable[[Params], float],
    watch: Callable[[int, int], None] = lambda done, total: None,
    gain: float = 0.05,
) -> Trials:
    """Settings with their scores, in the order they were tried.

    All that are listed, where they are few. Otherwise from coarse to fine: every second value of
    each parameter, and then, until all of them have been tried, the neighbours of the best three,
    one value further along one parameter. Numbers that are not listed are neighbours too, of the
    best setting: while it lies at an end, the next number beyond is tried, unless the last step
    beyond gained less than `gain`.

    Args:
        axes: name -> values.
        score: larger is better; NaN where the setting gives no score, which is not built upon.
        watch: told the settings tried and, as far as known, in all, first of none.
        gain: of the score, that a step beyond the listed numbers must bring.

    >>> axes = {"size": Axis.of((3, 5))}
    >>> search(axes, lambda setting: -abs(setting["size"] - 8))
    [({'size': 3}, -5), ({'size': 5}, -3), ({'size': 7}, -1), ({'size': 9}, -1)]
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
        scored = [point for point in tried if not math.isnan(tried[point])]
        leaders = sorted(scored, key=lambda point: -tried[point])[:LEADERS]
        around = [near for point in leaders for near in _neighbours(axes, point)]
        around += _beyond(axes, tried, leaders[0], gain) if leaders else []
        waiting = [point for point in dict.fromkeys(around) if point not in tried]
    return [(_setting(axes, point), value) for point, value in tried.items()]


def _points(axes: Mapping[str, Axis], step: int) -> list[Point]:
    """Every combination of every `step`th value that is listed, and of the last one."""
    positions = ({*axis.listed[::step], axis.listed[-1]} for axis in axes.values())
    return list(itertools.product(*map(sorted, positions)))


def _neighbours(axes: Mapping[str, Axis], point: Point) -> list[Point]:
    """The points one value further along one axis that are listed on it."""
    return [
        _moved(point, number, step)
        for number, axis in enumerate(axes.values())
        for step in (-1, 1)
        if point[number] + step in axis.listed
    ]


def _beyond(
    axes: Mapping[str, Axis], tried: Mapping[Point, float], best: Point, gain: float
) -> list[Point]:
    """Those that are not listed, unless the best gained too little by its last step beyond."""
    points = []
    for number, axis in enumerate(axes.values()):
        for step in (-1, 1):
            position = best[number] + step
            if position in axis.listed or not 0 <= position < len(axis.values):
                continue
            before = tried.get(_moved(best, number, -step), -math.inf)
            if best[number] in axis.listed or not tried[best] - before < gain:
                points.append(_moved(best, number, step))
    return points


def _moved(point: Point, number: int, step: int) -> Point:
    """The point so many values further along one axis."""
    return (*point[:number], point[number] + step, *point[number + 1 :])


def _setting(axes: Mapping[str, Axis], point: Point) -> Params:
    pairs = zip(axes.items(), point, strict=True)
    return {name: axis.values[position] for (name, axis), position in pairs}


class Validation:
    """Validation images under a noise, and how well they are restored.

    Args:
        noise: what a method is tuned for.
        dataset: its validation split is used.
        images: the first so many of them.
        quantize: as for the test images.
        noise_seed: as for the test images; the split is another, and so are the draws.
        calls: cuts the images into calls.
        measure: the metric that tells how well.
    """

    def __init__(
        self,
        noise: Noise,
        dataset: Dataset,
        *,
        images: int,
        quantize: bool,
        noise_seed: int,
        calls: Calls,
        measure: Measure,
    ) -> None:
        self._noise, self._quantize, self._calls = noise, quantize, calls
        self.measure = measure
        self._pairs = [
            (group.images, noise.corrupt(group.images, _draws(group, dataset, noise_seed)))
            for group in dataset.groups("validation", images)
        ]
        self._count = sum(len(clean) for clean, _ in self._pairs)

    def mean(
        self, denoiser: Denoiser, watch: Callable[[float], None] = lambda share: None
    ) -> float:
        """Of the metric, over the images where it is defined.

        Args:
            denoiser: what restores them.
            watch: told which share of the images is restored, but not the last.

        Raises:
            BadValues: the metric gives what no metric may give, or is defined nowhere.
        """
        scores: list[Any] = []
        seen = 0
        for clean, noisy in self._pairs:
            for batch in batches(len(clean), clean.shape[1:]):
                for part in self._calls.cut(len(clean[batch])):
                    few = noisy[batch][part].copy()
                    with self._calls.timed(len(few)):
                        restored = apply(denoiser, few, self._noise)
                    images = Restoration(
                        clean[batch][part],
                        finish(restored, self._quantize),
                        noisy[batch][part],
                        None,
                        self._noise,
                    )
                    with apart(self.measure):
                        scores.append(self.measure(own(self.measure, images)))
                    seen += len(few)
                    if seen < self._count:
                        watch(seen / self._count)
        values = np.concatenate(scores)
        values = values[~np.isnan(values)]
        if not len(values):
            raise BadValues(f"{self.measure.metric.name} is defined for no validation image")
        return float(values.mean())


def tune(
    method: Method,
    typed: Mapping[str, Any],
    make: Callable[[Mapping[str, Any]], Denoiser],
    validation: Validation,
    *,
    watch: Callable[[float, int], None],
    explain: Callable[[Exception], str] = str,
) -> Tuned:
    """A metric's mean of a method's settings, those listed and beyond (see `search`).

    A setting at which the method raises, or gives what no denoiser may give, costs that setting.

    Args:
        method: what is tuned.
        typed: parameters that the user typed, which are not tuned.
        make: gives the (fitted) denoiser with such parameters.
        validation: what it is tuned on.
        watch: told the settings tried, with the share of the one under way, and in all.
        explain: says in a line what went wrong.

    Raises:
        Exception: what the first setting raised, where none gives a score.
    """
    scale = validation.measure.scale
    sign = 1 if scale.higher else -1
    tuned, tried = Tuned(), (0, 0)
    errors: list[Exception] = []

    def tell(done: int, total: int) -> None:
        nonlocal tried
        tried = done, total
        watch(done, total)

    def score(params: Params) -> float:
        try:
            mean = validation.mean(make(params), lambda share: watch(tried[0] + share, tried[1]))
            return sign * mean
        except Exception as error:
            if ends_the_sweep(error, method):
                raise
            tuned.failed.append((params, explain(error)))
            errors.append(error)
            del errors[1:]
            return math.nan

    axes = _axes(method, typed)
    trials = search(axes, score, tell, GAIN * 10.0**-scale.decimals)
    tuned.trials = [(params, sign * value) for params, value in trials if not math.isnan(value)]
    if not tuned.trials:
        raise errors[0]
    chosen, _ = best(tuned.trials, scale.higher)
    ends = {name: axis.end(axis.values.index(chosen[name])) for name, axis in axes.items()}
    tuned.at_edge = {name: end for name, end in ends.items() if end}
    return tuned


def _axes(method: Method, typed: Mapping[str, Any]) -> dict[str, Axis]:
    """Of each parameter that is tuned, the values that may be tried."""
    declared = method.declared
    return {
        name: Axis.of(
            values, declared.least.get(name, -math.inf), declared.most.get(name, math.inf)
        )
        for name, values in declared.tune.items()
        if name not in typed
    }


def best(trials: Trials, higher: bool = True) -> tuple[Params, float]:
    """The setting of the highest mean, or of the lowest; of equal ones the first."""
    return (max if higher else min)(trials, key=lambda trial: trial[1])


def _draws(group: Any, dataset: Dataset, seed: int) -> ImageDraws:
    shape = group.images.shape[1:]
    return ImageDraws(group.positions, shape, dataset.training, "validation", seed)
