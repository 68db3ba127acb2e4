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
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.check.verdict import Finding
from bench.core import UsageError, nearest
from bench.noise import parse_noise
from bench.summary import METRICS, means, with_labels

if TYPE_CHECKING:
    import pandas as pd

#: Standard errors of the mean that `update` leaves below what it found.
MARGIN = 3.0
_CELL_METRICS = ("images_per_second", "parameters")
_KEYS = (
    "method", "dataset", "noise", "level", "metric", "min", "max", "relative_to", "made_from",
)  # fmt: skip
_TEXTS = ("method", "dataset", "noise", "metric", "relative_to", "made_from")
_DECIMALS = {"psnr": 2, "ssim": 4}
_HEAD = "# Limits for `bench check`; see docs/gate.md.\n"


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
            f"{name} = {value if isinstance(value, (int, float)) else repr(value)}"
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
    except tomllib.TOMLDecodeError as error:
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
    level = _level(table.get("level"), where)
    return Threshold(metric, level=level, min=limits.get("min"), max=limits.get("max"), **texts)


def _number(value: Any, where: str) -> float:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not (number and abs(value) <= sys.float_info.max):  # TOML's integers have no end
        raise UsageError(f"{where} is a finite number")
    return float(value)


def _level(value: Any, where: str) -> float | None:
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


def judge(
    thresholds: Sequence[Threshold], records: pd.DataFrame, cells: pd.DataFrame
) -> list[Finding]:
    """A finding for each threshold and each point of the run that it matches.

    Args:
        thresholds: see `parse`.
        records: a run's `records()`.
        cells: its `cells()`.

    Returns:
        Verdicts "held" and "regression"; "unmatched" for a threshold that matches nothing.
    """
    measured = _measured(records, cells)
    findings = []
    for threshold in thresholds:
        found = list(_found(threshold, measured))
        findings += found or [
            Finding(
                "unmatched",
                str(threshold),
                threshold.metric,
                required=_required(threshold),
                reason=_why_unmatched(threshold, cells),
            )
        ]
    return findings


_Point = tuple[str, str, str, float]


def _measured(records: pd.DataFrame, cells: pd.DataFrame) -> dict[str, dict[_Point, float]]:
    """Metric -> (data set, label, noise, level) -> value."""
    measured: dict[str, dict[_Point, float]] = {name: {} for name in (*METRICS, *_CELL_METRICS)}
    if len(records):
        for row in means(records).itertuples():
            if not math.isnan(row.mean):
                point = (row.dataset, row.label, row.noise, row.level)
                measured[row.metric][point] = row.mean
    done = with_labels(cells[cells["status"] == "done"])
    grouped = done.groupby(["dataset", "label", "noise", "level"], sort=False)
    measured["images_per_second"].update(grouped["images_per_second"].median().items())
    measured["parameters"].update((p, float(n)) for p, n in grouped["parameters"].max().items())
    return measured


def _found(
    threshold: Threshold, measured: Mapping[str, Mapping[_Point, float]]
) -> Iterator[Finding]:
    values = measured[threshold.metric]
    for point, value in values.items():
        if not threshold.matches(*point):
            continue
        metric = threshold.metric
        if threshold.relative_to is not None:
            dataset, label, noise, level = point
            other = values.get((dataset, threshold.relative_to, noise, level))
            if other is None or label == threshold.relative_to:
                continue
            value, metric = value / other, f"{metric} / {threshold.relative_to}'s"
        low = threshold.min is not None and value < threshold.min
        high = threshold.max is not None and value > threshold.max
        yield Finding(
            "regression" if low or high else "held",
            Finding.subject_of(*point),
            metric,
            value=value,
            required=_required(threshold),
            reason="under the minimum" if low else "over the maximum" if high else "",
        )


def _required(threshold: Threshold) -> str:
    limits = (("≥", threshold.min), ("≤", threshold.max))
    return ", ".join(f"{sign} {limit:.10g}" for sign, limit in limits if limit is not None)


def _why_unmatched(threshold: Threshold, cells: pd.DataFrame) -> str:
    """What a threshold that matches nothing meant, as far as the run's cells tell."""
    labelled = with_labels(cells)
    for cell in labelled[labelled["status"] != "done"].itertuples():
        if threshold.matches(cell.dataset, cell.label, cell.noise, cell.level):
            status = "failed" if cell.status == "failed" else f"was {cell.status}"
            return f"the cell {status}: {cell.reason}"
    for name, column in (
        ("method", "label"), ("dataset", "dataset"), ("noise", "noise"), ("relative_to", "label"),
    ):  # fmt: skip
        pattern, known = getattr(threshold, name), dict.fromkeys(labelled[column])
        if pattern is not None and not any(_like(pattern, text) for text in known):
            return f"the run has no {name} {pattern!r}: {nearest(pattern, known)}"
    return "nothing in the run matches all of it"


# -- updating --------------------------------------------------------------------------------


def update(text: str, records: pd.DataFrame, run: str) -> tuple[str, int]:
    """A thresholds file's text, brought up to a run.

    PSNR and SSIM of each method at each noise get the minimum

        mean - 3 sqrt(s_image^2 / n + s_seed^2 / k),

    n images and k seeds. Comments, entries set by hand (without `made_from`) and entries of
    points that the run did not measure stay as they are.

    Args:
        text: of the file, empty for a new one; `parse` has accepted it.
        records: the run's `records()`.
        run: its name.

    Returns:
        The new text, and the number of thresholds made or renewed.

    Raises:
        UsageError: the entries stand in an inline array, which cannot be added to.
    """
    import tomlkit
    from tomlkit.items import AoT

    document = tomlkit.parse(text)
    tables: Any = document.get("threshold", tomlkit.aot())
    if not isinstance(tables, AoT):
        raise UsageError("to be updated, thresholds are written as tables [[threshold]]")
    # Where one of ours and one set by hand speak of the same, ours comes last and is found.
    known = {_point_of(table): table for table in sorted(tables, key=lambda t: "made_from" in t)}
    added = tomlkit.aot()
    count = 0
    for (dataset, label, noise, level, metric), minimum in _minima(records):
        table = known.get((dataset, label, noise, level, metric))
        if table is not None and "made_from" not in table:
            continue
        if table is None:
            table = tomlkit.table()
            values = {"method": label, "dataset": dataset, "noise": noise, "level": level}
            table.update({**values, "metric": metric})
            added.append(table)
        table.update({"min": minimum, "made_from": run})
        count += 1
    text = tomlkit.dumps(document) if text.strip() else _HEAD
    if added:
        # As text, since tomlkit neither begins a line nor leaves one empty before what it adds.
        text = f"{text.rstrip()}\n\n{tomlkit.dumps({'threshold': added})}"
    return text, count


def _point_of(table: Mapping[str, Any]) -> tuple[Any, ...]:
    """What an entry speaks of, as `_minima` names it; one without a minimum is none of ours."""
    if "min" not in table:
        return ()
    texts = (table.get(key) for key in ("dataset", "method", "noise"))
    return (*texts, _level(table.get("level"), "level"), table["metric"])


def _minima(records: pd.DataFrame) -> Iterator[tuple[tuple[str, str, str, float, str], float]]:
    """Data set, label, noise, level and metric -> minimum."""
    labelled = with_labels(records).assign(seed=records["seed"].fillna(-1))
    points = labelled.groupby(["dataset", "label", "noise", "level"], sort=False)
    for (dataset, label, noise, level), part in points:
        for metric, decimals in _DECIMALS.items():
            values = part.pivot(index="image", columns="seed", values=metric).dropna().to_numpy()
            if not len(values):
                continue
            variance = values.mean(axis=1).var(ddof=1) / len(values) if len(values) > 1 else 0.0
            if values.shape[1] > 1:
                variance += values.mean(axis=0).var(ddof=1) / values.shape[1]
            minimum = values.mean() - MARGIN * np.sqrt(variance)
            rounded = math.floor(minimum * 10**decimals) / 10**decimals
            yield (dataset, label, noise, level, metric), rounded
