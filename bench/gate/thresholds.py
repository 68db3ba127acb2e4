"""Thresholds: limits on what a run measured, kept in a TOML file that people edit.

    [[threshold]]
    method = "vae"            # as tables name it; "*" and "?" are wildcards; left out: all
    dataset = "mnist"
    noise = "gaussian"
    level = 0.3               # or "25/255"
    metric = "psnr"           # psnr (dB), ssim, mse, images_per_second, parameters
    min = 19.5                # and/or max

psnr, ssim and mse are means over images (and seeds). images_per_second depends on the machine,
so it is only taken relative to another method of the same run: with `relative_to = "gaussian"`
the limits are ratios. What `update` writes has an entry `made_from`, the run's name: it
is renewed by the next update, and every entry without one is left as it is.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from bench.analysis import METRICS, Scores, means, tuples, with_labels
from bench.core import UsageError, nearest
from bench.gate.verdict import Judgement
from bench.noises import parse_noise

if TYPE_CHECKING:
    import pandas as pd

_CELL_METRICS = ("images_per_second", "parameters")
_KEYS = (
    "method", "dataset", "noise", "level", "metric", "min", "max", "relative_to", "made_from",
)  # fmt: skip
_TEXTS = ("method", "dataset", "noise", "metric", "relative_to", "made_from")


@dataclass(frozen=True)
class Threshold:
    """Limits on a metric of the methods, data sets, noises and levels that match.

    Attributes:
        method, dataset, noise: patterns; None matches all.
        level: None matches all.
        metric: "psnr", "ssim", "mse", "images_per_second" or "parameters".
        min, max: the limits, in the metric's unit; None where there is none.
        relative_to: the method of the same run that images per second are divided by.
    """

    metric: str
    method: str | None = None
    dataset: str | None = None
    noise: str | None = None
    level: float | None = None
    min: float | None = None
    max: float | None = None
    relative_to: str | None = None

    def __str__(self) -> str:
        where = [
            f"{name} = {f'{value:.4g}' if isinstance(value, float) else repr(value)}"
            for name in ("method", "dataset", "noise", "level")
            if (value := getattr(self, name)) is not None
        ]
        return ", ".join([*where, f"metric = {self.metric!r}"])

    def matches(self, dataset: str, label: str, noise: str, level: float) -> bool:
        """Whether it speaks of such a cell."""
        texts = ((self.dataset, dataset), (self.method, label), (self.noise, noise))
        if not all(pattern is None or _like(pattern, text) for pattern, text in texts):
            return False
        return self.level is None or math.isclose(self.level, level, rel_tol=1e-9)


def _like(pattern: str, text: str) -> bool:
    """Wildcards * and ?; brackets stand for themselves, as in `median[size=5]`."""
    written = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(written, text) is not None


# -- reading ---------------------------------------------------------------------------------


def parse(text: str, where: str) -> list[Threshold]:
    """The thresholds of a TOML file's text.

    Args:
        text: the file's.
        where: the file's name, for errors.

    Raises:
        UsageError: it is no TOML, or an entry is not understood.
    """
    import tomllib

    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # also of absurd numbers and nesting
        raise UsageError(f"{where} is not valid TOML: {error}") from error
    for key in document:
        if key != "threshold":
            raise UsageError(f"{where}: unknown entry {key!r}: write tables [[threshold]]")
    tables = document.get("threshold", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise UsageError(f"{where}: write tables [[threshold]], with double brackets")
    return [
        _threshold(table, f"{where}, threshold {number}")
        for number, table in enumerate(tables, start=1)
    ]


def _threshold(table: Mapping[str, Any], where: str) -> Threshold:
    for key, value in table.items():
        if key not in _KEYS:
            raise UsageError(f"{where}: unknown key {key!r}: {nearest(key, _KEYS)}")
        if key in _TEXTS and not isinstance(value, str):
            raise UsageError(f"{where}: {key} is a text")
    metric = table.get("metric")
    known = (*METRICS, *_CELL_METRICS)
    if metric not in known:
        raise UsageError(
            f"{where}: unknown metric {metric!r}: {nearest(metric, known)}"
            if metric
            else f"{where}: metric is missing: give one of {', '.join(known)}"
        )
    limits = {key: _number(table[key], f"{where}: {key}") for key in ("min", "max") if key in table}
    if not limits:
        raise UsageError(f"{where}: there is neither min nor max: give a limit")
    if len(limits) == 2 and limits["min"] > limits["max"]:
        raise UsageError(f"{where}: min {limits['min']:g} is over max {limits['max']:g}")
    if (metric == "images_per_second") != ("relative_to" in table):
        raise UsageError(
            f"{where}: images_per_second depends on the machine: say relative_to which method of "
            "the same run, and give ratios"
            if metric == "images_per_second"
            else f"{where}: relative_to is for images_per_second only"
        )
    texts = {
        key: table[key] for key in ("method", "dataset", "noise", "relative_to") if key in table
    }
    level = level_of(table.get("level"), where)
    return Threshold(metric, level=level, min=limits.get("min"), max=limits.get("max"), **texts)


def _number(value: Any, where: str) -> float:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not (number and abs(value) <= sys.float_info.max):  # TOML's integers have no end
        raise UsageError(f"{where} is a finite number")
    return float(value)


def level_of(value: Any, where: str) -> float | None:
    """The level that an entry gives, as a number; None matches all; raises `UsageError`."""
    if value is None or value == "*":
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise UsageError(f"{where}: level is a number, or a text such as '25/255'")
    if not isinstance(value, str):
        _number(value, f"{where}: level")
    try:
        return parse_noise([value])[0].level
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from None


# -- judging ---------------------------------------------------------------------------------


def judge(thresholds: Sequence[Threshold], scores: Scores, cells: pd.DataFrame) -> list[Judgement]:
    """A judgement for each threshold and each point of the run that it matches.

    Args:
        thresholds: see `parse`.
        scores: of a run.
        cells: its `cells()`.

    Returns:
        Verdicts "held" and "regression"; "failed" for a cell that it matches and that has no
        result; "unmatched" for a threshold that matches nothing.
    """
    measured = _measured(scores, cells)
    labelled = with_labels(cells)
    judgements = []
    for threshold in thresholds:
        matches = [*_with_result(threshold, measured), *_without_result(threshold, labelled)]
        judgements += matches or [
            Judgement(
                "unmatched",
                str(threshold),
                threshold.metric,
                against=_against(threshold),
                reason=_why_unmatched(threshold, labelled),
                about=asdict(threshold),
            )
        ]
    return judgements


_POINT = ["dataset", "label", "noise", "level"]
_Point = tuple[str, str, str, float]


def _measured(scores: Scores, cells: pd.DataFrame) -> dict[str, dict[_Point, float]]:
    """Metric -> (data set, label, noise, level) -> value."""
    measured: dict[str, dict[_Point, float]] = {name: {} for name in (*METRICS, *_CELL_METRICS)}
    for *point, metric, mean in tuples(means(scores), *_POINT, "metric", "mean"):
        if not math.isnan(mean):
            measured[metric][_as_point(point)] = mean
    done = with_labels(cells[cells["status"] == "done"])
    grouped = done.groupby(_POINT, sort=False)
    speeds = grouped["images_per_second"].median().reset_index()
    sizes = grouped["parameters"].max().reset_index()
    for frame, metric in ((speeds, "images_per_second"), (sizes, "parameters")):
        for *point, value in tuples(frame, *_POINT, metric):
            measured[metric][_as_point(point)] = float(value)
    return measured


def _with_result(
    threshold: Threshold, measured: Mapping[str, Mapping[_Point, float]]
) -> Iterator[Judgement]:
    """What was measured of all that a threshold matches, held against its limits."""
    values = measured[threshold.metric]
    for point, value in values.items():
        if not threshold.matches(*point):
            continue
        metric = threshold.metric
        about = {**asdict(threshold), **_named(point)}
        if threshold.relative_to is not None:
            dataset, label, noise, level = point
            other = values.get((dataset, threshold.relative_to, noise, level))
            if label == threshold.relative_to:
                continue
            if other is None:
                yield Judgement(
                    "unmatched",
                    Judgement.subject_of(*point),
                    metric,
                    against=_against(threshold),
                    reason=f"the run has no speed of {threshold.relative_to!r} there: "
                    + nearest(
                        threshold.relative_to, dict.fromkeys(label for _, label, *_ in values)
                    ),
                    about=about,
                )
                continue
            value, metric = value / other, f"{metric} / {threshold.relative_to}'s"
        low = threshold.min is not None and value < threshold.min
        high = threshold.max is not None and value > threshold.max
        yield Judgement(
            "regression" if low or high else "held",
            Judgement.subject_of(*point),
            metric,
            value=value,
            against=_against(threshold),
            reason="under the minimum" if low else "over the maximum" if high else "",
            about=about,
        )


def _without_result(threshold: Threshold, cells: pd.DataFrame) -> Iterator[Judgement]:
    """Cells that a threshold matches and that failed or were skipped."""
    rest = cells[cells["status"] != "done"]
    for *values, status, reason in tuples(rest, *_POINT, "status", "reason"):
        point = _as_point(values)
        if threshold.matches(*point):
            outcome = "failed" if status == "failed" else f"was {status}"
            yield Judgement(
                "failed",
                Judgement.subject_of(*point),
                threshold.metric,
                against=_against(threshold),
                reason=f"the cell {outcome}: {reason}",
                about={**asdict(threshold), **_named(point)},
            )


def _as_point(values: Sequence[Any]) -> _Point:
    dataset, label, noise, level = values
    return dataset, label, noise, level


def _named(point: _Point) -> dict[str, Any]:
    return dict(zip(("dataset", "method", "noise", "level"), point, strict=True))


def _against(threshold: Threshold) -> str:
    limits = (("≥", threshold.min), ("≤", threshold.max))
    return ", ".join(f"{sign} {limit:.10g}" for sign, limit in limits if limit is not None)


def _why_unmatched(threshold: Threshold, cells: pd.DataFrame) -> str:
    """What a threshold that matches nothing meant, as far as the run's cells tell."""
    for name, column in (("method", "label"), ("dataset", "dataset"), ("noise", "noise")):
        pattern, known = getattr(threshold, name), dict.fromkeys(cells[column])
        if pattern is not None and not any(_like(pattern, text) for text in known):
            return f"the run has no {name} {pattern!r}: {nearest(pattern, known)}"
    levels = dict.fromkeys(cells["level"])
    if threshold.level is not None and not any(math.isclose(threshold.level, x) for x in levels):
        listed = ", ".join(f"{level:.4g}" for level in levels)
        return f"the run has no level {threshold.level:.4g}: there is {listed}"
    return "nothing in the run matches all of it"
