"""The errors that a user can act on, and the words for a name that is not known."""

from __future__ import annotations

from collections.abc import Iterable


class BenchError(Exception):
    """An error that the user can act on: one line that says what is wrong and what to do."""

    exit_code = 1


class UsageError(BenchError):
    """The command or call cannot be carried out as given."""

    exit_code = 2


class DataError(BenchError):
    """A data set is missing, cannot be downloaded, or is not what it should be."""

    exit_code = 5


class StorageError(BenchError):
    """A run, report or cache folder cannot be read or written."""

    exit_code = 6


class Unsupported(Exception):
    """Raised by a method for what it cannot take (colour, image size); the cell is skipped."""


def nearest(name: str, known: Iterable[str]) -> str:
    """`name` is not among `known`: the tail of the error message, nearest names first."""
    import difflib

    known = list(known)
    folded = {item.casefold(): item for item in known}
    close = [
        folded[item] for item in difflib.get_close_matches(name.casefold(), folded, n=3, cutoff=0.5)
    ]
    if close:
        return f"did you mean {' or '.join(close)}?"
    return f"there is: {', '.join(known)}" if known else "there is none"
