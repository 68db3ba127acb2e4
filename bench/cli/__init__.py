"""The command line: parses, calls, prints; no logic of its own.

Nothing heavy is imported at the top of these files: `bench --help` must answer at once.
"""

from bench.cli import (
    authors,
    denoise,
    explain,
    figure,
    folders,
    gate,
    health,
    lists,
    packs,
    report,
    run,
    score,
    site,
)
from bench.cli.program import main

__all__ = [
    "authors",
    "denoise",
    "explain",
    "figure",
    "folders",
    "gate",
    "health",
    "lists",
    "main",
    "packs",
    "report",
    "run",
    "score",
    "site",
]
