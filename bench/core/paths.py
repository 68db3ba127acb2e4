"""Paths as they are typed."""

from __future__ import annotations

import os
from pathlib import Path

from bench.core.errors import UsageError


def expanded(path: str | os.PathLike[str]) -> Path:
    """A path with a home folder in place of `~` or `~user`.

    >>> expanded("runs/one").as_posix()
    'runs/one'

    Raises:
        UsageError: there is no such user.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise UsageError(
            f"{path}: no home folder is known of that user; for a name that begins with ~ type ./~"
        ) from None
