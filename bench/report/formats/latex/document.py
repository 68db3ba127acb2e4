r"""The report in LaTeX: an article that compiles as it stands, and tables to be \input by others.

`report.tex` needs pdflatex and the packages booktabs, graphicx and amsmath (and lmodern where
there is one: without it, and without cm-super, fonts in T1 are bitmaps).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bench import analysis
from bench.analysis import UNITS
from bench.core import noise_text
from bench.report.content import prose
from bench.report.content.findings import findings, over_data_sets
from bench.report.content.options import Options
from bench.report.content.tables import Table
from bench.report.formats.latex.escape import code, comment, escape
from bench.report.formats.latex.tables import costs_table, metric_tables, width_text

if TYPE_CHECKING:
    from bench.report.content.section import Section
    from bench.report.figures import Figure
    from bench.store import Run

# Cells without a result that are named one by one.
_NAMED = 20

_PREAMBLE = r"""\documentclass[a4paper]{article}
\usepackage[T1]{fontenc}
\usepackage[utf8]{inputenc}
\IfFileExists{lmodern.sty}{\usepackage{lmodern}}{}
\usepackage{textcomp,amsmath,booktabs,graphicx}
\usepackage[margin=25mm]{geometry}
\emergencystretch=3em"""


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
    made: dict[str, str] = {}
    parts = []
    ranks = over_data_sets([section for section, _ in sections], options.shown()[0])
    if ranks:
        parts += [r"\section{Over all data sets}", said(ranks), *map(_figure, overall)]
    for section, figures in sections:
        tables: dict[str, str] = {}
        for metric in options.shown():
            tables |= metric_tables(section, metric, options)
        tables |= costs_table(section)
        made |= {f"tables/{name}.tex": text for name, text in tables.items()}
        parts.append(_section(section, figures, list(tables), options, len(sections) > 1))
    made["report.tex"] = _document([section for section, _ in sections], parts)
    return made


def _document(sections: Sequence[Section], parts: Sequence[str]) -> str:
    runs = {run.path: run for section in sections for run in section.runs}.values()
    names = " and ".join(escape(prose.title(section)) for section in sections)
    methods = {label for section in sections for label in section.labels}
    commands = [comment(run.manifest["command"]) for run in runs]
    return "\n\n".join(
        [
            "\n".join(["% Made by `bench report`. The runs:", *commands]),
            _PREAMBLE,
            rf"\title{{Denoising {names}: {len(methods)} methods compared}}"
            "\n"
            rf"\author{{bench report of {escape(', '.join(run.name for run in runs))}}}"
            "\n"
            rf"\date{{{escape(max(run.manifest['started'] for run in runs)[:10])}}}",
            "\\begin{document}\n\\maketitle",
            *parts,
            "\\clearpage\n" + _reproduction(list(runs)),
            "\\end{document}\n",
        ]
    )


def _section(
    section: Section,
    figures: Sequence[Figure],
    tables: Sequence[str],
    options: Options,
    several: bool,
) -> str:
    """A data set: what was done, what a reader must know, its tables and figures."""
    level = "subsection" if several else "section"
    parts = [rf"\section{{{escape(prose.title(section))}}}"] if several else []
    parts.append(rf"\{level}{{Protocol}}")
    parts += [rf"\textbf{{{word}.}} {said(text)}" for word, text in prose.warnings(section)]
    parts += [said(prose.lead(section)), said(prose.fewer_images(section))]
    parts += [_conventions(section.runs[0]), _methods(section)]
    parts.append(rf"\{level}{{Results}}")
    parts.append(_findings(section, options))
    parts.append(_pointers(figures, tables))
    parts += [_best(Table.of(section, metric), options) for metric in options.shown()]
    for metric in options.shown():
        spread = prose.seed_spread(Table.of(section, metric), options.decimals(metric))
        parts.append(f"{escape(UNITS[metric])}. {said(spread)}" if spread else "")
    parts += [rf"\input{{tables/{name}.tex}}" for name in tables]
    parts += [_figure(figure) for figure in figures]
    parts.append(_problems(section, level))
    return "\n\n".join(part for part in parts if part)


def _findings(section: Section, options: Options) -> str:
    """What the data and its tests say."""
    items = [
        rf"\item {said(finding.text)} ({said(finding.cell_text)})"
        for finding in findings(section, options.shown())
    ]
    parts = [r"\begin{itemize}", *items, r"\end{itemize}"] if items else []
    return "\n".join([*parts, "", said(prose.tested(section))])


def said(sentence: str) -> str:
    """A sentence whose backticks enclose code."""
    return prose.marked(sentence, escape, code)


def _pointers(figures: Sequence[Figure], tables: Sequence[str]) -> str:
    """Where to find what, as a sentence."""
    places: dict[str, list[str]] = {}
    for name in tables:
        metric = name.partition("-")[0]
        what = escape(UNITS.get(metric, "time and memory"))
        places.setdefault(what, []).append(rf"Table~\ref{{tab:{name}}}")
    for figure in figures:
        what = figure.title[:1].lower() + figure.title[1:]
        places.setdefault(what, []).append(rf"Figure~\ref{{fig:{figure.name}}}")
    found = "; ".join(f"{what}: {', '.join(where)}" for what, where in places.items())
    return f"{found[:1].upper()}{found[1:]}." if found else "There are no results."


def _best(table: Table, options: Options) -> str:
    """The winners under each noise by one metric, as a sentence."""
    decimals, said = options.decimals(table.metric), []
    for label, places in table.winners().items():
        at = [
            escape(noise_text(*column))
            + rf" (${entry.mean:.{decimals}f}"
            # A single image has no interval.
            + (
                ""
                if (width := entry.half_width) is None
                else rf" \pm {width_text(width, decimals)}"
            )
            + "$)"
            for column, entry in places
        ]
        said.append(rf"\textbf{{{escape(label)}}} at {', '.join(at)}")
    return f"Best by {escape(UNITS[table.metric])}: {'; '.join(said)}." if said else ""


def _conventions(run: Run) -> str:
    """How numbers come about."""
    items = [
        rf"\item[{{{escape(name)}}}] {escape(text)}."
        for name, text in run.manifest["conventions"].items()
    ]
    version = escape(str(run.manifest["protocol"]))
    return "\n".join(
        [
            rf"The harness's protocol, version {version}, is the same for every method:",
            r"\begin{description}\itemsep0pt",
            *items,
            r"\end{description}",
        ]
    )


def _methods(section: Section) -> str:
    """What each method is, with its reference."""
    items = []
    for name in dict.fromkeys(section.cells["method"]):
        about = section.about.get(name, {})
        text = " ".join(
            f"{text.rstrip('.')}."
            for text in (about.get("summary"), about.get("reference"))
            if text
        )
        items.append(rf"\item[{{{escape(str(name))}}}] {said(text)}")
    if not items:
        return ""
    lines = ["The methods:", r"\begin{description}\itemsep0pt", *items, r"\end{description}"]
    return "\n".join(lines)


def _figure(figure: Figure) -> str:
    return "\n".join(
        [
            r"\begin{figure}[tbp]",
            r"  \centering",
            rf"  \includegraphics[width=\linewidth,height=0.8\textheight,keepaspectratio]"
            rf"{{{figure.name}.pdf}}",
            rf"  \caption{{{said(figure.caption)}}}\label{{fig:{figure.name}}}",
            r"\end{figure}",
        ]
    )


def _problems(section: Section, level: str) -> str:
    problems = analysis.problems(section.cells)
    if not problems:
        return ""
    items = [
        rf"\item {escape(status)}: {escape(cell)}: {escape(reason)}"
        for status, cell, reason in problems[:_NAMED]
    ]
    if len(problems) > _NAMED:
        items.append(rf"\item and {len(problems) - _NAMED} more")
    return "\n".join(
        [rf"\{level}{{Failed and skipped}}", r"\begin{itemize}", *items, r"\end{itemize}"]
    )


def _reproduction(runs: Sequence[Run]) -> str:
    """How each run was made, and how to make it again."""
    parts = [r"\section*{Reproduction}"]
    for run in runs:
        if len(runs) > 1:
            parts.append(rf"\subsection*{{{escape(run.name)}}}")
        parts.append(rf"\begin{{flushleft}}\small {code(run.manifest['command'])}\end{{flushleft}}")
        parts.append(
            "\n\n".join(rf"{name} {said(text)}." for name, text in prose.made(run.manifest))
        )
    return "\n\n".join(parts)
