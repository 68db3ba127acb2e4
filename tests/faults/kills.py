"""Kill -9 at random moments, and see that nothing finished is lost, damaged or computed twice.

    python tests/faults/kills.py --local 200        # the command itself and its workers, in turns
    python tests/faults/kills.py --dask 50          # of each: the command, a worker, the scheduler

A sweep of 36 cells is begun, hit and given again until it is finished, over and over until there
were so many hits. Then its records must equal those of an undisturbed run, each file must agree
with its digests, and no cell that was done may have been written again.
"""

import argparse
import contextlib
import functools
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from unittest import mock

import pandas as pd
import psutil

import bench

TROUBLE = Path(__file__).with_name("trouble.py")
METHODS = ["identity", "gaussian", "median", *(f"trouble[index={i},seconds=0.1]" for i in range(9))]
NOISE = [0.1, 0.3, 0.5]
MAIN = [sys.executable, "-c", "from bench.cli import main; main()"]


class Sweep:
    """A sweep in a folder of its own, begun as a command."""

    def __init__(self, folder, *arguments):
        self.path = Path(folder) / "run"
        self.command = [
            *MAIN, "run", "--dataset", "digits", "--plugin", TROUBLE, "--limit", "10", "--no-tune",
            "--methods", ",".join(METHODS), "--noise", ",".join(map(str, NOISE)),
            "--out", folder, "--name", "run", "--retry-failed", *arguments,
        ]  # fmt: skip

    def begin(self):
        return subprocess.Popen(
            list(map(str, self.command)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )

    def done(self):
        """The files of the cells that are done -> what tells whether they were written again."""
        if not (self.path / "manifest.json").is_file():
            return {}
        run = bench.open_run(self.path)
        return {
            path: (path.stat().st_ino, path.stat().st_mtime_ns)
            for meta in run.metadata()
            if meta.status == "done"
            for path in [self.path / "cells" / f"{meta.key}.parquet"]
        }

    def files(self):
        """Names of the cells that have a result, whatever it is."""
        return set((self.path / "cells").glob("*.parquet"))

    def verify(self, expected):
        run = bench.open_run(self.path)
        for meta in run.metadata():
            run.verify(meta.key)
        pd.testing.assert_frame_equal(run.records(), expected, check_exact=True)


@functools.cache
def undisturbed():
    """The records of a run in this process, whose methods need not take their time."""
    with tempfile.TemporaryDirectory() as folder, mock.patch("time.sleep"):
        run = bench.run(
            "digits", methods=METHODS, plugins=[TROUBLE], noise=NOISE, limit=10, tune=False,
            out=folder,
        )  # fmt: skip
        return run.records()


def workers_of(process):
    """The processes that work on cells for a command, or for a Dask worker."""
    with contextlib.suppress(psutil.Error):
        return [
            child
            for child in psutil.Process(process.pid).children(recursive=True)
            if "bench.execution.worker" in child.cmdline()
        ]
    return []


def hit(process):
    with contextlib.suppress(psutil.Error, ProcessLookupError):
        os.kill(process.pid, signal.SIGKILL)
        return True
    return False


def disturb(sweep, kills, choose, rng, again=lambda: None):
    """Hit and begin again until `kills` is spent or the sweep is finished; the hits made.

    `again` starts what else was hit.
    """
    made, before = 0, {}
    while True:
        again()
        process, started = sweep.begin(), time.monotonic()
        known = sweep.files()
        while process.poll() is None and made < kills:
            time.sleep(rng.uniform(0.05, 1.0))
            again()
            # Not before it has begun to work: most of so short a command is its start.
            begun = sweep.files() != known or time.monotonic() - started > 10
            if begun and process.poll() is None:
                made += bool(choose(process, rng))
        output = _output(process, again)
        after = sweep.done()
        print(
            f"{made} kills of this sweep; exit code {process.returncode}, {len(after)} cells done",
            file=sys.stderr,
        )
        changed = [path for path, what in before.items() if after.get(path) != what]
        assert not changed, f"computed twice: {changed}"
        before = after
        if process.returncode == 0:
            return made
        assert process.returncode in (3, 7, -9), output


def _output(process, again):
    """What a command printed, once it has ended; what it needs is started again until then.

    A worker may end some time after the scheduler that it lost.
    """
    while True:
        try:
            return process.communicate(timeout=1)[0].decode()
        except subprocess.TimeoutExpired:
            again()


def local(kills, seed=0):
    """Hits of the command and of its workers."""
    expected, rng, made, rounds = undisturbed(), random.Random(seed), 0, 0

    def choose(process, rng):
        workers = workers_of(process)
        if workers and rng.random() < 0.5:
            return hit(rng.choice(workers))
        return hit(process)

    while made < kills:
        with tempfile.TemporaryDirectory() as folder:
            sweep = Sweep(folder, "--jobs", "2")
            made += disturb(sweep, kills - made, choose, rng)
            sweep.verify(expected)
            rounds += 1
    say(f"local pool: {made} kills", rounds, expected)


def say(kills, rounds, expected):
    print(
        f"{kills} in {rounds} sweeps of {len(expected) // 10} cells; no cell that was done "
        "computed twice, every file whole, records equal to the undisturbed run's"
    )


class Cluster:
    """A Dask scheduler with two workers, as processes that can be hit."""

    def __init__(self):
        self.processes = {}
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = str(free.getsockname()[1])  # the same after each hit
        self.address = f"tcp://127.0.0.1:{self.port}"
        self.begin()

    def begin(self):
        """Start what does not run."""
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        parts = {
            "scheduler": [
                "scheduler", "--host", "127.0.0.1", "--port", self.port, "--no-dashboard",
            ],
            **{
                f"worker{number}": [
                    "worker", self.address, "--nthreads", "1", "--no-nanny", "--no-dashboard",
                    "--death-timeout", "60",
                ]
                for number in range(2)
            },
        }  # fmt: skip
        for name, arguments in parts.items():
            known = self.processes.get(name)
            if known is None or known.poll() is not None:
                self.processes[name] = subprocess.Popen(
                    [sys.executable, "-m", "distributed.cli.dask_" + arguments[0], *arguments[1:]],
                    **quiet,
                )

    def close(self):
        for process in self.processes.values():
            process.kill()
            process.wait()


def dask(kills, seed=0):
    """Hits of the command, of Dask's workers and of its scheduler, so many of each."""
    expected, rng = undisturbed(), random.Random(seed)
    cluster = Cluster()
    made = dict.fromkeys(("command", "worker", "scheduler"), 0)

    def choose(process, rng):
        left = [name for name in made if made[name] < kills]
        name = rng.choice(left or ["command"])
        target = {
            "command": process,
            "scheduler": cluster.processes["scheduler"],
            "worker": cluster.processes[f"worker{rng.randrange(2)}"],
        }[name]
        if target.poll() is None and hit(target):
            target.wait()
            made[name] += 1
            return True
        return False

    rounds = 0
    try:
        while any(count < kills for count in made.values()):
            with tempfile.TemporaryDirectory() as folder:
                cluster.begin()
                sweep = Sweep(folder, "--dask", cluster.address)
                disturb(sweep, 3 * kills - sum(made.values()), choose, rng, cluster.begin)
                sweep.verify(expected)
                rounds += 1
    finally:
        cluster.close()
    counts = ", ".join(f"{count} of the {name}" for name, count in made.items())
    say(f"Dask: kills: {counts}", rounds, expected)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--local", type=int, default=0, metavar="KILLS")
    parser.add_argument("--dask", type=int, default=0, metavar="KILLS")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if options.local:
        local(options.local, options.seed)
    if options.dask:
        dask(options.dask, options.seed)
