"""How runs scale: what a cell costs, how memory grows, how long resuming takes, what workers gain.

python tests/faults/scale.py --cells 100000
BENCH_DATA_DIR=~/data python tests/faults/scale.py --workers
"""

import argparse
import resource
import statistics
import tempfile
import time
from pathlib import Path
from unittest.mock import patch

import psutil

import bench
from bench.execution.environment import usable_cpus

FREE = Path(__file__).with_name("free.py")
LEVELS = 50
CLASSICAL = "identity,gaussian,median,wavelet,tv,bilateral,wiener"


def cells(count):
    """A sweep of a method that costs nothing: what is left is what a cell costs."""
    with tempfile.TemporaryDirectory() as out:
        settings = {
            "dataset": "digits", "plugins": [FREE], "limit": 1, "tune": False, "jobs": 1,
            "methods": [f"free[index={index}]" for index in range(count // LEVELS)],
            "noise": [(level + 1) / 100 for level in range(LEVELS)], "out": out, "name": "scale",
        }  # fmt: skip
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

    def started(self, run, overview):
        pass

    def progress(self, running):
        pass

    def warned(self, text):
        pass

    def recorded(self, record):
        self.seen += 1
        if self.seen % self.step == 0:
            here = psutil.Process()
            self.memory.append(here.memory_info().rss / 2**20)
            children = here.children(recursive=True)
            self.worker.append(sum(child.memory_info().rss for child in children) / 2**20)


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
    parser.add_argument("--workers", action="store_true")
    parser.add_argument("--limit", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print(f"{usable_cpus()} cores")
    if options.cells:
        cells(options.cells)
    if options.workers:
        workers(options.limit, options.rounds)
