"""One run or several -> a folder with a report: web page, Markdown, LaTeX, CSV, a summary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.core import StorageError, digest
from bench.store import commit

if TYPE_CHECKING:
    from bench.gate import Verdict
    from bench.report.content.options import Options
    from bench.report.content.section import Section
    from bench.store import Run

#: Format -> the file that it is opened by, in the report's folder.
FORMATS = {
    "html": "report.html",
    "md": "report.md",
    "tex": "report.tex",
    "csv": "summary.csv",
    "summary": "summary.md",
}
DEFAULT = ("html", "md", "csv")
# Bytes that the names of runs may take as a report's folder; and how many are named where all of
# them would take more.
_LONGEST_NAME, _NAMED = 200, 3
#: The forms of the figures that a format shows.
_FORMS = {"md": ("png", "svg"), "tex": ("pdf",)}


def render(
    runs: Run | Sequence[Run],
    out: Path,
    formats: Sequence[str] = DEFAULT,
    options: Options | None = None,
) -> dict[str, Path]:
    """Write the report of runs into a folder below `out`, which bears their names.

    Args:
        runs: one run or several; cells that several hold are shown once.
        out: the folder of the reports.
        formats: of `FORMATS`. Figures are drawn for those that show them.
        options: which noises, metrics and decimals the tables show; without, all of them.

    Returns:
        The file to open, by format.

    Raises:
        UsageError: numbers of the runs cannot stand in one table, or the options ask for what
            they do not have.
        StorageError: a run is damaged, or the folder cannot be written.
    """
    from bench.report.content.options import Options
    from bench.report.content.section import by_dataset

    options = options or Options()
    runs = runs if isinstance(runs, Sequence) else (runs,)
    folder = out / _folder_name([run.name for run in runs])
    try:
        folder.mkdir(parents=True, exist_ok=True)
        sections = options.select(list(by_dataset(runs)))
        _render(sections, folder, formats, options)
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


def comparison_path(old: Run, new: Run, out: Path) -> Path:
    """Where the page of two runs lies: in a folder of their names."""
    return out / _folder_name([old.name, "to", new.name]) / "comparison.html"


def render_comparison(
    old: Run, new: Run, verdict: Verdict, tolerance: Mapping[str, float], path: Path
) -> Path:
    """Write the page of two runs that were compared.

    Args:
        old: the run that is compared with.
        new: the run that is judged.
        verdict: see `bench.gate.check.check_run`.
        tolerance: of each metric.
        path: of the page.

    Raises:
        StorageError: a run is damaged, or the page cannot be written.
    """
    from bench.report.formats.html.comparison import comparison_page

    page = comparison_page(old, new, verdict, tolerance)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        commit(path, page.encode("utf-8"), flush=False)
    except OSError as error:
        raise StorageError(
            f"cannot write {path}: {error.strerror or error}; choose another --out"
        ) from error
    return path


def _folder_name(runs: Sequence[str]) -> str:
    """The runs' names, as many as a folder's name may hold.

    >>> _folder_name(["reference", "classical"])
    'reference+classical'
    >>> len(_folder_name([f"photographs-{number:08x}" for number in range(17)]))
    71
    """
    names = list(dict.fromkeys(runs))
    whole = "+".join(names)
    if len(whole.encode()) <= _LONGEST_NAME:
        return whole
    shown = "+".join(names[:_NAMED])
    more = f"-and-{len(names) - _NAMED}-more" if len(names) > _NAMED else ""
    return f"{shown[: _LONGEST_NAME // 4]}{more}-{digest(names, size=4)}"


def _render(
    sections: Sequence[Section], folder: Path, formats: Sequence[str], options: Options
) -> None:
    """Write the files of each format."""
    from bench.report.figures import draw, draw_ranks
    from bench.report.formats import csv_tables, markdown, summary
    from bench.report.formats.html import page
    from bench.report.formats.latex import document

    if "csv" in formats or "md" in formats:  # the page in Markdown links to the tables
        for section in sections:
            csv_tables.write_csv(section, folder, options)
    forms = [form for name, forms in _FORMS.items() if name in formats for form in forms]
    drawn = [(section, draw(section, folder, forms)) for section in sections if forms]
    first, ranked = options.first(sections), options.ranked(sections)
    overall = draw_ranks(ranked, first, folder, forms, options.budget) if forms else []
    if "html" in formats:
        _write(folder / FORMATS["html"], page.page(sections, options))
    if "md" in formats:
        _write(folder / FORMATS["md"], markdown.markdown(drawn, options, overall))
    if "tex" in formats:
        for path, text in document.files(drawn, options, overall).items():
            _write(folder / path, text)
    if "summary" in formats:
        _write(folder / FORMATS["summary"], summary.summary(sections, options))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    commit(path, text.encode("utf-8"), flush=False)
