"""What plugins depend on beside their code: files that parameters name, and data of their own."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import bench as api
from bench.core import DataError, UsageError
from bench.planning.requested_metrics import metrics_of
from bench.plugins import files, sources
from bench.plugins.kinds import DATASETS
from bench.plugins.target import BrokenPlugin
from bench.store import open_run

#: Multiplies by what stands in a file.
WEIGHTED = '''"""Multiply by a weight."""
from pathlib import Path
from bench import method

@method(reference="none", files=("weight",))
def weighted(noisy, *, weight=None, power=1):
    """Multiply by the number in a file, if there is one."""
    factor = float(Path(weight).read_text()) if weight else 1
    return (noisy * factor**power).astype("float32")
'''
#: The same of a file beside it, which is read when the module is run.
TABLED = '''"""Multiply by a table's number."""
from pathlib import Path
from bench import method
FACTOR = float(Path(__file__).with_name("table.txt").read_text())

@method(reference="none", data=("table.txt",))
def tabled(noisy):
    """Multiply by the number beside this file."""
    return (noisy * FACTOR).astype("float32")
'''
KINDS = {
    "method": "@bench.method(data=DATA)\ndef some(noisy): return noisy",
    "metric": "@bench.metric(better='lower', data=DATA)\n"
    "def some(restored): return restored.mean(axis=(1, 2, 3))",
    "noise": "@bench.noise(data=DATA)\nclass Some:\n"
    "    def add(self, clean, draws): return clean\n    def std(self, clean): return clean",
    "dataset": "@bench.dataset(data=DATA)\ndef some(split): return []",
}  # fmt: skip
FEW = {"noise": 0.1, "limit": 2, "tune": False, "metrics": "mse"}


@pytest.fixture
def written(tmp_path):
    def write(name, text):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    return write


@pytest.fixture
def weighted(written):
    """Runs the method that reads a file, by default `weight.txt`; gives the run."""
    plugin = written("weighted.py", WEIGHTED)

    def run(text=None, methods=None, **settings):
        file = plugin.with_name("weight.txt")
        if text is not None:
            file.write_text(text)
        methods = methods or [f"weighted[weight={file}]"]
        return api.run("digits", methods=methods, plugins=[plugin], **{**FEW, **settings})

    run.file, run.plugin = plugin.with_name("weight.txt"), plugin
    return run


def seen(run):
    """Keys of a run's cells and their mean, as they are now."""
    return set(run.cells()["key"]), run.records()["mse"].mean()


# -- digests -------------------------------------------------------------------------------


def test_a_file_is_known_by_its_content_and_read_once(tmp_path, monkeypatch):
    file = tmp_path / "weights"
    file.write_bytes(b"one")
    monkeypatch.setattr(files, "_SETTLED", -1)  # as if it were older
    assert files.content_digest(file) == hashlib.sha256(b"one").hexdigest()
    monkeypatch.setattr(hashlib, "file_digest", None)
    assert files.content_digest(file) == hashlib.sha256(b"one").hexdigest()


def test_a_file_that_changes_at_once_is_read_again(tmp_path):
    file = tmp_path / "weights"
    file.write_bytes(b"one")
    before = file.stat()
    for content in (b"one", b"two", b"six"):  # as long, and of the same time
        file.write_bytes(content)
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
        assert files.content_digest(file) == hashlib.sha256(content).hexdigest()


def test_what_is_no_file_has_no_digest(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path, error in (("pipe", OSError), (".", IsADirectoryError), ("none", FileNotFoundError)):
        with pytest.raises(error):
            files.content_digest(tmp_path / path)


def test_data_are_files_folders_and_patterns(tmp_path):
    names = ("a.npy", "b.npy", "c.txt", "deep/er/d.npy", "deep/.hidden", "deep/__pycache__/e.pyc")
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "empty").mkdir()

    def found(*data):
        return [file.relative_to(tmp_path).as_posix() for file in files.data_files(tmp_path, data)]

    assert found("c.txt", "a.npy", "a.npy") == ["a.npy", "c.txt"]
    assert found("deep") == ["deep/er/d.npy"]
    assert found("*.npy") == ["a.npy", "b.npy"]
    assert found("**/*.npy") == ["a.npy", "b.npy", "deep/er/d.npy"]
    assert files.data_files(tmp_path, [str(tmp_path / "c.txt")]) == [tmp_path / "c.txt"]
    for nothing in ("no.npy", "*.pt", "empty", str(tmp_path / "no.npy")):
        with pytest.raises(FileNotFoundError):
            found(nothing)


# -- what changed is measured anew ---------------------------------------------------------


def test_replaced_weights_are_measured_anew_and_others_not(weighted):
    first = seen(weighted("0.5"))
    same = weighted("0.5")  # written again, and equal
    assert seen(same) == first
    keys, mean = seen(weighted("0.25"))
    assert keys.isdisjoint(first[0])
    assert mean > first[1]


def test_a_file_of_a_parameter_that_was_not_typed_counts_too(weighted):
    weighted.plugin.write_text(WEIGHTED.replace("weight=None", f"weight={str(weighted.file)!r}"))
    first = seen(weighted("0.5", ["weighted"]))
    assert seen(weighted("0.25", ["weighted"]))[0].isdisjoint(first[0])


def test_a_helper_that_changed_is_measured_anew(written):
    plugin = written(
        "helped.py",
        "import sys\nfrom pathlib import Path\nsys.path.insert(0, str(Path(__file__).parent))\n"
        "from helping import FACTOR\nfrom bench import method\n"
        "@method(reference='none')\ndef helped(noisy):\n    'Multiply.'\n"
        "    return noisy * FACTOR\n",
    )
    written("helping.py", "import numpy as np\nFACTOR = np.float32(0.5)\n")
    first = seen(api.run("digits", methods="helped", plugins=[plugin], **FEW))
    written("helping.py", "import numpy as np\nFACTOR = np.float32(0.25)\n")
    keys, mean = seen(api.run("digits", methods="helped", plugins=[plugin], **FEW))
    assert keys.isdisjoint(first[0])
    assert mean > first[1]


def test_data_that_changed_are_read_and_measured_anew(written):
    written("table.txt", "0.5")
    plugin = written("tabled.py", TABLED)
    first = seen(api.run("digits", methods="tabled", plugins=[plugin], **FEW))
    assert seen(api.run("digits", methods="tabled", plugins=[plugin], **FEW)) == first
    written("table.txt", "0.25")
    keys, mean = seen(api.run("digits", methods="tabled", plugins=[plugin], **FEW))
    assert keys.isdisjoint(first[0])
    assert mean > first[1]


@pytest.mark.parametrize("kind", KINDS)
def test_data_are_part_of_the_code_of_every_kind(written, kind):
    plugin = written("some.py", f"import bench\nDATA = ('tables/',)\n{KINDS[kind]}\n")
    with pytest.raises(BrokenPlugin, match=r"data names .*/tables, which cannot be read: No such"):
        sources.file_source(plugin).load()
    written("tables/one.txt", "1")
    before = sources.file_source(plugin).load().source
    assert sources.file_source(plugin).load().source == before
    written("tables/one.txt", "2")
    after = sources.file_source(plugin).load().source
    assert after != before
    written("tables/one.txt", "1").rename(plugin.parent / "tables" / "two.txt")
    assert sources.file_source(plugin).load().source not in (before, after)


def test_data_of_an_installed_package_lie_beside_its_module(written, tmp_path, monkeypatch):
    written("tabling/__init__.py", "")
    written("tabling/tabled.py", TABLED)
    written("tabling-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: tabling\nVersion: 1\n")
    written("tabling-1.dist-info/entry_points.txt", "[bench.methods]\ntabled = tabling.tabled\n")
    written("tabling/table.txt", "0.5")
    monkeypatch.syspath_prepend(tmp_path)

    def factor():
        method = sources.load("tabled")
        ones = np.ones((1, 1, 1, 1), np.float32)
        return method.source, float(method.create({}).denoise(ones, None).item())

    try:
        first = factor()
        assert first[1] == 0.5
        assert factor() == first
        written("tabling/table.txt", "0.25")
        after = factor()
        assert after[1] == 0.25
        assert after[0] != first[0]
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == "tabling"]:
            del sys.modules[name]


#: Published runs' digests, as they were before there was any of this.
PUBLISHED = {"bsd68": ("bm3d",), "reference": ()}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_cells_are_still_valid_where_nothing_changed(name):
    run = open_run(Path(api.__file__).parents[1] / "results" / name)
    methods = {"identity", "gaussian", "bilateral", "wiener", "wavelet", "lmmse", *PUBLISHED[name]}
    measured = {(meta.cell.method, meta.cell.source) for meta in run.metadata()}
    now = {(method, sources.load(method).source) for method in methods}
    assert now <= measured


# -- what cannot be read -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("none.txt", "No such file or directory"),
        (".", "it is a folder"),
        ("~nobody-of-that-name/w", "no home folder is known"),
        ("5", 'put a path that looks like a number in quotes, weight="5"'),
    ],
)
def test_a_file_that_cannot_be_read_ends_it_before_anything(fails, weighted, path, why):
    line = fails(
        "run", "--dataset", "digits", "--plugin", weighted.plugin, "--methods",
        f"identity,weighted[weight={path}]", code=2,
    )  # fmt: skip
    assert path in line
    assert why in line
    assert not Path("results").exists()


def test_a_path_is_typed_as_it_is_called(weighted, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    odd = tmp_path / "a, b]='c'.txt"
    odd.write_text("0.5")
    Path("here.txt").write_text("0.5")
    run = weighted(
        methods="weighted[weight=~/weight.txt],weighted[weight=\"~/a, b]='c'.txt\"],"
        "weighted[weight=here.txt]",
        text="0.5",
        jobs=1,  # in a worker, which is told the labels
    )
    records = run.records()
    assert not (run.cells()["status"] != "done").any()
    assert records.groupby("params")["mse"].mean().nunique() == 1
    assert records["params"].nunique() == 3
    digest = hashlib.sha256(b"0.5").hexdigest()
    assert run.manifest.files == {
        "weighted[weight=~/weight.txt]": {"~/weight.txt": digest},
        "weighted[weight=\"~/a, b]='c'.txt\"]": {"~/a, b]='c'.txt": digest},
        "weighted[weight=here.txt]": {"here.txt": digest},
    }


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ("files=('wieght',)", "files names 'wieght': did you mean weight"),
        ("files=('power',)", "power=1 names a file: its default is a path, or None"),
        ("files=('weight',), tune={'weight': ('a', 'b')}", "'weight' names a file, and is tuned"),
        ("files=(1,)", "files=\\(1,\\) are not all texts"),
        ("data=(Path('a'),)", "are not all texts"),
    ],
)
def test_what_is_declared_wrongly_is_said(written, declared, message):
    plugin = written(
        "weighted.py", WEIGHTED.replace("files=('weight',)".replace("'", '"'), declared)
    )
    with pytest.raises(BrokenPlugin, match=message):
        sources.file_source(plugin).load()


# -- what changes while a run works --------------------------------------------------------


def test_a_file_that_changes_while_a_cell_is_measured_ends_the_run(weighted):
    writes = "    Path(weight).write_text('0.3') if power > 1 else 0\n    return"
    weighted.plugin.write_text(WEIGHTED.replace("    return", writes))
    methods = [f"weighted[weight={weighted.file},power={power}]" for power in (1, 2)]
    with pytest.raises(DataError, match=r"weight.txt was changed while weighted was measured"):
        weighted("0.5", methods, name="r")
    assert len(open_run("results/r").records()) == 2  # of the cell before
    again = weighted(None, methods, name="r")  # what it writes now is what it read
    assert (again.cells()["status"] == "done").all()
    assert len(again.records()) == 4


# -- what is done with a run afterwards ----------------------------------------------------


def test_a_finished_run_is_scored_by_the_same_file_only(weighted, bench):
    weighted("0.5", name="r")
    asked = ("score", "results/r", "--plugin", weighted.plugin, "--metrics")
    assert bench(*asked, "mae").code == 0
    assert open_run("results/r").records()["mae"].notna().all()
    weighted.file.write_text("0.25")
    result = bench(*asked, "psnr")
    assert "was measured with other code or files than it has now" in result.out + result.err
    weighted.file.unlink()
    result = bench(*asked, "psnr")
    assert "weight.txt cannot be read: No such file" in result.out + result.err


def test_own_images_are_denoised_by_the_file(weighted, bench):
    weighted.file.write_text("0.5")
    Image.fromarray(np.full((8, 8), 200, np.uint8)).save("image.png")
    result = bench(
        "denoise", "image.png", "--plugin", weighted.plugin, "--noise", "0.1", "--out", "o",
        "--method", f"weighted[weight={weighted.file}]",
    )  # fmt: skip
    assert result.code == 0, result.err
    (made,) = Path("o").glob("*.png")
    assert np.asarray(Image.open(made)).tolist() == np.full((8, 8), 100).tolist()


METRIC = '''"""Distance by a weight."""
from pathlib import Path
from bench import metric

@metric(better="lower", reference="none", files=("weight",))
def distance(clean, restored, *, weight=None):
    """Largest error, times the number in a file."""
    factor = float(Path(weight).read_text()) if weight else 1
    return factor * abs(clean - restored).max(axis=(1, 2, 3))
'''


def test_a_metric_with_other_weights_is_another_metric(written, tmp_path):
    plugin, file = written("distance.py", METRIC), written("weight.txt", "2")
    label = f"distance[weight={file}]"

    def run(**settings):
        return api.run("digits", methods="identity", plugins=[plugin], **{**FEW, **settings})

    first = run(metrics=f"distance,{label}", name="r")
    records = first.records()
    np.testing.assert_allclose(records[label], 2 * records["distance"])
    assert first.manifest.files == {label: {str(file): hashlib.sha256(b"2").hexdigest()}}
    assert first.manifest.plugins == {"metric distance": None}
    file.write_text("3")
    with pytest.raises(UsageError, match="other code"):
        first.score(label, plugins=[plugin])
    first.score(label, plugins=[plugin], again=True)
    np.testing.assert_allclose(first.records()[label], 3 * records["distance"])


def test_a_metric_whose_file_changes_measures_nothing_more(written):
    plugin, file = written("distance.py", METRIC), written("weight.txt", "2")
    registry = sources.Registry([plugin])
    (one,) = metrics_of([f"distance[weight={file}]"], registry).values()
    assert not one.metric.changed
    file.write_text("3")
    assert one.metric.changed == [str(file)]


# -- the manifest --------------------------------------------------------------------------


def test_the_checkouts_of_plugins_of_every_kind_stand_in_the_manifest(written, tmp_path):
    git = ["git", "-C", str(tmp_path), "-c", "user.name=A", "-c", "user.email=a@b"]
    subprocess.run([*git, "init", "-q"], check=True)
    images = (
        "def some(split):\n    'Grey.'\n    import numpy as np\n"
        "    image = np.arange(256, dtype=np.uint8).reshape(16, 16)\n"
        "    return [image, image.T] if split == 'test' else []\n"
    )
    texts = {**KINDS, "dataset": f"@bench.dataset()\n{images}"}
    plugins = [
        written(f"my_{kind}.py", f"import bench\nDATA = ()\n{text}\n")
        for kind, text in texts.items()
    ]
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "-qm", "One"], check=True)
    run = api.run(
        "my-dataset", methods="my-method", noise="my-noise:0.1", metrics="my-metric",
        plugins=plugins, tune=False,
    )  # fmt: skip
    checkouts = run.manifest.plugins
    assert set(checkouts) == {
        "my-method", "metric my-metric", "noise my-noise", "dataset my-dataset",
    }  # fmt: skip
    assert len({git.commit for git in checkouts.values()}) == 1
    assert not any(git.dirty for git in checkouts.values())


def test_the_code_of_an_editable_package_is_found(written, tmp_path, monkeypatch):
    file = written("checkout/grids/__init__.py", "raise RuntimeError('it was run')\n")
    written("checkout/grids/some.py", "")
    written("site/grids-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: grids\nVersion: 1\n")
    written("site/grids-1.dist-info/entry_points.txt", "[bench.datasets]\nsome = grids.some\n")
    monkeypatch.syspath_prepend(tmp_path / "checkout")
    monkeypatch.syspath_prepend(tmp_path / "site")
    assert sources.Registry(kind=DATASETS).find("some").file == file


def test_the_report_says_which_files_a_run_was_made_with(weighted, bench):
    weighted("0.5", name="r")
    assert bench("report", "results/r", "--format", "md").code == 0
    (page,) = Path("reports").rglob("*.md")
    digest = hashlib.sha256(b"0.5").hexdigest()
    assert f"SHA-256 `{digest[:16]}`" in page.read_text()
    manifest = json.loads(Path("results/r/manifest.json").read_text())
    assert list(manifest["files"].values()) == [{str(weighted.file): digest}]
