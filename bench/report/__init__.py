"""How the numbers are shown: content, then figures, then formats."""

from bench.report.render import DEFAULT, FORMATS, render

__all__ = ["DEFAULT", "FORMATS", "render"]
