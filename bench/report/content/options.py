"""What the tables of a report show: which noises, which metrics, how many decimals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bench.core import Scale, UsageError, nearest
from bench.report.content.budget import Budget
from bench.report.content.learning import unranked
from bench.report.content.noises import matching
from bench.report.content.selection import ORDERS, in_order, of_rows, renamed
from bench.report.content.tables import MOST_DECIMALS, Table

if TYPE_CHECKING:
    from bench.report.content.rows import Column
    from bench.report.content.section import Section


@dataclass(frozen=True)
class Options:
    """What is shown of the runs; by default all.

    Attributes:
        columns: the noises to show, as `bench run --noise` takes them: "0.1,0.3" for a level of
            every kind, "gaussian:0.1,0.5;poisson" for those of a kind, or all of them; in this
            order, kinds together. They are looked up among the runs' own, so that a kind of a
            plugin's, or one that is gone, can be named. The whole report is then of these.
        metrics: labels, in the order of the tables; upper case may be typed in lower case.
        precision: decimals of every metric; None for each metric's own, and where intervals need
            more as many, see `Table.decimals`. Files in CSV have all.
        budget: what an image may cost, as "50ms/MP": only methods within it are ranked.
        rows: labels of the methods to show, which are then compared among each other alone.
        labels: what methods are called, by their labels, in all of the report.
        order: of methods: "rank" by the first metric, "name", or "typed" as in `rows`; by default
            as typed where `rows` are, else as each table has it.
    """

    columns: str = ""
    metrics: Sequence[str] = ()
    precision: int | None = None
    budget: str | None = None
    rows: Sequence[str] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    order: str = ""

    def __post_init__(self) -> None:
        """Refuse what no report has.

        Raises:
            UsageError: decimals out of range, or a budget that is none.
        """
        if self.budget is not None:
            Budget.parse(self.budget)
        if self.precision is not None and not 0 <= self.precision <= MOST_DECIMALS:
            raise UsageError(f"precision is from 0 to {MOST_DECIMALS} decimals")
        if self.order and self.order not in ORDERS:
            raise UsageError(f"order {self.order!r} is none of {', '.join(ORDERS)}")
        if self.order == "typed" and not self.rows:
            raise UsageError("the order as typed needs rows: name the methods in --rows")

    def shown(self, section: Section) -> list[str]:
        """The metrics of a data set to show."""
        if not self.metrics:
            return list(section.scales)
        found = (_called(name, section.scales) for name in self.metrics)
        return [label for label in dict.fromkeys(found) if label is not None]

    def tables(self, section: Section) -> list[str]:
        """Those of them that have any value: of the others a sentence says why they have none."""
        if section.summary.empty:
            return []
        known = section.summary[section.summary["mean"].notna()]
        return [metric for metric in self.shown(section) if (known["metric"] == metric).any()]

    def first(self, sections: Sequence[Section]) -> str:
        """The metric by which methods are ranked over all data sets."""
        return self.shown(sections[0])[0]

    def decimals(self, scale: Scale) -> int:
        """Decimals of a metric."""
        return scale.decimals if self.precision is None else self.precision

    def digits(self, table: Table, column: Column) -> int:
        """Decimals of a metric's means and intervals under a noise."""
        return table.decimals(column) if self.precision is None else self.precision

    def ranked(self, sections: Sequence[Section]) -> list[Section]:
        """The data sets with the methods that are ranked: not those that have seen the images."""
        return [self._ranked(section) for section in sections]

    def _ranked(self, section: Section) -> Section:
        seen = unranked(section)
        kept = [label for label in section.labels if label not in seen]
        if self.budget:
            within = Budget.parse(self.budget).within(section)
            kept = [label for label in kept if label in within]
        return section.of_methods(kept) if len(kept) < len(section.labels) else section

    def ranking(self, section: Section, table: Table) -> Table:
        """A table of a data set with the methods that are ranked."""
        if not self.budget:
            return table
        return table.of_methods(Budget.parse(self.budget).within(section))

    def budgeted(self, section: Section) -> str:
        """Who is ranked within the budget by the first metric, in sentences; "" without one."""
        ranking = self.tables(section)
        if not self.budget or not ranking:
            return ""
        table = Table.of(section, ranking[0])
        return Budget.parse(self.budget).sentences(section, table)

    def select(self, sections: Sequence[Section]) -> list[Section]:
        """The data sets with the chosen noises and methods; those that have none are left out.

        So are those that have none of the chosen metrics. Methods come in their order, by their
        other names.

        Raises:
            UsageError: no data set has one of them, or a method cannot be called so.
        """
        labels = dict.fromkeys(label for section in sections for label in section.scales)
        for name in self.metrics:
            if _called(name, labels) is None:
                raise UsageError(f"no metric is called {name!r}: {nearest(name, labels)}")
        chosen = [section for section in self._columns(sections) if self.shown(section)]
        if sections and not chosen:
            raise UsageError("no data set has both such columns and such metrics: ask for fewer")
        if self.rows:
            chosen = of_rows(chosen, self.rows)
        if self.ordering:
            chosen = [
                in_order(section, self.ordering, self.rows, self.shown(section)[0])
                for section in chosen
            ]
        return renamed(chosen, self.labels)

    @property
    def ordering(self) -> str:
        """How methods are ordered; "" where each table has its own order."""
        return self.order or ("typed" if self.rows else "")

    def _columns(self, sections: Sequence[Section]) -> list[Section]:
        """The data sets with the chosen noises."""
        if not self.columns.strip():
            return list(sections)
        measured = dict.fromkeys(column for section in sections for column in section.columns)
        wanted = matching(self.columns, list(measured))
        kinds = list(dict.fromkeys(noise for noise, _ in wanted))
        ordered = sorted(wanted, key=lambda column: kinds.index(column[0]))  # levels as typed
        chosen = [section.only(ordered) for section in sections]
        return [section for section in chosen if len(section.cells)]


def _called(name: str, labels: Iterable[str]) -> str | None:
    """The label that was typed."""
    labels = list(labels)
    exact = [label for label in labels if label == name]
    return next(iter(exact or [label for label in labels if label.lower() == name.lower()]), None)
