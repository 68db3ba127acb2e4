"""One session of work on a run: its folder is held, cells are worked on, their records are kept."""

from __future__ import annotations

import contextlib
import itertools
import shlex
import shutil
import sys
import warnings
from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from math import prod
from pathlib import Path
from statistics import fmean

from bench import store
from bench.core import Cell, Dataset, Record, StorageError
from bench.core.threads import load_average
from bench.evaluation import runner
from bench.execution import pools
from bench.execution.cores import Shares
from bench.execution.environment import usable_cpus
from bench.execution.process import Limits
from bench.execution.progress import Listener, Overview, ProgressReporter
from bench.execution.supervisor import Setup
from bench.execution.writer import Writer
from bench.planning.settings import Settings
from bench.plugins.contract import Method
from bench.store.cell_meta import CellMeta
from bench.store.manifest import timestamp

#: Cells, and other runs beside this one, that tell how long others take: more would tell no more.
_LOOKED_AT, _RUNS = 200, 3


def work(
    manifest: store.Manifest,
    cells: Sequence[Cell],
    data: Dataset,
    methods: Mapping[str, Method],
    setup: Setup,
    settings: Settings,
    shares: Shares,
    listener: Listener | None = None,
) -> store.Run:
    """Start a run, or go on with it, until every cell has a record.

    Args:
        manifest: what is written of the run before its first cell.
        cells: in the order in which they are begun.
        data: what they are measured on.
        methods: by name.
        setup: what each worker is told; with a name in `fresh` the run starts over.
        settings: say where the run lies, and who works on its cells.
        shares: how many work at once here, and with how many threads.
        listener: told how it goes on; without one, warnings are Python's.

    Raises:
        StorageError: the folder or the cache of fitted models cannot be written.
        BenchError: what no method is to blame for ends the session; records so far are kept.
    """
    path, retry = settings.folder, settings.retry_failed
    store.check_free(path)
    warn = listener.warned if listener else warnings.warn
    with store.hold(path):
        earlier = _earlier_cells(path, manifest)
        keep, fresh = bool(settings.keep), setup.fresh is not None
        taken_up = store.is_run(path) and not fresh
        known = store.open_run(path).manifest.metrics if taken_up else {}
        run = store.start_run(path, manifest, fresh=fresh, retry=retry, keep=keep)
        finished = run.finished() - (run.failed() if retry else set())
        waiting = [cell for cell in cells if cell.key not in finished]
        said = _without(run, finished, set(manifest.metrics) - set(known), settings)
        for note in (*data.left_out, *manifest.notes, *said):
            warn(note)
        fits = store.FitCache(Path(setup.cache), fresh=setup.fresh, warn=warn)
        overview = _overview(earlier, cells, waiting, data, methods, setup, settings, shares, fits)
        if listener:
            listener.started(run, overview)
        if not waiting:
            return run
        if any(method.learns for method in methods.values()):
            fits.check()
        if settings.keep:
            _look_for_room(run, waiting, data, settings, listener)
        reporter = ProgressReporter(run, overview, listener, warn)
        if shares.jobs or settings.dask:
            records = _in_workers(waiting, methods, setup, settings, shares, reporter)
        else:
            records = _here(waiting, data, methods, setup, fits, reporter)
        with contextlib.closing(records), reporter, Writer(run, reporter.recorded) as writer:
            for record in records:
                writer.put(record)
        run.update_manifest(ended=timestamp())
    return run


def _without(
    run: store.Run, finished: Collection[str], metrics: Collection[str], settings: Settings
) -> Iterator[str]:
    """What was asked for after cells had been finished: how they get columns; no outputs."""
    if finished and metrics:
        names = ",".join(sorted(metrics))
        plugins = "".join(f" --plugin {shlex.quote(str(path))}" for path in settings.plugins)
        yield (
            f"{len(finished)} cells were finished without {names}: `bench score "
            f"{shlex.quote(str(run.path))} --metrics {shlex.quote(names)}{plugins}` adds columns"
        )
    bare = [key for key in finished if not run.has_outputs(key)] if settings.keep else ()
    if bare:
        yield f"{len(bare)} cells were finished before, and their outputs are not kept"


def _look_for_room(
    run: store.Run,
    waiting: Sequence[Cell],
    data: Dataset,
    settings: Settings,
    listener: Listener | None,
) -> None:
    """Say what keeping all restored images will take.

    Raises:
        StorageError: the disk has less room.
    """
    sizes = (
        prod(group.shape)
        for group in data.groups(settings.split, settings.limit)
        for _ in group.positions
    )
    planned = store.planned_bytes(sizes, len(waiting), len(settings.noise_seeds))
    free = shutil.disk_usage(run.path).free
    takes = f"the restored images of {len(waiting)} cells take up to {planned / 2**20:,.0f} MiB"
    if planned > free:
        raise StorageError(
            f"{takes}, and {run.path} has room for {free / 2**20:,.0f} MiB: choose another --out, "
            "measure fewer images (--limit), or leave out --keep outputs"
        )
    if listener:  # it is no warning
        listener.warned(f"{takes}, in {run.path / 'outputs'}")


def _earlier_cells(path: Path, manifest: store.Manifest) -> list[CellMeta]:
    """Cells that were finished on this machine before: the run's own, and of those beside it."""
    machine = manifest.machine
    found: list[CellMeta] = []
    beside: list[Path] = []
    with contextlib.suppress(StorageError):  # where nobody may look around
        beside = [other for other in store.run_folders(path.parent)[::-1] if other != path][:_RUNS]
    for folder in (path, *beside):
        with contextlib.suppress(StorageError):  # none where a file is damaged
            run = store.open_run(folder)
            there = run.manifest.machine
            if (there.cpu, there.cores, there.gpu) == (machine.cpu, machine.cores, machine.gpu):
                found += itertools.islice(run.metadata(), _LOOKED_AT - len(found))
    return found


def _overview(
    earlier: Sequence[CellMeta],
    cells: Sequence[Cell],
    waiting: Sequence[Cell],
    data: Dataset,
    methods: Mapping[str, Method],
    setup: Setup,
    settings: Settings,
    shares: Shares,
    fits: store.FitCache,
) -> Overview:
    """What is known of the session's cells before the first of them is begun."""
    on_gpu = setup.device != "cpu"
    return Overview(
        cells,
        waiting,
        # Dask's workers tell nothing of running cells; there the time between results counts.
        1 if settings.dask else max(1, shares.jobs),
        fitted=fits.has,
        serial=lambda cell: on_gpu and methods[cell.method].uses_gpu,
        earlier=earlier,
        slowdown=_slowdown(max(1, shares.jobs), earlier),
        images=min(settings.limit or sys.maxsize, data.sizes[settings.split])
        * len(settings.noise_seeds),
    )


def _slowdown(jobs: int, earlier: Sequence[CellMeta]) -> float:
    """How much longer cells take than earlier ones, by what else wants the cores now and did then.

    Args:
        jobs: cells that are worked on at once.
        earlier: cells that were finished before; the load then was partly their own.
    """
    cores = usable_cpus()
    loads = [meta.conditions.load for meta in earlier if meta.conditions.load is not None]
    then = max(1.0, fmean(loads) / cores) if loads else 1.0
    return max(1.0, ((load_average() or 0.0) + jobs) / cores) / then


def _here(
    waiting: Sequence[Cell],
    data: Dataset,
    methods: Mapping[str, Method],
    setup: Setup,
    fits: store.FitCache,
    reporter: ProgressReporter,
) -> Generator[Record]:
    """The records of cells that this process works on."""
    return runner.run_cells(
        waiting,
        data,
        methods,
        fits,
        device=setup.device,
        threads=setup.threads,
        watch=reporter.progress,
        waiting=waiting,
        examined=setup.scorer.examiner(data).exam,
        tuned_by=setup.scorer.tuner(data),
    )


def _in_workers(
    waiting: Sequence[Cell],
    methods: Mapping[str, Method],
    setup: Setup,
    settings: Settings,
    shares: Shares,
    reporter: ProgressReporter,
) -> Generator[Record]:
    """The records of cells that other processes work on, as they are finished."""
    limits = Limits(settings.timeout, settings.memory_limit)
    on_gpu = setup.device != "cpu"
    pool = (
        pools.DaskPool(pools.Task(setup, limits).run, settings.dask)
        if settings.dask
        else pools.LocalPool(setup, limits, shares.jobs, reporter.progress, reporter.warned)
    )
    with pool:
        yield from pool.records(
            waiting,
            learns=lambda cell: methods[cell.method].learns,
            uses_gpu=lambda cell: on_gpu and methods[cell.method].uses_gpu,
            counts_as=lambda cell: shares.taken_by(cell, methods[cell.method].uses_torch),
        )
