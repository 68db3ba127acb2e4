"""How a run shows itself where Python is written: a table, a grid of images, the page, progress."""

from bench.notebook.display import in_notebook
from bench.notebook.progress import NotebookProgress
from bench.notebook.shown_run import ShownRun

__all__ = ["NotebookProgress", "ShownRun", "in_notebook"]
