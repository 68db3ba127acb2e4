"""The type of figures in print: its size, and how much room a text takes."""

from __future__ import annotations

import re
from functools import cache

from bench.core import printable

#: Points; the least that journals take.
SIZE = 7.0


@cache
def text_width(text: str, *, bold: bool = False, size: float = SIZE) -> float:
    """Points that a line takes in the present font of matplotlib's."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font = FontProperties(size=size, weight="bold" if bold else "normal")
    width, _, _ = text_to_path.get_text_width_height_descent(text, font, ismath=False)
    return float(width)


def broken(text: str, room: float) -> list[str]:
    """A name in lines that have room: broken at brackets, behind blanks and signs, else anywhere.

    >>> broken("vae[latent=20,beta=0.5]", 50.0)
    ['vae', '[latent=20,', 'beta=0.5]']
    """
    lines, line = [], ""
    for piece in _pieces(printable(text)):
        if line and text_width((line + piece).strip()) > room:
            lines.append(line.strip())
            line = ""
        for character in piece:
            if line.strip() and text_width(line + character) > room:
                lines.append(line.strip())
                line = ""
            line += character
    return [*lines, line.strip()] if line.strip() else lines or [""]


def _pieces(text: str) -> list[str]:
    """A text cut before each bracket and behind each other sign, but for what belongs to a number.

    >>> _pieces("vae[latent=20,beta=0.5]")
    ['vae', '[latent=20,', 'beta=0.5]']
    """
    return re.findall(r"(?:\[|\()?[^\[\(\s,;/_-]*[\s,;/_-]?", text)[:-1] or [text]
