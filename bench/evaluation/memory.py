"""Peak resident memory of this process."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path


class PeakMemory:
    """Peak resident memory of this process while it is entered, in bytes."""

    peak: int | None = None

    def __enter__(self) -> PeakMemory:
        # Linux forgets the peak when asked to; elsewhere it is the process's whole life's.
        with contextlib.suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")
        return self

    def __exit__(self, *_: object) -> None:
        try:
            status = Path("/proc/self/status").read_text()
            self.peak = 1024 * int(status.split("VmHWM:")[1].split()[0])
        except (OSError, IndexError):
            try:
                import resource

                scale = 1 if sys.platform == "darwin" else 1024
                self.peak = scale * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            except ImportError:
                self.peak = None
