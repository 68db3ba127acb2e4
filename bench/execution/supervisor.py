"""Worker processes, watched: a cell that crashes, hangs or eats the memory costs itself only.

A `Child` is one process (`bench.execution.worker`) that works on one cell after the other and
stays warm; `Children` are those of several threads. A child's parent waits for each cell's record
by the clock, looks at the memory of the whole process tree, and kills and replaces a child that
goes too far or dies. Our own, since a pool of `concurrent.futures` is lost with one process, and
limits neither the time nor the memory of a task.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from bench.core import BenchError, Cell, Progress, Record
from bench.core.threads import THREAD_VARIABLES

#: Seconds between two looks at a child's memory, and until a dead one is noticed.
_LOOK = 0.2
#: Seconds a child may take to start.
_START = 300.0
# Of what a child prints: lines kept in a failed record, and bytes after which it is thrown away.
_LINES, _PRINTED = 20, 16 * 2**20


@dataclass(frozen=True)
class Setup:
    """What a worker must know before its first cell: names and paths, never code.

    Attributes:
        dataset, train_dataset: by name, as typed.
        data_dir: folder of the data sets; a worker that has no such folder takes its own.
        fingerprint, training_fingerprint: of the content that the cells were planned for.
        plugins: files and folders of methods.
        methods: as typed, with their parameters.
        cache: folder of the fitted models.
        fresh: name of a session that uses no models but its own; None where it uses all.
        device: where torch methods compute.
        threads: computing threads of a worker.
        jobs: cells that are worked on at once on its machine; None where that is not known.
    """

    dataset: str
    train_dataset: str | None
    data_dir: str
    fingerprint: str
    training_fingerprint: str
    plugins: tuple[str, ...]
    methods: tuple[str, ...]
    cache: str
    fresh: str | None
    device: str
    threads: int
    jobs: int | None = 1


@dataclass(frozen=True)
class Limits:
    """What a cell may take.

    Attributes:
        timeout: seconds by the clock; None for any.
        memory: resident bytes of the worker with its children; None for any.
    """

    timeout: float | None = None
    memory: int | None = None


class Stopped(Exception):
    """The child was stopped from outside while it worked."""


class Child:
    """One worker process; it is started by the first cell and replaced when it is lost.

    Args:
        setup: what it is told when it starts.
        limits: of each cell.
    """

    def __init__(self, setup: Setup, limits: Limits) -> None:
        self.setup, self.limits = setup, limits
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._closed = False

    def run(self, cell: Cell, waiting: Sequence[Cell], watch: Callable[[Progress], None]) -> Record:
        """The cell's record; a failed one where the process was lost.

        Raises:
            BenchError: what no method is to blame for, such as other data.
            Stopped: `close` was called meanwhile.
        """
        watch(Progress(cell, "start", 0, 0, ""))  # a process that is started takes seconds
        record = None if self._alive() else self._start(cell)
        if record is None:
            record = self._ask((cell, waiting), cell, watch)
        assert record is not None
        return record

    def close(self) -> None:
        """Kill the process with all that it started; the child takes no more cells."""
        with self._lock:
            self._closed = True
            self._kill()

    def _alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _start(self, cell: Cell) -> Record | None:
        """Start a process; a failed record of the cell that waits where it dies at once."""
        with self._lock:
            if self._closed:
                raise Stopped
            self._kill()
            # Methods' own prints, and what a dying interpreter says.
            self._printed = tempfile.TemporaryFile()  # noqa: SIM115
            self._process = subprocess.Popen(
                # -P: no file in the folder that bench is called in stands for a module.
                [sys.executable, "-P", "-m", "bench.execution.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._printed,
                # Its own group: a terminal's Ctrl-C is for the parent, and all of it can be killed.
                start_new_session=True,
                env=_environment(self.setup.threads),
            )
            assert self._process.stdin
            assert self._process.stdout
            self._jobs = Connection(os.dup(self._process.stdin.fileno()), readable=False)
            self._results = Connection(os.dup(self._process.stdout.fileno()), writable=False)
            self._process.stdin.close()
            self._process.stdout.close()
        return self._ask(self.setup, cell, lambda progress: None)

    def _ask(self, job: Any, cell: Cell, watch: Callable[[Progress], None]) -> Record | None:
        """Send a job and wait for its answer: a record, or None when a setup is done."""
        os.ftruncate(self._printed.fileno(), 0)
        started = time.monotonic()
        timeout, memory = self.limits.timeout, self.limits.memory
        if timeout is not None and job is self.setup:  # loading data and methods is no cell's time
            timeout = max(timeout, _START)
        try:
            self._jobs.send(job)
            while True:
                if self._results.poll(_LOOK):
                    kind, value = self._results.recv()
                    if kind == "progress":
                        watch(value)
                    elif kind == "error":
                        raise value
                    else:
                        return value
                if timeout is not None and time.monotonic() - started > timeout:
                    return self._lost(cell, f"it took longer than {timeout:g} s (--timeout)")
                if memory is not None and (used := self._memory()) > memory:
                    limit = f"{memory / 2**30:.2f} GiB (--memory-limit)"
                    return self._lost(
                        cell, f"it took {used / 2**30:.2f} GiB of memory, more than {limit}"
                    )
                if os.fstat(self._printed.fileno()).st_size > _PRINTED:
                    os.ftruncate(self._printed.fileno(), 0)
        except (EOFError, OSError, ValueError):  # of a pipe that was closed
            return self._lost(cell, None)

    def _lost(self, cell: Cell, why: str | None) -> Record:
        """The failed record of a cell whose process died, or is killed here."""
        if self._closed or self._process is None:
            raise Stopped
        if why is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(5)
            why = _death(self._process.poll())
        self._printed.seek(0)
        lines = self._printed.read()[-20_000:].decode("utf-8", "replace").splitlines()
        with self._lock:
            self._kill()
        last_line = next((line.strip() for line in reversed(lines) if line.strip()), "")
        reason = f"{why}; it last printed: {last_line[:200]}" if last_line else why
        return Record(cell, "failed", reason=reason, traceback="\n".join(lines[-_LINES:]))

    def _memory(self) -> int:
        """Resident bytes of the process and its children."""
        import psutil

        total = 0
        with contextlib.suppress(psutil.Error):
            assert self._process
            root = psutil.Process(self._process.pid)
            for process in (root, *root.children(recursive=True)):
                with contextlib.suppress(psutil.Error):
                    total += process.memory_info().rss
        return total

    def _kill(self) -> None:
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for channel in (self._jobs, self._results, self._printed):
            channel.close()
        self._process = None


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
        watch: Callable[[Progress], None] = lambda progress: None,
    ) -> Record:
        """The cell's record, by the child of the thread that calls.

        Args:
            setup: what the child is told when it starts.
            limits: of the cell.
            cell: to be worked on.
            waiting: cells whose models may be fitted along with its own.
            watch: told of progress, in the thread that calls.

        Raises:
            BenchError: what no method is to blame for, such as other data.
            Stopped: `close` was called.
        """
        return self._child(setup, limits).run(cell, waiting, watch)

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


def _environment(threads: int) -> dict[str, str]:
    """The environment of a process that computes with so many threads."""
    variables = {**os.environ, **dict.fromkeys(THREAD_VARIABLES, str(threads))}
    # GNU's OpenMP lets threads that wait for each other spin for long, as if no other process
    # wanted the core: beside one that did, trainings took eight times as long.
    if not {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"} & set(os.environ):
        variables["GOMP_SPINCOUNT"] = "1000"
    return variables


def _death(code: int | None) -> str:
    """What an exit status says, in words."""
    if code is None:
        return "its process closed its pipe and hung"
    if code >= 0:
        return f"its process ended by itself (exit code {code})"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    more = ", as the system does where memory is short" if name == "SIGKILL" else ""
    return f"its process was killed by {name}{more}"


class WorkerError(BenchError):
    """A worker cannot work, whatever the method."""

    exit_code = 7
