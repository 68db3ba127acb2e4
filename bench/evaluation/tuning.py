"""Chooses a method's parameters on validation images, from coarse to fine."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bench.evaluation.axis import Axis
from bench.evaluation.blame import ends_the_sweep

if TYPE_CHECKING:
    from bench.evaluation.validation import Validation
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
        trials: settings with their scores on validation images, in the order they were tried.
        failed: settings that gave no score, each with what went wrong.
        at_edge: of the best setting, the parameters whose value is the "smallest" or "largest"
            that may be tried, though it could go on.
        regret: by how many dB of mean PSNR the best setting restores less well than another one
            that was tried; None where nobody knows, or settings were chosen by clean images.
    """

    trials: Trials = field(default_factory=list)
    failed: list[tuple[Params, str]] = field(default_factory=list)
    at_edge: dict[str, str] = field(default_factory=dict)
    regret: float | None = None


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


def tune(
    method: Method,
    typed: Mapping[str, Any],
    make: Callable[[Mapping[str, Any]], Denoiser],
    validation: Validation,
    *,
    watch: Callable[[float, int], None],
    explain: Callable[[Exception], str] = str,
) -> Tuned:
    """Scores of a method's settings, those listed and beyond (see `search`).

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
    scale = validation.scale
    sign = 1 if scale.higher else -1
    tuned, tried = Tuned(), (0, 0)
    errors: list[Exception] = []
    psnrs: list[float | None] = []

    def tell(done: int, total: int) -> None:
        nonlocal tried
        tried = done, total
        watch(done, total)

    def score(params: Params) -> float:
        try:
            found = validation.score(make(params), lambda share: watch(tried[0] + share, tried[1]))
            psnrs.append(found.psnr)
            return sign * found.value
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
    tuned.regret = _regret(tuned.trials, chosen, psnrs)
    ends = {name: axis.end(axis.values.index(chosen[name])) for name, axis in axes.items()}
    tuned.at_edge = {name: end for name, end in ends.items() if end}
    return tuned


def _regret(trials: Trials, chosen: Params, psnrs: list[float | None]) -> float | None:
    """See `Tuned.regret`, of settings with their mean PSNR, None where it is not known."""
    known = [psnr for psnr in psnrs if psnr is not None]
    if not known:
        return None
    return max(known) - known[[params for params, _ in trials].index(chosen)]


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
    """The setting of the highest score, or of the lowest; of equal ones the first."""
    return (max if higher else min)(trials, key=lambda trial: trial[1])
