"""Where cells are worked on: child processes of this one, a Dask cluster, any other executor.

What an executor is given is small: its thread hands the cell to a child process that it keeps warm,
see `supervisor`. What is submitted holds names and numbers, never code.
"""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections import Counter
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import (
    FIRST_COMPLETED,
    CancelledError,
    Executor,
    Future,
    ThreadPoolExecutor,
    wait,
)
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

from bench.core import BenchError, Cell, Record, UsageError
from bench.execution.process import Limits
from bench.execution.schedule import Schedule
from bench.execution.supervisor import Children, Setup, Warn, Watch, WorkerError
from bench.planning.settings import MAX_JOBS

#: Cells submitted for each worker: one that it works on, and one that waits for it.
_AHEAD = 2
#: Workers that may be lost with a cell before it is marked failed.
_LOSSES = 3

# Seconds a scheduler may take to answer, and a cluster to have a worker.
_ANSWER, _JOIN = 10, 300

#: The children of this process where it works on tasks that come as pickles, as Dask's workers do.
#: Each comes anew, so what is to stay warm between tasks is the process's: for each thread the
#: child of the setup and limits that it worked for last. A `LocalPool` has its own.
_TASK_CHILDREN = Children()


@dataclass(frozen=True)
class Task:
    """What a worker in another process is to do with cells; it travels as a pickle.

    Attributes:
        setup: what the worker's child is told when it starts.
        limits: of each cell.
    """

    setup: Setup
    limits: Limits

    def run(self, cell: Cell, *waiting: Cell) -> Record:
        """The cell's record, by a child of the process that this is called in."""
        return _TASK_CHILDREN.run(self.setup, self.limits, cell, *waiting, warn=warnings.warn)


class Pool:
    """Workers that cells are given to, by a `concurrent.futures.Executor` that can import bench.

    A context manager: at its end no cell is worked on any more.

    Args:
        run: what the executor does with a cell, such as a `Task`'s `run`; after it may come cells
            that wait for models which may be fitted along with its own.
        executor: what cells are submitted to.
        workers: cells that it works on at once.
        gpu: what cells that compute on a GPU are submitted to, and how many of them at once; one
            at a time to `executor` where it is not given.
    """

    def __init__(
        self,
        run: Callable[..., Record],
        executor: Executor,
        workers: int,
        gpu: tuple[Executor, int] | None = None,
    ) -> None:
        self._run, self._executor, self._workers = run, executor, workers
        self._gpu_executor, self._gpu_capacity = gpu or (executor, 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Whoever made the executor ends it."""

    def records(
        self,
        cells: Iterable[Cell],
        *,
        learns: Callable[[Cell], bool] = lambda cell: False,
        uses_gpu: Callable[[Cell], bool] = lambda cell: False,
        counts_as: Callable[[Cell], int] = lambda cell: 1,
    ) -> Generator[Record]:
        """One record a cell, as they are finished; see `Schedule` for what is begun when.

        Args:
            cells: in the order in which they are begun, as far as they do not wait for each other.
            learns: whether a cell needs a fitted model.
            uses_gpu: whether a cell computes on a GPU.
            counts_as: how many workers' share of the machine a cell takes.

        Raises:
            BenchError: what no method is to blame for ends the sweep.
        """
        schedule = Schedule(cells, learns, uses_gpu, counts_as)
        running: dict[Future[Record], Cell] = {}
        losses = Counter[Cell]()
        try:
            while schedule or running:
                begun = schedule.take(running.values(), self._workers, _AHEAD, self._gpu_capacity)
                for cell in begun:
                    executor = self._gpu_executor if uses_gpu(cell) else self._executor
                    alone = self._gpu_capacity > 1  # another GPU may be about to fit the same
                    alike = () if alone else schedule.alike(cell)
                    running[executor.submit(self._run, cell, *alike)] = cell
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    cell = running.pop(future)
                    record = _result(future, cell, losses)
                    if record is None:
                        schedule.put_back(cell)
                        continue
                    schedule.recorded(cell, record)
                    yield record
        finally:
            for future in running:
                future.cancel()


class LocalPool(Pool):
    """Child processes of this one, watched; they share one GPU, which takes one cell at a time.

    At its end its children are killed, and no other pool's.

    Args:
        setup: what each is told when it starts.
        limits: of each cell.
        jobs: how many work at once.
        watch: told of progress, from other threads.
        warn: told of what is not as it should be, likewise.
    """

    def __init__(
        self,
        setup: Setup,
        limits: Limits,
        jobs: int,
        watch: Watch = lambda progress: None,
        warn: Warn = lambda text: None,
    ) -> None:
        self._children = Children()
        run = partial(self._children.run, setup, limits, watch=watch, warn=warn)
        super().__init__(run, ThreadPoolExecutor(jobs, thread_name_prefix="bench"), jobs)

    def __exit__(self, *_: object) -> None:
        self._children.close()
        self._executor.shutdown(cancel_futures=True)


class DaskPool(Pool):
    """A Dask cluster, connected to from the start.

    Where workers have the resource GPU, cells that compute on one go there, as many at once as
    there are GPUs; else to any worker, one at a time.

    Args:
        run: what its workers do with a cell, such as a `Task`'s `run`.
        address: of its scheduler, or `local:4` for a cluster of four workers here.

    Raises:
        UsageError: Dask is not installed.
        WorkerError: there is no such cluster, or it has no worker.
    """

    def __init__(self, run: Callable[..., Record], address: str) -> None:
        with contextlib.ExitStack() as stack:
            client = _connected(address, stack)
            executor = client.get_executor(pure=False)
            workers = client.scheduler_info(n_workers=-1)["workers"].values()  # -1: of all
            gpus = int(sum(worker["resources"].get("GPU", 0) for worker in workers))
            gpu = (
                (client.get_executor(pure=False, resources={"GPU": 1}), gpus * _AHEAD)
                if gpus
                else None
            )
            threads = sum(client.nthreads().values())
            super().__init__(run, executor, threads, gpu)
            self._connection = stack.pop_all()

    def __exit__(self, *_: object) -> None:
        self._connection.close()


def _connected(address: str, stack: contextlib.ExitStack) -> Any:
    """A client of the cluster, which has a worker; `stack` closes what was opened for it."""
    try:
        import dask
        from distributed import Client, LocalCluster
    except ImportError:
        raise UsageError("--dask needs Dask: pip install 'denoise-bench[dask]'") from None
    # What it logs of lost connections is said by our own errors.
    for name in ("distributed", "distributed.client", "distributed.core"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    # A worker may be lost for reasons of the cluster: the cell is tried again.
    stack.enter_context(dask.config.set({"distributed.scheduler.allowed-failures": 10}))
    cluster: Any = address
    if count := local_workers(address):
        cluster = LocalCluster(
            n_workers=count, threads_per_worker=1, dashboard_address=":0", silence_logs=50
        )
        stack.enter_context(cluster)
    try:
        client = stack.enter_context(Client(cluster, timeout=_ANSWER))
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise WorkerError(f"--dask {address}: no scheduler answers there ({reason})") from error
    try:
        client.wait_for_workers(1, timeout=_JOIN)
    except TimeoutError as error:
        raise WorkerError(
            f"--dask {address}: no worker joined the cluster within {_JOIN} s"
        ) from error
    return client


def _result(future: Future[Record], cell: Cell, losses: Counter[Cell]) -> Record | None:
    """What came of a cell; None where it is to be given to another worker."""
    try:
        record = future.result()
        if record.cell == cell:
            return record
        return Record(cell, "failed", reason="its worker answered for another cell")
    except BenchError:
        raise
    except CancelledError as error:
        raise WorkerError(
            "the engine that the cells run on is lost; finished cells are safe, and the same "
            "command goes on from there"
        ) from error
    except Exception as error:
        # A lost worker (Dask's KilledWorker, a broken pool): the cell is not to blame, as a rule.
        losses[cell] += 1
        if losses[cell] < _LOSSES:
            return None
        text = f"{type(error).__name__}: {' '.join(str(error).split())}"
        return Record(cell, "failed", reason=f"its worker was lost {_LOSSES} times: {text}"[:500])


def local_workers(address: str) -> int:
    """Dask workers that are to be started here; 0 for a cluster's address."""
    kind, _, number = address.partition(":")
    if kind != "local":
        return 0
    if not number.isdecimal() or not 0 < int(number) <= MAX_JOBS:
        raise UsageError(
            f"--dask {address}: write local:4 for four workers; there are {MAX_JOBS} at most"
        )
    return int(number)
