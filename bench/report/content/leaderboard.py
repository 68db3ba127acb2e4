"""The leaderboard: one table of a data set, with what a reader asks of each method.

Every format shows this one: rank, the first two metrics under each noise, the time of an image,
the device, the size, and what was learned from.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.analysis import prominent
from bench.core import noise_text, prefixed
from bench.report.content import learning
from bench.report.content.budget import Budget
from bench.report.content.metrics import plain
from bench.report.content.options import Options
from bench.report.content.rows import Column
from bench.report.content.speed import Speeds
from bench.report.content.tables import Entry, Table
from bench.report.content.words import listed, outside

if TYPE_CHECKING:
    import pandas as pd

    from bench.report.content.section import Section

#: Metrics that the table shows; the others have tables of their own.
_METRICS = 2
#: Significant digits of a mean that has no unit, at least, and decimals at most.
_DIGITS, _MOST_DECIMALS = 3, 8

#: Why a method is not ranked, as the table says it, and what that means.
SEEN, COSTLY, UNTIMED, ELSEWHERE = "seen", "over budget", "cost unknown", "other images"
FAILED, SKIPPED, NO_VALUE = "failed", "skipped", "no value"
_REASONS = {
    SEEN: "it has seen measured images",
    COSTLY: "an image costs more than the budget",
    UNTIMED: "what an image costs is not known",
    ELSEWHERE: "its means are over other images than those of other methods",
    FAILED: "its cells failed",
    SKIPPED: "its cells were skipped",
    NO_VALUE: "it has no value of the metric that ranks",
}


@dataclass(frozen=True)
class Row:
    """A method in the leaderboard.

    Attributes:
        label: of the method.
        rank: mean of its ranks under the noises that all ranked methods share, 1 the best; None
            where it is not ranked.
        reason: why it is not, in a word: "1 of 3" of these noises, "seen", ...; else "".
        entries: metric and noise -> entry, as in the metric's table.
        time: how long an image takes: `0.4 ms`; a dash where that is not known.
        seconds: the same as a number.
        device: what it was timed on, see `Leaderboard.note`.
        parameters: learned ones, of its largest model; 0 of what learns nothing.
        learned_from: as tables show it: `clean, fitted`.
        learning: the same in its parts: family, supervision, ...
    """

    label: str
    rank: float | None
    reason: str
    entries: Mapping[tuple[str, Column], Entry]
    time: str
    seconds: float | None
    device: str
    parameters: int
    learned_from: str
    learning: learning.Learning

    @property
    def size(self) -> str:
        """Its parameters as tables show them: `557 k`."""
        return prefixed(self.parameters) if self.parameters >= 1000 else str(self.parameters or "–")

    @property
    def rank_text(self) -> str:
        """Its rank, or in brackets why there is none."""
        return f"({self.reason})" if self.rank is None else f"{self.rank:.1f}".removesuffix(".0")


@dataclass(frozen=True)
class Leaderboard:
    """One table of a data set.

    Attributes:
        tables: of the metrics that it shows, two at most unless more are asked for, by label; the
            first one ranks.
        columns: the noises that it shows.
        rows: the methods, the best first; below them those that are not ranked.
        shared: the noises that ranks are over.
        decimals: of each metric under each noise.
        speeds: what times and devices are of.
        legend: what "learned from" says, a sentence.
        budget: what an image may cost, as it was typed; "".
    """

    tables: Mapping[str, Table]
    columns: Sequence[Column]
    rows: Sequence[Row]
    shared: Sequence[Column]
    decimals: Mapping[tuple[str, Column], int]
    speeds: Speeds
    legend: str
    budget: str

    @classmethod
    def of(
        cls, section: Section, options: Options | None = None, metrics: int = _METRICS
    ) -> Leaderboard:
        """The leaderboard of a data set, as far as a report shows it, of so many metrics at most.

        >>> import bench
        >>> from bench.report.content.section import Section
        >>> run = bench.run("digits", methods="identity,median", noise=0.3, limit=20)
        >>> [(row.label, row.rank) for row in Leaderboard.of(Section.of(run)).rows]
        [('median', 1.0), ('identity', 2.0)]
        """
        options = options or Options()
        shown = prominent(options.tables(section))[:metrics]
        tables = {metric: Table.of(section, metric) for metric in shown}
        first = next(iter(tables.values()), None)
        ranking = options.ranking(section, first) if first else None
        ranks = dict(ranking.ranks()) if ranking else {}
        learned, speeds = learning.learning(section), Speeds.of(section)
        sizes = _sizes(section)
        ranked = [*ranks, *(first.ranked() if first else ())]
        ordered = [*([] if options.ordering in ("name", "typed") else ranked), *section.labels]
        reasons = _Reasons(section, options, ranking)
        rows = [
            Row(
                label,
                ranks.get(label),
                "" if label in ranks else reasons.of(label),
                {
                    (metric, column): table.entries[label, column]
                    for metric, table in tables.items()
                    for column in table.columns
                    if (label, column) in table.entries
                },
                speeds.text(label),
                speeds.seconds(label),
                speeds.device(label),
                sizes.get(label, 0),
                learned[label].text,
                learned[label],
            )
            for label in dict.fromkeys(ordered)
        ]
        columns = [
            c for c in section.columns if any((m, c) in r.entries for r in rows for m in tables)
        ]
        decimals = {
            (metric, column): _decimals(rows, table, column, options)
            for metric, table in tables.items()
            for column in columns
        }
        return cls(
            tables,
            columns,
            rows,
            ranking.shared if ranking else [],
            decimals,
            speeds,
            learning.legend(section),
            options.budget or "",
        )

    @property
    def ranked(self) -> int:
        """How many methods are ranked."""
        return sum(row.rank is not None for row in self.rows)

    @property
    def learns(self) -> bool:
        """Whether any method has learned, so that there is a column of it."""
        return bool(self.legend)

    def text(self, row: Row, metric: str, column: Column) -> str:
        """A mean as the table shows it, without its marks."""
        entry = row.entries.get((metric, column))
        return "–" if entry is None else f"{entry.mean:.{self.decimals[metric, column]}f}"

    @property
    def heading(self) -> str:
        """What the entries are: `PSNR (dB) / SSIM`."""
        return " / ".join(plain(table.scale.heading) for table in self.tables.values())

    @property
    def note(self) -> str:
        """What marks, ranks, times and devices are, and why methods are not ranked: sentences."""
        parts = (self.marks_note, self.ranks_note, self.reasons_note, self.speeds.note)
        return " ".join(filter(None, parts))

    @property
    def marks_note(self) -> str:
        """What the marks say that occur."""
        entries = [entry for row in self.rows for entry in row.entries.values()]
        marks = {entry.mark for entry in entries}
        extreme = {table.extreme for table in self.tables.values()}
        best = "best" if len(extreme) > 1 else next(iter(extreme), "best")
        said = ["bold: the best"] * ("best" in marks)
        said += [f"‡: the {best}, of fewer than four trainings"] * ("few" in marks)
        said += ["†: cannot be told apart from it"] * ("near" in marks)
        if any(entry.harm is not None for entry in entries):
            said.append("▾: worse than `identity`, the noisy image itself")
        text = "; ".join(said)
        return f"{text[:1].upper()}{text[1:]}." if text else ""

    @property
    def ranks_note(self) -> str:
        """What ranks are of."""
        if not self.ranked:
            return ""
        by = plain(next(iter(self.tables.values())).scale.title)
        within = f" within {outside(self.budget)}" if self.budget else ""
        over = ""
        if len(self.shared) > 1:
            over = (
                f", the mean over {len(self.shared)} noises under which all of these were measured"
            )
        elif len(self.columns) > 1:
            over = f" at {outside(noise_text(*self.shared[0]))}, which all of these share"
        if 1 < len(self.shared) < len(self.columns):
            over += f" ({outside(listed([noise_text(*column) for column in self.shared]))})"
        return f"Ranks are of {self.ranked} methods{within} by {by}{over}."

    @property
    def reasons_note(self) -> str:
        """Why methods are not ranked."""
        reasons = dict.fromkeys(row.reason for row in self.rows if row.reason)
        parts = [reason for reason in reasons if reason not in _REASONS]
        said = [f"{', '.join(parts)}, measured under so many of these noises"] if parts else []
        said += [f"{reason}, {_REASONS[reason]}" for reason in reasons if reason in _REASONS]
        return f"In brackets why there is no rank: {'; '.join(said)}." if said else ""

    def frame(self) -> pd.DataFrame:
        """The table in numbers: a row a method, means with all their decimals.

        Columns: label, rank, unranked (why there is no rank), a column for each metric and noise,
        seconds per image, device, parameters, learned from.
        """
        import pandas as pd

        columns: dict[str, list[object]] = {
            "label": [row.label for row in self.rows],
            "rank": [row.rank for row in self.rows],
            "unranked": [row.reason for row in self.rows],
        }
        for column in self.columns:
            for metric in self.tables:
                entries = [row.entries.get((metric, column)) for row in self.rows]
                columns[f"{metric} at {noise_text(*column)}"] = [
                    entry.mean if entry else None for entry in entries
                ]
        columns["seconds per image"] = [row.seconds for row in self.rows]
        columns["device"] = [row.device for row in self.rows]
        columns["parameters"] = [row.parameters for row in self.rows]
        columns["learned from"] = [row.learned_from for row in self.rows]
        return pd.DataFrame(columns)


class _Reasons:
    """Why methods are not ranked."""

    def __init__(self, section: Section, options: Options, ranking: Table | None) -> None:
        self._ranking = ranking
        self._status: dict[str, set[str]] = {}
        for row in section.rows():
            self._status.setdefault(row.label, set()).add(row.status)
        self._unranked = learning.unranked(section)
        budget = Budget.parse(options.budget) if options.budget else None
        self._over = budget.found(section).over if budget else {}
        self._within = budget.within(section) if budget else section.labels

    def of(self, label: str) -> str:
        """Of one method."""
        if "done" not in self._status[label]:
            return FAILED if "failed" in self._status[label] else SKIPPED
        if label in self._unranked:
            return SEEN
        if label not in self._within:
            return COSTLY if label in self._over else UNTIMED
        table = self._ranking
        if table is None or not any((label, column) in table.entries for column in table.columns):
            return NO_VALUE
        if not table.shared:
            return ELSEWHERE
        shared = [column for column in table.measured(label) if column in table.shared]
        return f"{len(shared)} of {len(table.shared)}"


def _sizes(section: Section) -> dict[str, int]:
    """Label -> learned parameters of its largest model."""
    sizes: dict[str, int] = {}
    for row, meta in zip(section.rows(), section.metadata, strict=True):
        sizes[row.label] = max(meta.parameters, sizes.get(row.label, 0))
    return sizes


def _decimals(rows: Sequence[Row], table: Table, column: Column, options: Options) -> int:
    """Decimals of a column: the metric's, or as many as its smallest mean has digits with."""
    if options.precision is not None or table.scale.unit == "dB":
        return options.decimals(table.scale)
    means = [
        row.entries[table.metric, column].mean
        for row in rows
        if (table.metric, column) in row.entries
    ]
    least = min((abs(mean) for mean in means if mean), default=1.0)
    needed = _DIGITS - 1 - math.floor(math.log10(least))
    return max(table.scale.decimals, min(needed, _MOST_DECIMALS))
