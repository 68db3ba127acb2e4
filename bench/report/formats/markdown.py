"""The report's page in Markdown, made to be read on GitHub.

Names, reasons and docstrings are text from outside: whatever enters is escaped.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import pandas as pd

from bench import analysis as tables
from bench.analysis import METRICS, UNITS
from bench.core import markdown_text as _text
from bench.core import noise_text
from bench.report.content import prose
from bench.report.content.findings import findings, over_data_sets
from bench.report.content.options import Options
from bench.report.content.tables import Entry, Table
from bench.report.figures import UNCERTAINTY
from bench.report.formats.footer import footer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.report.content.section import Section
    from bench.report.figures import Figure


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
    parts = [_section(*section, options) for section in sections]
    metric = options.shown()[0]
    if ranks := over_data_sets([section for section, _ in sections], metric):
        head = ["# Over all data sets", prose.in_markdown(ranks), *map(_figure, overall)]
        parts.insert(0, "\n\n".join(head))
    return "\n\n".join(parts) + "\n"


def _section(section: Section, figures: list[Figure], options: Options) -> str:
    parts = [
        f"# Denoising {_text(prose.title(section))}: {len(section.labels)} methods compared",
        _lead(section),
    ]
    parts += [_findings(section, options), _winners(section, options)]
    parts += [_metric_section(section, metric, options) for metric in options.shown()]
    for name in dict.fromkeys(figure.title for figure in figures):
        parts.append(f"## {name}")
        parts += [_figure(figure) for figure in figures if figure.title == name]
        if name == UNCERTAINTY:
            parts.append(_calibration(section))
    parts += [_chosen(section), _costs(section), _problems(section), footer(section)]
    return "\n\n".join(part for part in parts if part)


def _lead(section: Section) -> str:
    lines = [f"> **{word}.** {prose.in_markdown(text)}" for word, text in prose.warnings(section)]
    lines.append(prose.in_markdown(prose.lead(section)))
    if fewer := prose.fewer_images(section):
        lines.append(prose.in_markdown(fewer))
    return "\n\n".join(lines)


def _findings(section: Section, options: Options) -> str:
    """What the data and its tests say."""
    found = findings(section, options.shown())
    lines = [
        f"- {prose.in_markdown(finding.text)} ({prose.in_markdown(finding.cell_text)})"
        for finding in found
    ]
    parts = ["\n".join(lines), prose.in_markdown(prose.tested(section))]
    said = "\n\n".join(part for part in parts if part)
    return f"## Findings\n\n{said}" if said else ""


def _noise(name: str, level: float) -> str:
    return _text(noise_text(name, level))


def _winners(section: Section, options: Options) -> str:
    """The best method under each noise, where there are several kinds."""
    if section.summary.empty or section.summary["noise"].nunique() < 2:
        return ""
    columns: dict[str, dict[str, str]] = {}
    shown = [metric for metric in ("psnr", "ssim") if metric in options.shown()]
    if not shown:
        return ""
    for metric in shown:
        table = Table.of(section, metric)
        for best, places in table.winners().items():
            for column, winner in places:
                near = [
                    _text(label)
                    for label in table.rows
                    if (entry := table.entries.get((label, column))) and entry.mark == "near"
                ]
                said = f"**{_text(best)}** {winner.mean:.{options.decimals(metric)}f}"
                said += f" († {', '.join(near)})" if near else ""
                columns.setdefault(_noise(*column), {})[f"best {UNITS[metric]}"] = said
    frame = pd.DataFrame(columns).T
    frame.index.name = "noise"
    return (
        "## Best under each noise\n\n"
        f"{frame.to_markdown(disable_numparse=True)}\n\n"
        "By the mean over images; †: cannot be told apart from the best."
    )


def _metric_section(section: Section, metric: str, options: Options) -> str:
    """A metric's tables, one a kind of noise."""
    if section.summary.empty:
        return ""
    table = Table.of(section, metric)
    decimals = options.decimals(metric)
    lines = [f"## {UNITS[metric]}"]
    noises = list(dict.fromkeys(noise for noise, _ in table.columns))
    for noise in noises:
        shown = pd.DataFrame(index=[_text(label) for label in table.rows])
        for column in table.columns:
            if column[0] == noise:
                shown[_noise(*column)] = [
                    _entry(table.entries.get((label, column)), decimals) for label in table.rows
                ]
        shown.index.name = "method"
        lines += [f"### {_text(noise)}"] if len(noises) > 1 else []
        lines.append(shown.to_markdown(disable_numparse=True))
    better = "higher" if METRICS[metric] else "lower"
    lines.append(
        f"Mean over images ± half-width of its 95% confidence interval; {better} is better. Bold: "
        "the best; †: cannot be told apart from the best; ▾: worse than `identity`, the noisy "
        "image itself."
    )
    lines.append(prose.in_markdown(prose.seed_spread(table, decimals)))
    if any(entry.harm is not None for entry in table.entries.values()):
        lines.append(_harm(section, table, decimals))
    lines.append(
        f"[As CSV]({metric}{section.suffix}.csv); all metrics with their intervals: "
        f"[summary{section.suffix}.csv](summary{section.suffix}.csv)."
    )
    return "\n\n".join(line for line in lines if line)


def _entry(entry: Entry | None, decimals: int) -> str:
    """A cell of a metric's table."""
    if entry is None:
        return "–"
    text = f"{entry.mean:.{decimals}f}"
    text = f"**{text}**" if entry.mark == "best" else text
    text += "" if entry.half_width is None else f" ± {entry.half_width:.{decimals}f}"
    return text + (" †" if entry.mark == "near" else "") + (" ▾" if entry.harm is not None else "")


def _harm(section: Section, table: Table, decimals: int) -> str:
    """Where methods are worse than doing nothing, with what each of them is."""
    worse = {place: entry.harm for place, entry in table.entries.items() if entry.harm is not None}
    named = "; ".join(
        f"{label} at {noise_text(*column)} ({difference:+.{decimals}f})"
        for (label, column), difference in worse.items()
    )
    methods = dict(zip(section.cells["label"], section.cells["method"], strict=True))
    about = section.about
    named_once = dict.fromkeys(methods[label] for label, _ in worse)
    explained = " ".join(
        f"{_text(name)}: {prose.in_markdown(about[name]['summary'])}"
        for name in named_once
        if name in about
    )
    return f"Worse than doing nothing: {_text(named)}. {explained}".strip()


def _figure(figure: Figure) -> str:
    return (
        f'<img src="{figure.name}.png" alt="{escape(figure.title)}" width="900">\n\n'
        f"*{prose.in_markdown(figure.caption)}* ([SVG]({figure.name}.svg))"
    )


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
    frame.index.name = "method"
    return (
        "## Parameters\n\n"
        f"{frame.to_markdown(disable_numparse=True)}\n\n"
        "What each method ran with; in brackets the mean PSNR on validation images by which tuned "
        "values were chosen. Parameters that the user typed are not tuned."
    )


def _calibration(section: Section) -> str:
    """How far predicted deviations are from the errors, a figure a method and level."""
    rows: dict[str, dict[str, str]] = {}
    for (label, column), (error, ratio) in section.calibrations().items():
        rows.setdefault(_text(label), {})[_noise(*column)] = f"{error:.3f} (x {ratio:.1f})"
    if not rows:
        return ""
    frame = pd.DataFrame(rows).T.fillna("–")
    frame.index.name = "method"
    return (
        f"{frame.to_markdown(disable_numparse=True)}\n\n"
        "Calibration error (after Laves et al. 2020): the mean over the bins of the figure of "
        "|observed - predicted|; 0 is calibrated. In brackets how many times as large as predicted "
        "the errors are, in root mean squares over all pixels. Means over seeds."
    )


def _costs(section: Section) -> str:
    """Speed, training and tuning time, size and memory of each method."""
    columns = prose.costs(section)
    if not columns:
        return ""
    frame = pd.DataFrame(columns).rename(index=_text)
    frame.index.name = "method"
    aligned = ["left"] + ["right"] * len(columns)
    return (
        "## Time and memory\n\n"
        f"{frame.to_markdown(disable_numparse=True, colalign=aligned)}\n\n"
        "Medians over levels and seeds; training and tuning are per noise level. Peak memory is "
        "the whole process's while the method's cells ran, its largest."
    )


def _problems(section: Section) -> str:
    problems = tables.problems(section.cells)
    if not problems:
        return ""
    rows = [(_text(status), _text(cell), _text(reason)) for status, cell, reason in problems]
    frame = pd.DataFrame(rows, columns=["status", "cell", "reason"])
    return f"## Failed and skipped\n\n{frame.to_markdown(index=False, disable_numparse=True)}"
