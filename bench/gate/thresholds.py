"""Thresholds: limits on what a run measured, kept in a TOML file that people edit.

    [[threshold]]
    method = "vae"            # as tables name it; "*" and "?" are wildcards; left out: all
    dataset = "mnist"
    noise = "gaussian"
    level = 0.3               # or "25/255"
    metric = "psnr"           # one of the run's, or images_per_second, parameters
    min = 19.5                # and/or max

Metrics are means over images (and seeds). images_per_second depends on the machine,
so it is only taken relative to another method of the same run: with `relative_to = "gaussian"`
the limits are ratios. What `update` writes has an entry `made_from`, the run's name: it
is renewed by the next update, and every entry without one is left as it is. Beside it stand the
number of `images` and `seeds` and the `preset` of that run, and the limit is held against no other.

Before the tables there may be `worst = 3.0`: the drop in dB that no single image may exceed, where
a run is compared with a baseline.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.core import UsageError, nearest
from bench.noises import parse_noise

#: What a cell has one value of, and no image has.
CELL_METRICS = ("images_per_second", "parameters")
_KEYS = (
    "method", "dataset", "noise", "level", "metric", "min", "max", "relative_to", "made_from",
    "images", "seeds", "preset",
)  # fmt: skip
_TEXTS = ("method", "dataset", "noise", "metric", "relative_to", "made_from", "preset")
_COUNTS = ("images", "seeds")


@dataclass(frozen=True)
class Threshold:
    """Limits on a metric of the methods, data sets, noises and levels that match.

    Attributes:
        method, dataset, noise: patterns; None matches all.
        level: None matches all.
        metric: the label of a metric, "images_per_second" or "parameters".
        min, max: the limits, in the metric's unit; None where there is none.
        relative_to: the method of the same run that images per second are divided by.
        made_from: the run that `update` took it from; None for one that was set by hand.
        images, seeds, preset: of that run; a run with others is not held against it.
    """

    metric: str
    method: str | None = None
    dataset: str | None = None
    noise: str | None = None
    level: float | None = None
    min: float | None = None
    max: float | None = None
    relative_to: str | None = None
    made_from: str | None = None
    images: int | None = None
    seeds: int | None = None
    preset: str | None = None

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
        if not all(pattern is None or like(pattern, text) for pattern, text in texts):
            return False
        return self.level is None or math.isclose(self.level, level, rel_tol=1e-9)


def like(pattern: str, text: str) -> bool:
    """Wildcards * and ?; brackets stand for themselves, as in `median[size=5]`."""
    written = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(written, text) is not None


@dataclass(frozen=True)
class Limits:
    """What a thresholds file says.

    Attributes:
        thresholds: its tables.
        worst: the drop in dB that no single image may exceed; None where there is no such limit.
    """

    thresholds: Sequence[Threshold]
    worst: float | None = None


# -- reading ---------------------------------------------------------------------------------


def parse(text: str, where: str) -> Limits:
    """The limits of a TOML file's text.

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
        if key not in ("threshold", "worst"):
            raise UsageError(f"{where}: unknown entry {key!r}: write tables [[threshold]]")
    worst = None
    if "worst" in document:
        worst = _number(document["worst"], f"{where}: worst")
        if worst < 0:
            raise UsageError(f"{where}: worst is a drop in dB, and not below 0")
    tables = document.get("threshold", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise UsageError(f"{where}: write tables [[threshold]], with double brackets")
    found = [
        _threshold(table, f"{where}, threshold {number}")
        for number, table in enumerate(tables, start=1)
    ]
    return Limits(found, worst)


def _threshold(table: Mapping[str, Any], where: str) -> Threshold:
    for key, value in table.items():
        if key not in _KEYS:
            raise UsageError(f"{where}: unknown key {key!r}: {nearest(key, _KEYS)}")
        if key in _TEXTS and not isinstance(value, str):
            raise UsageError(f"{where}: {key} is a text")
        if key in _COUNTS and (type(value) is not int or value < 1):
            raise UsageError(f"{where}: {key} is a whole number from 1 on")
    metric = table.get("metric", "")
    if not metric:
        raise UsageError(
            f"{where}: metric is missing: give one of the run's, such as psnr, or "
            f"{' or '.join(CELL_METRICS)}"
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
    others = {key: table[key] for key in (*_TEXTS, *_COUNTS) if key in table and key != "metric"}
    level = level_of(table.get("level"), where)
    return Threshold(metric, level=level, min=limits.get("min"), max=limits.get("max"), **others)


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
