"""One run or several -> a folder with a report: web page, Markdown, LaTeX, CSV."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.core import StorageError

if TYPE_CHECKING:
    from bench.store import Run

#: Format -> the file that it is opened by, in the report's folder.
FORMATS = {"html": "report.html", "md": "report.md", "tex": "report.tex", "csv": "summary.csv"}
DEFAULT = ("html", "md", "csv")


def render(
    runs: Run | Sequence[Run], out: Path, formats: Sequence[str] = DEFAULT
) -> dict[str, Path]:
    """Write the report of runs into a folder below `out`, which bears their names.

    Args:
        runs: one run or several; cells that several hold are shown once.
        out: the folder of the reports.
        formats: of `FORMATS`. Figures are drawn for those that show them.

    Returns:
        The file to open, by format.

    Raises:
        UsageError: numbers of the runs cannot stand in one table.
        StorageError: a run is damaged, or the folder cannot be written.
    """
    from bench.report import figures, page
    from bench.report.contents import by_dataset

    runs = runs if isinstance(runs, Sequence) else (runs,)
    folder = out / "+".join(dict.fromkeys(run.name for run in runs))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        sections = list(by_dataset(runs))
        if "csv" in formats or "md" in formats:  # the page in Markdown links to the tables
            for contents in sections:
                page.write_csv(contents, folder)
        if "md" in formats:
            drawn = [(contents, figures.draw(contents, folder)) for contents in sections]
            text = page.markdown(drawn)
            (folder / FORMATS["md"]).write_text(text, encoding="utf-8")
    except OSError as error:
        reason = error.strerror or error
        raise StorageError(
            f"cannot write the report into {folder}: {reason}; choose another --out"
        ) from error
    suffix = sections[0].suffix
    return {
        name: folder / (f"summary{suffix}.csv" if name == "csv" else FORMATS[name])
        for name in FORMATS
        if name in formats
    }
