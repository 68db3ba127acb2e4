"""One session of work on a run: its folder is held, cells are worked on, their records are kept."""

from __future__ import annotations

import contextlib
import math
import warnings
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import store
from bench.core import Cell, Dataset, Record, UsageError
from bench.evaluation import runner
from bench.execution import pools
from bench.execution.progress import Listener, Overview, ProgressReporter, timestamp
from bench.execution.supervisor import Limits, Setup
from bench.plugins.contract import Method

#: Processes that a run may have on one machine.
MAX_JOBS = 1024


@dataclass(frozen=True)
class Workers:
    """Who works on a run's cells.

    Attributes:
        jobs: processes of this machine that are watched, from 0 to `MAX_JOBS`; 0: this process
            itself, unwatched.
        dask: address of a Dask scheduler, or "local:4" for a cluster of four workers here.
        timeout: seconds that a cell may take; needs `jobs` or `dask`.
        memory_limit: bytes of resident memory that a cell's process may take; likewise.

    Raises:
        UsageError: one of them is out of its range, or they do not go together.
    """

    jobs: int = 0
    dask: str | None = None
    timeout: float | None = None
    memory_limit: int | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.jobs <= MAX_JOBS:
            raise UsageError(f"--jobs {self.jobs}: give a number from 0 to {MAX_JOBS}")
        if self.dask and self.jobs > 1:
            raise UsageError(
                "--jobs and --dask cannot be given together: the cluster has its workers"
            )
        if self.timeout is not None and not (0 < self.timeout < math.inf):
            raise UsageError(f"--timeout {self.timeout}: give seconds, more than 0")
        if self.memory_limit is not None and self.memory_limit <= 0:
            raise UsageError("--memory-limit is more than 0")
        if (self.timeout or self.memory_limit) and not (self.jobs or self.dask):
            raise UsageError("only a process of its own can be stopped: give --jobs 1 or more")

    @property
    def threads(self) -> int:
        """Threads that each of them computes with.

        Raises:
            UsageError: of a cluster's workers here no number is given.
        """
        return pools.computing_threads(self.jobs, self.dask)

    @property
    def known_at_once(self) -> int:
        """Cells worked on at once, as far as the time left can count on it.

        A cluster's workers tell nothing of running cells; there the time between results counts.
        """
        return 1 if self.dask else max(1, self.jobs)


def work(
    path: Path,
    manifest: dict[str, Any],
    cells: Sequence[Cell],
    data: Dataset,
    methods: Mapping[str, Method],
    setup: Setup,
    workers: Workers,
    *,
    retry_failed: bool = False,
    listener: Listener | None = None,
) -> store.Run:
    """Start the run in `path`, or go on with it, until every cell has a record.

    Args:
        path: the run's folder, which no other process may be at work in.
        manifest: what is written of the run before its first cell.
        cells: in the order in which they are begun.
        data: what they are measured on.
        methods: by name.
        setup: what each worker is told; with its time `fresh` the run starts over.
        workers: who works on the cells.
        retry_failed: take up again the cells that failed in an earlier session.
        listener: told how it goes on; without one, warnings are Python's.

    Raises:
        StorageError: the folder or the cache of fitted models cannot be written.
        BenchError: what no method is to blame for ends the session; records so far are kept.
    """
    warn = listener.warned if listener else warnings.warn
    with store.hold(path):
        run = store.start_run(path, manifest, fresh=setup.fresh is not None, retry=retry_failed)
        finished = run.finished() - (run.failed() if retry_failed else set())
        waiting = [cell for cell in cells if cell.key not in finished]
        for note in data.left_out:
            warn(note)
        overview = Overview(cells, waiting, at_once=workers.known_at_once)
        if listener:
            listener.started(run, overview)
        if not waiting:
            return run
        fits = store.FitCache(Path(setup.cache), fresh=setup.fresh, warn=warn)
        if any(method.learns for method in methods.values()):
            fits.check()
        reporter = ProgressReporter(run, overview, listener)
        if workers.jobs or workers.dask:
            records = _in_workers(waiting, methods, setup, workers, reporter)
        else:
            records = runner.run_cells(
                waiting, data, methods, fits,
                device=setup.device, threads=setup.threads, watch=reporter.progress,
            )  # fmt: skip
        with contextlib.closing(records), reporter:
            for record in records:
                run.write(record)
                reporter.recorded(record)
        run.update_manifest(ended=timestamp())
    return run


def _in_workers(
    waiting: Sequence[Cell],
    methods: Mapping[str, Method],
    setup: Setup,
    workers: Workers,
    reporter: ProgressReporter,
) -> Generator[Record]:
    """The records of cells that other processes work on, as they are finished."""
    limits = Limits(workers.timeout, workers.memory_limit)
    on_gpu = setup.device != "cpu"
    pool = (
        pools.DaskPool(pools.Task(setup, limits).run, workers.dask)
        if workers.dask
        else pools.LocalPool(setup, limits, workers.jobs, watch=reporter.progress)
    )
    with pool:
        yield from pool.records(
            waiting,
            learns=lambda cell: methods[cell.method].learns,
            uses_gpu=lambda cell: on_gpu and methods[cell.method].uses_torch,
        )
