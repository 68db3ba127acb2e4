r"""The report in LaTeX: an article that compiles as it stands, and tables to be \input by others.

`report.tex` needs pdflatex and the packages booktabs, graphicx and amsmath (and lmodern where
there is one: without it, and without cm-super, fonts in T1 are bitmaps).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bench import analysis
from bench.core import noise_text
from bench.report.content import prose
from bench.report.content.coverage import fewer_images
from bench.report.content.findings import findings
from bench.report.content.options import Options
from bench.report.content.overall import over_data_sets
from bench.report.content.sessions import cells_of
from bench.report.content.tables import Table
from bench.report.content.tuning import tuning_notes
from bench.report.formats.latex.escape import code, comment, escape
from bench.report.formats.latex.joint import joint_tables
from bench.report.formats.latex.references import Reference, cite, references, unique
from bench.report.formats.latex.tables import costs_table, metric_tables, width_text
from bench.report.formats.templates import Ready, render

if TYPE_CHECKING:
    from bench.report.content.section import Section
    from bench.report.figures import Figure
    from bench.store import Run

# Cells without a result that are named one by one.
_NAMED = 20

_SYNTAX = {
    "block_start_string": "<%",
    "block_end_string": "%>",
    "variable_start_string": "<<",
    "variable_end_string": ">>",
    "comment_start_string": "<#",
    "comment_end_string": "#>",
}


def files(
    sections: Sequence[tuple[Section, list[Figure]]],
    options: Options | None = None,
    overall: Sequence[Figure] = (),
) -> dict[str, str]:
    """The files of the report: path in its folder -> text; figures lie there as PDF.

    Args:
        sections: the data sets, each with its figures.
        options: what the tables show.
        overall: figures of all data sets together.
    """
    options = options or Options()
    written: dict[str, str] = {}
    shown = []
    parts = [section for section, _ in sections]
    cited = references(parts)
    for section, figures in sections:
        tables = joint_tables(section, options, cited)
        topics = dict.fromkeys(tables, "all in one")
        for metric in options.tables(section):
            made = metric_tables(section, metric, options)
            topics |= dict.fromkeys(made, section.scales[metric].heading)
            tables |= made
        made = costs_table(section)
        topics |= dict.fromkeys(made, "time and memory")
        tables |= made
        written |= {f"tables/{name}.tex": text for name, text in tables.items()}
        shown.append(
            {**_section(section, figures, topics, options), "cited": _cited(section, cited)}
        )
    runs = {run.path: (section, run) for section in parts for run in section.runs}.values()
    context = {
        "title": " and ".join(prose.title(section) for section in parts),
        "methods": len({label for section in parts for label in section.labels}),
        "date": max(run.manifest.started for _, run in runs)[:10],
        "ranks": over_data_sets(options.ranked(parts), options.first(parts), options.budget),
        "overall": overall,
        "sections": shown,
        "runs": [_run(section, run) for section, run in runs],
        "named": _NAMED,
        "references": [Ready(one.item) for one in unique(cited)],
    }
    written["references.bib"] = "\n\n".join(one.bib for one in unique(cited)) + "\n"
    written["report.tex"] = render("latex/report.tex.jinja", escape, code, context, **_SYNTAX)
    return written


def _section(
    section: Section, figures: Sequence[Figure], topics: Mapping[str, str], options: Options
) -> dict[str, Any]:
    """What the template shows of a data set."""
    tables = [Table.of(section, metric) for metric in options.tables(section)]
    spreads = {
        table.scale.heading: prose.seed_spread(table, options.decimals(table.scale))
        for table in tables
    }
    return {
        "title": prose.title(section),
        "warnings": prose.warnings(section),
        "lead": prose.lead(section),
        "fewer": fewer_images(section, options.shown(section)),
        "protocol": section.runs[0].manifest.protocol,
        "conventions": _conventions(section),
        "metrics": _described(section, options),
        "methods": _methods(section),
        "findings": findings(section, options.shown(section)),
        "tested": prose.tested(section),
        "pointers": _pointers(figures, topics),
        "winners": [
            _winners(table, options.decimals(table.scale)) for table in tables if table.winners()
        ],
        "spreads": {unit: spread for unit, spread in spreads.items() if spread},
        "budgeted": options.budgeted(section),
        "tuning": tuning_notes(section),
        "tables": list(topics),
        "figures": figures,
        "problems": analysis.problems(section.cells),
    }


def _conventions(section: Section) -> dict[str, str]:
    """Those of all runs, which differ in the metrics alone."""
    known = {name for run in section.runs for name in prose.conventions(run.manifest)}
    told = section.runs[0].manifest.conventions
    return {name: text for name, text in told.items() if name in known}


def _described(section: Section, options: Options) -> dict[str, tuple[str, str]]:
    """What each metric is, as the newest run that has it says."""
    shown = options.shown(section)
    every: dict[str, tuple[str, str]] = {}
    for run in reversed(section.runs):
        every |= prose.described(run.manifest, shown)
    return {label: every[label] for label in shown if label in every}


def _run(section: Section, run: Run) -> dict[str, Any]:
    """How a run was made."""
    command = run.manifest.command
    return {
        "name": run.name,
        "command": command,
        "comment": Ready(comment(command)),
        "made": prose.made(run.manifest, cells_of(section, run)),
    }


def _pointers(figures: Sequence[Figure], topics: Mapping[str, str]) -> Ready:
    """Where to find what, as a sentence."""
    references: dict[str, list[str]] = {}
    for name, topic in topics.items():
        references.setdefault(escape(topic), []).append(rf"Table~\ref{{tab:{name}}}")
    for figure in figures:
        topic = figure.title[:1].lower() + figure.title[1:]
        references.setdefault(topic, []).append(rf"Figure~\ref{{fig:{figure.name}}}")
    text = "; ".join(f"{topic}: {', '.join(names)}" for topic, names in references.items())
    return Ready(f"{text[:1].upper()}{text[1:]}." if text else "There are no results.")


def _winners(table: Table, decimals: int) -> Ready:
    """The winners under each noise by one metric, as a sentence."""
    winners = []
    for label, entries in table.winners().items():
        at = []
        for column, entry in entries:
            width = entry.half_width  # a single image has no interval
            interval = "" if width is None else rf" \pm {width_text(width, decimals)}"
            at.append(f"{escape(noise_text(*column))} (${entry.mean:.{decimals}f}{interval}$)")
        winners.append(rf"\textbf{{{escape(label)}}} at {', '.join(at)}")
    return Ready(f"Best by {escape(table.scale.heading)}: {'; '.join(winners)}.")


def _cited(section: Section, cited: Mapping[str, Sequence[Reference]]) -> dict[str, Ready]:
    """Of each method, by its name, the command that cites it."""
    cells = section.cells
    return {
        name: Ready(cite(label, cited))
        for label, name in zip(cells["label"], cells["method"], strict=True)
    }


def _methods(section: Section) -> dict[str, str]:
    """What each method is, with its reference."""
    methods = {}
    for name in dict.fromkeys(section.cells["method"]):
        about = section.about.get(name)
        texts = (about.summary, about.reference) if about else ()
        methods[name] = " ".join(f"{text.rstrip('.')}." for text in texts if text)
    return methods
