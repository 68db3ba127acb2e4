"""A metric's means as a pandas table, styled as a report's."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from bench.analysis import prominent
from bench.core import noise_text, printable
from bench.report.content.tables import Table

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler

    from bench.report.content.options import Options
    from bench.report.content.section import Section
    from bench.report.content.tables import Entry

#: Metrics that are shown where nobody chose.
_METRICS = 2


def styled(section: Section, options: Options) -> Styler:
    """Methods by metrics and noises; the frame in it has the means."""
    import pandas as pd

    metrics = options.tables(section)
    metrics = metrics if options.metrics else prominent(metrics)[:_METRICS]
    tables = [Table.of(section, metric) for metric in metrics]
    rows = tables[0].ranked() if tables else []
    single = len(tables) == 1
    names: list[Any] = [
        noise_text(*column) if single else (table.scale.heading, noise_text(*column))
        for table in tables
        for column in table.columns
    ]
    index = pd.Index(names) if single else pd.MultiIndex.from_tuples(names)
    entries = [
        [(table.entries.get((label, column)), options.decimals(table.scale))
         for table in tables for column in table.columns]
        for label in rows
    ]  # fmt: skip
    means = [[entry.mean if entry else float("nan") for entry, _ in row] for row in entries]
    frame = pd.DataFrame(means, index=pd.Index(rows, name="method"), columns=index)
    texts = [[text(entry, decimals) for entry, decimals in row] for row in entries]
    return _style(frame, texts, [[bool(e and e.mark == "best") for e, _ in row] for row in entries])


def text(entry: Entry | None, decimals: int) -> str:
    """A mean with half its interval and its marks: `28.31 ± 0.12 †`."""
    if entry is None:
        return "–"
    width = "" if entry.half_width is None else f" ± {entry.half_width:.{decimals}f}"
    harm = " ▾" if entry.harm is not None else ""
    return f"{entry.mean:.{decimals}f}{width}{f' {entry.sign}' if entry.sign else ''}{harm}"


def _always(shown: str) -> Callable[[object], str]:
    return lambda _: shown


def _style(frame: Any, texts: list[list[str]], best: list[list[bool]]) -> Styler:
    import numpy as np
    import pandas as pd

    bold = np.where(np.array(best, dtype=bool).reshape(frame.shape), "font-weight: bold", "")
    styler: Styler = frame.style.apply(
        lambda _: pd.DataFrame(bold, index=frame.index, columns=frame.columns), axis=None
    )
    for row, label in enumerate(frame.index):
        for column, name in enumerate(frame.columns):
            styler.format(_always(texts[row][column]), subset=pd.IndexSlice[[label], [name]])
    for axis in (0, 1):
        styler.format_index(lambda name: printable(str(name)), axis=axis, escape="html")
    return styler
