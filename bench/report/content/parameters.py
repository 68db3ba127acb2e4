"""How a metric depends on a parameter of which several values were typed: a sweep's curves."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench.analysis import ENOUGH_TRAININGS, MOST_COMPARED
from bench.analysis.statistics import student
from bench.core import IDENTITY, Scale, noise_text
from bench.report.content import data_set, learning
from bench.report.content.families import Family, families, thinned, typed
from bench.report.content.metrics import title
from bench.report.content.rows import Column
from bench.report.content.tables import Entry, Table
from bench.report.content.tuning import decades
from bench.report.content.words import outside

if TYPE_CHECKING:
    from bench.report.content.section import Section

PARAMETERS_TITLE = "Quality over parameters"
#: Lines that a panel has room for.
MOST_LINES = 8
#: Values that an axis has room to name one by one.
MOST_NAMED = 8


@dataclass(frozen=True)
class Point:
    """The mean of a variant under a noise.

    Attributes:
        label: of the variant.
        value: of the parameter.
        text: the value as typed.
        mean: over images.
        low, high: its 95% confidence interval, see `interval`; equal to it where there is none.
        best: of its family no mean is better.
        near: it was compared with the best one's, and cannot be told apart from it.
    """

    label: str
    value: float
    text: str
    mean: float
    low: float
    high: float
    best: bool
    near: bool


@dataclass(frozen=True)
class Panel:
    """Curves of one method over one parameter, under one noise.

    Attributes:
        lines: what else was typed -> a point a value.
        references: label -> mean, of the noisy image and of the best filter.
    """

    lines: Mapping[str, list[Point]]
    references: Mapping[str, float]

    def range(self) -> tuple[float, float]:
        """Ends of the axis: of the curves, and of references that do not flatten them."""
        low = min(point.low for line in self.lines.values() for point in line)
        high = max(point.high for line in self.lines.values() for point in line)
        span = (high - low) or abs(high) * 0.01 or 1.0
        near = [mean for mean in self.references.values() if low - span <= mean <= high + span]
        low, high = min([low, *near]), max([high, *near])
        room = 0.08 * ((high - low) or span)
        return low - room, high + room


@dataclass(frozen=True)
class Curves:
    """All panels of a method and parameter.

    Attributes:
        method, parameter: their names.
        scale: of the metric.
        ticks: value -> its text, rising; several texts where they mean one number.
        panels: by noise.
        left_out: families that the panels have no room for.
    """

    method: str
    parameter: str
    scale: Scale
    ticks: Mapping[float, str]
    panels: Mapping[Column, Panel]
    left_out: int

    @property
    def logarithmic(self) -> bool:
        """Whether the values span decades, or are factors: half and twice lie as far from 1."""
        factors = all(text.lower().endswith("x") for text in self.ticks.values())
        return decades(self.ticks) or (factors and min(self.ticks) > 0)


def parameter_curves(section: Section) -> list[Curves]:
    """Curves of the first metric, for each method and parameter of which there are enough values.

    A sweep of several parameters gives curves over each of them, a line for each setting of the
    others.
    """
    if section.summary.empty:
        return []
    table = Table.of(section, section.first_metric)
    told = _told(section)
    groups: dict[tuple[str, str], list[Family]] = {}
    for family in families(typed(section)):
        groups.setdefault((family.method, family.parameter), []).append(family)
    made = []
    for (method, parameter), members in groups.items():
        own = {variant.label for family in members for variant in family.variants}
        texts: dict[float, dict[str, None]] = {}
        for variant in (v for family in members for v in family.variants):
            texts.setdefault(variant.value, {})[variant.text] = None
        panels = {}
        for column in table.columns:
            lines = {f.others: _line(f, table, column, told) for f in members[:MOST_LINES]}
            lines = {name: line for name, line in lines.items() if len(line) > 1}
            if lines:
                panels[column] = Panel(lines, _references(section, table, column, own))
        if panels:
            rising = {value: ", ".join(texts[value]) for value in sorted(texts)}
            left_out = max(0, len(members) - MOST_LINES)
            made.append(Curves(method, parameter, table.scale, rising, panels, left_out))
    return made


def _line(
    family: Family, table: Table, column: Column, told: Mapping[tuple[Column, str, str], bool]
) -> list[Point]:
    """A family's points under a noise."""
    entries = {
        variant: table.entries[variant.label, column]
        for variant in family.variants
        if (variant.label, column) in table.entries
    }
    if not entries or column in table.uneven:
        return []
    sign = 1 if table.scale.higher else -1
    best = max(entries, key=lambda variant: sign * entries[variant].mean)
    return [
        Point(
            variant.label,
            variant.value,
            variant.text,
            entry.mean,
            *interval(entry),
            variant == best,
            told.get((column, best.label, variant.label)) is False,
        )
        for variant, entry in entries.items()
    ]


def interval(entry: Entry) -> tuple[float, float]:
    """Ends of the interval that is drawn: over images or units, and over trainings if several.

    The half-width over k trainings is Student's, of their means' standard deviation; the two are
    added in squares (Banerjee 1960), as where methods are compared.
    """
    low = entry.mean if entry.low is None else entry.low
    high = entry.mean if entry.high is None else entry.high
    width = 0.0
    if entry.seed_sd is not None and entry.trainings > 1:
        errors = float(student(np.array([entry.trainings - 1.0]), 1)[0])
        width = errors * entry.seed_sd / math.sqrt(entry.trainings)
    return (
        entry.mean - math.hypot(entry.mean - low, width),
        entry.mean + math.hypot(high - entry.mean, width),
    )


def _told(section: Section) -> dict[tuple[Column, str, str], bool]:
    """Whether methods are told apart by the first metric, of all that were compared.

    By noise and two labels, either way round.
    """
    return {
        (column, *labels): bool(pair.told)
        for column, pairs in section.compared(section.first_metric).items()
        for pair in pairs
        for labels in ((pair.a, pair.b), (pair.b, pair.a))
    }


def _references(section: Section, table: Table, column: Column, own: set[str]) -> dict[str, float]:
    """The noisy image, and the best filter that is not of the sweep."""
    learned = learning.learning(section)
    filters = {
        label: entry.mean
        for (label, at), entry in table.entries.items()
        if at == column and label not in {IDENTITY, *own} and learned[label].family == "filter"
    }
    references = {}
    if (IDENTITY, column) in table.entries:
        references[IDENTITY] = table.entries[IDENTITY, column].mean
    if filters:
        best = (max if table.scale.higher else min)(filters, key=lambda label: filters[label])
        references[best] = filters[best]
    return references


def parameter_caption(section: Section, curves: Curves) -> str:
    """What the curves show, and where more of the parameter no longer pays."""
    panels = list(curves.panels.values())
    trainings = {
        cell.seed
        for cell in section.rows()
        if cell.method == curves.method and cell.seed is not None
    }
    over = f"over {data_set.sampled(section)}"
    if len(trainings) > 1:
        over += " and trainings"
    elif trainings:
        over += "; how far another training would lie is not known"
    several = " A line for each setting of what else was typed." if _several(panels) else ""
    if curves.left_out:
        several += f" {curves.left_out} more are left out."
    references = ""
    if any(panel.references for panel in panels):
        references = " Beside them the noisy image itself (`identity`) and the best other filter."
    all_compared = len(section.labels) <= MOST_COMPARED and section.units > 1
    worse = "" if all_compared else " or was not compared"
    few = " of these very models" if 0 < len(trainings) < ENOUGH_TRAININGS else ""
    return (
        f"Mean {title(curves.scale)} of `{outside(curves.method)}` over the {section.split} images "
        f"against `{outside(curves.parameter)}`; bars are 95% confidence intervals ({over}). "
        f"Filled: the best of a line; hollow: what cannot be told apart from it{few}; small: what "
        f"is worse{worse}.{several}{references}{''.join(_best(curves))}"
        f"{_elsewhere(section, curves)}"
    )


def _elsewhere(section: Section, curves: Curves) -> str:
    """What the other figures show of the sweep, where that is not all."""
    names = dict(zip(section.cells["label"], section.cells["method"], strict=True))
    for labels, kept in thinned(section):
        if names[labels[0]] == curves.method:
            shown = ", ".join(f"`{outside(label)}`" for label in kept)
            return f" Of its {len(labels)} variants the other figures show {shown} only."
    return ""


def _several(panels: list[Panel]) -> bool:
    return any(len(panel.lines) > 1 for panel in panels)


def _best(curves: Curves) -> Iterator[str]:
    """The best value under each noise, where there is one line: a sentence."""
    if _several(list(curves.panels.values())):
        return
    said = []
    for column, panel in curves.panels.items():
        (line,) = panel.lines.values()
        best = next(point for point in line if point.best)
        near = [point.text for point in line if point.near]
        text = f"{best.text} at {noise_text(*column)}"
        said.append(outside(f"{text} (not told apart: {', '.join(near)})" if near else text))
    yield f" Best: {'; '.join(said)}."
