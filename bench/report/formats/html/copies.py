"""What the page needs to copy its tables as LaTeX: the signs and noises as LaTeX writes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bench.core import noise_text, printable
from bench.report.content.rows import Column
from bench.report.formats.latex.escape import LETTERS, SPECIAL
from bench.report.formats.latex.noise import noise_tex


def written(columns: Sequence[Column]) -> dict[str, Any]:
    """The data of `scripts/copies.js`, so that the page escapes text as `latex.escape` does.

    Its keys: `signs`, of a sign its LaTeX; `letters` that stand as they are; `noises`, of each of
    the page's its name and its LaTeX.
    """
    return {
        "signs": SPECIAL,
        "letters": "".join(sorted(LETTERS)),
        "noises": [
            {"name": printable(noise_text(*column)), "latex": noise_tex(column)}
            for column in columns
        ],
    }
