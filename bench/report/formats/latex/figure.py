r"""A figure for an article: PDF and PNG, its caption as text, and a float to be \input."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import TYPE_CHECKING

from bench.core import StorageError, UsageError, printable
from bench.report.figures.article import setup
from bench.report.figures.draw import METADATA
from bench.report.formats.latex.escape import comment
from bench.store import commit

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

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
            canvas.savefig(made_of, format=form, dpi=canvas.dpi, metadata=METADATA[form])
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
