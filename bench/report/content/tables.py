"""A metric's table as data: each entry with its interval and its marks.

Formats that set tables (LaTeX, the summary) take their entries from here, so that the same
numbers are marked in the same way.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, cast

import numpy as np
import pandas as pd

from bench import analysis as tables
from bench.analysis import MOST_COMPARED
from bench.core import IDENTITY, Scale
from bench.report.content import learning
from bench.report.content.rows import Column

if TYPE_CHECKING:
    from bench.report.content.section import Section


#: That a number is shown with.
MOST_DECIMALS = 10


def foremost(section: Section) -> Section:
    """What charts and images show: of very many methods the best, and the noisy image."""
    if len(section.labels) <= MOST_COMPARED:
        return section
    best = Table.of(section, section.first_metric).ranked()[:MOST_COMPARED]
    return section.of_methods([*best, IDENTITY])


@dataclass(frozen=True)
class Entry:
    """One method under one noise.

    Attributes:
        mean: over images.
        low, high: its 95% confidence interval; None where one image has none.
        seed_sd: standard deviation of the means of its training seeds; None without several.
        trainings: number of its training seeds; 0 where nothing is random.
        mark: "best"; "few", the same of a method with fewer than four trainings; "near", what
            cannot be told apart from it; or "".
        harm: its difference to the noisy image itself, where it is worse; else None.
    """

    mean: float
    low: float | None
    high: float | None
    seed_sd: float | None
    trainings: int
    mark: str
    harm: float | None

    @property
    def sign(self) -> str:
        """How tables show the mark, but for the best's, which is bold."""
        return {"near": "†", "few": "‡"}.get(self.mark, "")

    @property
    def half_width(self) -> float | None:
        """The interval's longer half."""
        if self.low is None or self.high is None:
            return None
        return max(self.high - self.mean, self.mean - self.low)


@dataclass(frozen=True)
class Table:
    """A metric's table: methods by noises; entries only where something was measured."""

    metric: str
    scale: Scale
    rows: list[str]
    columns: list[Column]
    entries: Mapping[tuple[str, Column], Entry]
    uneven: Collection[Column] = ()  # where means are over other images each: these rank nothing
    unranked: Collection[str] = ()  # methods that have seen the images
    learned_from: Mapping[str, str] = field(default_factory=dict)  # empty where none has learned

    @classmethod
    def of(cls, section: Section, metric: str) -> Table:
        """The table of a data set."""
        scale = section.scales[metric]
        if section.summary.empty:
            return cls(metric, scale, [], [], {})
        values = ("mean", "low", "high", "seed_sd", "trainings")
        frames = [tables.table(section.summary, metric, value) for value in values]
        mean = frames[0]
        unranked = learning.unranked(section)
        marks = tables.marks(
            section.summary, section.pairs, metric, higher=scale.higher, unranked=unranked
        )
        uneven = tables.uneven(section.summary, section.pairs, metric)
        harm = section.harm[section.harm["metric"] == metric]
        points = zip(harm["label"], zip(harm["noise"], harm["level"], strict=True), strict=True)
        worse = dict(zip(points, harm["difference"], strict=True))
        arrays = [frame.to_numpy() for frame in (*frames, marks)]
        columns = cast("list[Column]", list(mean.columns))
        entries = {}
        for label, *rows in zip(mean.index, *arrays, strict=True):
            for column, value, *others, mark in zip(columns, *rows, strict=True):
                if not pd.isna(value):
                    *known, trainings = others
                    low, high, seed_sd = (float(v) if np.isfinite(v) else None for v in known)
                    entries[label, column] = Entry(
                        float(value),
                        low,
                        high,
                        seed_sd,
                        int(trainings),
                        mark,
                        worse.get((label, column)),
                    )
        learned_from = learning.column(section)
        rows = [label for label in section.labels if label in mean.index]
        return cls(metric, scale, rows, columns, entries, uneven, unranked, learned_from)

    def decimals(self, column: Column) -> int:
        """Decimals of a noise's means and intervals: the metric's, or more.

        With two digits of the median half-width, and one of the least, numbers that differ look
        different. A half-width that is next to none of the others' asks for no digits of its own.
        """
        entries = (self.entries.get((label, column)) for label in self.rows)
        widths = [entry.half_width for entry in entries if entry and entry.half_width]
        if not widths:
            return self.scale.decimals
        typical = float(np.median(widths))
        least = max(min(widths), typical / 100)
        needed = max(1 - math.floor(math.log10(typical)), -math.floor(math.log10(least)))
        return max(self.scale.decimals, min(needed, MOST_DECIMALS))

    @property
    def extreme(self) -> str:
        """Which mean is the best."""
        return "highest" if self.scale.higher else "lowest"

    def of_methods(self, labels: Collection[str]) -> Table:
        """The same of some methods, ranked among each other; marks stay those of all."""
        return replace(self, rows=[label for label in self.rows if label in labels])

    def winners(self) -> dict[str, list[tuple[Column, Entry]]]:
        """The methods of the best means, with the noises where they are and their entries there."""
        winners: dict[str, list[tuple[Column, Entry]]] = {}
        for column in self.columns:
            for label in self.rows:
                entry = self.entries.get((label, column))
                if entry is not None and entry.mark in ("best", "few"):
                    winners.setdefault(label, []).append((column, entry))
        return winners

    def second(self, column: Column, section: Section) -> str | None:
        """The second-best method under a noise, where tests tell it from the best and the next.

        Of means alone there is always a second one; where it cannot be told apart from another,
        to mark it would say more than is known.
        """
        if column in self.uneven:
            return None
        known = [
            label
            for label in self.rows
            if (label, column) in self.entries and label not in self.unranked
        ]
        sign = -1 if self.scale.higher else 1
        known.sort(key=lambda label: sign * self.entries[label, column].mean)
        first, second, third = (*known, None, None, None)[:3]
        if first is None or second is None:
            return None
        better = {
            frozenset((pair.a, pair.b)): pair.told
            for pair in section.compared(self.metric).get(column, [])
        }
        apart = better.get(frozenset((first, second))) == first and (
            third is None or better.get(frozenset((second, third))) == second
        )
        return second if apart else None

    def near(self, column: Column) -> list[str]:
        """The methods that cannot be told apart from the best under a noise."""
        return [
            label
            for label in self.rows
            if (entry := self.entries.get((label, column))) and entry.mark == "near"
        ]

    def ranked(self) -> list[str]:
        """The methods by their mean rank, see `ranks`; last those that are not ranked.

        Of these what has most of the noises comes first, and what has seen the images last.
        """
        ranked = [label for label, _ in self.ranks()]
        others = [label for label in self.rows if label not in ranked]
        others.sort(key=lambda label: (label in self.unranked, -len(self.measured(label))))
        return [*ranked, *others]

    def ranks(self) -> list[tuple[str, float]]:
        """Each method's mean rank over the noises that all who are ranked have, the best first.

        Left out are methods that lack one of these (see `bench.analysis.common`), and those that
        have seen the images, see `learning.unranked`.
        """
        return list(self._ranks)

    @property
    def shared(self) -> list[Column]:
        """The noises that methods are ranked over."""
        return list(self._common[1])

    def measured(self, label: str) -> list[Column]:
        """The noises under which a method has a mean that ranks it, see `bench.analysis.uneven`."""
        even = (column for column in self.columns if column not in self.uneven)
        return [column for column in even if (label, column) in self.entries]

    @cached_property
    def _common(self) -> tuple[list[str], list[Column]]:
        ranked = [label for label in self.rows if label not in self.unranked]
        labels, columns = tables.common({label: self.measured(label) for label in ranked})
        return labels, [column for column in self.columns if column in columns]

    @cached_property
    def _ranks(self) -> list[tuple[str, float]]:
        """Found once: a summary asks for them as often as it tries how much there is room for."""
        labels, columns = self._common
        ranks = pd.DataFrame(
            {
                column: pd.Series(
                    {label: self.entries[label, column].mean for label in labels}, dtype="float64"
                ).rank(ascending=not self.scale.higher)
                for column in columns
            },
            index=labels,
        )
        ordered = ranks.mean(axis=1).sort_values(kind="stable")
        return [(str(label), float(rank)) for label, rank in ordered.items()]
