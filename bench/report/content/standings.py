"""A leaderboard's rows under one noise: in groups of what cannot be told apart, not in ranks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.core import noise_text
from bench.report.content.leaderboard import Leaderboard, Row
from bench.report.content.tie_groups import TieGroup, tie_groups

if TYPE_CHECKING:
    from bench.report.content.boards import Board
    from bench.report.content.rows import Column
    from bench.store import Run


@dataclass(frozen=True)
class Standing:
    """A method under a noise.

    Attributes:
        row: its row of the leaderboard.
        method: its name, without parameters.
        group: of what cannot be told apart, 1 the best; None where it is in none.
        like: methods of better groups that it cannot be told apart from, either.
        runs: that its numbers are from; several where they have other training seeds each.
    """

    row: Row
    method: str
    group: int | None
    like: Sequence[str]
    runs: Sequence[Run]

    @property
    def label(self) -> str:
        """The method with its parameters."""
        return self.row.label


@dataclass(frozen=True)
class Standings:
    """All methods of a leaderboard under one noise.

    Attributes:
        column: the noise.
        leaderboard: of this noise alone.
        groups: of its methods, the best first.
        rows: its methods by group and mean; last those that are in none.
    """

    column: Column
    leaderboard: Leaderboard
    groups: Sequence[TieGroup]
    rows: Sequence[Standing]

    @classmethod
    def of(cls, board: Board, column: Column) -> Standings:
        """Those of a leaderboard under one of its noises."""
        section = board.section.only([column])
        leaderboard = Leaderboard.of(section)
        groups: list[TieGroup] = []
        for metric, table in list(leaderboard.tables.items())[:1]:
            groups = tie_groups(table, column, section.compared(metric).get(column, []))
        place = {label: (at, one) for at, one in enumerate(groups, 1) for label in one.members}
        by_label = {row.label: row for row in leaderboard.rows}
        methods = dict(zip(section.cells["label"], section.cells["method"], strict=True))
        rows = []
        for label in dict.fromkeys([*place, *by_label]):
            number, group = place.get(label, (None, None))
            like = group.like.get(label, ()) if group else ()
            runs = board.shown(label, column)
            rows.append(Standing(by_label[label], str(methods[label]), number, like, runs))
        return cls(column, leaderboard, groups, rows)

    @property
    def noise(self) -> str:
        """The noise as tables name it."""
        return noise_text(*self.column)

    @property
    def leaders(self) -> Sequence[str]:
        """The methods of the first group; none where nothing is ranked."""
        return self.groups[0].members if self.groups else ()
