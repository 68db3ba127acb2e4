"""Thresholds held against what a run measured."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Literal

from bench.analysis import Scores, tuples, with_labels
from bench.core import Scale, nearest
from bench.gate.measured import Measured, Point, measured
from bench.gate.thresholds import CELL_METRICS, Threshold, like
from bench.gate.tolerance import tolerances
from bench.gate.verdict import Judgement, number

if TYPE_CHECKING:
    import pandas as pd

_POINT = ["dataset", "label", "noise", "level"]


def judge(
    thresholds: Sequence[Threshold], scores: Scores, cells: pd.DataFrame, preset: str = ""
) -> tuple[list[Judgement], list[str]]:
    """A judgement for each threshold and each point of the run that it matches.

    Args:
        thresholds: see `bench.gate.thresholds.parse`.
        scores: of a run.
        cells: its `cells()`.
        preset: that it was made with.

    Returns:
        The judgements: verdicts "held" and "regressed"; "refused" where the limit was made from
        other images, seeds or preset; "failed" for a cell that it matches and that has no result;
        "unmatched" for a threshold that matches nothing, or no value of its metric. And, in words,
        the limits made from a run that this run would set tighter by more than the tolerance.
    """
    values = _values(scores, cells)
    labelled = with_labels(cells)
    done = tuples(labelled[labelled["status"] == "done"], *_POINT)
    points = list(dict.fromkeys(map(_as_point, done)))
    lacking = {name: [point for point in points if point not in of] for name, of in values.items()}
    judgements = []
    for threshold in thresholds:
        matches = (
            [
                *_with_result(threshold, values, preset),
                *_without_value(threshold, lacking[threshold.metric]),
                *_without_result(threshold, labelled),
            ]
            if threshold.metric in values
            else []
        )
        judgements += matches or [
            Judgement(
                "unmatched",
                str(threshold),
                threshold.metric,
                against=_against(threshold),
                reason=_why_unmatched(threshold, labelled, values),
                about=asdict(threshold),
            )
        ]
    return judgements, list(_raisable(thresholds, scores.scales, values, preset))


def _values(scores: Scores, cells: pd.DataFrame) -> dict[str, dict[Point, Measured]]:
    """Metric -> point -> what was measured; speeds and sizes are of no images."""
    import pandas as pd

    values: dict[str, dict[Point, Measured]] = {
        name: {} for name in (*scores.scales, *CELL_METRICS)
    }
    for point, metric, found in measured(scores):
        values[metric][point] = found
    done = with_labels(cells[cells["status"] == "done"])
    grouped = done.groupby(_POINT, sort=False)
    speeds = grouped["images_per_second"].median().reset_index()
    sizes = grouped["parameters"].max().reset_index()
    for frame, metric in ((speeds, "images_per_second"), (sizes, "parameters")):
        for *where, value in tuples(frame, *_POINT, metric):
            if not pd.isna(value):
                values[metric][_as_point(where)] = Measured(float(value), 0.0, 0, 0, 0)
    return values


def _other_run(threshold: Threshold, found: Measured, preset: str) -> str:
    """What differs in the run that a limit was made from, in words; empty where nothing."""
    here = {"images": found.images, "seeds": found.seeds, "preset": preset}
    pairs = [
        (name, value, getattr(threshold, name)) for name, value in here.items()
        if value and getattr(threshold, name) not in (None, value)
    ]  # fmt: skip
    if not pairs:
        return ""
    there, mine = (
        ", ".join(
            f"preset {pair[side]}" if pair[0] == "preset" else f"{pair[side]:,} {pair[0]}"
            for pair in pairs
        )
        for side in (2, 1)
    )
    return f"made from {there}, and this run has {mine}"


def _raisable(
    thresholds: Sequence[Threshold],
    scales: Mapping[str, Scale],
    values: Mapping[str, Mapping[Point, Measured]],
    preset: str,
) -> Iterator[str]:
    """The limits made from a run that this one exceeds, with what they would become."""
    tolerance = tolerances(scales)
    for threshold in thresholds:
        scale = scales.get(threshold.metric)
        if threshold.made_from is None or scale is None or threshold.metric not in tolerance:
            continue
        limit = threshold.min if scale.higher else threshold.max
        if limit is None:
            continue
        for point, found in values[threshold.metric].items():
            ours = found.limit(scale)
            gain = ours - limit if scale.higher else limit - ours
            exceeded = gain > tolerance[threshold.metric]
            if exceeded and threshold.matches(*point) and not _other_run(threshold, found, preset):
                limits = (number(threshold.metric, x) for x in (limit, ours))
                yield f"{threshold.metric} of {Judgement.subject_of(*point)}: {' → '.join(limits)}"


def _with_result(
    threshold: Threshold, measured: Mapping[str, Mapping[Point, Measured]], preset: str
) -> Iterator[Judgement]:
    """What was measured of all that a threshold matches, held against its limits."""
    values = measured[threshold.metric]
    for point, found in values.items():
        if not threshold.matches(*point):
            continue
        metric, value = threshold.metric, found.mean
        about = {**asdict(threshold), **_named(point)}
        if threshold.relative_to is not None:
            dataset, label, noise, level = point
            other = values.get((dataset, threshold.relative_to, noise, level))
            if label == threshold.relative_to:
                continue
            if other is None:
                others = dict.fromkeys(label for _, label, *_ in values)
                reason = f"the run has no speed of {threshold.relative_to!r} there: " + nearest(
                    threshold.relative_to, others
                )
                yield _not_judged(threshold, point, "unmatched", reason)
                continue
            value, metric = value / other.mean, f"{metric} / {threshold.relative_to}'s"
        low = threshold.min is not None and value < threshold.min
        high = threshold.max is not None and value > threshold.max
        other_run = _other_run(threshold, found, preset)
        yield Judgement(
            "refused" if other_run else "regressed" if low or high else "held",
            Judgement.subject_of(*point),
            metric,
            value=value,
            against=_against(threshold),
            reason=other_run
            or ("under the minimum" if low else "over the maximum" if high else ""),
            about=about,
        )


def _without_value(threshold: Threshold, lacking: Iterable[Point]) -> Iterator[Judgement]:
    """What a threshold matches of the points that are done, but have no value of its metric."""
    for point in lacking:
        _, label, *_ = point
        if label != threshold.relative_to and threshold.matches(*point):
            reason = f"the run has no {threshold.metric} there"
            yield _not_judged(threshold, point, "unmatched", reason)


def _without_result(threshold: Threshold, cells: pd.DataFrame) -> Iterator[Judgement]:
    """Cells that a threshold matches and that failed or were skipped."""
    rest = cells[cells["status"] != "done"]
    for *values, status, reason in tuples(rest, *_POINT, "status", "reason"):
        point = _as_point(values)
        if threshold.matches(*point):
            outcome = "failed" if status == "failed" else f"was {status}"
            yield _not_judged(threshold, point, "failed", f"the cell {outcome}: {reason}")


def _not_judged(
    threshold: Threshold, point: Point, verdict: Literal["failed", "unmatched"], reason: str
) -> Judgement:
    """Of a point where a threshold has nothing to hold its limits against."""
    return Judgement(
        verdict,
        Judgement.subject_of(*point),
        threshold.metric,
        against=_against(threshold),
        reason=reason,
        about={**asdict(threshold), **_named(point)},
    )


def _as_point(values: Sequence[Any]) -> Point:
    dataset, label, noise, level = values
    return dataset, label, noise, level


def _named(point: Point) -> dict[str, Any]:
    return dict(zip(("dataset", "method", "noise", "level"), point, strict=True))


def _against(threshold: Threshold) -> str:
    limits = (("≥", threshold.min), ("≤", threshold.max))
    return ", ".join(f"{sign} {limit:.10g}" for sign, limit in limits if limit is not None)


def _why_unmatched(threshold: Threshold, cells: pd.DataFrame, metrics: Mapping[str, Any]) -> str:
    """What a threshold that matches nothing meant, as far as the run's cells tell."""
    if threshold.metric not in metrics:
        near = nearest(threshold.metric, metrics)
        return f"the run has no metric {threshold.metric!r}: {near}"
    for name, column in (("method", "label"), ("dataset", "dataset"), ("noise", "noise")):
        pattern, known = getattr(threshold, name), dict.fromkeys(cells[column])
        if pattern is not None and not any(like(pattern, text) for text in known):
            return f"the run has no {name} {pattern!r}: {nearest(pattern, known)}"
    levels = dict.fromkeys(cells["level"])
    if threshold.level is not None and not any(math.isclose(threshold.level, x) for x in levels):
        listed = ", ".join(f"{level:.4g}" for level in levels)
        return f"the run has no level {threshold.level:.4g}: there is {listed}"
    return "nothing in the run matches all of it"
