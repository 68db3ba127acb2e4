"""Mutated input: no traceback, no hang, no wrong number without a word.

    python tests/faults/mutations.py --examples 1000

Files of a small run, an image folder, MNIST-like files, a fitted model, configurations and a
plugin are mutated one at a time: bytes flipped, cut, repeated or put in; JSON and TOML with keys
taken away, types swapped and numbers blown up; hostile names. Then the command that reads them is
called. It must end within a minute with one of its exit codes, without a traceback; and where it
ends well without a word, its numbers must be those of the file as it was.

Who can write a run can write its digests too. So what is in a cell's files and in a model's is
also mutated and signed: digests, checksums and keys are those of the mutated content, and only
what reads it stands between it and a traceback.
"""

import argparse
import contextlib
import io
import json
import os
import shutil
import signal
import tempfile
import zipfile
from collections import Counter
from pathlib import Path

import hypothesis
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from click.testing import CliRunner
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

import bench
from bench import store
from bench.cli import main
from bench.core import cell_key
from bench.store.files import digest_of
from bench.store.fit_cache import checksum
from bench.store.manifest import timestamp

#: Words of which one stands where something is wrong.
SAID = ("Error: ", "WRONG", "failed", "UNMATCHED", "REGRESSED", "matched nothing", "skipped")
#: Seconds that a command may take.
CLOCK = 60
HOSTILE = [
    "../../x", "</script><script>alert(1)", "\\input{/etc/passwd}", "a\0b", "x" * 5000, "=1+1",
    "\ud800", "名", "", " ", "nan", "-1", "1e999",
]  # fmt: skip
VALUES = [None, True, -1, 0, 2**70, -1e308, float("nan"), "text", [], {}, [[]], {"a": {"b": []}}]
NESTED = json.loads("[" * 500 + "]" * 500)


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
        node[key] = rng.choice([*VALUES, NESTED])
    elif kind == 2:
        node[key] = rng.choice(HOSTILE)
    elif isinstance(node, dict):
        node[rng.choice(HOSTILE) or "x"] = node.pop(key)
    else:
        node.append(node[key])
    return value


def mutated_rows(table, rng):
    """A cell's rows, one column of which is changed; None where there are none."""
    if not len(table):
        return None
    at = rng.randrange(table.num_columns)
    name, values = table.column_names[at], table.column(at).to_numpy().copy()
    kind = rng.randrange(6)
    if kind == 0:
        return table.remove_column(at)
    if kind == 1:
        return table.set_column(at, name, pa.array(["text"] * len(table)))
    if kind == 2:
        return table.set_column(at, name, pa.array([None] * len(table), table.schema.types[at]))
    if kind == 3:
        return pa.concat_tables([table, table])
    if kind == 4:
        return table.slice(0, 0)
    extremes = [0, 1e30, np.nan, np.inf] if values.dtype.kind == "f" else [0, 2**62]
    values[rng.randrange(len(values))] = rng.choice(extremes)
    return table.set_column(at, name, pa.array(values))


def mutated_arrays(data, rng):
    """An .npz, one entry of which is changed."""
    arrays = dict(np.load(io.BytesIO(data)))
    name = rng.choice(sorted(arrays))
    array = arrays[name]
    kind = rng.randrange(8)
    if kind == 0:
        del arrays[name]
    elif kind == 1:
        arrays[name] = array.astype(rng.choice([object, "U8", bool, complex, "f2", "i8", "M8[s]"]))
    elif kind == 2:
        arrays[name] = rng.choice([array[..., None], array[:0], array.ravel(), np.float32(1)])
    elif kind == 3:
        arrays[name] = np.full_like(array, rng.choice([-1, 2**40]))
    elif kind == 4:
        arrays[name] = np.concatenate([array, array])
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    if kind == 5:
        with zipfile.ZipFile(file, "a", rng.choice([0, 8, 12, 14])) as archive:
            archive.writestr("raw", b"text")
    packed = file.getvalue()
    if kind == 6:
        return packed.replace(b"PK\x01\x02\x14\x03\x14\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01")
    return mutated(packed, rng) if kind == 7 else packed


def rewritten(run, key, rng, part):
    """Mutate a part of a cell, and sign all of it: digests and key are those of the new content."""
    path = run / "cells" / f"{key}.parquet"
    table = pq.read_table(path)
    meta = json.loads(table.schema.metadata[b"bench"])
    if part == "metadata":
        meta = mutated_tree(meta, rng)
    elif part == "rows":
        changed = mutated_rows(table, rng)
        table = table if changed is None else changed
    else:
        (beside,) = (run / part).glob(f"{key}.*")
        data = beside.read_bytes()
        if part == "samples":
            data = mutated_arrays(data, rng)
        else:
            data = json.dumps(mutated_tree(json.loads(data), rng)).encode()
        beside.write_bytes(data)
        meta["digests"][part] = digest_of(data)
    with contextlib.suppress(KeyError, TypeError, ValueError, pa.ArrowException):
        columns = (table[name].to_numpy().tobytes() for name in table.column_names)
        meta["digests"]["rows"] = digest_of(b"".join(columns))
    with contextlib.suppress(KeyError, TypeError, ValueError, AttributeError):
        new = cell_key(meta["cell"])
        for folder in ("cells", "history", "samples", "outputs"):
            for old in (run / folder).glob(f"{key}.*"):
                old.rename(old.with_name(f"{new}{old.suffix}"))
        manifest = (run / "manifest.json").read_text()
        (run / "manifest.json").write_text(manifest.replace(key, new))
        path = path.with_name(f"{new}.parquet")
    text = json.dumps(meta)
    signed = {"bench": text, "digest": digest_of(text.encode())}
    pq.write_table(table.replace_schema_metadata(signed), path, write_page_checksum=True)


def fit_of(folder, method):
    """The file of a method's model."""
    paths = (folder / "cache" / "fits").iterdir()
    return next(path for path in paths if f'"method\\": \\"{method}'.encode() in path.read_bytes())


def rewritten_fit(path, rng):
    """Mutate a model's arrays or what its file says of them, and sign it."""
    arrays = load_file(path)
    with safe_open(path, framework="numpy") as file:
        meta = json.loads(file.metadata()["bench"])
    if rng.random() < 0.6:
        meta = mutated_tree(meta, rng)
    else:
        name = rng.choice(sorted(arrays))
        array = arrays.pop(name)
        if kind := rng.randrange(4):
            kinds = (array, array.ravel()[:-1], np.full_like(array, -1), array.astype("f2"))
            arrays[rng.choice([name, *HOSTILE])] = np.ascontiguousarray(kinds[kind])
    with contextlib.suppress(UnicodeEncodeError):  # names that no safetensors file can have
        if "checksum" in meta:
            meta["checksum"] = checksum(arrays)
        save_file(arrays, path, {"bench": json.dumps(meta)})


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
                "digits", methods=["identity", "median", "lmmse", "dae"], noise=[0.3], limit=4,
                epochs=1, preset="quick", out=folder / "results", name="run", keep="outputs",
            )  # fmt: skip
            self.records = self.run.records()
            scored = shutil.copytree(self.run.path, folder.with_name("scored"))
            code, said = call(["score", str(scored), "--metrics", "mae"])
            assert code == 0, said
            self.scores = bench.open_run(scored).records()["mae"]


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
    if kind.startswith("signed ") and kind != "signed weights":
        part = kind.removeprefix("signed ")
        keys = sorted(path.stem for path in (run / part).glob("*.*")) or world.run.manifest.cells
        rewritten(run, rng.choice(keys), rng, part)
        forms = rng.choice(["csv,summary"] * 5 + ["html", "md", "tex"])  # figures take seconds
        shown = ["report", str(run), "--out", str(folder / "reports"), "--format", forms]
        limits = folder / "thresholds.toml"
        limits.write_text(toml({"threshold": world.thresholds}))
        held = ["--thresholds", str(limits), "--baseline", str(world.folder / "results" / "run")]
        return [shown, ["doctor", str(run)], ["check", str(run), *held]]
    if kind == "progress":
        said = {
            "updated": timestamp(),
            "failed": 0,
            "skipped": 0,
            "seconds_left": 3.0,
            "running": [
                {"cell": "a", "phase": "fit", "done": 1, "of": 2, "unit": "x", "seconds": 1.0}
            ],
        }
        (run / "progress.json").write_text(json.dumps(mutated_tree(said, rng)))
        return [["status", str(run)]]
    if kind in ("cells", "samples"):
        path = rng.choice(sorted((run / kind).iterdir()))
        path.write_bytes(mutated(path.read_bytes(), rng))
        html = ["report", str(run), "--out", str(folder / "reports"), "--format", "html"]
        return [report if kind == "cells" else html, ["doctor", str(run)]]
    if kind == "outputs":
        path = rng.choice(sorted((run / kind).iterdir()))
        path.write_bytes(mutated(path.read_bytes(), rng))
        return [["doctor", str(run)], ["score", str(run), "--metrics", "mae"]]
    if kind in ("weights", "signed weights"):
        path = fit_of(folder, "lmmse")
        if kind == "weights":
            path.write_bytes(mutated(path.read_bytes(), rng))
        else:
            rewritten_fit(path, rng)
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


SIGNED = ("signed metadata", "signed rows", "signed history", "signed samples", "signed weights")
KINDS = (
    "manifest", "cells", "samples", "outputs", "weights", "images", "idx", "config", "thresholds",
    "plugin", "progress", *SIGNED,
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
    if code == 0 and kind == "outputs" and arguments[0] == "score":
        found = bench.open_run(folder / "results" / "run").records()["mae"]
        if not found.equals(world.scores):
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
                    running = store.hold(folder / "results" / "run")  # else no progress is shown
                    with running if kind == "progress" else contextlib.nullcontext():
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
