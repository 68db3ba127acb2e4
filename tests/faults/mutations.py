"""Mutated input: no traceback, no hang, no wrong number without a word.

    python tests/faults/mutations.py --examples 1000

Files of a small run, an image folder, MNIST-like files, a fitted model, configurations and a
plugin are mutated one at a time: bytes flipped, cut, repeated or put in; JSON and TOML with keys
taken away, types swapped and numbers blown up; hostile names. Then the command that reads them is
called. It must end within a minute with one of its exit codes, without a traceback; and where it
ends well without a word, its numbers must be those of the file as it was.
"""

import argparse
import contextlib
import json
import os
import shutil
import signal
import tempfile
from collections import Counter
from pathlib import Path

import hypothesis
import numpy as np
import pandas as pd
from click.testing import CliRunner
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from PIL import Image

import bench
from bench.cli import main

#: Words of which one stands where something is wrong.
SAID = ("Error: ", "WRONG", "failed", "UNMATCHED", "matched nothing", "skipped")
#: Seconds that a command may take.
CLOCK = 60
HOSTILE = [
    "../../x", "</script><script>alert(1)", "\\input{/etc/passwd}", "a\0b", "x" * 5000, "=1+1",
    "\ud800", "名", "", " ", "nan", "-1", "1e999",
]  # fmt: skip
VALUES = [None, True, -1, 0, 2**70, -1e308, float("nan"), "text", [], {}, [[]], {"a": {"b": []}}]


def mutated(data, rng):
    """Bytes, changed in one of many ways."""
    if not data:
        return b"\0"
    place, length = rng.randrange(len(data)), rng.randrange(1, 1 + min(64, len(data)))
    kind = rng.randrange(7)
    if kind == 0:
        return data[:place] + bytes([data[place] ^ 1 << rng.randrange(8)]) + data[place + 1 :]
    if kind == 1:
        return data[:place]
    if kind == 2:
        return data[:place] + data[place + length :]
    if kind == 3:
        return data[:place] + data[place : place + length] * 2 + data[place + length :]
    if kind == 4:
        return data[:place] + rng.randbytes(length) + data[place + length :]
    if kind == 5:
        return data[:place] + b"\xff" * length + data[place + length :]
    return data + rng.randbytes(length)


def mutated_tree(value, rng):
    """A value of JSON or TOML, one place of which is changed."""
    places = []

    def walk(node):
        children = (
            node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list)
            else ()
        )  # fmt: skip
        for key, child in children:
            places.append((node, key))
            walk(child)

    value = json.loads(json.dumps(value))
    walk(value)
    node, key = rng.choice(places)
    kind = rng.randrange(4)
    if kind == 0:
        del node[key]
    elif kind == 1:
        node[key] = rng.choice(VALUES)
    elif kind == 2:
        node[key] = rng.choice(HOSTILE)
    elif isinstance(node, dict):
        node[rng.choice(HOSTILE) or "x"] = node.pop(key)
    else:
        node.append(node[key])
    return value


class World:
    """What is mutated: made once, copied for each example."""

    def __init__(self, folder):
        self.folder = folder
        rng = np.random.default_rng(0)
        (folder / "data" / "photos").mkdir(parents=True)
        for name in ("a.png", "b.jpg", "c.tif"):
            pixels = rng.integers(0, 255, (24, 24), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / "data" / "photos" / name)
        # Beside the rest, since it is large: zeros, of which nothing is stored.
        self.idx = folder.with_name("idx")
        raw = self.idx / "KMNIST" / "raw"
        raw.mkdir(parents=True)
        for name, count in (("train", 60_000), ("t10k", 10_000)):
            for kind, head, size in (("images-idx3", [2051, count, 28, 28], 784),
                                     ("labels-idx1", [2049, count], 1)):  # fmt: skip
                path = raw / f"{name}-{kind}-ubyte"
                path.write_bytes(np.array(head, ">i4").tobytes())
                os.truncate(path, path.stat().st_size + count * size)
        (folder / "plugin.py").write_text(
            '"""A box."""\nfrom scipy.ndimage import uniform_filter\nfrom bench import method\n\n\n'
            "@method()\ndef plugin(noisy, *, size=3):\n"
            '    """Mean over size x size pixels."""\n'
            "    return uniform_filter(noisy, size, axes=(-2, -1))\n"
        )
        self.config = {
            "dataset": "digits", "methods": "identity,median", "noise": "0.3", "limit": 4,
            "tune": False, "seeds": "0", "clip": False, "preset": "quick",
        }  # fmt: skip
        self.thresholds = [
            {"method": "median", "noise": "gaussian", "level": 0.3, "metric": "psnr", "min": 1.0}
        ]
        with environment(folder):
            self.run = bench.run(
                "digits", methods=["identity", "median", "lmmse"], noise=[0.3], limit=4,
                tune=False, out=folder / "results", name="run",
            )  # fmt: skip
            self.records = self.run.records()


@contextlib.contextmanager
def environment(folder):
    """The cache and the working folder are the example's own."""
    before = {name: os.environ.get(name) for name in ("BENCH_CACHE_DIR", "BENCH_JOBS")}
    here = Path.cwd()
    os.environ |= {"BENCH_CACHE_DIR": str(folder / "cache"), "BENCH_JOBS": "0"}
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(here)
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def toml(value):
    """TOML as far as mutated settings have one; what has none is written as it comes."""
    lines = []
    for key, item in value.items() if isinstance(value, dict) else ():
        if isinstance(item, list) and item and all(isinstance(each, dict) for each in item):
            lines += [f"[[{key}]]\n{toml(each)}" for each in item]
        else:
            lines.append(f"{json.dumps(key)} = {json.dumps(item)}")
    return "\n".join(lines) + "\n"


def example(world, kind, rng, folder):
    """Mutate a file of the kind in a copy of the world; the commands that read it."""
    shutil.copytree(world.folder, folder, dirs_exist_ok=True)
    run = folder / "results" / "run"
    report = ["report", str(run), "--out", str(folder / "reports"), "--format", "csv,summary"]
    if kind == "manifest":
        path = run / "manifest.json"
        text = json.loads(path.read_text())
        path.write_text(
            json.dumps(mutated_tree(text, rng)) if rng.random() < 0.7
            else mutated(path.read_bytes(), rng).decode("latin-1"), encoding="utf-8",
            errors="surrogatepass",
        )  # fmt: skip
        return [report, ["doctor", str(run)], ["status", str(run)]]
    if kind in ("cells", "samples"):
        path = rng.choice(sorted((run / kind).iterdir()))
        path.write_bytes(mutated(path.read_bytes(), rng))
        html = ["report", str(run), "--out", str(folder / "reports"), "--format", "html"]
        return [report if kind == "cells" else html, ["doctor", str(run)]]
    if kind == "weights":
        (path,) = (folder / "cache" / "fits").iterdir()
        path.write_bytes(mutated(path.read_bytes(), rng))
        few = ["--noise", "0.3", "--limit", "4", "--no-tune"]
        out = ["--out", str(folder / "results"), "--name", "again"]
        return [["run", "--dataset", "digits", "--methods", "lmmse", *few, *out]]
    if kind == "images":
        path = rng.choice(sorted((folder / "data" / "photos").iterdir()))
        path.write_bytes(mutated(path.read_bytes(), rng))
        return [["run", "--dataset", f"folder:{folder / 'data' / 'photos'}", "--methods",
                 "identity", "--no-tune", "--out", str(folder / "results")]]  # fmt: skip
    if kind == "idx":
        shutil.copytree(world.idx, folder / "data", dirs_exist_ok=True)
        path = rng.choice(sorted((folder / "data" / "KMNIST" / "raw").iterdir()))
        path.write_bytes(mutated(path.read_bytes(), rng))
        return [["run", "--dataset", "kmnist", "--data-dir", str(folder / "data"), "--methods",
                 "identity", "--limit", "3", "--out", str(folder / "results")]]  # fmt: skip
    if kind == "config":
        path = folder / "sweep.toml"
        text = toml(mutated_tree(world.config, rng)).encode("utf-8", "replace")
        path.write_bytes(text if rng.random() < 0.7 else mutated(toml(world.config).encode(), rng))
        few = ["--limit", "2", "--epochs", "1"]  # where no methods are named, it is all of them
        return [["run", "--config", str(path), *few, "--out", str(folder / "results")]]
    if kind == "thresholds":
        path = folder / "thresholds.toml"
        tree = {"threshold": world.thresholds}
        text = toml(mutated_tree(tree, rng)).encode("utf-8", "replace")
        path.write_bytes(text if rng.random() < 0.7 else mutated(toml(tree).encode(), rng))
        return [["check", str(run), "--thresholds", str(path)]]
    path = folder / "plugin.py"
    path.write_bytes(mutated(path.read_bytes(), rng))
    return [["run", "--dataset", "digits", "--plugin", str(path), "--methods", "plugin", "--limit",
             "2", "--noise", "0.3", "--no-tune", "--out", str(folder / "results")]]  # fmt: skip


KINDS = (
    "manifest", "cells", "samples", "weights", "images", "idx", "config", "thresholds", "plugin",
)  # fmt: skip


def call(arguments):
    """Exit code and output of a command that may take a minute."""

    def late(*_):
        raise TimeoutError(f"took longer than {CLOCK} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(CLOCK)
    try:
        result = CliRunner().invoke(main, arguments)
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    return result.exit_code, result.output


def verify(world, kind, folder, arguments, code, output):
    """What is wrong with how a command ended; "" if nothing is."""
    if "took longer than" in output:
        return "did not end"
    if "Traceback" in output or code == 70:
        return "traceback or error of bench itself"
    if code not in (0, 1, 2, 3, 4, 5, 6, 7, 8, 9):
        return f"exit code {code}"
    if code and not any(word in output for word in SAID):
        return f"exit code {code} without a word"
    outside = [path for path in folder.parent.iterdir() if path != folder]
    if outside:
        return f"wrote outside its folder: {outside}"
    if code == 0 and kind in ("cells", "samples") and arguments[0] == "report":
        found = bench.open_run(folder / "results" / "run").records()
        if not found.equals(world.records):
            return "other numbers without a word"
    if code == 0 and kind == "weights":
        found = bench.open_run(folder / "results" / "again").records()
        expected = world.records[world.records["method"] == "lmmse"].reset_index(drop=True)
        if not np.allclose(found["psnr"], expected["psnr"], atol=1e-4):
            return "other numbers without a word"
    return ""


class Wrong(AssertionError):
    """A mutation that ended as none may."""


def search(examples, seed=0, kinds=KINDS):
    """Outcomes by kind of so many mutations; raises `Wrong` with the simplest that goes wrong."""
    outcomes = Counter()
    with tempfile.TemporaryDirectory() as place:
        world = World(Path(place) / "made")
        folder = Path(place) / "tried" / "one"

        @hypothesis.seed(seed)
        @settings(
            max_examples=examples,
            database=None,
            deadline=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        )
        @given(st.sampled_from(kinds), st.randoms(use_true_random=False))
        def attempt(kind, rng):
            shutil.rmtree(folder.parent, ignore_errors=True)
            folder.mkdir(parents=True)
            with environment(folder):
                for arguments in example(world, kind, rng, folder):
                    code, output = call(arguments)
                    outcomes[kind, f"{arguments[0]} {code}"] += 1
                    said = verify(world, kind, folder, arguments, code, output)
                    if said:
                        raise Wrong(f"{kind}, bench {arguments[0]}: {said}\n{output[-1500:]}")

        attempt()
    return outcomes


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--examples", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", default=",".join(KINDS))
    asked = parser.parse_args()
    try:
        outcomes = search(asked.examples, asked.seed, asked.kinds.split(","))
    except Wrong as error:
        raise SystemExit(str(error)) from None
    print(pd.Series(outcomes).unstack(fill_value=0).to_markdown())
    print(f"\n{asked.examples} mutations, none wrong")
