"""Puts the parts together: a run from settings to records on disk, as the command does it."""

from __future__ import annotations

import contextlib
import math
import os
import re
import sys
import threading
import time
import warnings
from collections.abc import Generator, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from bench import datasets, store
from bench.core import CONVENTIONS, MATCHED, PROTOCOL_VERSION, Cell, Progress, Record, UsageError
from bench.evaluation import runner
from bench.execution import environment, pools
from bench.execution.progress import Overview, Running
from bench.execution.supervisor import Limits, Setup
from bench.planning import notation
from bench.planning import settings as planning
from bench.planning.cells import plan
from bench.planning.request import resolve
from bench.plugins.contract import Method
from bench.plugins.sources import Registry, load

_MAX_JOBS = 1024
# A file's time may lie so many seconds before the clock's.
_CLOCK = 0.1


class Listener(Protocol):
    """Told how a run goes on."""

    def started(self, run: store.Run, overview: Overview) -> None:
        """The run is planned; `overview` says from now on how far it is."""

    def progress(self, running: Running) -> None:
        """A cell goes on."""

    def recorded(self, record: Record) -> None:
        """A cell is finished, and its result is on disk."""

    def warned(self, text: str) -> None:
        """Something is not as it should be, and the run goes on."""


def run(
    dataset: str | None = None,
    *,
    train_dataset: str | None = None,
    methods: str | Iterable[str] | None = None,
    plugins: Iterable[str | os.PathLike[str]] = (),
    noise: str | float | Iterable[str | float] = planning.DEFAULT_NOISE,
    clip: bool = False,
    train_noise: str | float | Iterable[str | float] = MATCHED,
    seeds: Iterable[int] = (0,),
    limit: int | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    preset: str = "default",
    tune: bool = True,
    quantize: bool = False,
    device: str = "auto",
    data_dir: str | os.PathLike[str] | None = None,
    out: str | os.PathLike[str] = "results",
    name: str | None = None,
    fresh: bool = False,
    jobs: int = 0,
    dask: str | None = None,
    timeout: float | None = None,
    memory_limit: int | None = None,
    retry_failed: bool = False,
    command: str | None = None,
    listener: Listener | None = None,
) -> store.Run:
    """Measure denoising methods, as `bench run` does, and keep the results on disk.

    A run that was interrupted goes on with its first unfinished cell.

    Args:
        dataset: by name; None for MNIST, or `digits` where MNIST cannot be had.
        train_dataset: the data set whose training and validation images are used instead of
            those of `dataset`.
        methods: names, with parameters where wanted: `["median[size=5]", "vae"]`; "classical" for
            all built-in ones that do without torch, extras and other methods; None for
            `bench.planning.settings.DEFAULT_METHODS` and those of `plugins`.
        plugins: files and folders that hold more methods.
        noise: levels of Gaussian noise in [0, 1] units, as numbers or text (`25/255`), or of
            other kinds: `"gaussian:0.1,0.3;poisson:30"` (see `bench.noises.KINDS`).
        clip: limit noisy images to [0, 1].
        train_noise: how methods that learn are trained: "matched" (on the noise that they are
            tested on), "blind" (on levels from 0 to the highest tested), or a level, or
            several of these. A method's own, as in `dae[train=blind]`, goes before it.
        seeds: training seeds of the methods in which something is random. A method's own
            number of them, as in `vae[seeds=4]` (0 to 3), goes before it.
        limit: only the first so many test images.
        epochs: instead of the preset's.
        batch_size: training images an update, instead of the recipe's.
        preset: "quick", "default" or "paper": how long methods are trained and tuned.
        tune: choose untyped parameters on validation images.
        quantize: round outputs to 8 bits before scoring.
        device: "auto", "cpu" or "cuda", for the methods that torch trains.
        data_dir: folder of the data sets.
        out: folder of the runs.
        name: of this run in it; by default the data set and a hash of the settings.
        fresh: start over, and train anew what earlier runs have trained.
        jobs: cells worked on at once, each in a process of its own that is watched; 0: one by one
            in this process, unwatched. The machine's cores are divided among them.
        dask: the address of a Dask scheduler whose workers work on the cells, or "local:4" for
            four here.
        timeout: seconds that a cell may take; needs `jobs` or `dask`.
        memory_limit: bytes of resident memory that its process may take; likewise.
        retry_failed: take up again the cells that failed in an earlier run of the command.
        command: what the manifest is to say made it.
        listener: told how it goes on.

    Returns:
        The run; `run.records()` has a row an image.

    Raises:
        UsageError, DataError, StorageError: one line each, see `bench.core`.
    """
    began, plugins = time.time() - _CLOCK, tuple(plugins)
    _check_limits(jobs, dask, timeout, memory_limit)
    threads = pools.computing_threads(jobs, dask)
    registry = Registry(plugins)
    for given in registry.given:
        registry.load(given)  # a plugin that was asked for and is broken ends it here
    if methods is None:
        # The user's own come early, so that a mistake in them shows before hours of training.
        first, *rest = planning.DEFAULT_METHODS
        names = [first, *registry.given, *rest]
    else:
        names = notation.split_list(methods) if isinstance(methods, str) else list(methods)
        names = [
            name
            for given in names
            for name in (registry.classical if given.strip() == planning.CLASSICAL else [given])
        ]
    # However it is typed, one method with the same parameters is measured once.
    chosen = {str(asked): asked for asked in (resolve(text, registry) for text in names)}
    methods_used = {asked.method.name: asked.method for asked in chosen.values()}
    noise, train_noise = _repeatable(noise), _repeatable(train_noise)
    seeds = list(seeds)
    folder = datasets.data_folder(data_dir)
    # Settings are checked before anything is downloaded.
    values: dict[str, Any] = {
        "methods": chosen,
        "noise": noise,
        "clip": clip,
        "train_noise": train_noise,
        "seeds": seeds,
        "limit": limit,
        "epochs": epochs,
        "batch_size": batch_size,
        "preset": preset,
        "tune": tune,
        "quantize": quantize,
        "device": device,
    }
    planning.settings(dataset or "mnist", **values)
    torch_device = _device(
        device, [asked.method for asked in chosen.values()], elsewhere=dask is not None
    )
    data = datasets.load(dataset, folder) if dataset else datasets.load_default(folder)
    if train_dataset:
        data = datasets.with_training(data, datasets.load(train_dataset, folder))
        values["train_dataset"] = data.training
    settings = planning.settings(data.name, **values)
    cells = plan(settings, data, chosen.values())
    manifest = {
        "format": store.FORMAT_VERSION,
        "protocol": PROTOCOL_VERSION,
        "conventions": _conventions(quantize),
        "settings": settings.as_dict(),
        "dataset": {
            "name": data.name,
            "fingerprint": data.fingerprint,
            "sizes": dict(data.sizes),
            "note": data.note,
            "left_out": list(data.left_out),
            "training": data.training,
            "training_fingerprint": data.training_fingerprint,
        },
        "methods": {
            method.name: {
                "summary": method.summary,
                "reference": method.reference,
                "origin": method.origin,
                "told_noise": method.told,
                "learns": method.learns,
            }
            for method in methods_used.values()
        },
        "cells": [cell.key for cell in cells],
        "device": torch_device,
        "threads": threads,
        "command": command or f"bench.run({data.name!r}, ...)",
        **environment.describe(torch_device),
        "started": _now(),
        "ended": None,
    }
    path = Path(out).expanduser() / _folder_name(name or settings.default_name)
    store.check_free(path)
    warn = listener.warned if listener else warnings.warn
    with store.hold(path):
        result = store.start_run(
            path, store.Manifest.model_validate(manifest), fresh=fresh, retry=retry_failed
        )
        finished = result.finished() - (result.failed() if retry_failed else set())
        waiting = [cell for cell in cells if cell.key not in finished]
        for line in data.left_out:
            warn(line)
        # Dask's workers tell nothing of running cells; then the time between results counts.
        overview = Overview(cells, waiting, at_once=1 if dask else max(1, jobs))
        if listener:
            listener.started(result, overview)
        if not waiting:
            return result
        cache = store.FitCache(fresh=began if fresh else None, warn=warn)
        if any(method.learns for method in methods_used.values()):
            cache.check()
        told = _Told(result, overview, listener)
        if jobs or dask:
            setup = Setup(
                dataset=dataset or data.name,
                train_dataset=train_dataset,
                data_dir=str(folder.absolute()),
                fingerprint=data.fingerprint,
                training_fingerprint=data.training_fingerprint,
                plugins=tuple(str(Path(plugin).expanduser().absolute()) for plugin in plugins),
                methods=tuple(chosen),
                cache=str(cache.folder.absolute()),
                fresh=began if fresh else None,
                device=torch_device,
                threads=threads,
            )
            task = pools.Task(setup, Limits(timeout, memory_limit))
            records = _elsewhere(waiting, task, methods_used, told, jobs, dask)
        else:
            records = runner.run_cells(
                waiting,
                data,
                methods_used,
                cache,
                device=torch_device,
                threads=threads,
                watch=told.progress,
            )
        with contextlib.closing(records), told:
            for record in records:
                result.write(record)
                told.recorded(record)
        result.update_manifest(ended=_now())
    return result


def _elsewhere(
    waiting: list[Cell],
    task: pools.Task,
    methods: Mapping[str, Method],
    told: _Told,
    jobs: int,
    dask: str | None,
) -> Generator[Record]:
    """The records of cells that other processes work on, as they are finished."""
    on_gpu = task.setup.device != "cpu"
    with pools.dask(dask) if dask else pools.local(jobs) as pool:
        yield from pools.run_cells(
            waiting,
            task,
            pool,
            learns=lambda cell: methods[cell.method].learns,
            uses_gpu=lambda cell: on_gpu and methods[cell.method].uses_torch,
            watch=None if dask else told.progress,
        )


class _Told:
    """Tells the listener, and the file that `bench status` reads; from whatever thread."""

    def __init__(self, run: store.Run, overview: Overview, listener: Listener | None) -> None:
        self._run, self._overview, self._listener = run, overview, listener
        self._lock, self._written = threading.Lock(), 0.0

    def progress(self, progress: Progress) -> None:
        with self._lock:
            running = self._overview.progress(progress)
            self._write()
            if self._listener:
                self._listener.progress(running)

    def recorded(self, record: Record) -> None:
        with self._lock:
            self._overview.recorded(record)
            self._write()
            if self._listener:
                self._listener.recorded(record)

    def __enter__(self) -> _Told:
        return self

    def __exit__(self, *_: object) -> None:
        """The run ends, for whatever reason."""
        with self._lock:
            self._overview.running.clear()
            self._write(now=True)

    def _write(self, *, now: bool = False) -> None:
        """At most once a second."""
        if now or time.monotonic() - self._written > 1:
            self._written = time.monotonic()
            self._run.write_progress(self._overview.as_dict(self._run.manifest.command))


def _check_limits(
    jobs: int, dask: str | None, timeout: float | None, memory_limit: int | None
) -> None:
    if not 0 <= jobs <= _MAX_JOBS:
        raise UsageError(f"--jobs {jobs}: give a number from 0 to {_MAX_JOBS}")
    if dask and jobs > 1:
        raise UsageError("--jobs and --dask cannot be given together: the cluster has its workers")
    if timeout is not None and not (0 < timeout < math.inf):
        raise UsageError(f"--timeout {timeout}: give seconds, more than 0")
    if memory_limit is not None and memory_limit <= 0:
        raise UsageError("--memory-limit is more than 0")
    if (timeout or memory_limit) and not (jobs or dask):
        raise UsageError("only a process of its own can be stopped: give --jobs 1 or more")


def get_method(name: str, **params: Any) -> Any:
    """A method by name with parameters set: `get_method("median", size=5).denoise(noisy, noise)`.

    A method that learns comes unfitted.

    Raises:
        UsageError: there is no such method or parameter.
    """
    method = load(name)
    if method.missing:
        raise UsageError(method.missing)
    return method.create(notation.typed_params(method, {k: str(v) for k, v in params.items()}))


def _conventions(quantize: bool) -> dict[str, str]:
    rounded = "; then rounded to 8 bits" if quantize else ""
    return {**CONVENTIONS, "outputs": CONVENTIONS["outputs"] + rounded}


def _repeatable(levels: Any) -> Any:
    """Levels that can be gone through twice."""
    return list(levels) if isinstance(levels, Iterable) and not isinstance(levels, str) else levels


def _device(asked: str, methods: list[Method], *, elsewhere: bool) -> str:
    """Where torch computes; torch is loaded only where it is needed.

    Machines `elsewhere` may have a GPU where this one has none.
    """
    if asked == "cuda" and elsewhere:
        return "cuda"
    if asked == "cpu" or (asked == "auto" and not any(method.uses_torch for method in methods)):
        return "cpu"
    import torch

    if torch.cuda.is_available():
        return "cuda"
    if asked == "cuda":
        raise UsageError(
            f"--device cuda: torch {torch.__version__} finds no CUDA device here; use --device cpu"
        )
    return "cpu"


def _folder_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise UsageError(
            f"--name {name!r} is no folder's name: use letters, digits, '.', '_' and '-'"
        )
    return name


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def command_line() -> str:
    """The command that this process was started with, as a shell would take it."""
    import shlex

    return shlex.join(["bench", *sys.argv[1:]])
