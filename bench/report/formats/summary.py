"""The report in at most 30 lines of Markdown, for a pull request or a workflow's page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from bench import analysis as tables
from bench.analysis import prominent
from bench.core import IDENTITY, counted, markdown_code, noise_text, printable
from bench.core import markdown_text as _escape
from bench.report.content import data_set, prose
from bench.report.content.completeness import unfinished
from bench.report.content.coverage import fewer_images
from bench.report.content.leaderboard import Leaderboard, Row
from bench.report.content.options import Options
from bench.report.content.tables import Table
from bench.report.formats.markdown_table import leaderboard_lines, row_line

if TYPE_CHECKING:
    from bench.report.content.section import Section

LINES = 30
# Lines of a data set whatever it holds.
_LEAST = 4
# What is shown of long tables, lists and names.
_ROWS = 15
_COLUMNS = 6
_METRICS = 4
_NAMED = 3
_NOISES = 12
_LONGEST = 80
_LINE = 500
_NOTE = 1200
_COMMAND = 2000


def summary(sections: Sequence[Section], options: Options | None = None) -> str:
    """The summary: images and noises, the best methods, winners, failures, the run's command."""
    options = options or Options()
    if len(sections) * _LEAST <= LINES:
        most = len(options.metrics) or _METRICS
        boards = [Leaderboard.of(section, options, most) for section in sections]
        for rows in range(_ROWS, -1, -1):
            lines = [
                line
                for section, board in zip(sections, boards, strict=True)
                for line in _section(section, board, options, rows)
            ]
            lines += _commands(sections)
            if len(lines) <= LINES:
                return "\n".join(lines) + "\n"
    return "\n".join([*_overview(sections, options), *_commands(sections)]) + "\n"


def _section(section: Section, board: Leaderboard, options: Options, rows: int) -> Iterator[str]:
    """A data set's lines; its table has the best `rows` methods."""
    yield f"### Denoising {_text(prose.title(section))}: {len(section.labels)} methods"
    yield ""
    warned = _warnings(section, options)
    warnings = " ".join(f"**{word}.** {_sentence(text)}" for word, text in warned)
    budgeted = _sentence(options.budgeted(section), _LINE)
    left_out = _left_out(section, board, options, rows)
    yield " ".join(filter(None, (warnings, _images(section), left_out, budgeted)))
    yield ""
    first = next(iter(board.tables.values()), None)
    if first and first.entries:
        if rows:
            yield from leaderboard_lines(board, _shown(board, rows), board.columns[:_COLUMNS])
            yield ""
        yield f"{_winners(first, options)} {_sentence(board.note, _NOTE)}"
        yield ""
    if problems := _problems(section):
        yield problems
        yield ""


def _images(section: Section) -> str:
    """How many images, which noises, and how many cells."""
    names = data_set.noises(section)
    more = f" and {len(names) - _NOISES} more" if len(names) > _NOISES else ""
    named = _text(", ".join(names[:_NOISES]), _LINE)
    cells = len(section.cells)
    first = f"{data_set.images(section)}; noise: {named}{more}; {counted(cells, 'cell')}."
    return " ".join([first, *map(_sentence, data_set.conditions(section))])


def _warnings(section: Section, options: Options) -> list[tuple[str, str]]:
    warnings = prose.warnings(section)
    if fewer := fewer_images(section, options.shown(section)):
        warnings.append(("Fewer images", fewer.removeprefix("On fewer images: ")))
    return warnings


def _left_out(section: Section, board: Leaderboard, options: Options, rows: int) -> str:
    """What of the table there is no room for."""
    if not rows:
        return ""
    methods = len(board.rows) - len(_shown(board, rows))
    noises = len(board.columns) - _COLUMNS
    metrics = len(prominent(options.tables(section))) - len(board.tables)
    left_out = [counted(methods, "method")] if methods > 0 else []
    left_out += [counted(noises, "noise")] if noises > 0 else []
    left_out += [counted(metrics, "metric")] if metrics > 0 else []
    return f"Left out of the table: {' and '.join(left_out)}." if left_out else ""


def _shown(board: Leaderboard, rows: int) -> list[Row]:
    """The best methods by mean rank, and the noisy image itself to compare with."""
    best = list(board.rows[:rows])
    noisy = next((row for row in board.rows if row.label == IDENTITY), None)
    if noisy and noisy not in best and rows > 1:
        best[-1] = noisy
    return best


def _winners(table: Table, options: Options) -> str:
    """Who is best under each noise."""
    winners = []
    for label, entries in table.winners().items():
        at = [
            f"{noise_text(*column)} ({entry.mean:.{options.decimals(table.scale)}f})"
            for column, entry in entries
        ]
        more = f" and {len(at) - _NOISES} more noises" if len(at) > _NOISES else ""
        single = any(entry.mark == "few" for _, entry in entries)
        name = f"{_text(label)} ‡" if single else f"**{_text(label)}**"
        winners.append(f"{name} at {_text(', '.join(at[:_NOISES]), _LINE)}{more}")
    best = "Best of all methods, whatever they cost," if options.budget else "Best"
    return f"{best} by {_text(table.scale.heading)}: {'; '.join(winners)}."


def _problems(section: Section) -> str:
    """How many cells have no result, and the first of them."""
    problems = tables.problems(section.cells)
    if not problems:
        return ""
    named = "; ".join(
        f"{_text(cell)} {_text(status)} ({_text(reason)})"
        for status, cell, reason in problems[:_NAMED]
    )
    more = f"; and {len(problems) - _NAMED} more" if len(problems) > _NAMED else ""
    return f"**Without a result: {len(problems)} of {len(section.cells)} cells.** {named}{more}."


def _commands(sections: Sequence[Section]) -> list[str]:
    """How the first run was made, and how many others there are."""
    runs = {run.path: run for section in sections for run in section.runs}
    first, *others = runs.values()
    more = (
        f" and {len(others)} more runs"
        if len(others) > 1
        else " and one more run"
        if others
        else ""
    )
    return [f"Command: {markdown_code(_cut(first.manifest.command, _COMMAND))}{more}"]


def _overview(sections: Sequence[Section], options: Options) -> Iterator[str]:
    """A line a data set, where there are too many for a table of each."""
    yield f"### Denoising: {len(sections)} data sets"
    yield ""
    metric = options.first(sections)
    of_which = "best of all methods" if options.budget else "best"
    best_by = f"{of_which} by {_text(sections[0].scales[metric].heading)}"
    yield row_line(["data set", "images", "methods", "without a result", best_by])
    yield row_line(["---", "---:", "---:", "---:", "---"])
    lacking = [(section.name, text) for section in sections for text in unfinished(section)]
    most = LINES - (10 if lacking else 8)
    for section in sections[:most]:
        table = Table.of(section, metric if metric in section.scales else section.first_metric)
        often = {label: len(entries) for label, entries in table.winners().items()}
        best = sorted(often, key=lambda label: -often[label])[:_NAMED]
        named = ", ".join(
            f"{_text(label)} ({often[label]} of {len(table.columns)} noises)" for label in best
        )
        problems = len(tables.problems(section.cells))
        counts = [f"{section.images:,}", str(len(section.labels)), str(problems)]
        yield row_line([_text(section.name), *counts, named or "–"])
    yield ""
    if len(sections) > most:
        yield f"And {len(sections) - most} more data sets."
        yield ""
    if lacking:
        named = "; ".join(f"{name}, {text}" for name, text in lacking[:_NAMED])
        more = f" And {len(lacking) - _NAMED} more runs." if len(lacking) > _NAMED else ""
        yield f"**Unfinished.** {_sentence(named, _LINE)}{more}"
        yield ""


def _cut(text: str, longest: int = _LONGEST) -> str:
    text = printable(text)
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _text(text: str, longest: int = _LONGEST) -> str:
    return _escape(_cut(text, longest))


def _sentence(sentence: str, longest: int = 200) -> str:
    return prose.in_markdown(_cut(sentence, longest))
