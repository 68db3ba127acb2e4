"""How fast networks train on a processor's cores, as ratios measured in turns.

    BENCH_DATA_DIR=~/data python tests/speed/trainings.py [one] [three] [products] [beside]

`one`: an epoch of the founding report's recipe, against the usual loop (torchvision's data set,
DataLoader, Adam) in its best of three ways: all threads, threads that wait passively, one thread.
`three`: three levels' epochs at once, against three of the usual loop. `products`: the share of an
update that its matrix products take. `beside`: `bench run --preset quick` beside one process that
keeps a core busy, against the same on the quiet machine.

Every training is a process of its own, as the harness starts its workers; start-up and loading are
not counted, but in `beside`.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from bench.execution.environment import usable_cpus

TURNS, CORES = 5, usable_cpus()
SPIN = {"GOMP_SPINCOUNT": "1000"}
OURS = ("ours", {"OMP_NUM_THREADS": "1", **SPIN})
USUAL = {
    "all threads": ("usual", {"OMP_NUM_THREADS": str(CORES)}),
    "passive threads": ("usual", {"OMP_NUM_THREADS": str(CORES), "OMP_WAIT_POLICY": "passive"}),
    "one thread": ("usual", {"OMP_NUM_THREADS": "1"}),
}


def child(kind, level):
    """Be ready, wait for a line, do an epoch, print the seconds that it took."""
    import torch
    from usual import usual_epoch

    from bench import datasets, get_method, make_noise
    from bench.datasets.training_images import split_array
    from bench.training import Recipe

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    folder = datasets.data_folder(None)
    data = datasets.load("mnist", folder)
    train, held_out = split_array(data, "train"), split_array(data, "validation")
    noise, recipe = make_noise("gaussian", level), Recipe(epochs=1, batch_size=64)

    def ours(images):
        get_method("vae").fit(images, noise, 0, validation=held_out, recipe=recipe)

    def usual(images):
        usual_epoch(folder, len(images), level, 0)

    epoch = {"ours": ours, "usual": usual}[kind]
    epoch(train[:640])
    print("ready", flush=True)
    for _ in sys.stdin:
        started = time.perf_counter()
        epoch(train)
        print(time.perf_counter() - started, flush=True)


class Child:
    """A process of `child`, stopped while another is measured: it waits for its line."""

    def __init__(self, stack, way, level=0.3):
        kind, environment = way
        self.process = stack.enter_context(
            subprocess.Popen(
                [sys.executable, __file__, "child", kind, str(level)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env={**os.environ, **environment},
            )
        )
        stack.callback(self.process.stdin.close)
        assert self.process.stdout.readline() == "ready\n"

    def begin(self):
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def seconds(self):
        return float(self.process.stdout.readline())


def together(children):
    """Seconds until all of them have done an epoch, as many at once as there are cores."""
    started = time.perf_counter()
    for first in range(0, len(children), CORES):
        part = children[first : first + CORES]
        for each in part:
            each.begin()
        for each in part:
            each.seconds()
    return time.perf_counter() - started


def alone(children):
    """Seconds that they take one after the other."""
    return sum(together([each]) for each in children)


def show(name, ours, usual):
    """The medians of what was measured in turns, and the ratio to the best of the usual ways."""
    medians = {way: statistics.median(took) for way, took in usual.items()}
    best, mine = min(medians.values()), statistics.median(ours)
    listed = ", ".join(f"{way} {took:.2f}" for way, took in medians.items())
    print(f"{name}: {mine:.2f} s against {listed} s; {best / mine:.2f} times the best", flush=True)


def measure_one():
    with ExitStack() as stack:
        ours = Child(stack, OURS)
        usual = {name: Child(stack, way) for name, way in USUAL.items()}
        turns = [
            (alone([ours]), {name: alone([each]) for name, each in usual.items()})
            for _ in range(TURNS)
        ]
    show("one epoch", [mine for mine, _ in turns], _columns(turns))


def measure_three():
    levels = (0.1, 0.3, 0.5)
    with ExitStack() as stack:
        ours = [Child(stack, OURS, level) for level in levels]
        usual = {
            name: [Child(stack, way, level) for level in levels]
            for name, way in USUAL.items()
            if name != "passive threads"
        }
        turns = [
            (together(ours), {name: alone(each) for name, each in usual.items()}) for _ in range(3)
        ]
    show("three levels", [mine for mine, _ in turns], _columns(turns))


def _columns(turns):
    return {name: [usual[name] for _, usual in turns] for name in turns[0][1]}


def measure_products():
    """In one thread, as a training computes: the products of its layers against all of it."""
    import torch
    from speed import matrix_products

    torch.set_num_threads(1)
    with ExitStack() as stack:
        ours = Child(stack, OURS)
        took = {"epoch": [], "products": []}
        for _ in range(TURNS):
            took["epoch"].append(alone([ours]))
            started = time.perf_counter()
            matrix_products(55_000 // 64)
            took["products"].append(time.perf_counter() - started)
    epoch, products = (statistics.median(values) for values in took.values())
    print(f"products {products:.2f} s of an epoch's {epoch:.2f}: {products / epoch:.0%}")


def measure_beside():
    command = [str(Path(sys.executable).parent / "bench"), "run", "--preset", "quick", "--fresh"]

    def run():
        with tempfile.TemporaryDirectory() as out:
            started = time.perf_counter()
            subprocess.run([*command, "--out", out], check=True, capture_output=True)
            return time.perf_counter() - started

    quiet, busy = [], []
    for _ in range(2):
        quiet.append(run())
        with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as other:
            busy.append(run())
            other.kill()
    a, b = statistics.median(quiet), statistics.median(busy)
    print(f"quick run: quiet {a:.1f} s, beside one busy process {b:.1f} s, {b / a:.2f} times")


def main():
    known = {
        "one": measure_one,
        "three": measure_three,
        "products": measure_products,
        "beside": measure_beside,
    }
    if sys.argv[1:2] == ["child"]:
        child(sys.argv[2], float(sys.argv[3]))
        return
    for name in sys.argv[1:] or known:
        known[name]()


if __name__ == "__main__":
    main()
