"""The tables of a report as CSV, to be read by programs: every decimal of what was measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench import analysis as tables
from bench.core import noise_text, printable
from bench.report.content import learning, replicates, timing
from bench.report.content.costs import Cost, costs
from bench.report.content.leaderboard import Leaderboard
from bench.report.content.options import Options
from bench.store import commit

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pandas as pd

    from bench.report.content.section import Section

# A cell that begins so is taken for a formula by spreadsheets, and run.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def write_csv(section: Section, folder: Path, options: Options | None = None) -> None:
    """`leaderboard.csv`: a row a method, see `Leaderboard.frame`.

    `summary.csv`: a row for each method, level and metric; `cells.csv`: a row a cell.
    The former says what each method learned from, see `bench.report.content.learning`.

    `costs.csv`: what each method costs, in numbers.

    And a table a metric, and `bias-variance.csv` where images were under several draws of noise.
    Text that a spreadsheet would take for a formula has an apostrophe put before it, as OWASP
    advises ("CSV Injection"); no method's label, noise or data set of bench's own begins so.
    """
    options = options or Options()
    suffix, metrics, stems = section.suffix, options.shown(section), section.stems
    summary = section.summary
    summary = summary[summary["metric"].isin(metrics)]
    _write(_with_learning(summary, section), folder / f"summary{suffix}.csv")
    cells = section.cells.assign(run=[section.runs[number].name for number in section.cells["run"]])
    _write(cells, folder / f"cells{suffix}.csv")
    for metric in options.tables(section):
        mean = tables.table(summary, metric)
        mean.columns = [noise_text(*column) for column in mean.columns]
        _write(mean.reset_index(), folder / f"{stems[metric]}{suffix}.csv")
    _write(Leaderboard.of(section, options).frame(), folder / f"leaderboard{suffix}.csv")
    if columns := costs(section):
        costs_frame = _costs_frame(columns)
        if busy := timing.disturbed(section):
            costs_frame["not timed alone"] = costs_frame["label"].map(busy)
        _write(costs_frame, folder / f"costs{suffix}.csv")
    if parts := replicates.error_parts(section):
        _write(replicates.frame(parts), folder / f"bias-variance{suffix}.csv")


def _with_learning(summary: pd.DataFrame, section: Section) -> pd.DataFrame:
    """With what each method learned from, and whether it has seen the images."""
    learned = learning.learning(section)
    known = [learned[label] for label in summary["label"]]
    return summary.assign(
        family=[one.family or "" for one in known],
        supervision=[one.supervision or "" for one in known],
        trained_on=["; ".join(one.trained_on or ()) for one in known],
        leakage=[one.leak for one in known],
    )


def _costs_frame(columns: Mapping[str, Mapping[str, Cost]]) -> pd.DataFrame:
    """A row a method; nothing where a cost is not known."""
    import pandas as pd

    values = {
        name: {label: cost.exact for label, cost in column.items()}
        for name, column in columns.items()
    }
    return pd.DataFrame(values).rename_axis("label").reset_index()


def _write(frame: pd.DataFrame, path: Path) -> None:
    safe = frame.rename(columns=_harmless)
    for name in safe.select_dtypes(exclude=["number", "bool"]):
        safe[name] = safe[name].map(_harmless)
    commit(path, safe.to_csv(index=False).encode("utf-8", "backslashreplace"), flush=False)


def _harmless(value: object) -> object:
    if not isinstance(value, str):
        return value
    text = printable(value)
    return f"'{text}" if value.startswith(_FORMULA) or text.startswith(_FORMULA) else text
