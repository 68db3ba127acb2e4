"""A budget: what an image may cost, so that only methods within it are ranked."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.analysis import Affordable, affordable
from bench.core import UsageError, noise_text, shown
from bench.report.content.words import code, outside

if TYPE_CHECKING:
    from bench.report.content.rows import Column
    from bench.report.content.section import Section
    from bench.report.content.tables import Table

#: Unit -> the column of `Run.cells` that it is of, and how many of the column's unit it is.
_UNITS = {
    "ms/MP": ("milliseconds_per_megapixel", 1.0),
    "s/MP": ("milliseconds_per_megapixel", 1e3),
    "MMAC": ("multiply_adds", 1e6),
    "GMAC": ("multiply_adds", 1e9),
    "TMAC": ("multiply_adds", 1e12),
}


@dataclass(frozen=True)
class Budget:
    """What one image may cost.

    Attributes:
        column: of `Run.cells`, the cost that is bounded.
        most: that a method may cost, in the column's unit.
        text: the same as a report says it.
    """

    column: str
    most: float
    text: str

    @classmethod
    def parse(cls, text: str) -> Budget:
        """A budget as it is typed.

        Raises:
            UsageError: it is no number with such a unit.

        >>> Budget.parse("1.5 s/MP")
        Budget(column='milliseconds_per_megapixel', most=1500.0, text='1.5 s/MP')
        """
        number, unit = re.fullmatch(r"\s*([\d.eE+-]*)\s*(.*?)\s*", text, re.DOTALL).groups()  # type: ignore[union-attr]
        known = {name.lower(): name for name in _UNITS}
        try:
            name, value = known[unit.lower()], float(number)
            if not 0 < value < math.inf:
                raise ValueError
        except (KeyError, ValueError):
            raise UsageError(
                f"the budget {shown(text)} is no number above 0 with one of the units "
                f"{', '.join(_UNITS)}: give 50ms/MP, say"
            ) from None
        column, times = _UNITS[name]
        return cls(column, times * value, f"{value:g} {name}")

    def within(self, section: Section) -> list[str]:
        """The methods of a data set that cost no more, under all noises that are shown."""
        return self.found(section).within

    def found(self, section: Section) -> Affordable:
        """The same, with those that cost more and those of which that is not known."""
        return affordable(section.cells, self.column, self.most)

    def sentences(self, section: Section, table: Table) -> str:
        """Who is ranked how within it, who is over it and where, of whom the cost is not known.

        Args:
            section: the data set.
            table: of all its methods, by the metric that they are ranked by.
        """
        found = self.found(section)
        within = [label for label in found.within if label in table.rows]
        every = len(within) + len(found.over) + len(found.unknown)
        kept = [label for label in within if label not in table.unranked]
        ranks = [f"{code(label)} {rank:.1f}" for label, rank in table.of_methods(kept).ranks()]
        said = f"Ranked within {self.text}: {len(kept)} of {every} methods"
        said += f", by mean rank {', '.join(ranks)}." if ranks else "."
        if found.over:
            said += f" Over it: {_at(found.over, section.columns)}."
        if found.unknown and len(found.unknown) == every:
            said += " Of none of them it is known what an image costs."
        elif found.unknown:
            said += f" Not ranked, since that is not known: {_at(found.unknown, section.columns)}."
        return said


def _at(methods: Mapping[str, Sequence[Column]], columns: Sequence[Column]) -> str:
    """Methods with their noises, those of the same noises together."""
    alike: dict[str, list[str]] = {}
    for label, at in methods.items():
        every = set(at) == set(columns)
        noises = "under every noise" if every else ", ".join(noise_text(*column) for column in at)
        alike.setdefault(outside(noises if every else f"at {noises}"), []).append(code(label))
    return "; ".join(f"{', '.join(labels)} {where}" for where, labels in alike.items())
