"""The process that works on cells, started by `supervisor.Child`.

On its standard input come a `Setup` and then cells, on its standard output go answers, each a
pickle between processes of one command. It ends when its input does, so that no worker outlives
its parent, even one that is killed.
"""

from __future__ import annotations

import os
import queue
import threading
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

#: Seconds between two reports of progress, at least.
_PAUSE = 0.1
#: Seconds without a cell after which the process ends; its parent starts another.
_IDLE = 600


def main() -> None:
    """Work until the input ends."""
    answers = Connection(os.dup(1), readable=False)
    jobs = Connection(os.dup(0), writable=False)
    os.dup2(2, 1)  # what methods print is no answer
    os.close(0)
    waiting: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(jobs, waiting), daemon=True).start()
    from bench.core import BenchError

    try:
        worker = _Worker(waiting.get(), answers)
        answers.send(("ready", None))
        while True:
            answers.send(("record", worker.record(*waiting.get(timeout=_IDLE))))
    except queue.Empty:  # a cluster's worker that nobody uses keeps no memory
        os._exit(0)  # at once: a cell that comes while it ends would be lost
    except BenchError as error:
        answers.send(("error", type(error)(str(error))))


def _listen(jobs: Connection, waiting: queue.SimpleQueue[Any]) -> None:
    """Take jobs as they come, and end the process with the parent, whatever it is doing."""
    try:
        while True:
            waiting.put(jobs.recv())
    except EOFError:
        os._exit(0)


class _Worker:
    """Data and methods, loaded once."""

    def __init__(self, setup: Any, answers: Connection) -> None:
        from bench import datasets
        from bench.planning.request import resolve
        from bench.plugins.sources import Registry
        from bench.store import FitCache

        self._setup, self._answers, self._last_report = setup, answers, 0.0
        folder = Path(setup.data_dir)
        folder = folder if folder.is_dir() else datasets.data_folder(None)
        self._examiner: Any = None
        if setup.sealed:
            from bench.evaluation.examiner import Examiner

            self._examiner = Examiner(setup.dataset, setup.train_dataset, folder)
            data = self._examiner.dataset
        else:
            data = datasets.load_for(setup.dataset, setup.train_dataset, folder)
        _check_data(data.name, data.fingerprint, setup.fingerprint, folder)
        if setup.train_dataset:
            _check_data(
                data.training, data.training_fingerprint, setup.training_fingerprint, folder
            )
        self._data = data
        registry = Registry(setup.plugins)
        requests = [resolve(text, registry) for text in setup.methods]
        self._methods = {request.method.name: request.method for request in requests}
        self._fits = FitCache(Path(setup.cache), fresh=setup.fresh, warn=_warn)

    def record(self, cell: Any, waiting: Any) -> Any:
        """The cell's record; models of those that wait may be fitted along with its own."""
        from bench.evaluation import runner

        if self._setup.device == "cuda" and self._methods[cell.method].uses_gpu:
            _check_gpu()
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
            examined=self._examiner.exam if self._examiner else None,
        )
        return record

    def _report(self, progress: Any) -> None:
        now = time.monotonic()
        begins_or_ends = progress.done in (0, progress.total)
        if begins_or_ends or now - self._last_report > _PAUSE:
            self._last_report = now
            self._answers.send(("progress", progress))


def _check_data(name: str, fingerprint: str, planned: str, folder: Path) -> None:
    from bench.core import DataError

    if fingerprint != planned:
        raise DataError(
            f"the worker's {name} in {folder} is other data (fingerprint {fingerprint}) than the "
            f"run was planned for ({planned}): give it the same files"
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


def _warn(text: str) -> None:
    import sys

    print(text, file=sys.stderr)


if __name__ == "__main__":
    main()
