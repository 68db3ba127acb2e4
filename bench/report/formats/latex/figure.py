r"""A figure for an article: PDF and PNG, its caption as text, and a float to be \input."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.core import StorageError, UsageError, printable
from bench.report.content import prose
from bench.report.content.image_caption import caption
from bench.report.content.image_grid import ImageGrid
from bench.report.figures.article import DPI, setup
from bench.report.figures.draw import METADATA
from bench.report.formats.latex.escape import comment, escape
from bench.report.formats.latex.noise import noise_tex
from bench.store import commit

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

    from bench.report.content.image_grid import GridOptions
    from bench.report.content.kept_images import Opener
    from bench.report.content.options import Options
    from bench.store import Run

#: Files beside each other: the figure as vectors and as pixels, its caption, the float.
FORMS = ("pdf", "png", "txt", "tex")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
# In inches: what is wider stands across both columns.
_COLUMN = 3.6


def checked(out: Path) -> Path:
    r"""Where the files go, without the end of their names; a typed `.pdf` or the like is dropped.

    >>> str(checked(Path("figures/noise.pdf")))
    'figures/noise'

    Raises:
        UsageError: LaTeX would take the name for more than a name.
    """
    if out.suffix.removeprefix(".") in FORMS:
        out = out.with_suffix("")
    if not _NAME.fullmatch(out.name):
        raise UsageError(
            f"{printable(str(out))!r} is no name of a figure that LaTeX can include: use letters, "
            "digits, - and _"
        )
    return out


def write_images(
    runs: Sequence[Run], options: GridOptions, out: Path, width: float | None, opener: Opener
) -> tuple[list[Path], str]:
    """Write the figure of images, see `ImageGrid.of`; its files and its caption."""
    from bench.report.figures.article import WIDTHS, draw

    grid = ImageGrid.of(runs, options, opener)
    canvas = draw(grid, width or WIDTHS["column"])
    text, tex = caption(grid), caption(grid, escape, noise_tex)
    return write(canvas, out, caption=text, tex=tex, made=_made(runs)), text


def write_chart(
    runs: Sequence[Run], of: str, options: Options, out: Path, width: float | None
) -> tuple[list[Path], str]:
    """Write one of a report's charts, see `charts.chart`; its files and its caption.

    Raises:
        UsageError: the runs are of several data sets, or have no such chart.
    """
    from bench.report.content.section import by_dataset
    from bench.report.figures.article import WIDTHS
    from bench.report.figures.charts import FIXED, chart

    sections = options.select(list(by_dataset(runs)))
    if len(sections) != 1:
        raise UsageError("a chart is of one data set: name runs on the same data")
    figure, canvas = chart(sections[0], of, width or (None if of in FIXED else WIDTHS["column"]))
    text = prose.marked(figure.caption, str, str)
    tex = prose.marked(figure.caption, escape, lambda name: rf"\texttt{{{escape(name)}}}")
    return write(canvas, out, caption=text, tex=tex, made=_made(runs)), text


def _made(runs: Sequence[Run]) -> str:
    return f"bench figure of {', '.join(run.name for run in runs)}"


def write(canvas: Canvas, out: Path, *, caption: str, tex: str, made: str = "") -> list[Path]:
    r"""Write a figure's files.

    Args:
        canvas: drawn at the size of print.
        out: see `checked`.
        caption: as plain text.
        tex: the same in LaTeX.
        made: what made it, for a comment in the float.

    Returns:
        The files.

    Raises:
        StorageError: they cannot be written.
        UsageError: see `checked`.
    """
    out = checked(out)
    files = {form: out.with_name(f"{out.name}.{form}") for form in FORMS}
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(
            f"cannot write the figure into {out.parent}: {error.strerror or error}; choose another "
            "--out"
        ) from error
    for form in ("pdf", "png"):
        made_of = io.BytesIO()
        with setup():
            canvas.savefig(made_of, format=form, dpi=max(canvas.dpi, DPI), metadata=METADATA[form])
        commit(files[form], made_of.getvalue(), flush=False)
    commit(files["txt"], f"{caption}\n".encode(), flush=False)
    width = float(canvas.get_size_inches()[0])
    commit(files["tex"], float_of(out.name, width, tex, made).encode(), flush=False)
    return list(files.values())


def float_of(name: str, width: float, tex: str, made: str = "") -> str:
    """The float of a figure so many inches wide, of which the caption is in LaTeX.

    At its own size, so that its text has the size that it was drawn with; where a column is
    narrower it is scaled down to it.
    """
    kind = "figure" if width <= _COLUMN else "figure*"
    head = [comment(made)] if made else []
    return "\n".join(
        [
            *head,
            rf"% In the preamble: \usepackage{{graphicx}}. Drawn {72.27 * width:.1f}pt wide; of "
            r"another column draw it anew: --width.",
            rf"\begin{{{kind}}}[tbp]",
            r"  \centering",
            rf"  \sbox0{{\includegraphics{{{name}.pdf}}}}%",
            r"  \ifdim\wd0>\linewidth\resizebox{\linewidth}{!}{\usebox0}\else\usebox0\fi",
            rf"  \caption{{{tex}}}\label{{fig:{name}}}",
            rf"\end{{{kind}}}",
            "",
        ]
    )
