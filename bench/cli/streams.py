"""Standard output and error that may be closed, full, or read by nobody any more.

A run goes on without them: what it is for is on disk.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO


class _Lasting:
    """A stream that takes no more once it could not be written; `lost` is then why."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.lost: OSError | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write text, or drop it."""
        self._try(lambda: self._stream.write(text))
        return len(text)

    def flush(self) -> None:
        """Flush what was written, or drop it."""
        self._try(self._stream.flush)

    def _try(self, step: Callable[[], Any]) -> None:
        if self.lost is None:
            try:
                step()
            except OSError as error:
                self.lost = error


@contextlib.contextmanager
def lasting() -> Iterator[_Lasting]:
    """Standard output and error that last; gives the former, which says whether it was lost."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:  # else the next file that is opened would take its place
            os.open(os.devnull, os.O_RDWR)
    given = sys.stdout, sys.stderr
    out, err = (_Lasting(stream or _nowhere()) for stream in given)
    sys.stdout, sys.stderr = out, err
    try:
        yield out
        out.flush()
    finally:
        # What could not be written stands in a buffer that Python would write as it ends.
        sys.stdout, sys.stderr = (
            stream if here.lost is None else _nowhere()
            for stream, here in zip(given, (out, err), strict=True)
        )


def _nowhere() -> TextIO:
    """Open until the process ends."""
    return Path(os.devnull).open("w", encoding="utf-8")
