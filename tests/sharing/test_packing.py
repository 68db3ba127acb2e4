"""Packs of real runs: whole, equal for equal runs, and silent on the machine that measured."""

import json
import zipfile

import numpy as np
import pandas as pd
import pytest

import bench
from bench import sharing
from bench.core import StorageError, UsageError, without_folders
from bench.sharing.sources import sources_of
from bench.store import Manifest, open_pack, open_run
from bench.store.cell_meta import CellMeta
from bench.store.pack import about

OPTIONS = {"noise": 0.3, "limit": 6, "tune": False}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("secret-project")


@pytest.fixture(scope="module")
def run(folder):
    """Two methods, one of them of a file of the user's, and one that fails with a path."""
    for name, body in (
        ("halve", "return noisy / 2"),
        ("breaks", f"open({str(folder / 'secret.txt')!r})"),
    ):
        (folder / f"{name}.py").write_text(
            "from bench import method\n\n@method()\ndef f(noisy):\n"
            f'    """It is {name}."""\n    {body}\n'
        )
    return bench.run(
        "digits",
        methods="identity,median,halve,breaks",
        plugins=[folder],
        out=folder / "runs",
        name="small",
        command=f"bench run --plugin {folder} --data-dir ~/ann/data",
        **OPTIONS,
    )


@pytest.fixture(scope="module")
def packed(run, folder, tmp_path_factory):
    return sharing.pack([run], tmp_path_factory.mktemp("packs"), plugins=[folder])


def names(pack):
    return zipfile.ZipFile(pack.path).namelist()


def test_a_pack_holds_what_a_run_measured(run, packed):
    opened = open_pack(packed.path)
    pd.testing.assert_frame_equal(opened.records(), run.records())
    assert packed.path.name == "small.zip"
    assert (packed.cells, packed.planned) == (4, 4)
    for key in run.finished():
        for name, images in run.samples(key).items():
            np.testing.assert_equal(opened.samples(key)[name], images)


def test_it_says_what_it_is_in_files_that_need_no_bench(packed):
    assert {
        "README.md", "CITATION.cff", "SHA256SUMS", "pack.json", "environment/requirements.txt",
        "schema/manifest.schema.json", "schema/cell.schema.json", "schema/columns.json",
    } <= set(names(packed))  # fmt: skip
    archive = zipfile.ZipFile(packed.path)
    readme = archive.read("README.md").decode()
    assert "4 methods on 6 test images of digits" in readme
    assert "bench verify small.zip" in readme
    assert "numpy==" in archive.read("environment/requirements.txt").decode()
    columns = json.loads(archive.read("schema/columns.json"))["columns"]
    held = open_run(packed.path).images(sorted(open_run(packed.path).finished())[0])
    assert set(held) <= set(columns)


def test_the_readmes_code_reads_it_without_bench(packed, tmp_path, monkeypatch, capsys, run):
    readme = zipfile.ZipFile(packed.path).read("README.md").decode()
    zipfile.ZipFile(packed.path).extractall(tmp_path)
    monkeypatch.chdir(tmp_path)
    code = readme.partition("```python\n")[2].partition("```")[0]
    assert "bench" not in code.replace('b"bench"', "")
    scope = {}
    exec(code, scope)
    means = scope["table"].groupby("method")["psnr"].mean()
    ours = run.records().groupby("method")["psnr"].mean()
    assert means["median{}"] == pytest.approx(ours["median"])


def test_equal_runs_make_equal_packs(run, packed, folder, tmp_path):
    other = sharing.pack([run], tmp_path / "renamed.zip", plugins=[folder])
    assert other.path.read_bytes() == packed.path.read_bytes()


def test_folders_of_the_machine_do_not_leak(packed, folder):
    archive = zipfile.ZipFile(packed.path)
    opened = open_pack(packed.path)
    said = [str(opened.manifest), *(str(meta) for meta in opened.metadata())]
    said += [
        archive.read(name).decode() for name in archive.namelist()
        if not name.endswith((".parquet", ".npz")) and not name.startswith("sources/breaks/")
    ]  # fmt: skip
    for text in said:
        assert str(folder.parent) not in text
        assert "~/ann" not in text
        assert "/work/" not in text
    (failed,) = [meta for meta in opened.metadata() if meta.status == "failed"]
    assert "'secret.txt'" in failed.reason
    assert 'File "runner.py"' in failed.traceback
    assert opened.manifest.command.endswith("--data-dir data")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("--plugin '/Users/Ann Lee/my code/box.py' --clip", "--plugin 'box.py' --clip"),
        ("--dataset 'folder:/Users/Ann Lee/my photos'", "--dataset 'folder:my photos'"),
        ('File "/Users/Ann Lee/box.py", line 3', 'File "box.py", line 3'),
        (r"no 'C:\\Users\\Ann Lee\\x.png'", "no 'x.png'"),
        ("'~/My Photos/a b.png'", "'a b.png'"),
        ("see 'https://example.org/a/b c'", "see 'https://example.org/a/b c'"),
    ],
)
def test_folders_with_blanks_in_their_names_do_not_leak(text, told):
    assert without_folders(text) == told


def test_the_code_of_methods_is_that_which_measured(packed, folder):
    said = about(packed.path).sources
    assert said["halve"][0].files == ["sources/halve/halve.py"]
    archive = zipfile.ZipFile(packed.path)
    assert archive.read("sources/halve/halve.py") == (folder / "halve.py").read_bytes()
    assert any(name.startswith("sources/median/") for name in archive.namelist())


def test_other_code_is_never_packed_in_its_place(run, folder, tmp_path):
    other = tmp_path / "halve.py"
    other.write_text((folder / "halve.py").read_text().replace("/ 2", "/ 3"))
    packed = sharing.pack([run], tmp_path, plugins=[other])
    said = packed.about.sources
    assert said["halve"][0].left_out.startswith("the code that is here is other code")
    assert said["halve"][0].files == []
    assert "unknown method 'breaks'" in said["breaks"][0].left_out
    assert not any("halve" in name for name in names(packed))
    assert any("no code of halve" in note for note in packed.about.notes)


def test_manifest_and_cells_fit_the_schemas_that_are_packed(packed):
    """Every entry of theirs is described, and none that must be there is missing."""
    archive = zipfile.ZipFile(packed.path)
    for schema, entries in (
        ("manifest", json.loads(archive.read("manifest.json"))),
        ("cell", next(iter(open_pack(packed.path).metadata())).as_dict()),
    ):
        described = json.loads(archive.read(f"schema/{schema}.schema.json"))
        assert set(entries) <= set(described["properties"])
        assert set(described["required"]) <= set(entries)


@pytest.fixture(scope="module")
def other(folder):
    return bench.run("digits", methods="gaussian,median", out=folder / "runs", name="more",
                     **{**OPTIONS, "noise": [0.1, 0.3]})  # fmt: skip


def test_a_pack_can_go_without_its_samples(other, tmp_path):
    packed = sharing.pack([other], tmp_path / "bare.zip", samples=False)
    assert any("sample images were left out" in note for note in packed.about.notes)
    bare = open_pack(packed.path)
    for full, meta in zip(other.metadata(), bare.metadata(), strict=True):
        assert len(other.samples(meta.key)["image"]) > 0
        assert bare.samples(meta.key)["image"] == []
        # Nothing but that is another.
        without = full.digests.model_copy(update={"samples": None})
        assert meta == full.model_copy(update={"digests": without})
    pd.testing.assert_frame_equal(bare.records(), other.records())


def test_runs_of_one_data_set_are_merged(run, other, folder, tmp_path):
    packed = sharing.pack([run, other], tmp_path, plugins=[folder])
    merged = open_pack(packed.path)
    both = pd.concat([run.records(), other.records()])
    both = both.drop_duplicates(["label", "level", "image"])
    assert len(merged.records()) == len(both)
    # The newest run comes first, by name where both began within one second.
    assert sorted(merged.manifest.settings.noise) == [0.1, 0.3]
    assert set(merged.manifest.methods) == {"identity", "median", "halve", "breaks", "gaussian"}
    assert packed.path.name in ("more+small.zip", "small+more.zip")
    names = packed.path.stem.replace("+", " and ")
    assert any(f"merged of the runs {names}" in note for note in merged.manifest.notes)
    assert set(run.manifest.cells) | set(other.manifest.cells) == set(merged.manifest.cells)


def test_what_two_runs_measured_otherwise_is_the_newest_runs_and_named(run, folder, tmp_path):
    longer = bench.run("digits", methods="median", out=folder / "runs", name="longer",
                       **{**OPTIONS, "limit": 8})  # fmt: skip
    packed = sharing.pack([run, longer], tmp_path, plugins=[folder])
    assert any("median: the number of images differs" in note for note in packed.about.notes)
    assert (open_pack(packed.path).records()["method"] == "median").sum() == 8


def test_runs_that_cannot_be_merged_are_refused_in_a_line(run, folder, tmp_path):
    rounded = bench.run("digits", methods="median", out=folder / "runs", quantize=True, **OPTIONS)
    with pytest.raises(UsageError, match=r"differ in quantize.*pack them apart"):
        sharing.pack([run, rounded], tmp_path)
    flat = np.random.default_rng(0).random((6, 1, 16, 16)).astype("float32")
    elsewhere = bench.run(flat, methods="median", range=(0, 1), out=folder / "runs", **OPTIONS)
    with pytest.raises(UsageError, match="of different data sets"):
        sharing.pack([run, elsewhere], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_folders_in_parameters_are_packed_only_when_asked_for(folder, tmp_path):
    reads = folder / "reads.py"
    reads.write_text(
        'from bench import method\n\n@method(files=["table"])\ndef f(noisy, *, table=None):\n'
        '    """It has a table."""\n    return noisy\n'
    )
    (folder / "table.txt").write_text("1")
    typed = f"reads[table={folder / 'table.txt'}]"
    run = bench.run("digits", methods=typed, plugins=[reads], out=folder / "runs", **OPTIONS)
    with pytest.raises(UsageError, match="names a folder of this machine"):
        sharing.pack([run], tmp_path)
    assert sharing.pack([run], tmp_path, paths=True, plugins=[reads]).cells == 1


def test_outputs_are_packed_where_they_were_kept_and_asked_for(folder, tmp_path):
    run = bench.run("digits", methods="median", out=folder / "runs", keep="outputs", **OPTIONS)
    assert not any("outputs/" in name for name in names(sharing.pack([run], tmp_path)))
    packed = sharing.pack([run], tmp_path, outputs=True)
    opened = open_pack(packed.path)
    (key,) = opened.finished()
    assert sum(len(part.positions) for part in opened.outputs(key)) == 6


def test_where_a_pack_is_written(run, tmp_path):
    with pytest.raises(UsageError, match=r"ends with \.zip"):
        sharing.pack([run], tmp_path / "pack.tar")
    with pytest.raises(StorageError, match="is no folder"):
        sharing.pack([run], tmp_path / "missing" / "pack.zip")


def test_sources_of_cells_that_do_not_say_their_code():
    from bench.plugins.sources import Registry

    meta = CellMeta.model_construct(cell=_early())
    said, files = sources_of([meta], {}, Registry())
    assert "do not say which code" in said["median"][0].left_out
    assert not files


def _early():
    from bench.store.cell_meta import RecordedCell, RecordedNoise

    noise = RecordedNoise(kind="gaussian", level=0.3, clip=False)
    return RecordedCell(
        dataset="x", method="median", params="{}", train=None, noise=noise, seed=None
    )


def test_the_schema_of_manifests_is_pydantics():
    assert Manifest.model_json_schema()["title"] == "Manifest"


# -- the command -----------------------------------------------------------------------------


def test_commands_take_a_pack_where_they_take_a_run(bench, packed, tmp_path, without_figures):
    result = bench("report", packed.path, "--format", "md", "--out", tmp_path)
    assert result.code == 0, result.err
    text = next(tmp_path.rglob("*.md")).read_text()
    assert "median" in text
    assert bench("doctor", packed.path).code == 0
    assert f"See: bench report {packed.path}" in bench("status", packed.path).out


def test_a_pack_is_scored_as_a_run_of_its_own(bench, fails, packed, folder):
    before = packed.path.read_bytes()
    arguments = ("score", packed.path, "--metrics", "mae", "--plugin", folder)
    result = bench(*arguments)
    assert "Unpacked to results/small, which is scored" in result.err
    assert "mae" in open_run("results/small").manifest.metrics
    assert packed.path.read_bytes() == before
    assert "results/small exists" in fails(*arguments, code=6)


def test_the_command_names_the_pack_and_what_is_not_in_it(bench, fails, run, tmp_path):
    result = bench("pack", run.path, "--out", tmp_path, "--author", "Ann: #Lee")
    assert result.code == 0
    assert f"Pack: {tmp_path / 'small.zip'} (4 cells" in result.out
    assert "no code of halve" in result.err
    citation = zipfile.ZipFile(tmp_path / "small.zip").read("CITATION.cff").decode()
    assert '  - name: "Ann: #Lee"\n' in citation
    assert "is not a run" in fails("pack", "nothing", code=6)
