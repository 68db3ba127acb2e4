"""The process that works on cells, started by `process.WatchedProcess`.

On its standard input come jobs, pickles between processes of one command: a `Setup` and then
cells, or a `process.Job`. On its standard output go answers. It
ends when its input does, with all that methods started, so that no worker outlives its parent, even
one that is killed.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import select
import signal
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any

from bench.execution import pipes

#: Seconds between two reports of progress, at least.
_PAUSE = 0.1
#: Characters of an error's line that are told, at most.
_LONG = 2000
#: Seconds without a job after which the process ends; its parent starts another.
_IDLE = 600


def main() -> None:
    """Work until the input ends."""
    if os.getpgrp() == os.getpid():  # a group of its own, which may be killed
        _guard_group()
    answers, jobs = os.dup(1), os.dup(0)
    os.dup2(2, 1)  # what methods print is no answer
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)  # what methods start reads no jobs
    os.close(nothing)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # their last words
    os.register_at_fork(after_in_child=lambda: _close(answers, jobs))
    waiting: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(jobs, waiting), daemon=True).start()
    code = 0
    try:
        _answer(waiting, answers)
    except queue.Empty:  # a cluster's worker that nobody uses keeps no memory
        pass
    except BaseException:
        traceback.print_exc()
        code = 1
    # At once: threads of a method would be waited for, and a cell that comes meanwhile be lost.
    os._exit(code)


def _answer(waiting: queue.SimpleQueue[Any], answers: int) -> None:
    """Answer jobs until there is none, or one cannot be done."""
    from bench.core import BenchError
    from bench.execution.process import Job
    from bench.execution.supervisor import Setup

    def tell(kind: str, value: Any) -> None:
        pipes.send(answers, kind, value)

    worker: Any = None
    try:
        while True:
            job = waiting.get(timeout=_IDLE)
            if isinstance(job, Job):
                answer = job.answer(tell)
            elif isinstance(job, Setup):
                worker, answer = _Worker(job, answers), None
            else:
                answer = worker.record(*job)
            pipes.send(answers, "answer", answer)
            answer = None  # a record holds clean images, which the next call could find
    except BenchError as error:
        pipes.send(answers, "error", type(error)(str(error)[:_LONG]))


def _guard_group() -> None:
    """Have the whole group killed when the parent is gone, whatever this process does then.

    The guard is a process of the group, but no child of this one: a method may wait for all of its
    children.
    """
    if first := os.fork():
        os.waitpid(first, 0)
        return
    if os.fork():
        os._exit(0)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)
    poll = select.poll()
    poll.register(0, 0)  # the end of the input, and nothing else
    poll.poll()
    os.killpg(0, signal.SIGKILL)


def _listen(jobs: int, waiting: queue.SimpleQueue[Any]) -> None:
    """Take jobs as they come, and end the process with the parent, whatever it is doing."""
    with contextlib.suppress(EOFError, OSError), os.fdopen(jobs, "rb", closefd=False) as stream:
        while True:
            waiting.put(pickle.load(stream))
    os._exit(0)


def _close(*descriptors: int) -> None:
    """In a process that a method forks: the pipes are not its own."""
    for descriptor in descriptors:
        with contextlib.suppress(OSError):
            os.close(descriptor)


class _Worker:
    """Data, loaded once, and methods, loaded with the first cell of each."""

    def __init__(self, setup: Any, answers: int) -> None:
        from bench.execution.environment import code_digest
        from bench.plugins.sources import Registry
        from bench.store import FitCache

        self._setup, self._answers, self._last_report = setup, answers, 0.0
        if code_digest() != setup.code:
            raise _other_code("bench itself")
        source = setup.source.here()
        self._examiner: Any
        if setup.sealed:
            from bench.evaluation.examiner import Examiner

            self._examiner = Examiner(source, setup.scorer)
            data = self._examiner.dataset
        else:
            data = source.open()
            self._examiner = setup.scorer.examiner(data)
        _check_data(data.name, data.fingerprint, setup.fingerprint, source.folder)
        if source.train_dataset:
            _check_data(
                data.training, data.training_fingerprint, setup.training_fingerprint, source.folder
            )
        self._data, self._tuner = data, setup.scorer.tuner(data)
        self._registry = Registry(setup.plugins)
        self._methods: dict[str, Any] = {}
        self._sources: set[tuple[str, str]] = set()
        self._fits = FitCache(Path(setup.cache), fresh=setup.fresh, warn=self._warn)

    def record(self, cell: Any, waiting: Any) -> Any:
        """The cell's record; models of those that wait may be fitted along with its own."""
        from bench.core import Record, UsageError
        from bench.core.process_state import CannotSetBack, set_back
        from bench.evaluation import runner
        from bench.plugins.noise_code import OtherCode, load_code, noises_of

        try:
            self._load(cell.method)
            load_code(noises_of(cell, *waiting), self._registry)
        except OtherCode as error:
            raise _other_code(error.kind) from None
        except UsageError as error:  # here it cannot be used, though where the run was planned
            return Record(cell, "failed", reason=str(error))
        for one in (cell, *waiting):
            if (one.method, one.source) not in self._sources:
                raise _other_code(one.method)
        if self._setup.device == "cuda" and self._methods[cell.method].uses_gpu:
            _check_gpu()
        pipes.send(self._answers, "loaded", None)
        try:
            with set_back():
                (record,) = runner.run_cells(
                    [cell],
                    self._data,
                    self._methods,
                    self._fits,
                    device=self._setup.device,
                    threads=self._setup.threads,
                    jobs=self._setup.jobs,
                    watch=self._report,
                    waiting=waiting,
                    examined=self._examiner.exam,
                    tuned_by=self._tuner,
                )
        except CannotSetBack:  # the cell failed of it; the next one gets another process
            pipes.send(self._answers, "spent", None)
        return record

    def _load(self, name: str) -> None:
        """Load a method, as often as it is asked for in other ways: with other files, or others."""
        from bench.planning import notation
        from bench.planning.request import methods_by_name, resolve

        if name in self._methods:
            return
        texts = [text for text in self._setup.methods if notation.parse(text)[0] == name]
        requested = [resolve(text, self._registry) for text in texts]
        self._methods |= methods_by_name(requested)
        self._sources.update((name, each.method.source) for each in requested)

    def _report(self, progress: Any) -> None:
        now = time.monotonic()
        begins_or_ends = progress.done in (0, progress.total)
        if begins_or_ends or now - self._last_report > _PAUSE:
            self._last_report = now
            pipes.send(self._answers, "progress", progress)

    def _warn(self, text: str) -> None:
        pipes.send(self._answers, "warning", text)


def _check_data(name: str, fingerprint: str, planned: str, folder: Path) -> None:
    from bench.core import DataError

    if fingerprint != planned:
        raise DataError(
            f"the worker's {name} in {folder} is other data (fingerprint {fingerprint}) than the "
            f"run was planned for ({planned}): give it the same files"
        )


def _other_code(what: str) -> Exception:
    import platform

    from bench.execution.supervisor import WorkerError

    return WorkerError(
        f"the worker on {platform.node()} has other code of {what} than the run was planned for: "
        "it was changed meanwhile, or is of another version there; finished cells are safe, and "
        "the same command plans anew"
    )


def _check_gpu() -> None:
    import platform

    import torch

    from bench.execution.supervisor import WorkerError

    if not torch.cuda.is_available():
        raise WorkerError(
            f"the worker on {platform.node()} finds no CUDA device: start those that have one with "
            "--resources GPU=1, and these cells go there; or use --device cpu"
        )


if __name__ == "__main__":
    main()
