"""A process of ours, watched: it is asked, it answers, and it is ended when it goes too far."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bench.core.threads import THREAD_VARIABLES
from bench.execution.pipes import Garbled, Pipes

#: Seconds between two looks at a process's memory, and until a dead one is noticed.
_LOOK = 0.2
#: Seconds that it may take to load what an answer needs, where more are not allowed.
LOADING = 300.0
#: Seconds after which a process that was killed is no longer waited for.
_GONE = 10.0
#: Lines of what it printed that are told where it is lost.
_LINES = 20


@dataclass(frozen=True)
class Limits:
    """What a cell may take.

    Attributes:
        timeout: seconds by the clock; None for any.
        memory: resident bytes of the worker with its children; None for any.
    """

    timeout: float | None = None
    memory: int | None = None


class Job:
    """What the other process does where it does not work on a run's cells; it is pickled."""

    def answer(self, tell: Callable[[str, Any], None]) -> Any:
        """In the other process: the answer.

        Args:
            tell: says something before it, by kind: "alive" for another while, "loaded" where what
                takes its time begins, and whatever who asks wants to hear.

        Raises:
            BenchError: it is the answer.
        """
        raise NotImplementedError


class Stopped(Exception):
    """The process was stopped from outside while it worked."""


class Lost(Exception):
    """The process ended, or was ended, before it answered: the one argument says why.

    Attributes:
        lines: the last that it printed.
        limit: of the `Limits`, the one that it broke; empty where it ended by itself.
    """

    def __init__(self, why: str, lines: tuple[str, ...] = (), limit: str = "") -> None:
        super().__init__(why, lines, limit)
        self.lines, self.limit = lines, limit

    def __str__(self) -> str:
        return str(self.args[0])


class WatchedProcess:
    """A process that runs `bench.execution.worker`, with whatever it starts.

    Args:
        limits: of each answer.
        threads: that it computes with.
        loading: seconds that it may take to load what an answer needs; `limits.timeout` where
            that is longer.
    """

    def __init__(self, limits: Limits, threads: int = 1, loading: float = LOADING) -> None:
        self.limits = limits
        self._threads, self._loading = threads, loading
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._closed = False

    @property
    def alive(self) -> bool:
        """It was started and did not end."""
        process = self._process  # another thread may close it
        return process is not None and process.poll() is None

    def start(self) -> None:
        """Start it, in place of the one before."""
        with self._lock:
            if self._closed:
                raise Stopped
            self._kill()
            self._process = subprocess.Popen(
                # -P: no file in the folder that bench is called in stands for a module.
                [sys.executable, "-P", "-m", "bench.execution.worker"],
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,  # methods' own prints, and what a dying interpreter says
                # Its own group: a terminal's Ctrl-C is for the parent, and all of it can be killed.
                start_new_session=True,
                env=_environment(self._threads),
            )
            self._pipes = Pipes(self._process)

    def ask(self, job: Any, heard: Callable[[str, Any], None] = lambda kind, value: None) -> Any:
        """The answer to a job.

        Args:
            job: what `bench.execution.worker` takes.
            heard: told of what comes before the answer, by kind.

        Raises:
            Lost: it died, or broke a limit and was killed.
            Stopped: `close` was called meanwhile.
            BenchError: the answer is an error.
        """
        try:
            return self._ask(job, heard)
        except BaseException:  # also one of `heard`: its answer may come yet, and is no other's
            with self._lock:
                self._kill()
            raise

    def _ask(self, job: Any, heard: Callable[[str, Any], None]) -> Any:
        """Likewise; it may go on with the job where this is left."""
        allowed: float | None = max(self.limits.timeout or 0.0, self._loading)
        doing = "to load what it needs; --timeout gives it more"
        began = looked = time.monotonic()
        self._to_pipes(Pipes.send, job)
        while True:
            ended = not self.alive  # before the look: what it sent until then will be found
            message = self._to_pipes(Pipes.receive, 0.0 if ended else _LOOK)
            if message is not None:
                kind, value = message
                if kind == "answer":
                    return value
                if kind == "error":
                    raise value
                if kind == "loaded":
                    began, allowed, doing = time.monotonic(), self.limits.timeout, "(--timeout)"
                elif kind == "alive":
                    began = time.monotonic()
                else:
                    heard(kind, value)
            elif ended and self._pipes.silent:
                raise self._lost(None)
            now = time.monotonic()
            if allowed is not None and now - began > allowed:
                raise self._lost(f"it took longer than {allowed:g} s {doing}", "timeout")
            if now - looked > _LOOK:
                looked = now
                self._check_memory()

    def own_bytes(self) -> int:
        """Resident bytes of the process alone; 0 where there is none."""
        process = self._process
        return _resident(process.pid) if process else 0

    def close(self) -> None:
        """Kill it with all that it started; it answers no more."""
        with self._lock:
            self._closed = True
            self._kill()

    def _to_pipes(self, call: Callable[..., Any], argument: Any) -> Any:
        """What a call of the pipes gives; its errors are the process's loss."""
        try:
            return call(self._pipes, argument)
        except Garbled as error:
            raise self._lost(f"its answer cannot be read ({error})") from error
        except (EOFError, OSError, ValueError):  # of a pipe that was closed
            raise self._lost(None) from None

    def _check_memory(self) -> None:
        memory = self.limits.memory
        if memory is None:
            return
        used = sum(_resident(process.pid) for process in _tree(self._process))
        if used > memory:
            raise self._lost(
                f"it took {used / 2**30:.2f} GiB of memory, more than {memory / 2**30:.2f} GiB "
                "(--memory-limit)",
                "memory",
            )

    def _lost(self, why: str | None, limit: str = "") -> Exception:
        """What is to be raised when it died, or is killed here for breaking a limit."""
        process = self._process
        if process is None:
            return Stopped()
        if why is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(5)
            why = _death(process.poll())
        with self._lock:
            if self._closed:
                return Stopped()
            printed = self._kill()
        lines = printed.decode("utf-8", "replace").splitlines()
        last = next((line.strip() for line in reversed(lines) if line.strip()), "")
        reason = f"{why}; it last printed: {last[:200]}" if last else why
        return Lost(reason, tuple(lines[-_LINES:]), limit)

    def _kill(self) -> bytes:
        """Kill its group, and what left the group; returns the last that was printed."""
        import psutil

        process, self._process = self._process, None
        if process is None:
            return b""
        tree = _tree(process)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        for other in tree:
            with contextlib.suppress(psutil.Error):
                other.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):  # of one that waits for a dead disk
            process.wait(_GONE)
        return self._pipes.close()


def _tree(process: subprocess.Popen[bytes] | None) -> list[Any]:
    """A process that lives, and those that it started, as psutil has them."""
    import psutil

    if process is None or process.poll() is not None:
        return []
    with contextlib.suppress(psutil.Error):
        root = psutil.Process(process.pid)
        return [root, *root.children(recursive=True)]
    return []


def _resident(process: int) -> int:
    import psutil

    with contextlib.suppress(psutil.Error):
        return psutil.Process(process).memory_info().rss
    return 0


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
