"""How far a run has come: what is done, what is running, how long it will take."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any, Protocol

from bench.core import Cell, Progress, Record
from bench.store.manifest import timestamp

if TYPE_CHECKING:
    from bench.store import Run

#: Seconds between two writes of the progress file.
_WRITE = 1.0


@dataclass
class Running:
    """A cell that is being worked on, and since when, by the monotonic clock in seconds.

    Attributes:
        progress: its last step.
        since: when it began.
        phase_since: when its phase began.
        updated: when it was last heard of.
    """

    progress: Progress
    since: float
    phase_since: float
    updated: float

    def phase_left(self) -> float | None:
        """Seconds until its phase ends at the pace so far; None where no pace is known."""
        done, total = self.progress.done, self.progress.total
        if not 0 < done < total:
            return None
        return (self.updated - self.phase_since) * (total / done - 1)


class Overview:
    """How many of a run's cells are done, which are running, and how long the rest will take.

    Args:
        cells: of the run.
        waiting: those that have no result yet.
        at_once: how many are worked on at once, where there are so many.

    Attributes:
        total: cells of the run.
        counts: status -> cells that ended so; those of earlier sessions count as "done".
        running: key -> a cell that is being worked on.
    """

    def __init__(self, cells: Iterable[Cell], waiting: Iterable[Cell], at_once: int = 1) -> None:
        self.total = len(list(cells))
        left = list(waiting)
        self._waiting = {cell.key for cell in left}
        self._left = Counter(cell.method for cell in left)
        self.counts = {"done": self.total - len(self._waiting), "failed": 0, "skipped": 0}
        self.running: dict[str, Running] = {}
        self._spent: dict[str, tuple[float, int]] = defaultdict(lambda: (0.0, 0))
        self._last = time.monotonic()
        self._at_once = at_once

    @property
    def finished(self) -> int:
        """Cells that have a result."""
        return self.total - len(self._waiting)

    def progress(self, progress: Progress) -> Running:
        """A cell goes on."""
        now = time.monotonic()
        known = self.running.get(progress.cell.key)
        if known is None:
            # Without a word of its start it may have begun when the last one ended.
            began = now if progress.phase == "start" else self._last
            known = self.running[progress.cell.key] = Running(progress, began, began, began)
        elif known.progress.phase != progress.phase:
            known.phase_since = known.updated  # a phase is first told of after its first step
        known.progress, known.updated = progress, now
        return known

    def recorded(self, record: Record) -> None:
        """A cell has a result."""
        now = time.monotonic()
        known = self.running.pop(record.cell.key, None)
        began = known.since if known else self._last
        seconds, cells = self._spent[record.cell.method]
        self._spent[record.cell.method] = (seconds + now - began, cells + 1)
        self._last = now
        if record.cell.key in self._waiting:
            self._waiting.remove(record.cell.key)
            self._left[record.cell.method] -= 1
            self.counts[record.status] += 1

    def seconds_left(self) -> float | None:
        """Expected seconds until the last cell ends; None where nothing is known yet.

        A cell is expected to take what cells of its method took or, while running, are about to
        take; of a method without any, the mean of the other methods.
        """
        took = {method: [seconds / cells] for method, (seconds, cells) in self._spent.items()}
        for running in self.running.values():
            left = running.phase_left()
            if running.progress.cell.method not in self._spent and left is not None:
                expected = running.updated - running.since + left
                took.setdefault(running.progress.cell.method, []).append(expected)
        if not took:
            return None
        mean = {method: fmean(seconds) for method, seconds in took.items()}
        overall = fmean(mean.values())
        now = time.monotonic()
        all_left = sum(mean.get(method, overall) * cells for method, cells in self._left.items())
        longest = 0.0
        for running in self.running.values():
            expected = mean.get(running.progress.cell.method, overall)
            left = max(running.phase_left() or 0.0, expected - (now - running.since))
            all_left += left - expected
            longest = max(longest, left)
        at_once = max(1, min(self._at_once, len(self._waiting)))
        return max(all_left / at_once, longest)

    def as_dict(self, command: str) -> dict[str, Any]:
        """As a run's progress file has it, which `bench status` reads in another process."""
        left, now = self.seconds_left(), time.monotonic()
        return {
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "updated": timestamp(),
            **self.counts,
            "total": self.total,
            "running": [
                {
                    "cell": str(running.progress.cell),
                    "phase": running.progress.phase,
                    "done": running.progress.done,
                    "of": running.progress.total,
                    "unit": running.progress.unit,
                    "seconds": round(now - running.since, 1),
                }
                for running in list(self.running.values())
            ],
            "seconds_left": None if left is None else round(left, 1),
            "command": command,
        }


class Listener(Protocol):
    """Told how a run goes on."""

    def started(self, run: Run, overview: Overview) -> None:
        """The run is planned; `overview` says from now on how far it is."""

    def progress(self, running: Running) -> None:
        """A cell goes on."""

    def recorded(self, record: Record) -> None:
        """A cell is finished, and its result is on disk."""

    def warned(self, text: str) -> None:
        """Something is not as it should be, and the run goes on."""


class ProgressReporter:
    """Keeps a run's overview up to date, and tells the listener and the run's progress file.

    It may be called from any thread. As a context manager it says at the end that no cell is
    running any more, for whatever reason the run ends.

    Args:
        run: whose progress file `bench status` reads.
        overview: of its cells.
        listener: told too, if there is one.
    """

    def __init__(self, run: Run, overview: Overview, listener: Listener | None) -> None:
        self._run, self._overview, self._listener = run, overview, listener
        self._lock, self._written = threading.Lock(), 0.0

    def __enter__(self) -> ProgressReporter:
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._overview.running.clear()
            self._write()

    def progress(self, progress: Progress) -> None:
        """A cell goes on."""
        with self._lock:
            running = self._overview.progress(progress)
            self._write_now_and_then()
            if self._listener:
                self._listener.progress(running)

    def recorded(self, record: Record) -> None:
        """A cell has a result."""
        with self._lock:
            self._overview.recorded(record)
            self._write_now_and_then()
            if self._listener:
                self._listener.recorded(record)

    def _write_now_and_then(self) -> None:
        if time.monotonic() - self._written > _WRITE:
            self._write()

    def _write(self) -> None:
        self._written = time.monotonic()
        self._run.write_progress(self._overview.as_dict(self._run.manifest.command))
