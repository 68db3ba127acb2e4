"""Runs on disk: what is written is what is read, and damage is named."""

import dataclasses
import json
import math
import os
import re
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from toy_runs import CELL, SETTINGS, planned, record

import bench
from bench.core import Fit, StorageError, UsageError, cell_key
from bench.store import FitCache, find_run, start_run


@pytest.fixture
def run(tmp_path):
    return start_run(tmp_path / "run", planned())


def test_a_record_is_read_as_it_was_written(run):
    image = np.linspace(-1, 2, 784, dtype=np.float32).reshape(1, 28, 28)
    run.write(
        record(
            chosen={"latent": 2, "hidden": 400},
            chosen_score=19.5,
            fit_seconds=1.5,
            images_per_second=1e4,
            parameters=12,
            history=[(1, "train", "kl", 3.5), (1, "validation", "kl", 4.0)],
            samples={"image": [2], "clean": [image], "noisy": [image * 2], "restored": [image]},
        )
    )
    opened = bench.open_run(run.path)
    records = opened.records()
    assert list(records) == (
        [
            "dataset",
            "method",
            "params",
            "label",
            "noise",
            "clip",
            "level",
            "train",
            "regime",
            "seed",
            "image",
            "psnr",
            "ssim",
            "mse",
            "digest",
        ]
    )
    first = records.iloc[0].to_dict()
    assert first["dataset"] == "toy"
    assert first["params"] == '{"latent":2}'
    assert (first["noise"], first["clip"], first["level"]) == ("gaussian", False, 0.3)
    assert (first["train"], first["regime"]) == ("gaussian, clipped 0.1", "0.1")
    assert first["seed"] == 7
    assert list(records["digest"]) == [0, 1, 2**64 - 1]
    assert np.isnan(records["ssim"][1])
    np.testing.assert_allclose(records["psnr"], [10, 7, 5.2], rtol=1e-6)
    cell = opened.cells().iloc[0]
    assert list(opened.cells()) == [
        "key",
        "dataset",
        "method",
        "params",
        "label",
        "chosen",
        "chosen_score",
        "regret",
        "noise",
        "clip",
        "level",
        "train",
        "regime",
        "seed",
        "status",
        "reason",
        "fit_seconds",
        "tune_seconds",
        "images_per_second",
        "milliseconds_per_megapixel",
        "multiply_adds",
        "parameters",
        "memory_growth_bytes",
        "peak_device_bytes",
        "peak_memory_bytes",
    ]
    assert cell["key"] == CELL.key
    assert cell["chosen"] == '{"hidden":400,"latent":2}'
    assert (cell["chosen_score"], cell["fit_seconds"], cell["parameters"]) == (19.5, 1.5, 12)
    assert pd.isna(cell["tune_seconds"])
    assert pd.isna(cell["peak_memory_bytes"])
    history = opened.history(CELL.key)
    assert history.to_dict("list") == {
        "epoch": [1, 1],
        "split": ["train", "validation"],
        "term": ["kl", "kl"],
        "value": [3.5, 4.0],
    }
    samples = opened.samples(CELL.key)
    assert samples["image"] == [2]
    np.testing.assert_array_equal(samples["noisy"][0], image * 2)


def test_a_record_keeps_what_a_method_says_of_its_uncertainty(run):
    image = np.zeros((1, 28, 28), np.float32)
    shown = {"image": [2], "clean": [image], "noisy": [image], "restored": [image]}
    run.write(record(samples=shown))
    assert run.samples(CELL.key)["deviation"] == []
    run.write(record(samples={**shown, "deviation": [image + 1]}, calibration=[(0.1, 0.2, 784)]))
    np.testing.assert_array_equal(run.samples(CELL.key)["deviation"], [image + 1])
    assert next(run.metadata()).calibration == [(0.1, 0.2, 784)]


def test_a_run_made_before_there_were_regimes_was_trained_on_matched_noise(run):
    run.write(record())
    path = run.path / "cells" / f"{CELL.key}.parquet"
    table = pq.read_table(path)
    run.update_manifest(format=1)
    meta = json.loads(table.schema.metadata[b"bench"])
    del meta["cell"]["fit_params"], meta["calibration"]
    del meta["cell"]["train"]["regime"], meta["cell"]["train"]["lowest"]
    key = cell_key(meta["cell"])
    table = table.replace_schema_metadata({"bench": json.dumps(meta)})
    pq.write_table(table, path.with_name(f"{key}.parquet"))
    run.update_manifest(cells=[key])
    opened = bench.open_run(run.path)
    for frame in (opened.records(), opened.cells()):
        assert set(frame["regime"]) == {"matched"}
        assert set(frame["train"]) == {"gaussian, clipped 0.1"}


def test_a_failure_is_a_record_without_rows(run):
    run.write(record("failed", reason="it broke"))
    opened = bench.open_run(run.path)
    assert opened.records().empty
    assert opened.cells()[["status", "reason"]].values.tolist() == [["failed", "it broke"]]
    assert opened.history(CELL.key).empty
    assert opened.samples(CELL.key)["image"] == []


def test_results_of_other_code_are_not_read(run):
    run.write(record())
    run.update_manifest(cells=["0" * 16])
    assert bench.open_run(run.path).records().empty


def test_an_interrupted_write_leaves_the_cell_unfinished(run, monkeypatch):
    monkeypatch.setattr("os.fsync", lambda handle: (_ for _ in ()).throw(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        run.write(record())
    assert run.finished() == set()
    assert [path.name for path in (run.path / "cells").iterdir()] == []


def test_a_cells_images_are_the_columns_of_its_records(run):
    run.write(record())
    records, images = run.records(), run.images(CELL.key)
    assert sorted(images) == ["digest", "image", "mse", "psnr", "ssim"]
    for name, values in images.items():
        assert np.array_equal(values, records[name], equal_nan=name == "ssim")
    run.write(record("failed", reason="no"))
    assert run.images(CELL.key) == {}


def test_an_image_that_a_cell_holds_twice_is_damage(run):
    twice = record()
    twice.images["image"] = np.array([0, 2, 2])
    run.write(twice)
    for read in (run.records, lambda: run.images(CELL.key)):
        with pytest.raises(StorageError, match="it holds an image twice"):
            read()


@pytest.mark.parametrize("damage", [b"", b"PAR1 nonsense PAR1", None])
def test_a_damaged_cell_is_named(run, damage):
    run.write(record())
    path = run.path / "cells" / f"{CELL.key}.parquet"
    path.write_bytes(path.read_bytes()[:-20] if damage is None else damage)
    for read in (run.records, run.cells):
        with pytest.raises(StorageError, match=rf"{CELL.key}.parquet is damaged .*delete it"):
            read()


def test_a_damaged_sample_or_history_is_named(run):
    image = np.zeros((1, 4, 4), np.float32)
    samples = {"image": [0], "clean": [image], "noisy": [image], "restored": [image]}
    run.write(record(history=[(1, "train", "kl", 3.5)], samples=samples))
    for folder, suffix, read in (
        ("samples", "npz", run.samples),
        ("history", "json", run.history),
    ):
        path = run.path / folder / f"{CELL.key}.{suffix}"
        path.write_bytes(b"nonsense")
        with pytest.raises(StorageError, match=f"{path.name} is damaged"):
            read(CELL.key)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"format": 99}', "in format 99, and this version of bench reads formats 1 to 3"),
        ("{}", "not one of bench's"),
        ("[1]", "not one of bench's"),
        ('{"format": 1}', "damaged .it has no 'cells'.: start over with --fresh"),
        (
            '{"format": 1, "cells": [3]}',
            "cells: 0: Input should be a valid string",
        ),
        ('{"format": 1', "manifest.json is damaged .* start over with --fresh"),
    ],
)
def test_a_manifest_that_cannot_be_used_is_named(run, text, message):
    (run.path / "manifest.json").write_text(text)
    with pytest.raises(StorageError, match=message):
        bench.open_run(run.path)


def test_what_is_no_run_is_not_opened_nor_overwritten(tmp_path):
    with pytest.raises(StorageError, match="is not a run"):
        bench.open_run(tmp_path)
    (tmp_path / "thesis.tex").write_text("x")
    for fresh in (False, True):
        with pytest.raises(StorageError, match="exists and is not a run"):
            start_run(tmp_path, planned([]), fresh=fresh)
    (tmp_path / "manifest.json").write_text('{"name": "a web app"}')
    for fresh in (False, True):
        with pytest.raises(StorageError, match="is not a run"):
            start_run(tmp_path, planned([]), fresh=fresh)
    assert (tmp_path / "thesis.tex").exists()


def test_a_run_killed_as_it_began_is_begun_again(tmp_path):
    (tmp_path / "cells").mkdir()
    (tmp_path / ".manifest.json.1a2b3c4d.tmp").write_text('{"form')
    run = start_run(tmp_path, planned([]))
    assert bench.open_run(tmp_path).manifest == run.manifest


def test_starting_over_removes_the_runs_files_and_nothing_else(run):
    run.write(record())
    (run.path / "notes.txt").write_text("mine")
    again = start_run(run.path, planned(noise=[0.5]), fresh=True)
    assert again.finished() == set()
    assert (run.path / "notes.txt").read_text() == "mine"


def test_a_run_taken_up_keeps_what_is_known_of_its_earlier_sessions(run):
    run.update_manifest(command="the first", started="early")
    again = start_run(run.path, planned(command="the second"))
    assert again.manifest.command == "the second"
    assert [session.command for session in again.manifest.earlier] == ["the first"]
    assert again.manifest.earlier[0].machine == run.manifest.machine
    run.write(record())
    finished = start_run(run.path, planned(command="the third"))
    assert finished.manifest == bench.open_run(run.path).manifest == again.manifest


def test_a_run_is_not_taken_up_with_other_settings(run):
    with pytest.raises(UsageError, match=r"made with batch-size = null, and .* says 64: choose"):
        start_run(run.path, planned(**{"batch-size": 64}))
    with pytest.raises(UsageError, match=r'made with train-dataset = null, and .* says "other"'):
        start_run(run.path, planned(**{"train-dataset": "other"}))


def test_a_manifest_is_on_disk_as_it_prints_and_settings_have_the_commands_names(run):
    text = (run.path / "manifest.json").read_text()
    assert text == f"{run.manifest}\n"
    written = json.loads(text)
    assert text == json.dumps(written, indent=2) + "\n"
    assert written["settings"] == SETTINGS
    assert list(written)[:4] == ["format", "protocol", "conventions", "settings"]
    assert list(written)[-2:] == ["started", "ended"]
    assert "rounded to 8 bits" in written["conventions"]["outputs"]
    assert written["dataset"]["sizes"] == {"train": 6, "validation": 2, "test": 3}
    assert run.manifest.settings.batch_size is None
    assert run.manifest.model_dump(by_alias=True)["settings"]["train-noise"] == ["0.1"]


def test_entries_of_a_later_version_are_kept_when_a_manifest_is_written_again(run):
    path = run.path / "manifest.json"
    entries = json.loads(path.read_text())
    entries["weather"] = {"rain": True}
    entries["settings"]["frames"] = 4
    path.write_text(json.dumps(entries))
    bench.open_run(run.path).update_manifest(ended="now")
    assert json.loads(path.read_text()) == {**entries, "ended": "now"}
    start_run(run.path, planned(frames=4, command="again"))
    again = json.loads(path.read_text())
    assert again["weather"] == {"rain": True}
    assert again["settings"] == entries["settings"]


def test_what_early_manifests_lack_has_a_default(run):
    path = run.path / "manifest.json"
    entries = json.loads(path.read_text())
    entries["format"] = 1
    for name in ("train-noise", "batch-size"):
        del entries["settings"][name]
    for name in ("left_out", "training", "training_fingerprint"):
        del entries["dataset"][name]
    del entries["metrics"]
    path.write_text(json.dumps(entries, indent=2) + "\n")
    opened = bench.open_run(run.path)
    assert opened.manifest.settings.train_noise == ["matched"]
    assert opened.manifest.settings.batch_size is None
    assert opened.manifest.dataset.trained_on == "toy"
    assert opened.manifest.earlier == []
    assert list(opened.manifest.scales) == ["psnr", "ssim", "mse"]
    opened.update_manifest()
    assert json.loads(path.read_text()) == entries


def test_a_name_that_is_not_utf_8_is_kept_in_manifests_and_shown_as_codes_in_cells(run):
    named = dataclasses.replace(CELL, dataset="folder:caf\udce9 \\udce9 \U0001f600")
    run.update_manifest(cells=[named.key], command="bench run \udce9")
    kept = record(chosen={"\udce9": ["\udce9"]})
    kept.cell = named
    run.write(kept)
    opened = bench.open_run(run.path)
    assert opened.manifest.command == "bench run \udce9"
    (meta,) = opened.metadata()
    assert meta.key == named.key
    assert meta.cell.dataset == "folder:caf\\udce9 \\udce9 \U0001f600"
    assert meta.chosen == {"\\udce9": ["\\udce9"]}
    assert set(opened.records()["dataset"]) == {meta.cell.dataset}


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda meta: meta.pop("status"), "it has no 'status'"),
        (lambda meta: meta["cell"].pop("noise"), "cell has no 'noise'"),
        (lambda meta: meta["cell"]["noise"].pop("level"), "cell: noise has no 'level'"),
        (lambda meta: meta["cell"].update(seed="7"), "cell: seed: Input should be a valid integer"),
        (lambda meta: meta.update(chosen_score=True), "chosen_score: Input should be a valid num"),
        (lambda meta: meta.update(status="fine"), "status: Input should be 'done', 'failed' or"),
    ],
)
def test_metadata_that_are_no_cells_are_named(run, change, what):
    """Of format 1, since later ones are held to a digest first."""
    run.update_manifest(format=1)
    run.write(record())
    path = run.path / "cells" / f"{CELL.key}.parquet"
    table = pq.read_table(path)
    meta = json.loads(table.schema.metadata[b"bench"])
    change(meta)
    pq.write_table(table.replace_schema_metadata({"bench": json.dumps(meta)}), path)
    for read in (run.cells, run.records):
        with pytest.raises(StorageError, match=re.escape(f"is damaged ({what}")):
            read()


def test_costs_of_an_image_are_kept_and_missing_in_older_files(run):
    """Older ones are of format 1, or hold none of these."""
    known = {
        "milliseconds_per_megapixel": 0.125, "multiply_adds": 2**40, "peak_device_bytes": 2**33
    }  # fmt: skip
    run.update_manifest(format=1)
    run.write(record(**known, conditions={"image_shape": [1, 28, 28]}))
    (cell,) = run.cells()[list(known)].to_dict("records")
    assert cell == known
    (meta,) = run.metadata()
    assert meta.conditions.image_shape == [1, 28, 28]
    path = run.path / "cells" / f"{CELL.key}.parquet"
    table = pq.read_table(path)
    old = json.loads(table.schema.metadata[b"bench"])
    for name in known:
        del old[name]
    del old["conditions"]["image_shape"]
    pq.write_table(table.replace_schema_metadata({"bench": json.dumps(old)}), path)
    assert run.cells()[list(known)].isna().all(axis=None)
    (meta,) = run.metadata()
    assert meta.conditions.image_shape == []


def test_numbers_of_metadata_are_read_as_they_were_written(run):
    scores = [float(score) for score in np.random.default_rng(0).normal(0, 1e3, 100)]
    trials = [({"h": score}, score) for score in (*scores, math.nan, math.inf)]
    run.write(record(trials=trials, chosen={"seed": 2**70, "h": scores[0]}, chosen_score=scores[1]))
    (meta,) = run.metadata()
    assert repr(meta.trials) == repr(trials)
    assert (meta.chosen, meta.chosen_score) == ({"seed": 2**70, "h": scores[0]}, scores[1])


def test_the_newest_run_is_the_one_worked_on_last(tmp_path):
    with pytest.raises(StorageError, match="there is no run in"):
        find_run(None, tmp_path)
    for age, name in ((50, "a"), (10, "b"), (90, "c")):
        made = start_run(tmp_path / name, planned())
        os.utime(made.path / "manifest.json", (1e9 - age, 1e9 - age))
    assert find_run(None, tmp_path).name == "b"
    (made.path / "cells" / f"{CELL.key}.parquet").touch()
    start_run(made.path, planned())  # finished: asked for again, it is the newest
    assert find_run(None, tmp_path).name == "c"


def test_fits_are_kept_without_pickle_and_damaged_ones_are_as_good_as_none(tmp_path):
    cache = FitCache(tmp_path)
    fit = Fit({"w": np.eye(3, dtype=np.float32)}, 2.5, "cpu", [(1, "train", "loss", 0.5)])
    assert cache.get("key") is None
    cache.put("key", fit)
    again = FitCache(tmp_path).get("key")
    np.testing.assert_array_equal(again.arrays["w"], fit.arrays["w"])
    assert (again.seconds, again.device, again.history) == (2.5, "cpu", fit.history)
    path = tmp_path / "key.safetensors"
    fresh = FitCache(tmp_path, fresh="a session")
    assert fresh.get("key") is None
    fresh.put("key", fit)
    assert fresh.get("key") is not None
    for damaged in (path.read_bytes()[:-4], b"", json.dumps({"w": 1}).encode()):
        path.write_bytes(damaged)
        assert cache.get("key") is None


@pytest.mark.skipif(not hasattr(signal, "SIGXFSZ"), reason="needs file size limits (POSIX)")
def test_a_full_disk_ends_in_one_line_and_loses_nothing(tmp_path):
    """A limit on file sizes stands in for a full disk: writing fails in the middle."""
    code = textwrap.dedent("""
        import resource, signal, sys
        from bench.cli import main
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        limit = int(sys.argv.pop(1))
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        main()
    """)
    command = ["run", "--dataset", "digits", "--methods", "identity,median[size=3]"]
    command += ["--noise", "0.3", "--name", "full", "--out", str(tmp_path)]

    def call(limit):
        return subprocess.run(
            [sys.executable, "-c", code, str(limit), *command],
            capture_output=True,
            text=True,
            cwd=os.path.dirname(os.path.dirname(bench.__file__)),  # noqa: PTH120
        )

    full = call(12_000)
    assert full.returncode == 6, full.stderr
    assert "Traceback" not in full.stderr
    assert "Error: cannot write" in full.stderr.splitlines()[-1]
    assert "what was computed so far is safe" in full.stderr
    assert call(10**9).returncode == 0
    assert len(bench.open_run(tmp_path / "full").records()) == 800


@pytest.mark.parametrize(
    "values",
    [
        {"trials": [({"h": 1e200}, 1.0)]},
        {"calibration": [(1e120, 0.1, 5)]},
        {"images_per_second": math.inf},
        {"fit_seconds": -1.0},
        {"history": [(1, "train", "loss", 1e150)]},
    ],
)
def test_what_no_reader_would_take_is_kept_as_a_failure(tmp_path, values):
    run = start_run(tmp_path / "run", planned())
    kept = run.write(record(**values))
    assert kept.status == "failed"
    assert kept.reason.startswith("what came of it cannot be kept: ")
    assert [meta.status for meta in run.metadata()] == ["failed"]
    run.verify(CELL.key)


def test_a_run_of_before_training_images_were_recorded_goes_on(tmp_path):
    path = tmp_path / "run"
    start_run(path, planned())
    manifest = json.loads((path / "manifest.json").read_text())
    for name in ("training", "training_fingerprint"):
        manifest["dataset"].pop(name, None)
    (path / "manifest.json").write_text(json.dumps(manifest))
    start_run(path, planned())


def test_a_process_that_was_killed_as_it_began_leaves_a_folder_that_can_be_taken(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "..lock.json.0123abcd.tmp").write_text("{")
    start_run(tmp_path / "run", planned())
