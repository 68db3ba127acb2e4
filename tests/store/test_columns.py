"""Records of any metrics: what is read of them, and how more are added to a run that is there."""

import dataclasses
import json
import math
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from toy_runs import CELL, planned, record

import bench
from bench.core import Record, StorageError, image_digests
from bench.store import RecordedMetric, start_run

ROOT = Path(__file__).parents[2]
LPIPS = RecordedMetric(title="LPIPS", better="lower", least=0.0)
LABEL = "lpips[net=alex]"
VALUES = np.array([0.25, math.nan, 700.5], np.float32)
IDENTITY = dataclasses.replace(CELL, method="identity", params="{}", train=None, seed=None)


def of_format(path, version, cells=(CELL,)):
    """A run in an earlier format, as `start_run` takes it up; it knows of no metrics."""
    manifest = planned(cells).model_copy(update={"format": version})
    entries = {k: v for k, v in manifest.as_dict().items() if k != "metrics"}
    return start_run(path, type(manifest).model_validate(entries))


def file_of(run, key=CELL.key):
    return run.path / "cells" / f"{key}.parquet"


def failed(cell=IDENTITY):
    return Record(cell, "failed", reason="it broke")


def test_a_metric_of_any_label_is_a_column(tmp_path):
    run = start_run(tmp_path / "run", planned(metrics={LABEL: LPIPS}))
    run.write(record(columns={LABEL: VALUES, "restored": np.arange(3, dtype=np.uint64)}))
    opened = bench.open_run(run.path)
    records = opened.records()
    assert list(records)[10:] == ["image", LABEL, "digest", "restored"]
    assert records[LABEL].dtype == "float64"
    np.testing.assert_array_equal(records[LABEL], VALUES)
    assert records["restored"].dtype == "uint64"
    assert list(opened.images(CELL.key)) == ["image", LABEL, "digest", "restored"]
    assert opened.manifest.scales[LABEL].better == "lower"


def test_metrics_stand_in_the_manifests_order_and_are_nan_where_a_cell_has_none(tmp_path):
    metrics = {LABEL: LPIPS, **planned().metrics}
    run = start_run(tmp_path / "run", planned(metrics=metrics))
    run.write(record(unmeasured={LABEL: "it raised"}))
    assert list(run.records())[10:] == ["image", LABEL, "psnr", "ssim", "mse", "digest"]
    assert run.records()[LABEL].isna().all()
    assert np.isnan(run.images(CELL.key)[LABEL]).all()
    assert run.measured(CELL.key) == ["psnr", "ssim", "mse"]
    assert next(bench.open_run(run.path).metadata()).unmeasured == {LABEL: "it raised"}


def test_what_float32_cannot_hold_is_a_metric_that_was_not_measured(tmp_path):
    run = start_run(tmp_path / "run", planned(metrics={**planned().metrics, LABEL: LPIPS}))
    run.write(record(columns={LABEL: np.array([1.0, 1e39, 2.0])}))
    assert run.measured(CELL.key) == ["psnr", "ssim", "mse"]
    assert "float32" in next(run.metadata()).unmeasured[LABEL]


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (-0.1, "is -0.1.*, and lies from 0 to inf"),
        (math.inf, "is inf, and lies from 0 to inf"),
        (math.nan, ""),
        (1e9, ""),
    ],
)
def test_what_a_metric_cannot_have_given_is_refused(tmp_path, value, why):
    run = start_run(tmp_path / "run", planned())
    run.write(record())
    run.add_columns(CELL.key, {LABEL: np.full(3, 1.0)})
    run.add_metrics({LABEL: LPIPS})
    path = file_of(run)
    table = pq.read_table(path)
    at = table.column_names.index(LABEL)
    table = table.set_column(at, LABEL, [np.float32([1, value, 1])])
    meta = json.loads(table.schema.metadata[b"bench"])
    del meta["digests"]
    pq.write_table(table.replace_schema_metadata({"bench": json.dumps(meta)}), path)
    run.update_manifest(format=1)  # without digests
    if why:
        with pytest.raises(StorageError, match=why):
            run.records()
    else:
        assert len(run.records()) == 3


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda metrics: metrics.update(digest=metrics["psnr"]), "a metric is called digest"),
        (lambda metrics: metrics.clear(), "metrics: Dictionary should have at least 1 item"),
        (lambda metrics: metrics["psnr"].update(decimals=10**9), "psnr: decimals: Input should"),
        (lambda metrics: metrics["psnr"].update(better="more"), "psnr: better: Input should be"),
    ],
)
def test_what_no_metric_can_be_is_damage(tmp_path, change, why):
    run = start_run(tmp_path / "run", planned())
    path = run.path / "manifest.json"
    entries = json.loads(path.read_text())
    change(entries["metrics"])
    path.write_text(json.dumps(entries))
    with pytest.raises(StorageError, match=why):
        bench.open_run(run.path)


@pytest.mark.parametrize("version", [1, 2, 3])
def test_a_run_of_any_format_gets_further_metrics(tmp_path, version):
    image = np.zeros((1, 4, 4), np.float32)
    shown = {"image": [0], "clean": [image], "noisy": [image], "restored": [image]}
    run = of_format(tmp_path / "run", version, [CELL, IDENTITY])
    run.write(record(history=[(1, "train", "kl", 3.5)], samples=shown, chosen={"latent": 2}))
    run.write(failed())
    before, cells = run.records(), run.cells()
    run.add_columns(CELL.key, {LABEL: VALUES}, {"fsim": "there is no piq"})
    pd.testing.assert_frame_equal(bench.open_run(run.path).records(), before)
    run.add_metrics({LABEL: LPIPS, "fsim": LPIPS})
    opened = bench.open_run(run.path)
    assert opened.manifest.format == 3
    assert list(opened.manifest.metrics) == ["psnr", "ssim", "mse", LABEL, "fsim"]
    pd.testing.assert_frame_equal(opened.records().drop(columns=[LABEL, "fsim"]), before)
    np.testing.assert_array_equal(opened.records()[LABEL], VALUES)
    pd.testing.assert_frame_equal(opened.cells(), cells)
    assert next(opened.metadata()).unmeasured == {"fsim": "there is no piq"}
    for key in (CELL.key, IDENTITY.key):
        opened.verify(key)
        table = pq.read_table(file_of(run, key))
        meta = {**table.schema.metadata, b"bench": table.schema.metadata[b"bench"] + b" "}
        pq.write_table(table.replace_schema_metadata(meta), file_of(run, key))
        with pytest.raises(StorageError, match="not those that were written"):
            opened.verify(key)
    run.write(record(history=[(1, "train", "kl", 3.5)]))
    run.add_columns(CELL.key, {LABEL: VALUES})
    (run.path / "history" / f"{CELL.key}.json").write_text("[]")
    with pytest.raises(StorageError, match="it is not what was written"):
        opened.history(CELL.key)


def test_columns_take_the_place_of_those_that_were_there(tmp_path):
    run = start_run(tmp_path / "run", planned())
    run.write(record(unmeasured={LABEL: "there is no torch"}))
    run.add_columns(CELL.key, {"ssim": np.full(3, 0.125), LABEL: VALUES})
    run.add_metrics({LABEL: LPIPS})
    assert list(run.records()["ssim"]) == [0.125] * 3
    assert next(run.metadata()).unmeasured == {}
    run.add_columns(CELL.key, {}, {LABEL: "it raised"})
    assert LABEL in run.measured(CELL.key)  # what the same code measured is not lost
    assert next(run.metadata()).unmeasured == {}
    run.add_columns(CELL.key, {}, {LABEL: "it raised"}, {LABEL: "other code"})
    assert run.measured(CELL.key) == ["psnr", "ssim", "mse"]
    assert next(run.metadata()).unmeasured == {LABEL: "it raised"}


def test_columns_of_another_length_change_nothing(tmp_path):
    run = start_run(tmp_path / "run", planned())
    run.write(record())
    before = file_of(run).read_bytes()
    with pytest.raises(ValueError, match="2 values for 3 rows"):
        run.add_columns(CELL.key, {LABEL: VALUES[:2]})
    assert file_of(run).read_bytes() == before


def test_names_that_are_not_utf_8_stay_when_columns_are_added(tmp_path):
    named = dataclasses.replace(CELL, dataset="folder:caf\udce9")
    run = start_run(tmp_path / "run", planned([named]))
    kept = record()
    kept.cell = named
    run.write(kept)
    run.add_columns(named.key, {LABEL: VALUES})
    run.verify(named.key)
    assert len(run.records()) == 3


@pytest.mark.parametrize("version", [1, 2, 3])
def test_whatever_ends_an_addition_leaves_a_run_that_is_read_and_added_to(
    tmp_path, version, monkeypatch
):
    """Each write in turn is the last: the run reads as before, or as it is to be."""
    cells = [CELL, IDENTITY, dataclasses.replace(CELL, seed=8)]
    made = of_format(tmp_path / "made", version, cells)
    made.write(record())
    made.write(failed())
    third = record()
    third.cell = cells[2]
    made.write(third)
    before = made.records()
    done = [cells[0].key, cells[2].key]

    def add(run):
        for key in done:
            run.add_columns(key, {LABEL: VALUES})
        run.add_metrics({LABEL: LPIPS})

    expected = before.assign(**{LABEL: np.tile(VALUES.astype(float), 2)})
    expected = expected[[*list(before)[:-1], LABEL, "digest"]]
    replace, ended = Path.replace, 0
    for last in range(10):
        path = tmp_path / str(last)
        shutil.copytree(made.path, path)
        left = [last]

        def interrupted(source, target, left=left):
            if not left[0]:
                raise KeyboardInterrupt
            left[0] -= 1
            return replace(source, target)

        with monkeypatch.context() as patched:
            patched.setattr(Path, "replace", interrupted)
            try:
                add(bench.open_run(path))
            except KeyboardInterrupt:
                ended += 1
        run = bench.open_run(path)
        for key in run.finished():
            run.verify(key)
        whole = run.manifest.format == 3 and LABEL in run.manifest.metrics
        assert whole == (left[0] > 0 or last == ended)
        pd.testing.assert_frame_equal(run.records(), expected if whole else before)
        add(run)
        pd.testing.assert_frame_equal(bench.open_run(path).records(), expected)
    assert ended == (4 if version == 1 else 3)


def test_a_published_run_gets_a_metric(tmp_path):
    shutil.copytree(ROOT / "results" / "bsd68-dncnn", tmp_path / "run")
    run = bench.open_run(tmp_path / "run")
    before = run.records()
    assert list(run.manifest.metrics) == ["psnr", "ssim", "mse"]
    assert "restored" not in before
    for key in run.finished():
        rows = len(run.images(key).get("image", ()))
        if rows:
            run.add_columns(key, {LABEL: np.linspace(0, 1, rows)})
    run.add_metrics({LABEL: LPIPS})
    after = bench.open_run(run.path).records()
    pd.testing.assert_frame_equal(after.drop(columns=LABEL), before)
    assert after[LABEL].between(0, 1).all()


def test_restored_digests_are_missing_where_early_cells_have_none(tmp_path):
    other = dataclasses.replace(CELL, seed=8)
    run = start_run(tmp_path / "run", planned([CELL, other]))
    run.write(record())
    digests = np.array([1, 2, 2**64 - 1], np.uint64)
    later = record(columns={"restored": digests})
    later.cell = other
    run.write(later)
    restored = run.records()["restored"]
    assert restored[:3].isna().all()
    assert list(restored[3:]) == list(digests)


def test_an_images_digest_is_of_its_pixels_and_shape():
    rng = np.random.default_rng(0)
    images = rng.random((50, 3, 4, 6), np.float32)
    digests = image_digests(images)
    assert digests.dtype == np.uint64
    assert len(set(digests)) == 50
    np.testing.assert_array_equal(image_digests(images[::-1])[::-1], digests)
    np.testing.assert_array_equal(image_digests(images.astype(">f4")), digests)
    assert not set(digests) & set(image_digests(images.reshape(50, 3, 6, 4)))
    changed = images.copy()
    changed[:, 2, 3, 5] = np.nextafter(changed[:, 2, 3, 5], 2, dtype=np.float32)
    assert not set(digests) & set(image_digests(changed))
    assert image_digests(images[:0]).shape == (0,)
