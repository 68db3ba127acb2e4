"""By how much the resident memory of this process grows, and what torch takes of a GPU's."""

from __future__ import annotations

import contextlib
import ctypes
import sys
from pathlib import Path
from typing import Any


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


class PeakDeviceMemory:
    """What torch has allocated on a GPU while it is entered, weights and images included.

    Args:
        device: where a method computes, "cpu" or "cuda".

    Attributes:
        peak: the most, in bytes; None where nothing was: on the processor, or by other libraries.
    """

    peak: int | None = None

    def __init__(self, device: str) -> None:
        self._device = device

    def __enter__(self) -> PeakDeviceMemory:
        if cuda := self._cuda():
            cuda.init()
            cuda.reset_peak_memory_stats()
        return self

    def __exit__(self, *_: object) -> None:
        if cuda := self._cuda():
            self.peak = cuda.max_memory_allocated() or None

    def _cuda(self) -> Any:
        """That of torch, where the method computes on a GPU and torch is loaded."""
        torch = sys.modules.get("torch")
        return torch.cuda if torch and self._device.startswith("cuda") else None


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
