"""By how much the resident memory of this process grows."""

from __future__ import annotations

import contextlib
import ctypes
from pathlib import Path


class PeakMemory:
    """Resident memory of this process while it is entered, in bytes, as Linux counts it.

    Attributes:
        peak: the most; None where the system does not say.
        growth: by how much that is more than at its beginning; likewise.
    """

    peak: int | None = None
    growth: int | None = None

    def __enter__(self) -> PeakMemory:
        self._before: int | None = None
        with contextlib.suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")  # the peak is forgotten
            self._before = _status("VmRSS")
        return self

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            self.peak = _status("VmHWM")
        if self.peak is not None and self._before is not None:
            self.growth = max(0, self.peak - self._before)


def release() -> None:
    """Give back to the system what was freed: what is taken again shows as growth."""
    with contextlib.suppress(OSError, AttributeError):  # of another C library than GNU's
        ctypes.CDLL(None).malloc_trim(0)


def _status(name: str) -> int | None:
    """An entry of what Linux says of this process, in bytes."""
    try:
        status = Path("/proc/self/status").read_text()
        return 1024 * int(status.split(f"{name}:")[1].split()[0])
    except (OSError, IndexError):
        return None
