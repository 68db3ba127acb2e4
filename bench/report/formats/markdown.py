"""The report's page in Markdown, made to be read on GitHub: its numbers, for `report.md.jinja`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from bench import analysis as tables
from bench.analysis import prominent
from bench.core import markdown_code, noise_text
from bench.core import markdown_text as _text
from bench.report.content import data_set, learning, prose, replicates
from bench.report.content.costs import costs, costs_note
from bench.report.content.coverage import fewer_images
from bench.report.content.findings import findings
from bench.report.content.leaderboard import Leaderboard
from bench.report.content.options import Options
from bench.report.content.overall import over_data_sets
from bench.report.content.sessions import cells_of
from bench.report.content.tables import Entry, Table
from bench.report.content.tuning import tuning_notes
from bench.report.figures import UNCERTAINTY
from bench.report.formats.markdown_table import leaderboard_lines
from bench.report.formats.templates import Ready, render

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.report.content.rows import Column
    from bench.report.content.section import Section
    from bench.report.figures import Figure
    from bench.store import Run


def markdown(
    sections: Sequence[tuple[Section, list[Figure]]],
    options: Options | None = None,
    overall: Sequence[Figure] = (),
) -> str:
    """The page: for each data set its numbers with their figures.

    Args:
        sections: the data sets, each with its figures.
        options: what the tables show.
        overall: figures of all data sets together.
    """
    options = options or Options()
    parts = [section for section, _ in sections]
    context = {
        "ranks": over_data_sets(options.ranked(parts), options.first(parts), options.budget),
        "overall": overall,
        "sections": [_section(*section, options) for section in sections],
        "uncertainty": UNCERTAINTY,
    }
    return render("report.md.jinja", _text, markdown_code, context)


def _section(section: Section, figures: list[Figure], options: Options) -> dict[str, Any]:
    """What the template shows of a data set."""
    metrics = options.tables(section)
    titles = dict.fromkeys(figure.title for figure in figures)
    board = Leaderboard.of(section, options)
    return {
        "title": prose.title(section),
        "methods": len(section.labels),
        "suffix": section.suffix,
        "warnings": prose.warnings(section),
        "lead": prose.lead(section),
        "data": data_set.conditions(section),
        "legend": learning.legend(section),
        "fewer": fewer_images(section, options.shown(section)),
        "findings": findings(section, options.shown(section)),
        "tested": prose.tested(section),
        "leaderboard": Ready("\n".join(leaderboard_lines(board))),
        "leaderboard_note": board.note,
        "folded": [metric for metric in metrics if metric not in board.tables],
        "winners": _winners(section, options),
        "winners_extreme": "highest"
        if all(section.scales[metric].higher for metric in _winning(section, options))
        else "best",
        "metrics": [_metric(section, metric, options) for metric in metrics],
        "figures": {title: [f for f in figures if f.title == title] for title in titles},
        "calibration": _calibration(section),
        "error_parts": _error_parts(section),
        "error_parts_caption": replicates.caption(section),
        "chosen": _chosen(section),
        "tuned_by": prose.tuned_by(section),
        "tuning": tuning_notes(section),
        "costs": _costs(section),
        "costs_note": costs_note(section),
        "budgeted": options.budgeted(section),
        "problems": _problems(section),
        "protocol": section.runs[0].manifest.protocol,
        "runs": [_run(section, run, options.shown(section)) for run in section.runs],
    }


def _run(section: Section, run: Run, shown: Sequence[str]) -> dict[str, Any]:
    """How a run was made."""
    # Within a fence nothing is escaped: JSON holds text in one line that begins with a quote,
    # so none of it ends the fence.
    settings = str(run.manifest.settings)
    return {
        "name": run.name,
        "command": run.manifest.command,
        "made": prose.made(run.manifest, cells_of(section, run)),
        "conventions": prose.conventions(run.manifest),
        "metrics": prose.described(run.manifest, shown),
        "settings": Ready(settings),
    }


def _table(frame: pd.DataFrame, index: str = "method", **layout: Any) -> Ready:
    """A frame, whose texts are escaped, as a table."""
    frame.index.name = index
    return Ready(frame.to_markdown(disable_numparse=True, **layout))


def _noise(name: str, level: float) -> str:
    return _text(noise_text(name, level))


def _winners(section: Section, options: Options) -> str:
    """The best method under each noise, where there are several kinds."""
    if section.summary.empty or section.summary["noise"].nunique() < 2:
        return ""
    columns: dict[str, dict[str, str]] = {}
    for metric in _winning(section, options):
        table = Table.of(section, metric)
        for best, entries in table.winners().items():
            for column, winner in entries:
                near = [_text(label) for label in table.near(column)]
                name = f"**{_text(best)}**" if winner.mark == "best" else f"{_text(best)} ‡"
                text = f"{name} {winner.mean:.{options.digits(table, column)}f}"
                text += f" († {', '.join(near)})" if near else ""
                columns.setdefault(_noise(*column), {})[f"best {_text(table.scale.heading)}"] = text
    return _table(pd.DataFrame(columns).T, "noise") if columns else ""


def _winning(section: Section, options: Options) -> list[str]:
    """The metrics whose best methods are listed."""
    shown = options.shown(section)
    return prominent(metric for metric in section.scales if metric in shown)


def _metric(section: Section, metric: str, options: Options) -> dict[str, Any]:
    """A metric's tables, one a kind of noise."""
    table = Table.of(section, metric)
    decimals = options.decimals(table.scale)
    digits = {column: options.digits(table, column) for column in table.columns}
    by_noise: dict[str, Ready] = {}
    for noise in dict.fromkeys(noise for noise, _ in table.columns):
        shown = pd.DataFrame(index=[_text(label) for label in table.rows])
        for column in table.columns:
            if column[0] == noise:
                shown[_noise(*column)] = [
                    _entry(table.entries.get((label, column)), digits[column])
                    for label in table.rows
                ]
        by_noise[noise] = _table(shown)
    return {
        "label": metric,
        "stem": section.stems[metric],
        "title": table.scale.heading,
        "tables": by_noise,
        "better": table.scale.better,
        "extreme": table.extreme,
        "spread": prose.seed_spread(table, decimals),
        "harm": _harm(section, table, digits),
    }


def _entry(entry: Entry | None, decimals: int) -> str:
    """A cell of a metric's table."""
    if entry is None:
        return "–"
    text = f"{entry.mean:.{decimals}f}"
    text = f"**{text}**" if entry.mark == "best" else text
    text += "" if entry.half_width is None else f" ± {entry.half_width:.{decimals}f}"
    return " ".join(filter(None, (text, entry.sign, "▾" if entry.harm is not None else "")))


def _harm(section: Section, table: Table, digits: Mapping[Column, int]) -> str:
    """Where methods are worse than doing nothing, with what each of them is."""
    worse = {cell: entry.harm for cell, entry in table.entries.items() if entry.harm is not None}
    if not worse:
        return ""
    named = "; ".join(
        f"{label} at {noise_text(*column)} ({difference:+.{digits[column]}f})"
        for (label, column), difference in worse.items()
    )
    methods = dict(zip(section.cells["label"], section.cells["method"], strict=True))
    about = section.about
    named_once = dict.fromkeys(methods[label] for label, _ in worse)
    explained = " ".join(
        f"{_text(name)}: {prose.in_markdown(about[name].summary)}"
        for name in named_once
        if name in about
    )
    return Ready(f"Worse than doing nothing: {_text(named)}. {explained}".strip())


def _chosen(section: Section) -> str:
    """What each method was run with."""
    chosen = prose.chosen(section)
    if not chosen:
        return ""
    rows = {
        _text(label): {_noise(*column): _text(text) for column, text in values.items()}
        for label, (_, values) in chosen.items()
    }
    frame = pd.DataFrame(rows).T.fillna("–")
    frame.insert(0, "knows the noise", [_text(knows) for knows, _ in chosen.values()])
    return _table(frame)


def _error_parts(section: Section) -> str:
    """Bias and variance, an entry a method and noise."""
    parts = replicates.texts(section, replicates.error_parts(section))
    rows = {
        _text(label): {_noise(*column): text for column, text in columns.items()}
        for label, columns in parts.items()
    }
    return _table(pd.DataFrame(rows).T.fillna("–")) if rows else ""


def _calibration(section: Section) -> str:
    """How far predicted deviations are from the errors, an entry a method and noise."""
    rows: dict[str, dict[str, str]] = {}
    for (label, column), (error, ratio) in section.calibrations().items():
        rows.setdefault(_text(label), {})[_noise(*column)] = f"{error:.3f} (x {ratio:.1f})"
    return _table(pd.DataFrame(rows).T.fillna("–")) if rows else ""


def _costs(section: Section) -> str:
    """Speed, training and tuning time, size and memory of each method."""
    columns = costs(section)
    if not columns:
        return ""
    texts = {
        name: {_text(k): _text(cost.text) for k, cost in v.items()} for name, v in columns.items()
    }
    aligned = ["left"] + ["right"] * len(columns)
    return _table(pd.DataFrame(texts), colalign=aligned)


def _problems(section: Section) -> str:
    problems = tables.problems(section.cells)
    if not problems:
        return ""
    rows = [[_text(text) for text in problem] for problem in problems]
    return Ready(
        pd.DataFrame(rows, columns=["status", "cell", "reason"]).to_markdown(
            index=False, disable_numparse=True
        )
    )
