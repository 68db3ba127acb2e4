"""The leaderboard as a table in Markdown, as pages and summaries have it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from bench.core import markdown_text, noise_text, printable

if TYPE_CHECKING:
    from bench.report.content.leaderboard import Leaderboard, Row
    from bench.report.content.rows import Column

#: Of a name in a cell.
_LONGEST = 80


def leaderboard_lines(
    board: Leaderboard,
    rows: Sequence[Row] | None = None,
    columns: Sequence[Column] | None = None,
) -> Iterator[str]:
    """The table's lines, with all metrics of a noise in one cell.

    Args:
        board: the leaderboard.
        rows: those that are shown; by default all.
        columns: the noises that are shown; by default all.
    """
    rows = board.rows if rows is None else rows
    columns = board.columns if columns is None else columns
    words = ["learned from"] if board.learns else []
    noises = [_text(noise_text(*column)) for column in columns]
    yield row_line(
        [_text(board.heading), "rank", *noises, "time an image", "device", "size", *words]
    )
    yield row_line(["---", *["---:"] * (len(columns) + 2), "---", "---:", *("---" for _ in words)])
    for row in rows:
        means = (
            " / ".join(_entry(board, row, metric, c) for metric in board.tables) for c in columns
        )
        learned = [_text(row.learned_from) for _ in words]
        rank, device = _text(row.rank_text), _text(row.device)
        yield row_line(
            [_text(row.label), rank, *means, _text(row.time), device, row.size, *learned]
        )


def row_line(cells: Sequence[str]) -> str:
    """A line of a table."""
    return f"| {' | '.join(cells)} |"


def _entry(board: Leaderboard, row: Row, metric: str, column: Column) -> str:
    """A mean with its marks."""
    text, entry = board.text(row, metric, column), row.entries.get((metric, column))
    if entry is None:
        return text
    text = f"**{text}**" if entry.mark == "best" else text
    return text + entry.sign + ("▾" if entry.harm is not None else "")


def _text(text: str) -> str:
    text = printable(text)
    return markdown_text(text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…")
