"""The errors that a user can act on, and the words for a name that is not known."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable


class BenchError(Exception):
    """An error that the user can act on: one line that says what is wrong and what to do.

    Attributes:
        exit_code: with which the command ends.
    """

    exit_code = 1


class UsageError(BenchError):
    """The command or call cannot be carried out as given."""

    exit_code = 2


class MissingPackage(UsageError):
    """What was asked for needs a package that is not installed."""

    exit_code = 3


class DataError(BenchError):
    """A data set is missing, cannot be downloaded, or is not what it should be."""

    exit_code = 5


class StorageError(BenchError):
    """A run, report or cache folder cannot be read or written."""

    exit_code = 6


class Unsupported(Exception):
    """What a method raises where it cannot take the images; the cell is skipped with the reason.

    >>> def grey_only(noisy):
    ...     if noisy.shape[1] != 1:
    ...         raise Unsupported("only grey images")
    """


def system_reason(error: BaseException) -> str:
    """Why something could not be read, where what is read is not to blame; else "".

    Libraries raise `OSError` of content too, but then without one of the system's numbers.

    >>> system_reason(PermissionError(13, "Permission denied"))
    'Permission denied'
    >>> system_reason(MemoryError())
    'not enough memory'
    >>> system_reason(OSError("corrupt page"))
    ''
    """
    if isinstance(error, OSError) and error.errno is not None:
        return error.strerror or os.strerror(error.errno)
    return "not enough memory" if isinstance(error, MemoryError) else ""


def nearest(name: str, known: Iterable[str]) -> str:
    """What to type instead of a name that is not known: the tail of an error message.

    >>> nearest("gausian", ["gaussian", "poisson"])
    'did you mean gaussian?'
    >>> nearest("xyz", ["gaussian", "poisson"])
    'there is: gaussian, poisson'
    """
    known = list(known)
    folded = {item.casefold(): item for item in known}
    matches = difflib.get_close_matches(name.casefold(), folded, n=3, cutoff=0.5)
    if matches:
        return f"did you mean {' or '.join(folded[match] for match in matches)}?"
    return f"there is: {', '.join(known)}" if known else "there is none"
