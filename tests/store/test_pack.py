"""Packs: what is packed is what is read, damage is named, and no trap is unpacked."""

import hashlib
import json
import stat
import zipfile

import pandas as pd
import pytest
from toy_runs import CELL, planned, record

import bench
from bench.core import StorageError
from bench.store import Verified, find_run, open_pack, start_run
from bench.store.manifest import Machine
from bench.store.pack import about, read_file, write_pack
from bench.store.verified import VerifiedCell, pack_digest


@pytest.fixture
def run(tmp_path):
    run = start_run(tmp_path / "run", planned())
    run.write(record(history=[(1, "train", "kl", 3.5)]))
    return run


@pytest.fixture
def files(run):
    """What a pack of it holds."""
    names = (f"cells/{CELL.key}.parquet", f"history/{CELL.key}.json", "manifest.json")
    said = {"pack": 1, "name": "toy-run", "runs": ["run"]}
    return {name: run.path / name for name in names} | {
        "pack.json": json.dumps(said).encode(),
        "README.md": b"# A run\n",
    }


@pytest.fixture
def pack(tmp_path, files):
    write_pack(tmp_path / "toy.zip", files)
    return tmp_path / "toy.zip"


def rezipped(pack, change=lambda name, content: content, more=(), keep=lambda name: True):
    """The same pack with other contents, or further entries."""
    with zipfile.ZipFile(pack) as archive:
        entries = [(entry, archive.read(entry)) for entry in archive.infolist()]
    with zipfile.ZipFile(pack, "w") as archive:
        for entry, content in entries:
            if keep(entry.filename):
                archive.writestr(entry.filename, change(entry.filename, content))
        for entry, content in more:
            archive.writestr(entry, content)
    return pack


def saying(pack, /, **about):
    """The same pack with another `pack.json`, and sums of that."""
    said = json.dumps(about).encode()
    return with_sums(rezipped(pack, lambda name, content: said if name == "pack.json" else content))


def with_sums(pack):
    """The same pack with sums of what it holds now, as whoever altered it would make them."""
    with zipfile.ZipFile(pack) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    del contents["SHA256SUMS"]
    write_pack(pack, contents)
    return pack


def test_a_pack_opens_as_the_run_that_it_is_of(run, pack):
    opened = open_pack(pack)
    pd.testing.assert_frame_equal(opened.records(), run.records())
    pd.testing.assert_frame_equal(opened.history(CELL.key), run.history(CELL.key))
    assert str(opened.manifest) == str(run.manifest)
    assert opened.name == "toy-run"
    assert find_run(str(pack)).path == open_pack(pack).path == bench.open_run(pack).path


def test_equal_runs_make_equal_packs(tmp_path, files, pack):
    other = tmp_path / "other.zip"
    write_pack(other, dict(reversed(files.items())))
    assert other.read_bytes() == pack.read_bytes()


def test_its_sums_are_those_that_sha256sum_checks(tmp_path, pack):
    lines = zipfile.ZipFile(pack).read("SHA256SUMS")
    sums = dict(reversed(line.split("  ")) for line in lines.decode().splitlines())
    assert sorted(sums) == sorted(set(zipfile.ZipFile(pack).namelist()) - {"SHA256SUMS"})
    for name, digest in sums.items():
        content = zipfile.ZipFile(pack).read(name)
        assert hashlib.sha256(content).hexdigest() == digest


def test_a_file_of_it_is_read_without_unpacking(pack):
    assert read_file(pack, "README.md") == b"# A run\n"
    assert about(pack).runs == ["run"]
    with pytest.raises(StorageError, match=r"holds no sources/x\.py"):
        read_file(pack, "sources/x.py")


def altered(name, content):
    """One bit of the last number of the cell's rows is another."""
    return content[:100] + bytes([content[100] ^ 1]) + content[101:] if "cells" in name else content


def test_one_altered_number_is_refused_and_the_file_named(pack):
    with pytest.raises(StorageError, match=rf"cells/{CELL.key}\.parquet is not what was packed"):
        open_pack(rezipped(pack, altered))


def test_altered_numbers_with_new_sums_are_held_to_the_digests_of_their_cell(tmp_path, run, files):
    other = start_run(tmp_path / "forged", planned())
    other.write(record(columns={"psnr": [30.0, 31, 32]}))
    import pyarrow.parquet as pq

    honest, forged = (pq.read_table(each.path / f"cells/{CELL.key}.parquet")
                      for each in (run, other))  # fmt: skip
    mixed = forged.replace_schema_metadata(honest.schema.metadata)
    pq.write_table(mixed, tmp_path / "mixed.parquet")
    files[f"cells/{CELL.key}.parquet"] = tmp_path / "mixed.parquet"
    write_pack(tmp_path / "mixed.zip", files)
    with pytest.raises(StorageError, match="rows are not those that were written"):
        open_pack(tmp_path / "mixed.zip")


def test_a_cell_under_anothers_name_is_refused(tmp_path, run, files):
    manifest = json.loads((run.path / "manifest.json").read_text())
    manifest["cells"] = ["0" * 16]
    files["manifest.json"] = json.dumps(manifest).encode()
    files["cells/0000000000000000.parquet"] = files.pop(f"cells/{CELL.key}.parquet")
    write_pack(tmp_path / "other.zip", files)
    with pytest.raises(StorageError, match="result of another cell"):
        open_pack(tmp_path / "other.zip")


def test_a_cell_that_its_run_does_not_name_is_refused(tmp_path, run, files):
    files["manifest.json"] = str(run.manifest.model_copy(update={"cells": []})).encode()
    write_pack(tmp_path / "other.zip", files)
    with pytest.raises(StorageError, match="is no cell of its run"):
        open_pack(tmp_path / "other.zip")


def test_files_that_have_no_sum_and_sums_that_have_no_file_are_refused(pack):
    missing = rezipped(pack, keep=lambda name: "history" not in name)
    with pytest.raises(StorageError, match=r"history/.*json is missing"):
        open_pack(missing)


def test_an_added_file_is_refused(pack):
    with pytest.raises(StorageError, match=r"extra\.txt was added"):
        open_pack(rezipped(pack, more=[("extra.txt", b"hello")]))


def link(name, target):
    entry = zipfile.ZipInfo(name)
    entry.create_system, entry.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    return entry, target


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (("../outside.txt", b"x"), "no pack has"),
        (("/absolute.txt", b"x"), "no pack has"),
        (("cells/../../x.parquet", b"x"), "no pack has"),
        (("C:\\x.txt", b"x"), "no pack has"),
        (("cells\\x.parquet", b"x"), "no pack has"),
        ((".hidden", b"x"), "no pack has"),
        (link("cells/0.parquet", b"/etc/passwd"), "is a link"),
        (("README.md", b"twice"), "two files of the name"),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_hostile_names_and_links_are_refused(tmp_path, pack, entry, said):
    before = set(tmp_path.rglob("*"))
    with pytest.raises(StorageError, match=said):
        open_pack(rezipped(pack, more=[entry]))
    assert set(tmp_path.rglob("*")) == before


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path, pack):
    with zipfile.ZipFile(pack, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("cells/bomb.parquet", bytes(1 << 27))
    with pytest.raises(StorageError, match="it unpacks to 1"):
        open_pack(pack)


def test_a_name_that_leads_elsewhere_is_no_name_of_a_run(pack):
    forged = saying(pack, pack=1, name="../../elsewhere")
    with pytest.raises(StorageError, match="no name of a run"):
        open_pack(forged)


def test_other_zips_and_broken_ones_get_one_line(tmp_path, pack):
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        archive.writestr("photo.png", b"")
    with pytest.raises(StorageError, match=r"no pack of bench's: it has no SHA256SUMS"):
        open_pack(tmp_path / "photos.zip")
    (tmp_path / "text.zip").write_text("no zip")
    with pytest.raises(StorageError, match="is damaged"):
        open_pack(tmp_path / "text.zip")
    later = saying(pack, pack=2, name="toy-run")
    with pytest.raises(StorageError, match="pack of version 2"):
        open_pack(later)


def test_a_pack_that_another_tool_zipped_anew_opens(run, pack):
    with zipfile.ZipFile(pack) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(pack, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.mkdir("cells")
        for name, content in contents.items():
            archive.writestr(name, content)
    pd.testing.assert_frame_equal(open_pack(pack).records(), run.records())


def verified(pack):
    machine = Machine(os="Linux", cpu="x", cores=2, memory_bytes=None, gpu=None)
    cells = [
        VerifiedCell(key="a", cell="median", held=True, how="bit for bit", exact=True),
        VerifiedCell(key="b", cell="vae", held=False, how="", largest_difference=0.5),
    ]
    return Verified(
        pack=pack.name, sha256=pack_digest(pack), asked=2, seed=0, cells=cells, same_machine=True,
        machine=machine, versions={}, date="2026-11-29T00:00:00+00:00",
    )  # fmt: skip


def test_what_was_verified_lies_beside_the_pack_and_holds_for_its_bytes_alone(pack):
    assert Verified.beside(pack) is None
    path = verified(pack).write_beside(pack)
    assert path.name == "toy.verified.json"
    found = Verified.beside(pack)
    assert (found.held, found.asked, found.largest_difference) == (1, 2, 0.5)
    rezipped(pack)
    assert Verified.beside(pack) is None
