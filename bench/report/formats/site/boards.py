"""The pages of a leaderboard: one of all its noises, and one of each."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from bench import analysis
from bench.core import counted, level_text, noise_text, printable
from bench.report.content import data_set, learning, prose
from bench.report.content.leaderboard import Leaderboard
from bench.report.content.metrics import number, title
from bench.report.content.standings import Standings
from bench.report.content.words import listed
from bench.report.formats.site.rows import (
    Facet,
    Sources,
    TableRow,
    cell,
    facets,
    facets_of,
    rows,
)
from bench.report.formats.site.slugs import slugs

if TYPE_CHECKING:
    from bench.report.content.boards import Board
    from bench.report.content.rows import Column
    from bench.report.content.tables import Table
    from bench.report.formats.site.images import ImagePage

#: Leaders that are named where there is little room.
_NAMED = 6


@dataclass(frozen=True)
class MetricColumn:
    """A metric's column: its heading, and which order is the best first."""

    heading: str
    first: str


@dataclass(frozen=True)
class NoisePage:
    """The leaderboard under one noise."""

    path: str
    slug: str
    standings: Standings
    rows: Sequence[TableRow]
    said: str
    warnings: Sequence[tuple[str, str]]

    @property
    def name(self) -> str:
        """The noise."""
        return self.standings.noise

    @property
    def _first(self) -> Table | None:
        return next(iter(self.standings.leaderboard.tables.values()), None)

    @property
    def metric(self) -> str:
        """Title of the metric that groups are by."""
        return title(self._first.scale) if self._first else ""

    @property
    def by(self) -> str:
        """The same with which way is better."""
        return f"{self.metric}, {self._first.scale.better} is better" if self._first else "nothing"

    @property
    def first(self) -> str:
        """Which order has the best first."""
        return "descending" if self._first is None or self._first.scale.higher else "ascending"

    @property
    def axis(self) -> str:
        """What the bars are of."""
        return f"{self.metric} →" if self._first else ""

    @property
    def metrics(self) -> list[MetricColumn]:
        """The columns of means."""
        return [
            MetricColumn(
                title(table.scale, heading=True),
                "descending" if table.scale.higher else "ascending",
            )
            for table in self.standings.leaderboard.tables.values()
        ]

    @property
    def leading(self) -> str:
        """Who is in the first group, in words."""
        leaders = list(self.standings.leaders)
        if len(leaders) > _NAMED:
            return f"{', '.join(leaders[:_NAMED])} and {len(leaders) - _NAMED} more"
        return listed(leaders) if leaders else ""

    @property
    def best(self) -> str:
        """The best mean: `31.13 dB`; empty where nothing is ranked."""
        if self._first is None or not self.standings.groups:
            return ""
        leader = self.standings.groups[0].leader
        return number(self._first.scale, self._first.entries[leader, self.standings.column].mean)

    @cached_property
    def facets(self) -> list[Facet]:
        """What its rows are filtered by."""
        return facets(row.facets for row in self.rows)

    @property
    def note(self) -> str:
        """What times and devices are of."""
        return self.standings.leaderboard.speeds.note

    @property
    def legend(self) -> str:
        """What methods learned from."""
        return self.standings.leaderboard.legend


@dataclass
class BoardPage:
    """The leaderboard of a data set: all its noises.

    Attributes:
        others: the other leaderboards of its data set.
        images: pages of its test images.
    """

    path: str
    folder: str
    board: Board
    noises: Sequence[NoisePage]
    paths: Mapping[str, str]
    others: Sequence[BoardPage] = ()
    images: Sequence[ImagePage] = field(default_factory=list)

    @classmethod
    def of(cls, board: Board, slug: str, paths: Mapping[str, str], sources: Sources) -> BoardPage:
        """The page of a leaderboard.

        Args:
            board: the leaderboard.
            slug: what it is called.
            paths: a method's name -> its page.
            sources: a run's path -> its pack's name and source.
        """
        folder = f"data/{slug}"
        columns = board.section.columns
        names = slugs((noise_text(*column) for column in columns), taken=("index",))
        noises = []
        for column in columns:
            standings, section = Standings.of(board, column), board.section.only([column])
            noises.append(
                NoisePage(
                    f"{folder}/{names[noise_text(*column)]}.html",
                    names[noise_text(*column)],
                    standings,
                    rows(standings, paths, sources),
                    prose.lead(section),
                    learning.warnings(section),
                )
            )
        return cls(f"{folder}/index.html", folder, board, noises, paths)

    @property
    def said(self) -> str:
        """Which images, under what."""
        return prose.lead(self.board.section)

    @property
    def lead(self) -> str:
        """The same in a few words."""
        section = self.board.section
        count = len(section.labels)
        return f"{data_set.images(section)}, {counted(count, 'method')}, {self._packs}"

    @property
    def _packs(self) -> str:
        count = len(self.board.section.runs)
        return counted(count, "run")

    @cached_property
    def leaderboard(self) -> Leaderboard:
        """Of all noises."""
        return Leaderboard.of(self.board.section)

    @property
    def warnings(self) -> list[tuple[str, str]]:
        """What a reader must know before the numbers."""
        return prose.warnings(self.board.section)

    @cached_property
    def rows(self) -> list[TableRow]:
        """The methods by their mean rank, with the first metric under each noise."""
        board = self.leaderboard
        metric = next(iter(board.tables), "")
        methods = dict(
            zip(self.board.section.cells["label"], self.board.section.cells["method"], strict=True)
        )
        groups: dict[tuple[str, Column], int | None] = {
            (standing.label, noise.standings.column): standing.group
            for noise in self.noises
            for standing in noise.standings.rows
        }
        columns = [noise.standings.column for noise in self.noises]
        return [
            TableRow(
                row,
                self.paths[str(methods[row.label])],
                [cell(board, row, metric, at, groups.get((row.label, at))) for at in columns],
                facets_of(row),
                note=f"{row.reason}: not ranked" if row.reason else "",
            )
            for row in board.rows
        ]

    @cached_property
    def facets(self) -> list[Facet]:
        """What its rows are filtered by."""
        return facets(row.facets for row in self.rows)

    @property
    def note(self) -> str:
        """What times and devices are of."""
        return self.leaderboard.speeds.note

    @property
    def legend(self) -> str:
        """What methods learned from."""
        return self.leaderboard.legend

    @property
    def metric(self) -> str:
        """What the table's means are of."""
        tables = self.leaderboard.tables.values()
        return next((title(table.scale, heading=True) for table in tables), "Nothing")

    @property
    def problems(self) -> list[tuple[str, str, str]]:
        """What has no result, and why."""
        return analysis.problems(self.board.section.cells)

    @property
    def measure(self) -> str:
        """The command that measures a method under the same conditions."""
        return measure(self.board)

    @property
    def command(self) -> str:
        """The same, and that which packs the run."""
        return f"{self.measure}\nbench pack my-method --plugin my_method.py --out packs/"


def measure(board: Board) -> str:
    """The command that measures a method of one's own under a leaderboard's conditions."""
    settings = board.section.runs[0].manifest.settings
    words = ["bench", "run", "--plugin", "my_method.py", "--methods", "identity,my-method"]
    words += ["--dataset", settings.dataset]
    if settings.train_dataset:
        words += ["--train-dataset", settings.train_dataset]
    if not board.section.dataset.given:
        kinds: dict[str, list[str]] = {}
        for noise, level in board.section.columns:
            kinds.setdefault(noise.removesuffix(", clipped"), []).append(level_text(level))
        words += [
            "--noise",
            ";".join(f"{kind}:{','.join(levels)}" for kind, levels in kinds.items()),
        ]
        words += ["--clip"] if settings.clip else []
    words += ["--limit", str(settings.limit)] if settings.limit else []
    words += ["--split", settings.split] if settings.split != "test" else []
    words += ["--quantize"] if settings.quantize else []
    if settings.noise_seeds != [0]:
        words += ["--noise-seeds", ",".join(map(str, settings.noise_seeds))]
    if settings.range:
        words += ["--range", ",".join(f"{end:g}" for end in settings.range)]
    return shlex.join(printable(word) for word in [*words, "--name", "my-method"])
