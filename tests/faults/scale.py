"""How runs scale: what cells and records cost in time and memory, what workers gain.

python tests/faults/scale.py --cells 100000
python tests/faults/scale.py --records 10000000
python tests/faults/scale.py --writer 20000
BENCH_DATA_DIR=~/data python tests/faults/scale.py --workers
"""

import argparse
import heapq
import os
import resource
import statistics
import sys
import tempfile
import threading
import time
from concurrent.futures import Executor, Future
from pathlib import Path
from unittest.mock import patch

import psutil

import bench
from bench.core import Record
from bench.execution import pools
from bench.execution.environment import usable_cpus

sys.path.insert(0, str(Path(__file__).parent))
from big_run import big_run

sys.path.pop(0)

FREE = Path(__file__).with_name("free.py")
LEVELS = 50
CLASSICAL = "identity,gaussian,median,wavelet,tv,bilateral,wiener"


def free_cells(count, out):
    """The settings of so many cells of a method that costs nothing."""
    return {
        "dataset": "digits", "plugins": [FREE], "limit": 1, "tune": False, "jobs": 1,
        "methods": [f"free[index={index}]" for index in range(count // LEVELS)],
        "noise": [(level + 1) / 100 for level in range(LEVELS)], "out": out, "name": "scale",
    }  # fmt: skip


def cells(count):
    """A sweep of a method that costs nothing: what is left is what a cell costs."""
    with tempfile.TemporaryDirectory() as out:
        settings = free_cells(count, out)
        watch = Watch(count)
        started = time.perf_counter()
        run = bench.run(listener=watch, **settings)
        took = time.perf_counter() - started
        first, *_, last = watch.memory
        print(
            f"{count:,} cells: {took:.0f} s, {1000 * took / count:.2f} ms a cell; memory of the "
            f"command {first:.0f} MiB after the first cells, {last:.0f} MiB at the end "
            f"(peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB), of its "
            f"worker {watch.worker[0]:.0f} and {watch.worker[-1]:.0f} MiB"
        )
        started = time.perf_counter()
        again = bench.run(**settings)
        print(f"resuming the finished run: {time.perf_counter() - started:.1f} s")
        assert len(again.finished()) == len(run.finished()) == count
        gone = sorted((run.path / "cells").iterdir())[::1000]
        for path in gone:
            path.unlink()
        started = time.perf_counter()
        bench.run(**settings)
        print(f"resuming it with {len(gone)} cells missing: {time.perf_counter() - started:.1f} s")


class Watch:
    """Looks at the memory now and then; a listener of `bench.run`."""

    def __init__(self, count):
        self.memory, self.worker, self.step, self.seen = [], [], max(1, count // 20), 0
        self.first = self.last = 0.0

    def started(self, run, overview):
        self._cpu = time.process_time()

    def progress(self, running):
        pass

    def warned(self, text):
        pass

    def recorded(self, record):
        self.last, self.cpu = time.perf_counter(), time.process_time() - self._cpu
        self.first = self.first or self.last
        self.seen += 1
        if self.seen % self.step == 0:
            here = psutil.Process()
            self.memory.append(here.memory_info().rss / 2**20)
            children = here.children(recursive=True)
            self.worker.append(sum(child.memory_info().rss for child in children) / 2**20)


def records(count, images):
    """What reads all records of a run, on one of so many: seconds, and peak memory."""
    with tempfile.TemporaryDirectory() as folder:
        run, other = Path(folder) / "run", Path(folder) / "other"
        started = time.perf_counter()
        cells = big_run(run, records=count, images=images).manifest.cells
        size = sum(path.stat().st_size for path in (run / "cells").iterdir())
        print(
            f"{count:,} records in {len(cells):,} cells, {size / 2**30:.2f} GiB, written in "
            f"{time.perf_counter() - started:.0f} s"
        )
        # The same records a second time take no room.
        other.mkdir()
        (other / "cells").symlink_to(run / "cells")
        (other / "manifest.json").write_bytes((run / "manifest.json").read_bytes())
        limits = ["--thresholds", f"{folder}/limits.toml"]
        for name, *arguments in (
            ["report", str(run), "--out", folder],
            ["check", str(run), "--update", *limits],
            ["check", str(run), *limits],
            ["compare", str(other), str(run)],
        ):
            seconds, cpu, peak = measured([name, *arguments])
            print(
                f"bench {name}{' --update' * ('--update' in arguments)}: {seconds:.1f} s "
                f"({cpu:.1f} s of the processor), peak {peak / 2**20:.0f} MiB",
                flush=True,
            )


def measured(arguments):
    """Seconds by the clock and of the processor, and peak resident bytes of a command."""
    started = time.perf_counter()
    command = [sys.executable, "-c", "from bench.cli import main; main()", *arguments]
    nothing = [(os.POSIX_SPAWN_OPEN, file, os.devnull, os.O_WRONLY, 0) for file in (1, 2)]
    child = os.posix_spawn(command[0], command, os.environ, file_actions=nothing)
    _, status, used = os.wait4(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0, arguments
    return (
        time.perf_counter() - started,
        used.ru_utime + used.ru_stime,
        used.ru_maxrss * 1024,
    )


class Stub(pools.Pool):
    """Workers that give a ready record after a second, and cost this machine nothing."""

    def __init__(self, workers):
        super().__init__(None, Seconds(workers), workers)

    def __exit__(self, *_):
        self._executor.shutdown()


class Seconds(Executor):
    """So many workers, each of which sleeps a second for a cell."""

    def __init__(self, workers):
        self._free = [0.0] * workers  # when each worker is free
        self._due, self._news, self._open = [], threading.Condition(), True
        self._thread = threading.Thread(target=self._answer)
        self._thread.start()

    def submit(self, _, cell):
        future = Future()
        with self._news:
            at = max(time.monotonic(), heapq.heappop(self._free)) + 1
            heapq.heappush(self._free, at)
            heapq.heappush(self._due, (at, id(future), cell, future))
            self._news.notify()
        return future

    def shutdown(self, wait=True, *, cancel_futures=False):
        with self._news:
            self._open = False
            self._news.notify()
        self._thread.join()

    def _answer(self):
        columns = {name: [0.5] for name in ("mse", "psnr", "ssim")}
        while True:
            with self._news:
                while self._open and (not self._due or self._due[0][0] > time.monotonic()):
                    until = self._due[0][0] - time.monotonic() if self._due else None
                    self._news.wait(until)
                if not self._open:
                    return
                _, _, cell, future = heapq.heappop(self._due)
            if future.set_running_or_notify_cancel():
                future.set_result(
                    Record(cell, "done", images={"image": [0], "digest": [0], **columns})
                )


def writer(count, workers=1000):
    """How many cells a second one command keeps up with, whose workers take a second for each."""
    with tempfile.TemporaryDirectory() as out:
        settings = free_cells(count, out)
        watch = Watch(count)
        with patch("bench.execution.pools.LocalPool", lambda *_, **__: Stub(workers)):
            bench.run(listener=watch, **settings)
        took = watch.last - watch.first
        print(
            f"{workers:,} workers of a second a cell: {(count - 1) / took:.0f} cells/s are kept, "
            f"{1000 * watch.cpu / count:.2f} ms of the processor each"
        )


def workers(limit, rounds):
    """The classical sweep on MNIST with one worker, two workers and two of Dask's, in turns."""
    settings = {"dataset": "mnist", "methods": CLASSICAL, "noise": [0.1, 0.3, 0.5], "limit": limit}
    ways = {
        "one worker": {"jobs": 1},
        "two workers": {"jobs": 2},
        "two Dask workers": {"dask": "local:2"},
    }
    took = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            one_thread = patch("bench.execution.cores.usable_cpus", return_value=1)
            with tempfile.TemporaryDirectory() as out, one_thread:
                started = time.perf_counter()
                bench.run(out=out, **settings, **way)
                took[name].append(time.perf_counter() - started)
    medians = {name: statistics.median(values) for name, values in took.items()}
    one, two, dask = medians.values()
    print(", ".join(f"{name} {value:.1f} s" for name, value in medians.items()))
    print(f"two workers are {one / two:.2f} times one; Dask is {two / dask:.2f} of the local pool")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=int, default=0)
    parser.add_argument("--records", type=int, default=0)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--writer", type=int, default=0)
    parser.add_argument("--workers", action="store_true")
    parser.add_argument("--limit", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print(f"{usable_cpus()} cores")
    if options.cells:
        cells(options.cells)
    if options.records:
        records(options.records, options.images)
    if options.writer:
        writer(options.writer)
    if options.workers:
        workers(options.limit, options.rounds)
