"""The cache folder and the folder of runs: what lies there, and what may go."""

import os
import time
from datetime import timedelta

import numpy as np
import pytest
from toy_runs import CELL, planned, record

from bench.core import Fit, UsageError
from bench.store import FitCache, hold, start_run
from bench.store.cache import age, cached, cleanable, remove
from bench.store.overview import overview, size_of

MONTH = 30 * 86400


def put(folder, key, **about):
    FitCache(folder / "fits").put(key, Fit({"w": np.zeros(10)}, 1.0, "cpu", about=about))
    return folder / "fits" / f"{key}.safetensors"


def last_used(path, seconds_ago):
    os.utime(path, (time.time() - seconds_ago,) * 2)


@pytest.fixture
def folder(tmp_path):
    last_used(put(tmp_path, "0a", method="vae"), MONTH + 60)
    put(tmp_path, "0b", method="vae")
    put(tmp_path, "0b-unfinished", method="unet")
    last_used(put(tmp_path, "0c-restored-0", restored={"method": "bm3d"}), 2 * MONTH)
    (tmp_path / "weights" / "ab12").mkdir(parents=True)
    (tmp_path / "weights" / "ab12" / "net.pth").write_bytes(bytes(5000))
    (tmp_path / "weights" / "ab12" / "net.pth.sha256").write_text("0")
    (tmp_path / "data" / "bsd68").mkdir(parents=True)
    (tmp_path / "data" / "bsd68" / "1.png").write_bytes(bytes(700))
    (tmp_path / "fits" / "notes.txt").write_text("somebody else's")
    return tmp_path


def test_it_is_known_what_lies_in_the_cache(folder):
    entries = list(cached(folder))
    assert sorted((entry.content, entry.name) for entry in entries) == [
        ("data", "bsd68"),
        ("fit", "vae"),
        ("fit", "vae"),
        ("unfinished", "bm3d"),
        ("unfinished", "unet"),
        ("weights", "net.pth"),
    ]
    sizes = {entry.name: entry.size for entry in entries}
    assert (sizes["net.pth"], sizes["bsd68"]) == (5001, 700)
    assert list(cached(folder / "nothing")) == []


def names(entries):
    return sorted(entry.path.name for entry in entries)


def test_only_models_are_cleaned_unless_downloads_are_asked_for(folder):
    entries = list(cached(folder))
    assert names(cleanable(entries, timedelta())) == [
        "0a.safetensors",
        "0b.safetensors",
        "0c-restored-0.safetensors",
    ]  # the unfinished fit may be somebody's who trains it now
    assert {"ab12", "bsd68"} <= set(names(cleanable(entries, timedelta(), downloads=True)))


def test_what_was_used_lately_stays(folder):
    old = cleanable(cached(folder), age("30d"))
    assert names(old) == ["0a.safetensors", "0c-restored-0.safetensors"]
    FitCache(folder / "fits").get("0a")  # now it was
    assert names(cleanable(cached(folder), age("30d"))) == ["0c-restored-0.safetensors"]


def test_to_list_the_cache_is_not_to_use_it(folder):
    list(cached(folder))
    assert len(cleanable(cached(folder), age("30d"))) == 2


def test_what_is_removed_is_gone_and_nothing_else(folder):
    for entry in cleanable(cached(folder), timedelta(), downloads=True):
        remove(entry)
    left = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    assert left == ["fits/0b-unfinished.safetensors", "fits/notes.txt"]


@pytest.mark.parametrize("text", ["30", "d", "-1d", "1.5d", "30m", "999999d", ""])
def test_ages_that_are_none_are_refused(text):
    with pytest.raises(UsageError, match="hours, days or weeks"):
        age(text)


def test_runs_are_listed_with_what_state_they_are_in(tmp_path):
    whole = start_run(tmp_path / "whole", planned())
    whole.write(record())
    begun = start_run(tmp_path / "begun", planned())
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "manifest.json").write_text("{")
    (tmp_path / "photos").mkdir()
    for seconds, name in enumerate(("whole", "begun", "broken")):
        last_used(tmp_path / name / "manifest.json", 100 - seconds)
    found = {run.path.name: run for run in overview(tmp_path)}
    assert list(found) == ["broken", "begun", "whole"]
    assert {name: run.state for name, run in found.items()} == {
        "broken": "damaged", "begun": "unfinished", "whole": "finished",
    }  # fmt: skip
    assert (found["whole"].done, found["whole"].cells, found["begun"].done) == (1, 1, 0)
    assert (found["whole"].dataset, found["whole"].methods) == ("toy", ["vae"])
    assert found["whole"].size == sum(
        path.stat().st_size for path in whole.path.rglob("*") if path.is_file()
    )
    assert "is damaged" in found["broken"].why
    with hold(begun.path):
        assert {run.path.name: run.state for run in overview(tmp_path)}["begun"] == "running"


def test_links_take_no_room(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").write_bytes(bytes(10))
    (tmp_path / "folder" / "loop").symlink_to(tmp_path / "folder")
    assert size_of(tmp_path / "folder") == 10


# -- the commands ----------------------------------------------------------------------------


def test_the_command_lists_runs(bench, tmp_path):
    assert "There is no run in results" in bench("runs").out
    run = start_run(tmp_path / "one", planned())
    run.write(record())
    lines = bench("runs", tmp_path).out.splitlines()
    assert lines[0].split() == ["run", "data", "set", "methods", "cells", "state", "size", "date"]
    assert lines[1].split()[:5] == ["one", "toy", "vae", "1/1", "finished"]
    assert lines[-1].startswith("1 run, ")
    assert CELL.key not in "".join(lines)
    assert bench("runs", run.path).out.splitlines() == lines  # by its own folder it is one


def test_the_command_lists_and_cleans_the_cache(bench, fails, folder, monkeypatch):
    monkeypatch.setenv("BENCH_CACHE_DIR", str(folder))
    out = bench("cache").out
    assert "fitted models" in out
    assert "60 days ago" in out
    assert "say so with --yes" in fails("cache", "clean", "--older-than", "30d", code=2)
    assert (folder / "fits" / "0a.safetensors").exists()
    result = bench("cache", "clean", "--older-than", "30d", "--yes")
    assert result.code == 0
    assert "Removed" in result.out
    assert not (folder / "fits" / "0a.safetensors").exists()
    assert (folder / "fits" / "0b.safetensors").exists()
    assert "nothing to remove" in bench("cache", "clean", "--older-than", "30d", "--yes").out
    assert "hours, days or weeks" in fails("cache", "clean", "--older-than", "soon", code=2)
