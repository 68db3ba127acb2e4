"""A run's own look in a notebook, as HTML that needs neither styles nor scripts."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

from bench.core import noise_text, printable
from bench.report.content import data_set, prose
from bench.report.content.leaderboard import Leaderboard

if TYPE_CHECKING:
    from bench.core import BenchError
    from bench.report.content.leaderboard import Row
    from bench.report.content.rows import Column
    from bench.report.content.section import Section
    from bench.store import Run

#: Methods in the table; `run.table()` has all.
_ROWS = 15
#: Columns of noises, for each metric.
_NOISES = 4


def look(section: Section, picture: bytes) -> str:
    """What was measured, what a reader must know of it, the leaderboard, and images.

    Args:
        section: of the run.
        picture: as PNG; empty where there is none.
    """
    (run, *_) = section.runs
    noises = ", ".join(data_set.noises(section))
    cells = f"{len(section.cells)} of {len(run.manifest.cells)} cells"
    parts = [
        f"<div><strong>{_text(run.name)}</strong>: {_text(data_set.images(section))} of "
        f"{_text(prose.title(section))}; noise: {_text(noises)}; {cells}</div>"
    ]
    for word, sentence in prose.warnings(section):
        parts.append(f"<div><strong>{_text(word)}.</strong> {_sentence(sentence)}</div>")
    board = Leaderboard.of(section)
    parts.append(_table(board))
    hidden = len(board.rows) - _ROWS
    more = f"{hidden} more methods: <code>run.table()</code>. " if hidden > 0 else ""
    note = _sentence(" ".join(filter(None, [board.note, board.legend])))
    parts.append(f'<div style="font-size:85%">{more}{note}</div>')
    if picture:
        data = base64.b64encode(picture).decode()
        parts.append(
            f'<img alt="Clean, noisy and restored images of {_text(run.name)}" '
            f'style="max-width:min(100%,40em);background:white" src="data:image/png;base64,{data}">'
        )
    return f"<div>{''.join(parts)}</div>"


def refused(run: Run, error: BenchError) -> str:
    """A run that cannot be shown: why."""
    return f"<div><strong>{_text(run.name)}</strong>: {_text(str(error))}</div>"


def _table(board: Leaderboard) -> str:
    columns = board.columns[:_NOISES]
    heads = [
        f"{table.scale.heading} at {noise_text(*column)}"
        for table in board.tables.values()
        for column in columns
    ]
    head = "".join(f"<th>{_text(name)}</th>" for name in ["rank", "method", *heads, "an image"])
    rows = "".join(_row(board, row, columns) for row in board.rows[:_ROWS])
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _row(board: Leaderboard, row: Row, columns: Sequence[Column]) -> str:
    cells = [f"<td>{_text(row.rank_text)}</td>", f"<th>{_text(row.label)}</th>"]
    for metric in board.tables:
        for column in columns:
            entry, text = row.entries.get((metric, column)), board.text(row, metric, column)
            sign = f" {entry.sign}" if entry and entry.sign else ""
            bold = entry is not None and entry.mark == "best"
            shown = _text(f"{text}{sign}")
            cells.append(f"<td>{Markup('<strong>%s</strong>') % shown if bold else shown}</td>")
    return f"<tr>{''.join(cells)}<td>{_text(row.time)}</td></tr>"


def _text(text: str) -> Markup:
    return escape(printable(text))


def _sentence(sentence: str) -> str:
    """A sentence whose backticks enclose code."""
    return prose.marked(
        sentence, lambda part: _text(part), lambda part: f"<code>{_text(part)}</code>"
    )
