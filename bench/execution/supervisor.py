"""Worker processes, watched: a cell that crashes, hangs or eats the memory costs itself only.

A `Child` is one process (`bench.execution.worker`) that works on one cell after the other and
stays warm; `Children` are those of several threads. A child that goes too far or dies is replaced.
Our own, since a pool of `concurrent.futures` is lost with one process, and limits neither the
time nor the memory of a task.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from bench.core import BenchError, Cell, Dataset, Progress, Record
from bench.evaluation.data_source import DataSource
from bench.execution.environment import code_digest
from bench.execution.process import Limits, Lost, Stopped, WatchedProcess
from bench.execution.scorer import Scorer

if TYPE_CHECKING:
    from bench.execution.cores import Shares
    from bench.planning.settings import Settings

#: Told of progress, and of what is not as it should be.
Watch = Callable[[Progress], None]
Warn = Callable[[str], None]

#: Bytes by which a process may have grown when it goes on with another method.
_GROWN = 2**30


@dataclass(frozen=True)
class Setup:
    """What a worker must know before its first cell: names and paths, never code.

    Attributes:
        source: where the data set is found; a worker that has no such folder takes its own.
        fingerprint, training_fingerprint: of the content that the cells were planned for.
        plugins: files and folders of methods.
        methods: as typed, with their parameters.
        cache: folder of the fitted models.
        fresh: name of a session that uses no models but its own; None where it uses all.
        device: where torch methods compute.
        threads: computing threads of a worker.
        jobs: cells that are worked on at once on its machine; None where that is not known.
        scorer: what cells are scored by.
        sealed: clean test images lie in a process of their own, see `evaluation.examiner`.
        code: digest of bench's own code, see `environment.code_digest`.
    """

    source: DataSource
    fingerprint: str
    training_fingerprint: str
    plugins: tuple[str, ...]
    methods: tuple[str, ...]
    cache: str
    fresh: str | None
    device: str
    threads: int
    scorer: Scorer
    jobs: int | None = 1
    sealed: bool = False
    code: str = field(default_factory=code_digest)

    @classmethod
    def of(
        cls,
        settings: Settings,
        source: DataSource,
        data: Dataset,
        methods: Iterable[str],
        scorer: Scorer,
        device: str,
        shares: Shares,
        cells: int,
    ) -> Setup:
        """What the workers of a run are told.

        Args:
            settings: of the run.
            source: where they find the data set.
            data: the same, open here.
            methods: as typed.
            scorer: what cells are scored by.
            device: where torch methods compute.
            shares: how many cells are worked on at once, and with how many threads.
            cells: how many there are.
        """
        return cls(
            source=source,
            fingerprint=data.fingerprint,
            training_fingerprint=data.training_fingerprint,
            plugins=scorer.plugins,
            methods=tuple(methods),
            cache=scorer.cache,
            fresh=scorer.fresh,
            device=device,
            threads=shares.threads,
            jobs=None if settings.dask else min(max(1, shares.jobs), cells),
            scorer=scorer,
            sealed=settings.sealed,
        )


class Child:
    """One worker process; it is started by the first cell and replaced when it is lost.

    Args:
        setup: what it is told when it starts.
        limits: of each cell.
    """

    def __init__(self, setup: Setup, limits: Limits) -> None:
        self.setup, self.limits = setup, limits
        self._process = WatchedProcess(limits, setup.threads)
        self._method = ""
        self._at_rest, self._spent = 0, False

    def run(self, cell: Cell, waiting: Sequence[Cell], watch: Watch, warn: Warn) -> Record:
        """The cell's record; a failed one where the process was lost.

        Raises:
            BenchError: what no method is to blame for, such as other data.
            Lost: no process can be started.
            Stopped: `close` was called meanwhile.
        """
        watch(Progress(cell, "start", 0, 0, ""))  # a process that is started takes seconds

        def heard(kind: str, value: Any) -> None:
            if kind == "progress":
                watch(replace(value, cell=cell))
            elif kind == "spent":
                self._spent = True
            else:
                warn(value)

        while True:
            fresh = self._ready(cell, heard)
            try:
                return self._process.ask((cell, waiting), heard)
            except Lost as lost:
                # What methods before it left behind is not its own.
                if fresh or lost.limit != "memory":
                    text = "\n".join(lost.lines)
                    return Record(cell, "failed", reason=str(lost), traceback=text)

    def close(self) -> None:
        """Kill the process with all that it started; the child takes no more cells."""
        self._process.close()

    def _ready(self, cell: Cell, heard: Callable[[str, Any], None]) -> bool:
        """Have a process that may take the cell; whether it is a new one."""
        process, another = self._process, cell.method != self._method
        self._method = cell.method
        # Without a limit it is let grow: a network's libraries and large images do so as well.
        limited = self.limits.memory is not None
        grown = limited and another and process.own_bytes() > self._at_rest + _GROWN
        if process.alive and not (grown or self._spent):
            return False
        process.start()
        self._spent = False
        try:
            process.ask(self.setup, heard)
        except Lost as lost:
            if lost.limit:  # every other would break it too
                raise WorkerError(f"a worker cannot start: {lost}") from None
            raise
        self._at_rest = process.own_bytes()
        return True


class Children:
    """Child processes, one for each thread that works on cells; they stay warm between cells.

    A thread's child is kept for as long as its cells come with the same setup and limits; with
    others it is killed, and another takes its place.
    """

    def __init__(self) -> None:
        self._of_this_thread = threading.local()
        self._all: set[Child] = set()
        self._lock = threading.Lock()
        self._closed = False

    def run(
        self,
        setup: Setup,
        limits: Limits,
        cell: Cell,
        *waiting: Cell,
        watch: Watch = lambda progress: None,
        warn: Warn = lambda text: None,
    ) -> Record:
        """The cell's record, by the child of the thread that calls.

        Args:
            setup: what the child is told when it starts.
            limits: of the cell.
            cell: to be worked on.
            waiting: cells whose models may be fitted along with its own.
            watch: told of progress, in the thread that calls.
            warn: told of what is not as it should be, likewise.

        Raises:
            BenchError: what no method is to blame for, such as other data.
            Lost: no process can be started.
            Stopped: `close` was called.
        """
        return self._child(setup, limits).run(cell, waiting, watch, warn)

    def close(self) -> None:
        """Kill them all; threads that wait for one end at once, and none gets another."""
        with self._lock:
            self._closed = True
            for child in self._all:
                child.close()
            self._all.clear()

    def _child(self, setup: Setup, limits: Limits) -> Child:
        """The child of this thread."""
        with self._lock:
            if self._closed:
                raise Stopped
            child: Child | None = getattr(self._of_this_thread, "child", None)
            if child is None or (child.setup, child.limits) != (setup, limits):
                if child is not None:
                    child.close()
                    self._all.discard(child)
                self._of_this_thread.child = child = Child(setup, limits)
                self._all.add(child)
            return child


class WorkerError(BenchError):
    """A worker cannot work, whatever the method."""

    exit_code = 7
