"""Every two methods compared by one metric, and how sentences say what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from bench.analysis import ENOUGH_TRAININGS
from bench.core import level_text
from bench.report.content.metrics import amount, title
from bench.report.content.rows import Column, Pair
from bench.report.content.tables import Table
from bench.report.content.words import code, listed, outside

if TYPE_CHECKING:
    from bench.report.content.section import Section

#: A difference in dB that nobody sees.
_UNSEEN = 0.05


class Comparisons:
    """What a metric's table and tests tell.

    Attributes:
        section: the data set.
        table: of the metric.
        name: the metric's title.
        ranked: the methods of the table that have not seen the images.
    """

    def __init__(self, section: Section, metric: str) -> None:
        self.section, self.metric = section, metric
        self.table = Table.of(section, metric)
        self.name = title(self.table.scale)
        self.ranked = [label for label in self.table.rows if label not in self.table.unranked]
        self._kinds = {noise for noise, _ in self.table.columns}
        self._pairs: dict[tuple[Column, str, str], Pair] = {}
        for column, pairs in section.compared(metric).items():
            for pair in pairs:
                self._pairs[column, pair.a, pair.b] = pair
                self._pairs[column, pair.b, pair.a] = pair.reversed

    @property
    def unseen(self) -> float:
        """A difference of means below which two methods are level, though told apart.

        In dB one that nobody sees, else what the metric's tables do not show.
        """
        scale = self.table.scale
        return _UNSEEN if scale.unit == "dB" else 0.5 * 10.0**-scale.decimals

    def measured(self, label: str) -> list[Column]:
        """The noises under which a method has a mean."""
        return [column for column in self.table.columns if (label, column) in self.table.entries]

    def sorted(self, labels: Sequence[str], column: Column) -> list[str]:
        """Those that have a mean under a noise, the best first."""
        return sorted(
            (label for label in labels if (label, column) in self.table.entries),
            key=lambda label: self.mean(column, label),
            reverse=self.table.scale.higher,
        )

    def mean(self, column: Column, label: str) -> float:
        """A method's mean under a noise."""
        return self.table.entries[label, column].mean

    def pair(self, column: Column, a: str, b: str) -> Pair | None:
        """Two methods under a noise, a less b; None where they were not compared."""
        return self._pairs.get((column, a, b))

    def better(self, column: Column, a: str, b: str) -> bool:
        """Whether `a` is better than `b`; of few trainings, as they were trained."""
        pair = self.pair(column, a, b)
        return pair is not None and pair.told == a

    def distance(self, column: Column, a: str, b: str) -> float:
        """How far the means of `a` and `b` lie apart."""
        return abs(self._pairs[column, a, b].difference)

    def size(self, column: Column, a: str, b: str) -> str:
        """How far the means of `a` and `b` lie apart, with the interval."""
        pair = self._pairs[column, a, b]
        pair = pair.reversed if pair.difference < 0 else pair
        return amount(self.table.scale, pair.difference, pair.low, pair.high)

    def few(self, column: Column, *labels: str) -> str:
        """What is added to a sentence that rests on few trainings."""
        entries = (self.table.entries.get((label, column)) for label in labels)
        fewest = min((e.trainings for e in entries if e and e.trainings), default=0)
        if not 0 < fewest < ENOUGH_TRAININGS:
            return ""
        return " (one training)" if fewest == 1 else f" ({fewest} trainings)"

    def named(self, column: Column, label: str) -> str:
        """A method in a sentence, with its trainings where they are few."""
        return f"{code(label)}{self.few(column, label)}"

    def side(self, *, better: bool) -> str:
        """Where a better mean lies, or a worse one."""
        return "above" if better == self.table.scale.higher else "below"

    def at(self, columns: Sequence[Column]) -> str:
        """Noises in words; the kind is named where there are several."""
        parts = []
        for kind, group in groupby(columns, key=lambda column: column[0]):
            levels = [level for _, level in group]
            stated = [level_text(level) for level in levels if level]
            if len(stated) < len(levels):
                parts.append(f"the {outside(kind)} noise")
            if stated:
                name = f"{outside(kind)} " if len(self._kinds) > 1 else ""
                parts.append(f"{name}{listed(stated)}")
        return listed(parts)

    def where(self, columns: Sequence[Column]) -> str:
        """The same after its preposition; `at every noise` of all of several."""
        every = len(columns) > 1 and set(columns) == set(self.table.columns)
        return "at every noise" if every else f"at {self.at(columns)}"
