"""Runs of strangers, and files that the system does not let be read: a line says which it is."""

import contextlib
import errno
import json
import os
import shutil
import signal
import threading
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest

import bench as public
from bench import store
from bench.core import Fit, StorageError, UsageError
from bench.store import files

FEW = {"methods": ["identity", "dae"], "noise": [0.3], "limit": 4, "epochs": 1}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return public.run("digits", **FEW, out=tmp_path_factory.mktemp("results"), name="run")


@pytest.fixture
def run(made, tmp_path):
    shutil.copytree(made.path, tmp_path / "results" / "run")
    return public.open_run(tmp_path / "results" / "run")


@pytest.fixture
def no_waiting():
    """A command that waits for a pipe fails its test."""

    def late(*_):
        raise AssertionError("it waits")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def key_of(run, method):
    return next(meta.key for meta in run.metadata() if meta.cell.method == method)


def again(run, **values):
    return public.run("digits", **{**FEW, **values}, out=run.path.parent, name="run")


READERS = {
    "manifest": lambda run: public.open_run(run.path),
    "rows": lambda run: run.records(),
    "metadata": lambda run: run.cells(),
    "history": lambda run: run.history(key_of(run, "dae")),
    "samples": lambda run: run.samples(key_of(run, "dae")),
}


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.EMFILE, "Too many open files"), "Too many open files"),
        (PermissionError(errno.EACCES, "Permission denied"), "Permission denied"),
        (MemoryError(), "not enough memory"),
    ],
)
def test_what_the_system_does_not_let_be_read_is_not_called_damaged(
    run, bench, monkeypatch, error, words
):
    real = os.open

    def refused(path, *arguments, **options):
        if str(path).endswith(refused.ending):
            raise error
        return real(path, *arguments, **options)

    endings = ("manifest.json", ".parquet", ".parquet", f"{key_of(run, 'dae')}.json", ".npz")
    monkeypatch.setattr(os, "open", refused)
    for read, refused.ending in zip(READERS.values(), endings, strict=True):
        with pytest.raises(StorageError, match=f"^cannot read .*: {words}$"):
            read(run)
    refused.ending = ".parquet"
    found = bench("doctor", run.path)
    assert found.code == 9
    assert f": {words}" in found.out
    assert "damaged" not in found.out
    assert "delete" not in found.out
    # A model that cannot be read is trained anew, and its file is not called damaged either.
    refused.ending = ".safetensors"
    said = []
    cache = store.FitCache(run.path.parent, warn=said.append)
    cache.put("key", Fit({"w": np.zeros(3)}, 1.0, "cpu"))
    assert cache.get("key") is None
    assert said == [
        f"cannot read {run.path.parent / 'key.safetensors'}: {words}: it is trained anew"
    ]
    refused.ending = "/cells"
    monkeypatch.setattr(os, "scandir", refused)
    with pytest.raises(StorageError, match=f"^cannot read .*cells: {words}$"):
        run.finished()
    refused.ending = "/results"
    monkeypatch.setattr(os, "listdir", refused)
    monkeypatch.setattr(os, "scandir", refused)
    with pytest.raises(StorageError, match=f"^cannot read .*results: {words}$"):
        store.find_run(None, run.path.parent)  # and not: there is none


def test_a_path_that_is_not_utf_8_is_read_as_any_other(run, tmp_path, bench):
    folder = tmp_path / "caf\udce9"
    shutil.copytree(run.path, folder / "run")
    moved = public.open_run(folder / "run")
    assert moved.records().equals(run.records())
    assert len(moved.samples(key_of(run, "dae"))["image"]) > 0
    assert bench("doctor", moved.path).code == 0
    cache = store.FitCache(folder / "fits")
    cache.put("key", Fit({"w": np.zeros(3)}, 1.0, "cpu"))
    assert cache.get("key").seconds == 1


@pytest.mark.parametrize(
    "name",
    [
        "manifest.json", ".lock", ".lock.json", "progress.json", ".progress.json.tmp",
        "cells", "history", "samples",
    ],
)  # fmt: skip
def test_nothing_is_written_through_a_strangers_links(run, tmp_path, name):
    """Where one stands in the way the run is refused, else it is replaced or left alone."""
    outside, link = tmp_path / "outside", run.path / name
    if link.is_dir():
        shutil.move(link, outside)
    else:
        outside.write_text(link.read_text() if link.is_file() else "mine")
        link.unlink(missing_ok=True)
    link.symlink_to(outside)
    before = sorted(outside.iterdir()) if outside.is_dir() else outside.read_bytes()
    refused = name in (".lock", "manifest.json")
    with pytest.raises(StorageError, match="is a link") if refused else contextlib.nullcontext():
        again(run, noise=[0.2], methods=["identity"], fresh=True)
    assert before == (sorted(outside.iterdir()) if outside.is_dir() else outside.read_bytes())


@pytest.mark.parametrize("folder", ["cells", "history", "samples"])
def test_a_linked_folder_of_a_run_is_refused(run, tmp_path, bench, folder):
    shutil.move(run.path / folder, tmp_path / folder)
    (run.path / folder).symlink_to(tmp_path / folder)
    for command in ("report", "status"):
        assert f"{folder} is a link" in bench(command, run.path).err
    with pytest.raises(StorageError, match=f"{folder} is a link"):
        again(run)


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize("make", [os.mkfifo, Path.mkdir, lambda path: path.symlink_to("/dev/zero")])
def test_no_pipe_folder_or_device_is_waited_for_or_read(run, bench, make):
    key = key_of(run, "dae")
    names = ("cells/KEY.parquet", "history/KEY.json", "samples/KEY.npz", "progress.json")
    for name in (*names, ".lock", ".lock.json", "manifest.json"):
        path = run.path / name.replace("KEY", key)
        aside = path.with_name("aside")
        if path.exists():
            path.rename(aside)
        make(path)
        commands = (["doctor"], ["report", "--format", "csv"], ["status"])
        codes = {bench(*command, run.path).code for command in commands}
        assert codes <= {0, 6, 9}, (name, codes)
        assert (codes != {0}) == (name in names[:3] or name == "manifest.json"), (name, codes)
        path.rmdir() if path.is_dir() else path.unlink()
        if aside.exists():
            aside.rename(path)
    cache = store.FitCache(run.path.parent, warn=lambda text: None)
    make(run.path.parent / "key.safetensors")
    assert cache.get("key") is None


def entry(name, content):
    def add(archive):
        archive.writestr(name, content)

    return add


def header(text):
    """An array of version 1 whose header is that text, and which has no values."""
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode("latin-1")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"text", "magic"),
        (
            header("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 99999, 999999)}"),
            "reshape",
        ),
        (header("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}"), "more than numbers"),
        (header("(" * 150 + ")" * 150), "Header"),
    ],
)
def test_an_archive_of_samples_is_held_to_what_it_should_hold(tmp_path, content, words):
    path = tmp_path / "samples.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("image.npy", content)
    with pytest.raises(StorageError, match=words), files.readable(path):
        files.read_arrays(path.read_bytes())


def test_nesting_without_an_end_is_one_line(run, fails, tmp_path):
    manifest = run.path / "manifest.json"
    entries = json.loads(manifest.read_text())
    for deep in (100, 10_000):
        text = json.dumps({**entries, "more": None}).replace("null}", "[" * deep + "]" * deep + "}")
        manifest.write_text(text)
        assert "manifest.json is damaged" in fails("report", run.path, code=6)
    (tmp_path / "sweep.toml").write_text("noise = " + "[" * 10_000)
    assert "not valid TOML" in fails("run", "--config", tmp_path / "sweep.toml", code=2)


def test_names_that_nobody_has_or_that_are_too_long_are_one_line(fails, bench, monkeypatch):
    long = "x" * 300
    for option in ("--out", "--data-dir", "--plugin"):
        command = ("run", "--dataset", "digits", "--methods", "identity", option)
        assert "no home folder is known" in fails(*command, "~nosuchuser/x", code=2)
        assert bench(*command, long).code in (0, 2, 5, 6)  # the data folder is not looked at
    for command in ("report", "status", "doctor", "compare"):
        result = bench(command, *[long] * (1 + (command == "compare")))
        assert result.code in (6, 9)
    assert "no home folder" in fails("run", "--dataset", "folder:~nosuchuser/x", code=2)
    assert bench("run", "--dataset", f"folder:{long}").code in (5, 6)
    monkeypatch.setenv("BENCH_CACHE_DIR", "~nosuchuser")
    with pytest.raises(UsageError, match="no home folder is known"):
        store.cache_folder()


# -- the lock, the cache -------------------------------------------------------------------------


def test_readers_do_not_keep_a_writer_from_its_run(run):
    ended = threading.Event()

    def ask():
        while not ended.is_set():
            store.is_held(run.path)

    readers = [threading.Thread(target=ask) for _ in range(2)]
    for reader in readers:
        reader.start()
    try:
        for _ in range(40):
            with store.hold(run.path):
                pass
    finally:
        ended.set()
        for reader in readers:
            reader.join()


def test_a_reader_needs_no_right_to_write_to_see_who_works_on_a_run(run, monkeypatch):
    """As another user, to whom the system gives the lock's file to read only."""
    real = os.open

    def readable(path, flags, *mode, **options):
        if flags & (os.O_WRONLY | os.O_RDWR):
            raise PermissionError(errno.EACCES, "Permission denied")
        return real(path, flags, *mode, **options)

    with store.hold(run.path):
        monkeypatch.setattr(os, "open", readable)
        assert store.is_held(run.path)
    monkeypatch.setattr(os, "open", real)
    assert not store.is_held(run.path)


def test_a_models_file_is_for_all_who_share_the_cache_and_leaves_nothing_behind(tmp_path):
    mask = os.umask(0o022)
    try:
        cache = store.FitCache(tmp_path)
        cache.put("key", Fit({"w": np.zeros(3)}, 1.0, "cpu"))
    finally:
        os.umask(mask)
    assert (tmp_path / "key.safetensors").stat().st_mode & 0o777 == 0o644
    old, new, other = (tmp_path / name for name in (
        ".a.safetensors.0123abcd.tmp", ".b.safetensors.0123abcd.tmp", ".notes.tmp"
    ))  # fmt: skip
    for path in (old, new, other):
        path.write_text("half")
        os.utime(path, (time.time() - 2 * 86400 * (path != new),) * 2)
    cache.check()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [new.name, other.name, "key.safetensors"]
    )


def test_fresh_trains_once_a_model_whatever_the_clock_says(run, monkeypatch):
    """A cache's files may be an hour behind the clock of the machine that asks for them."""
    real, fits = files.commit, []

    def an_hour_behind(path, content, **options):
        real(path, content, **options)
        if path.suffix == ".safetensors":
            os.utime(path, (time.time() - 3600,) * 2)
            fits.append(path.name)

    monkeypatch.setattr("bench.store.fit_cache.commit", an_hour_behind)
    again(run, noise=[0.1, 0.3], train_noise="0.2", methods=["dae"], fresh=True)
    models = {name for name in fits if "unfinished" not in name}
    assert len(models) == 1
    assert sum(name in models for name in fits) == 1


@pytest.mark.usefixtures("undrawn")
def test_a_reports_files_are_written_aside_and_renamed(run, bench, tmp_path, monkeypatch):
    """So that nobody reads half of one; the web page is written as the other texts are."""
    real, written = Path.replace, []

    def replace(path, target):
        written.append(Path(target).name)
        return real(path, target)

    monkeypatch.setattr(Path, "replace", replace)
    assert bench("report", run.path, "--out", tmp_path, "--format", "md,csv,summary").code == 0
    made = sorted(path.name for path in (tmp_path / "run").iterdir())
    assert made == sorted(written)
    assert {"report.md", "summary.md", "summary.csv", "quality.svg", "quality.png"} <= set(made)
