r"""Tables in LaTeX (booktabs), each to be \input by an article.

Tables wider than the text, or than the column of an article in two, are scaled down to it; long
ones and ones of many noises are cut into several.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from bench.core import level_text
from bench.report.content import data_set, learning
from bench.report.content.costs import costs, costs_note
from bench.report.content.options import Options
from bench.report.content.rows import Column
from bench.report.content.tables import Entry, Table
from bench.report.formats.latex.escape import comment, escape

if TYPE_CHECKING:
    from bench.report.content.section import Section

# Noises side by side, and methods below each other, that can still be read on a page.
COLUMNS = 6
ROWS = 40

_NEEDS = r"% In the preamble: \usepackage{booktabs,graphicx}"


def metric_tables(section: Section, metric: str, options: Options) -> dict[str, str]:
    """The tables of a metric: name -> LaTeX; one, where its noises fit side by side."""
    table = Table.of(section, metric)
    parts = list(_parts(table.columns))
    result = {}
    for number, columns in enumerate(parts, 1):
        name = f"{section.stems[metric]}{section.suffix}" + (f"-{number}" if len(parts) > 1 else "")
        result[name] = _metric_table(section, table, columns, options.decimals(table.scale), name)
    return result


def costs_table(section: Section) -> dict[str, str]:
    """Speed, times and sizes of the methods: name -> LaTeX."""
    columns = costs(section)
    if not columns:
        return {}
    heads = {
        "ms per megapixel": "ms/MP",
        "multiply-adds": "mult.-adds",
        "seconds per image": "time/image",
        "memory growth (MiB)": "memory (MiB)",
        "peak device memory (MiB)": "device memory (MiB)",
    }
    head = ["method", *(escape(heads.get(name, name)) for name in columns)]
    rows = [
        [escape(label), *(escape(column[label].text) for column in columns.values())]
        for label in next(iter(columns.values()))
    ]
    caption = (
        f"Time, learned parameters and memory on {escape(section.name)}. "
        f"{escape(costs_note(section))}"
    )
    name = f"costs{section.suffix}"
    layout = "l" + "r" * len(columns)
    return {name: floats(section, name, caption, layout, [row_of(head)], rows)}


def _parts(columns: Sequence[Column]) -> Iterator[list[Column]]:
    """The noises of each table: kinds stay together where they fit."""
    part: list[Column] = []
    for _, group in groupby(columns, key=lambda column: column[0]):
        kind = list(group)
        if part and len(part) + len(kind) > COLUMNS:
            yield part
            part = []
        while len(part) + len(kind) > COLUMNS:
            yield kind[:COLUMNS]
            kind = kind[COLUMNS:]
        part += kind
    if part:
        yield part


def _metric_table(
    section: Section, table: Table, columns: Sequence[Column], decimals: int, name: str
) -> str:
    shown = {cell: entry for cell, entry in table.entries.items() if cell[1] in columns}
    labels = [label for label in table.rows if any(label == row for row, _ in shown)]
    words = ["learned from"] if table.learned_from else []
    kinds, rules, start = [""], [], 2
    for kind, group in groupby(columns, key=lambda column: column[0]):
        width = 2 * len(list(group))
        kinds.append(rf"\multicolumn{{{width}}}{{c}}{{{escape(kind)}}}")
        rules.append(rf"\cmidrule(lr){{{start}-{start + width - 1}}}")
        start += width
    levels = [rf"\multicolumn{{2}}{{c}}{{{escape(_level(level))}}}" for _, level in columns]
    rows = [
        [
            escape(label),
            *(_entry(shown.get((label, column)), decimals) for column in columns),
            *(escape(table.learned_from[label]) for _ in words),
        ]
        for label in labels
    ]
    head = [row_of(kinds), "".join(rules), row_of(["method", *levels, *words])]
    caption = _caption(section, table, shown.values())
    layout = "l" + r"r@{\,}l" * len(columns) + "l" * len(words)
    return floats(section, name, caption, layout, head, rows)


def _level(level: float) -> str:
    """A level; nothing of noise whose level nobody stated."""
    return level_text(level) if level else ""


def _caption(section: Section, table: Table, entries: Iterable[Entry]) -> str:
    """What the table shows; of the marks those that occur in it."""
    entries = list(entries)
    interval = r" $\pm$ half-width of its 95\% confidence interval"
    parts = [
        f"{escape(table.scale.heading)} on {data_set.images(section)} of {escape(section.name)} "
        "by kind and level of noise: mean over images"
        + (interval if any(entry.half_width is not None for entry in entries) else "")
        + f"; {table.scale.better} is better.",
        r"\textbf{Bold}: the best." if any(entry.mark == "best" for entry in entries) else "",
    ]
    if any(entry.mark == "few" for entry in entries):
        parts.append(rf"$^\ddagger$: the {table.extreme}, of fewer than four trainings.")
    if any(entry.mark == "near" for entry in entries):
        parts.append(r"$^\dagger$: cannot be told apart from it.")
    if any(entry.harm is not None for entry in entries):
        parts.append(r"$^\downarrow$: worse than \texttt{identity}, the noisy image itself.")
    parts += map(escape, data_set.conditions(section))
    parts += [escape(learning.legend(section).replace("`", ""))]
    return " ".join(filter(None, parts))


def _entry(entry: Entry | None, decimals: int) -> str:
    """An entry in its two columns, the value's and the interval's."""
    if entry is None:
        return r"\multicolumn{2}{c}{--}"
    value = f"{entry.mean:.{decimals}f}".replace("-", r"\ensuremath{-}")
    value = rf"\textbf{{{value}}}" if entry.mark == "best" else value
    width = entry.half_width
    interval = "" if width is None else rf"{{\scriptsize$\pm$\,{width_text(width, decimals)}}}"
    signs = {"near": r"\dagger", "few": r"\ddagger"}.get(entry.mark, "")
    signs += r"\downarrow" if entry.harm is not None else ""
    # A mark takes no room: it must not push the numbers apart.
    return f"{value} & {interval}" + (rf"\rlap{{$^{{{signs}}}$}}" if signs else "")


def width_text(width: float, decimals: int) -> str:
    """A half-width: with further decimals where it would be shown as nothing."""
    while width > 0 and float(f"{width:.{decimals}f}") == 0:
        decimals += 1
    return f"{width:.{decimals}f}"


def row_of(cells: Sequence[str]) -> str:
    """A line of a table."""
    first, *others = cells
    # After the end of the line before, a bracket or a star would be taken for its argument.
    first = f"{{{first}}}" if first[:1] in ("[", "*") else first
    return " & ".join([first, *others]) + r" \\"


def floats(
    section: Section,
    name: str,
    caption: str,
    layout: str,
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    wide: bool = False,
) -> str:
    """The table as a float, or as several under one number; a wide one across both columns."""
    kind = "table*" if wide else "table"
    made = [comment(f"bench report of {', '.join(run.name for run in section.runs)}"), _NEEDS]
    for start in range(0, len(rows), ROWS):
        again = start > 0
        title = (
            rf"\addtocounter{{table}}{{-1}}\caption[]{{{caption} (Continued.)}}"
            if again
            else rf"\caption{{{caption}}}\label{{tab:{name}}}"
        )
        lines = [row_of(row) for row in rows[start : start + ROWS]]
        body = [r"\toprule", *head, r"\midrule", *lines, r"\bottomrule"]
        made += [
            rf"\begin{{{kind}}}[tbp]",
            r"  \centering\small",
            f"  {title}\\par\\medskip",  # articles leave no room below a caption
            rf"  \sbox0{{\begin{{tabular}}{{{layout}}}",
            *(f"    {line}" for line in body),
            r"  \end{tabular}}",
            r"  \ifdim\wd0>\linewidth\resizebox{\linewidth}{!}{\usebox0}\else\usebox0\fi",
            rf"\end{{{kind}}}",
        ]
    return "\n".join(made) + "\n"
