"""Rows of the site's tables, and what they are filtered by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup

from bench.report.content.metrics import unit
from bench.report.formats.site.svg import Span, interval

if TYPE_CHECKING:
    from bench.report.content.leaderboard import Leaderboard, Row
    from bench.report.content.rows import Column
    from bench.report.content.sources import Source
    from bench.report.content.standings import Standing, Standings

#: Decimals of half of an interval, at most.
_MOST_DECIMALS = 8
#: Methods of better groups that a row names.
_LIKE = 3
#: A run's sources and what their packs are called.
Sources = Mapping[str, tuple[str, "Source"]]


@dataclass(frozen=True)
class Cell:
    """A mean as a table shows it.

    Attributes:
        text: the mean, or a dash; `width` half of its interval, "" without one; `sign` its
            marks; `ends` of the interval.
        value: the number it is sorted by; "" without one.
        unit: of the metric.
        group: of methods that cannot be told apart, where that is shown beside it.
    """

    text: str = "–"
    width: str = ""
    sign: str = ""
    ends: str = ""
    value: float | str = ""
    unit: str = ""
    group: int | None = None


@dataclass(frozen=True)
class Facet:
    """What rows are filtered by: its name in the address, and each value with its text."""

    name: str
    title: str
    values: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class TableRow:
    """A method's row.

    Attributes:
        row: of the leaderboard.
        path: of the method's page.
        facets: what it is filtered by: name -> values, with spaces between.
        starts: it is the first of its group.
        bar: its mean on the table's axis.
        note: what it is like in better groups, or why it is in none.
        sources: name and source of each pack that its numbers are from.
    """

    row: Row
    path: str
    cells: Sequence[Cell]
    facets: Mapping[str, str]
    group: int | None = None
    starts: bool = False
    bar: Markup | None = None
    note: str = ""
    sources: Sequence[tuple[str, Source]] = ()

    @property
    def label(self) -> str:
        """The method with its parameters."""
        return self.row.label

    @property
    def find(self) -> str:
        """What its name is searched in."""
        return self.label.lower()


def rows(standings: Standings, paths: Mapping[str, str], sources: Sources) -> list[TableRow]:
    """A row for each method under a noise.

    Args:
        standings: of the noise.
        paths: a method's name -> its page.
        sources: a run's path -> its pack's name and source.
    """
    board, column = standings.leaderboard, standings.column
    metric = next(iter(board.tables), "")
    entries = {row.label: row.entries.get((metric, column)) for row in board.rows}
    ends = [value for e in entries.values() if e for value in (e.mean, e.low, e.high)]
    span = Span.of([value for value in ends if value is not None])
    found, before = [], 0
    for standing in standings.rows:
        row, entry = standing.row, entries[standing.label]
        of = [sources[str(run.path)] for run in standing.runs]
        found.append(
            TableRow(
                row,
                paths[standing.method],
                [cell(board, row, name, column) for name in board.tables],
                {**facets_of(row), "verified": " ".join(one.verdict for _, one in of)},
                standing.group,
                standing.group != before,
                interval(entry, span) if entry else None,
                _note(standing),
                of,
            )
        )
        before = standing.group or -1
    return found


def cell(
    board: Leaderboard, row: Row, metric: str, column: Column, group: int | None = None
) -> Cell:
    """A method's mean of a metric under a noise."""
    entry = row.entries.get((metric, column))
    if entry is None:
        return Cell(group=group)
    decimals, width = board.decimals[metric, column], entry.half_width
    ends = ""
    if entry.low is not None and entry.high is not None:
        ends = f"[{entry.low:.{decimals}f}, {entry.high:.{decimals}f}]"
    return Cell(
        board.text(row, metric, column),
        "" if width is None else half(width, decimals),
        f"{entry.sign}{'▾' if entry.harm is not None else ''}",
        ends,
        entry.mean,
        unit(board.tables[metric].scale).strip(),
        group,
    )


def half(width: float, decimals: int) -> str:
    """Half of an interval, with so many decimals that it does not seem to be nothing.

    >>> half(0.0123, 3), half(0.00034, 3)
    ('0.012', '0.0003')
    """
    while width and decimals < _MOST_DECIMALS and float(f"{width:.{decimals}f}") == 0:
        decimals += 1
    return f"{width:.{decimals}f}"


def _note(standing: Standing) -> str:
    if standing.group is None:
        return f"in no group: {standing.row.reason}" if standing.row.reason else "in no group"
    if not standing.like:
        return ""
    more = len(standing.like) - _LIKE
    named = ", ".join(standing.like[:_LIKE]) + (f" and {more} more" if more > 0 else "")
    return f"like {named}, of a better group"


# What rows are filtered by --------------------------------------------------------------------

_CLASSES = {
    "filter": "filter",
    "fitted": "fitted",
    "trained": "trained",
    "pretrained": "pretrained",
    "unknown": "not recorded",
}
_FROM = {
    "none": "nothing",
    "clean": "clean images",
    "pairs": "noisy pairs",
    "noisy": "noisy images",
    "itself": "the image itself",
    "unknown": "not recorded",
}
_SEEN = {"no": "no", "maybe": "not known (?)", "yes": "yes (§)"}
_VERIFIED = {"held": "yes", "failed": "did not hold", "none": "no", "other": "of another pack"}
_FACETS = {
    "class": ("Class", _CLASSES),
    "from": ("Learned from", _FROM),
    "device": ("Device", {"cpu": "CPU", "gpu": "GPU", "unknown": "not known"}),
    "seen": ("Has seen measured images", _SEEN),
    "verified": ("Verified", _VERIFIED),
}


def facets_of(row: Row) -> dict[str, str]:
    """What a method is filtered by, whatever the pack."""
    one = row.learning
    learned = "itself" if one.from_itself else one.supervision or "unknown"
    devices = dict.fromkeys(
        "gpu" if name.startswith("GPU") else "cpu" if name.startswith("CPU") else "unknown"
        for name in row.device.split("; ")
    )
    return {
        "class": one.family or "unknown",
        "from": learned,
        "device": " ".join(devices),
        "seen": {"seen": "yes", "unknown": "maybe"}.get(one.leak, "no"),
    }


def facets(of_rows: Iterable[Mapping[str, str]]) -> list[Facet]:
    """The choices that rows differ in."""
    known: dict[str, set[str]] = {}
    for own in of_rows:
        for name, values in own.items():
            known.setdefault(name, set()).update(values.split())
    return [
        Facet(name, title, [(value, text) for value, text in texts.items() if value in known[name]])
        for name, (title, texts) in _FACETS.items()
        if len(known.get(name, ())) > 1
    ]
