"""Cells on any `concurrent.futures.Executor`: threads of this process, a Dask cluster, ...

The executor's task is small: it hands the cell to a child process that its thread keeps warm, see
`supervisor`. What is submitted holds names and numbers, never code.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import (
    FIRST_COMPLETED,
    CancelledError,
    Executor,
    Future,
    ThreadPoolExecutor,
    wait,
)
from dataclasses import dataclass
from typing import Any

from bench.core import BenchError, Cell, Progress, Record, UsageError
from bench.execution.environment import usable_cpus
from bench.execution.supervisor import Child, Limits, Setup, Stopped, WorkerError

#: Submitted cells for each worker: one that it works on, and one that waits for it.
_AHEAD = 2
#: How often a cell is given to another worker when its own is lost, before it is marked failed.
_AGAIN = 3

# How long a scheduler may take to answer, and a cluster to have a worker, in seconds.
_ANSWER, _JOIN = 10, 300
# How many cells that must wait are passed over in looking for one that need not.
_HELD = 1000

_local = threading.local()
_stopping = threading.Event()
_children: set[Child] = set()
_lock = threading.Lock()


@dataclass(frozen=True)
class Pool:
    """Where cells are worked on.

    Attributes:
        executor: what runs them.
        workers: how many it works on at once.
        gpu: what runs cells that compute on a GPU, and how many of them it may be given at once.
    """

    executor: Executor
    workers: int
    gpu: tuple[Executor, int]


@dataclass(frozen=True)
class Task:
    """What an executor runs; it travels as a pickle."""

    setup: Setup
    limits: Limits

    def run(self, cell: Cell, watch: Callable[[Progress], None] | None = None) -> Record:
        """Have the cell worked on by this thread's child."""
        child: Child | None = getattr(_local, "child", None)
        if _stopping.is_set():
            raise Stopped
        if child is None or (child.setup, child.limits) != (self.setup, self.limits):
            with _lock:
                if child is not None:
                    child.close()
                    _children.discard(child)
                _local.child = child = Child(self.setup, self.limits)
                _children.add(child)
        return child.run(cell, watch or (lambda progress: None))


def stop_children() -> None:
    """Kill the children of all threads of this process; threads that still work end at once."""
    _stopping.set()
    with _lock:
        for child in _children:
            child.close()
        _children.clear()


def run_cells(
    cells: Iterable[Cell],
    task: Task,
    pool: Pool,
    *,
    learns: Callable[[Cell], bool] = lambda cell: False,
    uses_gpu: Callable[[Cell], bool] = lambda cell: False,
    watch: Callable[[Progress], None] | None = None,
) -> Iterator[Record]:
    """One record a cell, as they are finished.

    Of the cells that need the same fitted model one is worked on first, which fits it, and then the
    others, which find it.

    Args:
        cells: in the order in which they are begun, as far as they do not wait for each other.
        task: what is done with each.
        pool: where.
        learns: whether a cell needs a fitted model.
        uses_gpu: whether a cell computes on the GPU.
        watch: told of progress, from other threads; only for executors within this process.

    Raises:
        BenchError: what no method is to blame for ends the sweep.
    """
    waiting, again = deque(cells), dict[Cell, int]()
    running: dict[Future[Record], Cell] = {}
    fitted: set[str] = set()
    extra = (watch,) if watch else ()

    def fits(cell: Cell) -> set[str]:
        """The model that this cell fits, which no other cell may be at."""
        return {cell.fit_key} - fitted if learns(cell) else set()

    try:
        while waiting or running:
            begun = set[str]().union(*map(fits, running.values()))
            on_gpu = sum(map(uses_gpu, running.values()))
            held: list[Cell] = []
            while waiting and len(running) < pool.workers * _AHEAD and len(held) < _HELD:
                cell = waiting.popleft()
                gpu = uses_gpu(cell)
                if fits(cell) & begun or (gpu and on_gpu >= pool.gpu[1]):
                    held.append(cell)
                    continue
                begun |= fits(cell)
                on_gpu += gpu
                executor = pool.gpu[0] if gpu else pool.executor
                running[executor.submit(task.run, cell, *extra)] = cell
            waiting.extendleft(reversed(held))
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                cell = running.pop(future)
                record = _result(future, cell, again)
                if record is None:
                    waiting.appendleft(cell)
                    continue
                if record.status == "done":
                    fitted |= fits(cell)
                yield record
    finally:
        for future in running:
            future.cancel()


def _result(future: Future[Record], cell: Cell, again: dict[Cell, int]) -> Record | None:
    """What came of a cell; None where it is to be given to another worker."""
    try:
        return future.result()
    except BenchError:
        raise
    except CancelledError as error:
        raise WorkerError(
            "the engine that the cells run on is lost; finished cells are safe, and the same "
            "command goes on from there"
        ) from error
    except Exception as error:
        # A lost worker (Dask's KilledWorker, a broken pool): the cell is not to blame, as a rule.
        again[cell] = again.get(cell, 0) + 1
        if again[cell] < _AGAIN:
            return None
        text = f"{type(error).__name__}: {' '.join(str(error).split())}"
        return Record(cell, "failed", reason=f"its worker was lost {_AGAIN} times: {text}"[:500])


def computing_threads(jobs: int, dask: str | None) -> int:
    """Of each worker: this machine's cores are shared out; a worker elsewhere has one.

    Raises:
        UsageError: of local workers no number is given.
    """
    if dask is not None and not _local_workers(dask):
        return 1
    return max(1, usable_cpus() // max(1, _local_workers(dask) if dask else jobs))


def _local_workers(where: str) -> int:
    """How many of Dask's workers are to be started here; 0 for a cluster's address."""
    kind, _, number = where.partition(":")
    if kind != "local":
        return 0
    if not number.isdecimal() or not int(number):
        raise UsageError(f"--dask {where}: write local:4 for four workers")
    return int(number)


@contextlib.contextmanager
def local(jobs: int) -> Iterator[Pool]:
    """Threads that keep a child each; they share one GPU, which works on one cell at a time."""
    _stopping.clear()
    executor = ThreadPoolExecutor(jobs, thread_name_prefix="bench")
    try:
        yield Pool(executor, jobs, gpu=(executor, 1))
    finally:
        stop_children()
        executor.shutdown(cancel_futures=True)


@contextlib.contextmanager
def dask(where: str) -> Iterator[Pool]:
    """A Dask cluster by its scheduler's address, or `local:4` for one of four workers here.

    Where workers have the resource GPU, cells that compute on one go there, as many at once as
    there are GPUs; else to any worker, one at a time.

    Raises:
        UsageError: Dask is not installed.
        WorkerError: there is no such cluster, or it has no worker.
    """
    try:
        import dask as library
        from distributed import Client, LocalCluster
    except ImportError:
        raise UsageError("--dask needs Dask: pip install 'denoise-bench[dask]'") from None
    # What it logs of lost connections is said by our own errors.
    for name in ("distributed", "distributed.client", "distributed.core"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    here = _local_workers(where)
    with contextlib.ExitStack() as stack:
        # A worker may be lost for reasons of the cluster: the cell is tried again.
        stack.enter_context(library.config.set({"distributed.scheduler.allowed-failures": 10}))
        cluster: Any = where
        if here:
            cluster = stack.enter_context(
                LocalCluster(
                    n_workers=here,
                    threads_per_worker=1,
                    dashboard_address=":0",
                    silence_logs=50,
                )
            )
        try:
            client = stack.enter_context(Client(cluster, timeout=_ANSWER))
        except (OSError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise WorkerError(f"--dask {where}: no scheduler answers there ({reason})") from error
        try:
            client.wait_for_workers(1, timeout=_JOIN)
        except TimeoutError as error:
            raise WorkerError(
                f"--dask {where}: no worker joined the cluster within {_JOIN} s"
            ) from error
        executor = client.get_executor(pure=False)
        found = client.scheduler_info(n_workers=-1)["workers"].values()  # -1: of all
        gpus = int(sum(worker["resources"].get("GPU", 0) for worker in found))
        gpu = (
            (client.get_executor(pure=False, resources={"GPU": 1}), gpus * _AHEAD)
            if gpus
            else (executor, 1)
        )
        yield Pool(executor, sum(client.nthreads().values()), gpu)
