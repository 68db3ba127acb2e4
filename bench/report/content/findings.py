"""What the data and its tests say, as a short list of sentences.

A sentence is made only where a test carries it: methods are compared as `analysis.compare` tells
them apart, and each difference stands with its interval. The differences are those of the means in
the table's cell that a finding points to. What rests on fewer than four trainings says so, and
names no method the best.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING

from bench.analysis import ENOUGH_TRAININGS, prominent
from bench.core import IDENTITY, level_text, noise_text
from bench.report.content import learning
from bench.report.content.metrics import amount, title
from bench.report.content.rows import Column, Pair
from bench.report.content.tables import Table
from bench.report.content.words import code, listed, outside

if TYPE_CHECKING:
    from bench.report.content.section import Section

#: Sentences a data set has at most, and methods that one of them names.
MOST, _NAMED = 8, 4


@dataclass(frozen=True)
class Finding:
    """One sentence.

    Attributes:
        text: plain text, in which backticks enclose code.
        metric: label of the table's that it rests on.
        title: of this metric.
        cell: the table's row and column.
    """

    text: str
    metric: str
    title: str
    cell: tuple[str, Column]

    @property
    def cell_text(self) -> str:
        """The table's cell in words."""
        label, column = self.cell
        return f"{self.title} table, {code(label)} at {outside(noise_text(*column))}"


def findings(section: Section, metrics: Sequence[str] | None = None) -> list[Finding]:
    """The sentences of a data set, the most telling first; by default of all its metrics."""
    metrics = list(section.scales) if metrics is None else metrics
    if section.pairs.empty or not metrics:
        return []
    metric = section.first_metric if section.first_metric in metrics else metrics[0]
    compared = _Comparisons(section, metric)
    sentences = [*compared.best(), *compared.harmful(), *compared.networks_and_filters()]
    for other in prominent(metrics):
        if other != metric and len(sentences) < MOST:
            sentences += _other_best(compared, _Comparisons(section, other))
    return sentences[:MOST]


class _Comparisons:
    """The sentences of one metric: from its table, and from every two methods compared."""

    def __init__(self, section: Section, metric: str) -> None:
        self.section, self.metric = section, metric
        self.table = Table.of(section, metric)
        self.name = title(self.table.scale)
        self._kinds = {noise for noise, _ in self.table.columns}
        self._pairs: dict[tuple[Column, str, str], Pair] = {}
        for column, pairs in section.compared(metric).items():
            for pair in pairs:
                self._pairs[column, pair.a, pair.b] = pair
                self._pairs[column, pair.b, pair.a] = pair.reversed

    def better(self, column: Column, a: str, b: str) -> bool:
        """Whether `a` is better than `b`; of few trainings, as they were trained."""
        pair = self._pairs.get((column, a, b))
        return pair is not None and pair.told == a

    def few(self, column: Column, *labels: str) -> str:
        """What is added to a sentence that rests on few trainings."""
        entries = (self.table.entries.get((label, column)) for label in labels)
        fewest = min((e.trainings for e in entries if e and e.trainings), default=0)
        if not 0 < fewest < ENOUGH_TRAININGS:
            return ""
        return " (one training)" if fewest == 1 else f" ({fewest} trainings)"

    def distance(self, column: Column, a: str, b: str) -> float:
        """How far the means of `a` and `b` lie apart."""
        return abs(self._pairs[column, a, b].difference)

    def size(self, column: Column, a: str, b: str) -> str:
        """How far the means of `a` and `b` lie apart, with the interval."""
        pair = self._pairs[column, a, b]
        pair = pair.reversed if pair.difference < 0 else pair
        return amount(self.table.scale, pair.difference, pair.low, pair.high)

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
        return "; ".join(parts)

    def best(self) -> Iterator[Finding]:
        """Who is best where, and by how much; or who cannot be told apart."""
        clear: dict[str, list[tuple[float, Column, str]]] = {}
        extreme = self.table.extreme
        for winner, entries in self.table.winners().items():
            for column, entry in entries:
                near = self.table.near(column)
                leads = [
                    (self.distance(column, winner, other), other)
                    for other in self.table.rows
                    if (column, winner, other) in self._pairs and other not in self.table.unranked
                ]
                if near and len(near) <= _NAMED:
                    yield self._finding(
                        winner,
                        column,
                        f"At {self.at([column])} the {extreme} mean is that of {code(winner)}"
                        f"{self.few(column, winner)}, which cannot be told apart from "
                        f"{listed([code(label) for label in near])}.",
                    )
                elif leads and not near:
                    lead, second = min(leads)
                    if entry.mark == "few":
                        yield self._finding(
                            winner,
                            column,
                            f"At {self.at([column])} the {extreme} mean is that of "
                            f"{code(winner)}, {self.size(column, winner, second)} "
                            f"{self._side(better=True)} "
                            f"{code(second)}{self.few(column, winner)}: how far other trainings "
                            "would lie is not known.",
                        )
                    else:
                        clear.setdefault(winner, []).append((lead, column, second))
        for winner, clear_leads in clear.items():
            columns = [column for _, column, _ in clear_leads]
            _, column, second = min(clear_leads)
            yield self._finding(
                winner,
                column,
                f"At {self.at(columns)} {code(winner)} is the best by {self.name}: "
                + (f"at {self.at([column])} " if len(columns) > 1 else "")
                + f"it is {self.size(column, winner, second)} {self._side(better=True)} "
                f"{code(second)}, the next{self.few(column, second)}.",
            )

    def harmful(self) -> Iterator[Finding]:
        """Who is worse than the noisy image, and where."""
        worse: dict[tuple[Column, ...], list[str]] = {}
        for label in self.table.rows:
            columns = tuple(c for c in self.table.columns if self.better(c, IDENTITY, label))
            if columns:
                worse.setdefault(columns, []).append(label)
        for columns, labels in worse.items():
            worst = max(labels, key=partial(self.distance, columns[0], IDENTITY))
            size = self.size(columns[0], IDENTITY, worst)
            where = self.at(columns)
            side = self._side(better=False)
            if len(labels) == 1:
                first = f"at {self.at(columns[:1])} " if len(columns) > 1 else ""
                text = f"At {where} {code(worst)}{self.few(columns[0], worst)} does harm: "
                text += f"{first}it is {size} {side} the noisy image itself."
            else:
                named = f": {listed([code(label) for label in labels])}"
                text = (
                    f"{len(labels)} methods do harm at {where}"
                    f"{named if len(labels) <= _NAMED else ''}; the worst"
                    f"{f' at {self.at(columns[:1])}' if len(columns) > 1 else ''}, "
                    f"{code(worst)}{self.few(columns[0], worst)}, is {size} {side} the noisy "
                    "image itself."
                )
            better = [
                column
                for column in self.table.columns
                if all(self.better(column, label, IDENTITY) for label in labels)
            ]
            if better:
                pronoun = "it is" if len(labels) == 1 else "all of them are"
                text = f"{text[:-1]}; at {self.at(better)} {pronoun} better than it."
            yield self._finding(worst, columns[0], text)

    def networks_and_filters(self) -> Iterator[Finding]:
        """Where the best network beats every filter, or the best filter every network.

        What is fitted is neither, and what has seen the images has no part in it. Every one that
        has a value anywhere must have one there.
        """
        learned = learning.learning(self.section)
        ranked = [label for label in self.table.rows if label not in self.table.unranked]
        networks = [label for label in ranked if learned[label].network]
        filters = [x for x in ranked if learned[x].family == "filter" and x != IDENTITY]
        sides = ("network", networks, "filter", filters), ("filter", filters, "network", networks)
        for who, first, whom, others in sides:
            wins = [
                (column, best, self._sorted(others, column)[0])
                for column in self.table.columns
                if len(self._sorted(others, column)) == len(others) > 0
                for best in self._sorted(first, column)[:1]
                if all(self.better(column, best, label) for label in others)
            ]
            if wins:
                column, best, second = min(wins, key=lambda win: self.distance(*win))
                yield self._finding(
                    best,
                    column,
                    f"The best {who} beats every {whom} at "
                    f"{self.at([win[0] for win in wins])}: "
                    + (f"at {self.at([column])} " if len(wins) > 1 else "")
                    + f"{code(best)}{self.few(column, best)} is "
                    f"{self.size(column, best, second)} {self._side(better=True)} "
                    f"{code(second)}{self.few(column, second)}.",
                )

    def _sorted(self, labels: Sequence[str], column: Column) -> list[str]:
        """Those that have a value under a noise, the best mean first."""
        return sorted(
            (label for label in labels if (label, column) in self.table.entries),
            key=lambda label: self.table.entries[label, column].mean,
            reverse=self.table.scale.higher,
        )

    def _finding(self, label: str, column: Column, text: str) -> Finding:
        return Finding(text, self.metric, self.name, (label, column))

    def _side(self, *, better: bool) -> str:
        return "above" if better == self.table.scale.higher else "below"


def _other_best(first: _Comparisons, other: _Comparisons) -> Iterator[Finding]:
    """Where another method than the first metric's best is better than it by another metric."""
    winners = {
        column: label for label, entries in first.table.winners().items() for column, _ in entries
    }
    for label, entries in other.table.winners().items():
        columns = [
            column
            for column, _ in entries
            if column in winners and other.better(column, label, winners[column])
        ]
        if columns:
            best = winners[columns[0]]
            yield other._finding(
                label,
                columns[0],
                f"By {other.name} {code(label)}{other.few(columns[0], label)} is "
                f"{other._side(better=True)} {code(best)}{other.few(columns[0], best)}, which has "
                f"the {first.table.extreme} {first.name}, at {other.at(columns)}: "
                + (f"at {other.at(columns[:1])} " if len(columns) > 1 else "")
                + f"by {other.size(columns[0], label, best)}.",
            )
