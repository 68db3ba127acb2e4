"""Noises in LaTeX, as the field writes them."""

from __future__ import annotations

from bench.core import noise_text
from bench.report.content.noises import sigma
from bench.report.content.rows import Column
from bench.report.formats.latex.escape import escape


def noise_tex(column: Column) -> str:
    r"""A noise and its level: `$\sigma=25$` for Gaussian noise of 25/255, others by their name.

    >>> print(noise_tex(("gaussian", 25 / 255)), noise_tex(("salt-pepper", 0.1)))
    $\sigma=25$ salt-pepper 0.1
    """
    deviation = sigma(column)
    if deviation is None:
        return escape(noise_text(*column))
    _, comma, rest = column[0].partition(",")
    return rf"$\sigma={deviation}${escape(comma + rest) if rest else ''}"
