"""How far a run has come: what is done, what is running, how long it will take."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Protocol

from bench.core import Cell, Progress, Record
from bench.execution.estimate import Estimate
from bench.execution.pieces import Running
from bench.store.manifest import timestamp
from bench.store.progress import RunningCell, RunProgress

if TYPE_CHECKING:
    from bench.store import Run
    from bench.store.cell_meta import CellMeta

#: Seconds between two words of what is running, though nothing moves.
_BEAT = 1.0


class Overview:
    """How many of a run's cells are done, which are running, and how long the rest will take.

    Args:
        cells: of the run.
        waiting: those that have no result yet, in the order in which they are begun.
        at_once: how many are worked on at once, where there are so many.
        fitted: whether there is a trained model of a `fit_key` already.
        serial: whether a cell waits for others of this kind, as for a GPU.
        earlier: cells that were finished before, which tell how long others take.
        images: that a cell denoises.
        slowdown: how much longer cells may take than they did then.
        clock: seconds.

    Attributes:
        total: cells of the run.
        counts: status -> cells that ended so; those of earlier sessions count as "done".
    """

    def __init__(
        self,
        cells: Collection[Cell],
        waiting: Sequence[Cell],
        at_once: int = 1,
        fitted: Callable[[str], bool] = lambda key: False,
        serial: Callable[[Cell], bool] = lambda cell: False,
        earlier: Iterable[CellMeta] = (),
        images: int = 0,
        slowdown: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.total = len(cells)
        self.counts = {"done": self.total - len(waiting), "failed": 0, "skipped": 0}
        self._clock = clock
        self._estimate = Estimate(
            waiting, clock(), at_once, fitted, serial, earlier, images, slowdown
        )

    @property
    def finished(self) -> int:
        """Cells that have a result."""
        return sum(self.counts.values())

    @property
    def running(self) -> dict[str, Running]:
        """Key -> a cell that is being worked on."""
        return self._estimate.running

    def progress(self, progress: Progress) -> Running | None:
        """A cell goes on; None where it has its result already."""
        return self._estimate.progress(progress, self._clock())

    def recorded(self, record: Record) -> None:
        """A cell has a result."""
        if self._estimate.recorded(record, self._clock()):
            self.counts[record.status] += 1

    def seconds_left(self) -> float | None:
        """Expected seconds until the last cell ends; None where too little is known to say."""
        return self._estimate.seconds_left(self._clock())

    def as_of_now(self, command: str = "") -> RunProgress:
        """As a terminal shows it, and as a run's progress file has it for other terminals."""
        now = self._clock()
        left = self.seconds_left()
        return RunProgress(
            pid=os.getpid(),
            host=socket.gethostname(),
            updated=timestamp(),
            total=self.total,
            **self.counts,
            running=[_shown(key, running, now) for key, running in self.running.items()],
            seconds_left=None if left is None else round(left, 1),
            command=command,
        )


def _shown(key: str, running: Running, now: float) -> RunningCell:
    progress, left = running.progress, running.piece.left(now)
    return RunningCell(
        key=key,
        cell=str(progress.cell),
        phase=progress.phase,
        done=round(progress.done, 2),
        of=progress.total,
        unit=progress.unit,
        loss=progress.loss,
        seconds=round(now - running.since, 1),
        seconds_left=None if left is None else round(left, 1),
    )


class Listener(Protocol):
    """Told how a run goes on."""

    def started(self, run: Run, overview: Overview) -> None:
        """The run is planned; `overview` says from now on how far it is."""

    def progress(self, running: Running) -> None:
        """A cell goes on, or is still where it was: told at least once a second."""

    def recorded(self, record: Record) -> None:
        """A cell is finished, and its result is on disk."""

    def warned(self, text: str) -> None:
        """Something is not as it should be, and the run goes on."""


class ProgressReporter:
    """Keeps a run's overview up to date, and tells the listener and the run's progress file.

    It may be called from any thread. As a context manager it tells them each second, whether
    anything moves or not, and says at the end that no cell is running any more, for whatever
    reason the run ends.

    Args:
        run: whose progress file `bench status` reads.
        overview: of its cells.
        listener: told too, if there is one.
        warn: told of what is not as it should be.
    """

    def __init__(
        self,
        run: Run,
        overview: Overview,
        listener: Listener | None,
        warn: Callable[[str], None] = lambda text: None,
    ) -> None:
        self._run, self._overview, self._listener, self._warn = run, overview, listener, warn
        self._warned: set[str] = set()
        self._lock, self._ended = threading.Lock(), threading.Event()
        self._heart = threading.Thread(target=self._beat, name="bench-progress", daemon=True)

    def __enter__(self) -> ProgressReporter:
        self._heart.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._heart.join()
        self._overview.running.clear()
        self._write()

    def progress(self, progress: Progress) -> None:
        """A cell goes on."""
        with self._lock:
            running = self._overview.progress(progress)
            if running and self._listener:
                self._listener.progress(running)

    def recorded(self, record: Record) -> None:
        """A cell has a result."""
        with self._lock:
            self._overview.recorded(record)
            if self._listener:
                self._listener.recorded(record)

    def warned(self, text: str) -> None:
        """Something is not as it should be; several workers may find the same."""
        with self._lock:
            if text not in self._warned:
                self._warned.add(text)
                self._warn(text)

    def _beat(self) -> None:
        with contextlib.suppress(OSError):  # of a screen that is gone
            while not self._ended.wait(_BEAT):
                with self._lock:
                    self._write()
                    for running in self._overview.running.values():
                        if self._listener:
                            self._listener.progress(running)

    def _write(self) -> None:
        self._run.write_progress(self._overview.as_of_now(self._run.manifest.command))
