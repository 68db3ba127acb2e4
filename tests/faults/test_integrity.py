"""What is on disk is what was written, or a line says that it is not; runs of before still open."""

import json
import os
import shutil
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import bench as public
from bench import store
from bench.core import StorageError
from bench.store.files import digest_of
from bench.store.manifest import timestamp
from bench.store.progress import RunProgress

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return public.run(
        "digits", methods=["identity", "median", "dae"], noise=[0.1, 0.3], limit=6, epochs=1,
        preset="quick", out=tmp_path_factory.mktemp("results"), name="run",
    )  # fmt: skip


@pytest.fixture
def run(made, tmp_path):
    shutil.copytree(made.path, tmp_path / "results" / "run")
    return public.open_run(tmp_path / "results" / "run")


def rewrite(path, change):
    """A cell's file with other content, well formed and with its checksums of pages right."""
    table = pq.read_table(path)
    meta = dict(table.schema.metadata)
    table, meta = change(table, meta)
    pq.write_table(table.replace_schema_metadata(meta), path, write_page_checksum=True)


def better(table, meta):
    psnr = pa.array(np.asarray(table["psnr"]) + np.float32(1))
    return table.set_column(table.schema.get_field_index("psnr"), "psnr", psnr), meta


def renamed(table, meta):
    return table, {**meta, b"bench": meta[b"bench"].replace(b'"median"', b'"medium"')}


def cell_of(run, method):
    return next(meta.key for meta in run.metadata() if meta.cell.method == method)


@pytest.mark.parametrize(("change", "what"), [(better, "rows"), (renamed, "metadata")])
def test_a_changed_number_or_name_is_found(run, change, what):
    rewrite(run.path / "cells" / f"{cell_of(run, 'median')}.parquet", change)
    with pytest.raises(StorageError, match=f"its {what} are not those that were written"):
        public.open_run(run.path).records()


@pytest.mark.parametrize(
    ("column", "value", "why"),
    [
        ("psnr", 1e30, "psnr is .*, and lies from 0 to 100"),
        ("psnr", np.nan, "psnr is nan"),
        ("psnr", -1, "psnr is -1.0"),
        ("ssim", 1.1, "ssim is .*, and lies from -1 to 1"),
        ("mse", np.inf, "mse is inf"),
        ("mse", None, "rows or values are missing"),
        ("ssim", -np.inf, "ssim is -inf"),
        ("image", 400, "it holds an image that is none of the 400"),
        ("image", 1, "it holds an image twice"),
    ],
)
def test_numbers_that_cannot_have_been_measured_pass_no_reader(run, bench, column, value, why):
    """Though they are signed: the digests are those of what is written."""

    def change(table, meta):
        at = table.schema.get_field_index(column)
        values = [value, *table[column].to_pylist()[1:]]
        table = table.set_column(at, column, pa.array(values, table.schema.field(at).type))
        about = json.loads(meta[b"bench"])
        rows = b"".join(table[name].to_numpy().tobytes() for name in table.column_names)
        about["digests"]["rows"] = digest_of(rows)
        text = json.dumps(about).encode()
        return table, {**meta, b"bench": text, b"digest": digest_of(text).encode()}

    rewrite(run.path / "cells" / f"{cell_of(run, 'median')}.parquet", change)
    with pytest.raises(StorageError, match=why):
        public.open_run(run.path).records()
    limits = run.path.parent / "limits.toml"
    limits.write_text('[[threshold]]\nmetric = "psnr"\nmin = 1\n')
    assert bench("check", run.path, "--thresholds", limits).code == 6


@pytest.mark.parametrize("folder", ["history", "samples"])
def test_a_changed_or_missing_file_beside_a_cell_is_found(run, folder):
    key = cell_of(run, "dae")
    read = run.history if folder == "history" else run.samples
    (path,) = (run.path / folder).glob(f"{key}.*")
    data = path.read_bytes()
    path.write_bytes(data.replace(b"train", b"trane") if folder == "history" else data + b" ")
    with pytest.raises(StorageError, match="it is not what was written"):
        read(key)
    path.unlink()
    with pytest.raises(StorageError, match=f"is missing: delete .*{key}.parquet"):
        read(key)


def test_a_cells_file_copied_over_anothers_is_found(run, bench):
    path = run.path / "cells" / f"{cell_of(run, 'median')}.parquet"
    shutil.copy(path.with_name(f"{cell_of(run, 'identity')}.parquet"), path)
    for read in (run.records, run.cells):
        with pytest.raises(StorageError, match="it holds the result of another cell: ident"):
            read()
    found = bench("doctor", run.path)
    assert found.code == 9
    assert f"WRONG  {path} is damaged (it holds the result of another cell" in found.out
    assert bench("report", run.path).code == 6


def test_doctor_finds_what_is_wrong_and_says_what_to_do(run, bench):
    found = bench("doctor", run.path)
    assert found.code == 0
    assert "ok     6 of 6 cells are there and whole" in found.out
    median = run.path / "cells" / f"{cell_of(run, 'median')}.parquet"
    lost = run.path / "cells" / f"{cell_of(run, 'identity')}.parquet"
    before = len(run.records())
    lost.rename(lost.with_name("0123456789abcdef.parquet"))
    assert len(run.records()) < before  # the orphan is no part of the run
    rewrite(median, better)
    (run.path / "cells" / ".x.parquet.1.tmp").write_text("half")
    found = bench("doctor", run.path)
    assert found.code == 9
    lines = found.out.splitlines()
    assert any(line.startswith("WRONG") and "not those that were written" in line for line in lines)
    assert any(line.startswith("WRONG  1 cell without a result: go on with: ") for line in lines)
    assert any(line.startswith("note   1 orphan cells, files in cells/ that") for line in lines)
    assert any("1 unfinished files of a process that was killed" in line for line in lines)
    assert "ok     4 of 6 cells are there and whole" in lines
    assert lines[-1] == "2 wrong."


def test_doctor_examines_the_machine(bench, tmp_path):
    found = bench("doctor", "--data-dir", tmp_path)
    assert found.code == 0, found.out
    for word in (
        "Python 3.",
        "cores",
        "folder of runs",
        "GiB free",
        "digits: whole, 1,197 train, 200 validation, 400 test",
    ):
        assert word in found.out
    assert "note   mnist: " in found.out
    damaged = tmp_path / "MNIST" / "raw"
    damaged.mkdir(parents=True)
    for name in ("train", "t10k"):
        for kind in ("images-idx3", "labels-idx1"):
            (damaged / f"{name}-{kind}-ubyte").write_bytes(b"nonsense")
    found = bench("doctor", "--data-dir", tmp_path)
    assert found.code == 9
    assert "WRONG  mnist: " in found.out


def test_status_says_how_far_a_run_is_and_who_works_on_it(run, bench):
    assert "6 of 6 cells have a result" in bench("status", run.path).out
    (run.path / "cells" / f"{cell_of(run, 'identity')}.parquet").unlink()
    said = bench("status", run.path).out
    assert "5 of 6 cells" in said
    assert "No process works on it. Go on with: bench.run('digits', ...)" in said
    overview = {
        "failed": 1, "skipped": 0, "seconds_left": 65.0, "updated": "2026-01-01T00:00:00+00:00",
        "running": [{"cell": "vae at gaussian 0.3", "phase": "fit", "done": 3, "of": 30,
                     "unit": "epochs", "seconds": 7.5}],
    }  # fmt: skip
    run.write_progress(RunProgress(**overview))
    with store.hold(run.path):
        said = bench("status", run.path).out
        assert f"Worked on by process {os.getpid()} on " in said
        assert "vae at gaussian 0.3: training, 3/30 epochs, for 8 s" in said
        assert "About 1 min 05 s left, as it said " in said
        assert " ago: it may hang" in said
        run.write_progress(RunProgress(**{**overview, "updated": timestamp()}))
        assert bench("status", run.path).out.endswith("\nAbout 1 min 05 s left\n")
        for damaged in (
            "nonsense",
            '{"running": 3, "seconds_left": "x"}',
            json.dumps({**overview, "seconds_left": 1e300}),
            json.dumps({**overview, "updated": "yesterday"}),
            json.dumps({**overview, "updated": "2026-01-01"}),
            "[]",
            "[" * 100_000,
        ):
            (run.path / "progress.json").write_text(damaged)
            result = bench("status", run.path)
            assert result.code == 0
            assert "left" not in result.out


def test_status_shows_no_cell_as_running_that_has_ended_since(run, bench):
    keys = [cell_of(run, method) for method in ("identity", "median")]
    cells = [
        {"key": key, "cell": name, "phase": "start", "done": 0, "of": 0, "unit": "", "seconds": 1.0}
        for key, name in zip(keys, ("ended at gaussian 0.1", "begun at gaussian 0.1"), strict=True)
    ]
    run.write_progress(
        RunProgress(failed=0, skipped=0, seconds_left=None, updated=timestamp(), running=cells)
    )
    ended, begun = (run.path / "cells" / f"{key}.parquet" for key in keys)
    os.utime(ended, (time.time() + 5,) * 2)
    os.utime(begun, (time.time() - 99,) * 2)  # a failure that is tried once more
    with store.hold(run.path):
        said = bench("status", run.path).out
    assert "begun at gaussian 0.1: starting, for 1 s" in said
    assert "ended" not in said
    assert "Estimating the time left" in said


def test_a_run_of_format_1_opens_and_is_taken_up_in_its_format(run):
    """As it was written before there were digests."""
    expected = run.records()
    for path in (run.path / "cells").iterdir():
        table = pq.read_table(path)
        meta = json.loads(table.schema.metadata[b"bench"])
        del meta["digests"]
        pq.write_table(table.replace_schema_metadata({"bench": json.dumps(meta)}), path)
    run.update_manifest(format=1)
    (run.path / "cells" / f"{cell_of(run, 'median')}.parquet").unlink()
    again = public.run(
        "digits", methods=["identity", "median", "dae"], noise=[0.1, 0.3], limit=6, epochs=1,
        preset="quick", out=run.path.parent, name="run",
    )  # fmt: skip
    assert again.manifest.format == 1
    # What is measured again has no digests of restored images in that format.
    records = public.open_run(run.path).records().drop(columns="restored")
    pd.testing.assert_frame_equal(records, expected.drop(columns="restored"))
    assert len(again.samples(cell_of(again, "median"))["image"]) > 0


def test_the_published_runs_open(bench):
    for name in ("learned", "bsd68-dncnn"):
        run = public.open_run(ROOT / "results" / name)
        assert run.manifest.format == 1
        assert len(run.cells()) == len(run.manifest.cells)
        assert bench("doctor", run.path).code == 0


def test_what_unpacks_to_more_than_a_run_can_hold_is_refused(run, monkeypatch):
    from bench.store import columns, files

    key = cell_of(run, "identity")
    packed = (run.path / "samples" / f"{key}.npz").stat().st_size
    monkeypatch.setattr(files, "LARGEST", packed + 10)
    monkeypatch.setattr(columns, "LARGEST", 10_000)
    with pytest.raises(StorageError, match="it unpacks to"):
        run.samples(key)
    assert len(run.records()) > 0
    path = run.path / "cells" / f"{key}.parquet"
    table = pq.read_table(path)
    alike = table.take([0] * 1000)  # of which next to nothing is stored
    pq.write_table(alike, path, compression="zstd")
    assert pq.read_metadata(path).row_group(0).total_byte_size < 5000
    with pytest.raises(StorageError, match="it unpacks to 36,000 bytes"):
        run.records()


def test_a_key_leads_out_of_no_folder(run, tmp_path):
    """A manifest is no path: keys that are none are cells without a result."""
    secret = tmp_path / "results" / "secret.parquet"
    shutil.copy(next((run.path / "cells").iterdir()), secret)
    run.update_manifest(cells=["../../secret", str(secret.with_suffix("")), "../cells"])
    opened = public.open_run(run.path)
    assert opened.records().empty
    assert opened.cells().empty


def test_what_a_killed_process_left_beside_a_cell_is_not_the_cells(run):
    key = cell_of(run, "median")
    (run.path / "history" / f"{key}.json").write_text('[[1, "train", "loss", 3.0]]')
    assert run.history(key).empty
    run.verify(key)
