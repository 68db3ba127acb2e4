"""A run -> a folder with a page in Markdown, its tables as CSV and its figures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bench.core import StorageError

if TYPE_CHECKING:
    from bench.store import Run


def render(run: Run, out: Path) -> Path:
    """Write the report of `run` into `out/<run's name>` and return the page's path.

    Raises:
        StorageError: the run is damaged, or the folder cannot be written.
    """
    from bench.report import figures, page
    from bench.report.contents import Contents

    folder = out / run.name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        contents = Contents.of(run)
        drawn = figures.draw(contents, folder)
        page.write_csv(contents, folder)
        path = folder / "report.md"
        path.write_text(page.markdown(contents, drawn), encoding="utf-8")
    except OSError as error:
        reason = error.strerror or error
        raise StorageError(
            f"cannot write the report into {folder}: {reason}; choose another --out"
        ) from error
    return path
