"""Text from outside, and lists, within the sentences of a report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def outside(text: Any) -> str:
    """Text from outside within a sentence: it marks no code."""
    return str(text).replace("`", "'")


def code(text: str) -> str:
    """A name from outside as code."""
    return f"`{outside(text)}`"


def listed(names: Sequence[str]) -> str:
    """Names as a sentence lists them.

    >>> listed(["median"]), listed(["median", "nlm", "tv"])
    ('median', 'median, nlm and tv')
    """
    *others, last = names or [""]
    return f"{', '.join(others)} and {last}" if others else last
