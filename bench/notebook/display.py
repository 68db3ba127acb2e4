"""What a notebook shows: its kernel, and a page in a frame of its own."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from markupsafe import escape


def kernel() -> Any:
    """IPython's shell where it shows more than text, as in Jupyter; else None."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return shell if shell is not None and hasattr(shell, "kernel") else None


def in_notebook() -> bool:
    """Whether this process is a notebook's kernel; nothing is imported for it."""
    return kernel() is not None


def show_figures() -> None:
    """Have the notebook show matplotlib's figures as images, where nothing else shows them yet."""
    shell = kernel()
    if shell is None:
        return
    from IPython.core.pylabtools import select_figure_formats
    from matplotlib.figure import Figure

    formatters = shell.display_formatter.formatters.values()
    if not any(Figure in formatter.type_printers for formatter in formatters):
        select_figure_formats(shell, {"png"})


class Page:
    """A page that a notebook shows in a frame.

    The frame may run the page's own scripts, and has no access to the notebook around it.

    Attributes:
        path: of the page's file.
    """

    def __init__(self, path: Path, height: int = 800) -> None:
        self.path, self._height = path, height

    def __repr__(self) -> str:
        return f"Page({str(self.path)!r})"

    def _repr_html_(self) -> str:
        return (
            f'<iframe title="{escape(self.path.name)}" sandbox="allow-scripts allow-downloads" '
            f'style="width:100%;height:{self._height}px;border:1px solid #8886" '
            f'srcdoc="{escape(self.path.read_text("utf-8"))}"></iframe>'
        )
