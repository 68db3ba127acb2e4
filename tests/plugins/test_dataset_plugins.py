"""Data sets in files: found, listed, opened in every process, and told what is wrong with them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import bench as package
from bench import datasets
from bench.core import DataError, Range, UsageError
from bench.datasets import arrays
from bench.evaluation.data_source import DataSource
from bench.plugins.kinds import DATASETS, kinds_in
from bench.plugins.sources import Registry
from bench.plugins.target import BrokenPlugin

pytestmark = pytest.mark.usefixtures("loaded_here")

HEAD = '''"""Rings."""
import os, sys, time
import numpy as np
from bench import dataset

'''
RINGS = (
    HEAD
    + '''
@dataset(range=(0, 4095), unit="counts", reference="none")
def rings(split, folder):
    """Rings of 12 bits."""
    for number in range({"train": 0, "validation": 2, "test": 3}[split]):
        y, x = np.mgrid[-1:1:32j, -1:1:32j]
        yield (2047 * (1 + np.sin(np.hypot(y, x) * (5 + number)))).astype(np.uint16)
'''
)


@pytest.fixture
def write(tmp_path, monkeypatch):
    """A file of a data set in the folder that commands are called in; its path."""
    monkeypatch.chdir(tmp_path)

    def written(code, name="rings.py"):
        (tmp_path / name).write_text(code)
        return tmp_path / name

    return written


def opened(path, name="rings", **options):
    return DataSource(name, plugins=(str(path),), **options).open()


def gives(body, declared=""):
    """A file whose function has that body."""
    return f"{HEAD}@dataset({declared})\ndef rings(split, folder):\n    {body}\n"


def test_a_file_is_a_data_set(write, tmp_path):
    path = write(RINGS)
    assert kinds_in(path) == [DATASETS]
    data = opened(path)
    assert dict(data.sizes) == {"train": 0, "validation": 2, "test": 3}
    assert data.range == Range(0, 4095, "counts")
    (group,) = data.groups("test")
    assert group.clean.shape == (3, 1, 32, 32)
    assert 0 <= group.clean.min() < group.clean.max() <= 1
    assert data.fingerprint == opened(path).fingerprint
    assert opened(path, range=Range(0, 4095)).fingerprint == data.fingerprint
    with pytest.raises(UsageError, match="rings declares its own, 0 to 4095 counts"):
        opened(path, range=Range(0, 255))


def test_it_may_give_paths_of_the_data_folder_and_what_is_known_of_images(write, tmp_path):
    pictures = tmp_path / "data" / "rings"
    pictures.mkdir(parents=True)
    for number in range(3):
        pixels = np.random.default_rng(number).integers(0, 256, (2, 9, 8), np.uint8)
        Image.fromarray(pixels[0]).save(pictures / f"{number}-clean.png")
        Image.fromarray(pixels[1]).save(pictures / f"{number}-noisy.png")
    body = (
        'for path in sorted((folder / "rings").glob("*-clean.png")) if split == "test" else ():\n'
        '        noisy = path.with_name(path.name.replace("clean", "noisy"))\n'
        "        number = int(path.name[0])\n"
        '        yield {"clean": path, "noisy": noisy, "label": number, "unit": number // 2}\n'
    )
    data = opened(write(gives(body)), folder=tmp_path / "data")
    assert (data.sizes["test"], data.frames, data.truth) == (3, 1, True)
    assert data.labels("test").tolist() == [0, 1, 2]
    assert data.units("test").tolist() == [0, 0, 1]
    pairs = tmp_path / "pairs"
    for kind in ("clean", "noisy"):
        (pairs / kind).mkdir(parents=True)
        for path in pictures.glob(f"*-{kind}.png"):
            path.rename(pairs / kind / f"{path.name[0]}.png")
    same = datasets.load(f"pairs:{pairs}", Path())
    (one,), (other,) = same.groups("test"), opened_pairs(pairs, write).groups("test")
    np.testing.assert_array_equal(one.clean, other.clean)
    np.testing.assert_array_equal(one.frames, other.frames)


def opened_pairs(pairs, write):
    body = (
        f'for path in sorted(type(folder)({str(pairs)!r}, "clean").iterdir()):\n'
        '        if split == "test": yield {"clean": path, "noisy": path.parents[1] / "noisy" / '
        "path.name}\n"
    )
    return opened(write(gives(body)))


def test_what_readers_note_of_its_files_is_a_warning(write, tmp_path):
    np.save(tmp_path / "a.npy", np.arange(192, dtype=np.uint8).reshape(3, 8, 8))
    body = f'yield from [{str(tmp_path / "a.npy")!r}] if split == "test" else []'
    (said,) = opened(write(gives(body))).warnings
    assert said.startswith("rings, test image 0 (counted from 0): its shape (3, 8, 8) is taken")


def test_reading_is_lazy(write, monkeypatch, capsys):
    monkeypatch.setattr(arrays, "READ_AT_ONCE", 100)
    body = (
        'for number in range(9 if split == "test" else 0):\n'
        '        print("read", number)\n'
        "        yield np.full((8, 8), number, np.uint8)\n"
    )
    data = opened(write(gives(body)))
    capsys.readouterr()
    groups = data.groups("test")
    assert not capsys.readouterr().out
    assert next(groups).positions.tolist() == [0, 1]
    assert capsys.readouterr().out.splitlines() == ["read 0", "read 1"]


def test_names_of_the_catalogue_are_taken():
    assert DATASETS.reserved == {*datasets.CATALOGUE, datasets.NAME}


def test_a_plugin_goes_before_a_folder_of_its_name(write, tmp_path):
    path = write(RINGS)
    (tmp_path / "rings").mkdir()
    assert opened(path).name == "rings"
    with pytest.raises(DataError, match="no image in rings"):
        opened(path, "./rings")


def test_clamp_and_unit_without_a_range_go_with_the_stated_one(write):
    body = 'yield from [np.linspace(-9, 99, 64).reshape(8, 8)] if split == "test" else []'
    data = opened(write(gives(body, "unit='HU', clamp=False")), range=Range(0, 90))
    assert data.range == Range(0, 90, "HU", clamp=False)
    (group,) = data.groups("test")
    assert group.clean.min() < 0 < 1 < group.clean.max()
    with pytest.raises(DataError, match="outside the range 0 to 90"):
        opened(write(gives(body)), range=Range(0, 90))


@pytest.mark.parametrize("stated", [None, Range(), Range(0, 255)])
def test_clamp_is_part_of_the_fingerprint(write, stated):
    body = 'yield from [np.arange(64, dtype=np.uint8).reshape(8, 8)] if split == "test" else []'
    free, limited = (
        opened(write(gives(body, f"clamp={clamp}")), range=stated) for clamp in (False, True)
    )
    assert (free.range.clamp, limited.range.clamp) == (False, True)
    assert free.fingerprint != limited.fingerprint
    (one,), (other,) = free.groups("test"), limited.groups("test")
    np.testing.assert_array_equal(one.clean, other.clean)


def test_an_unknown_name_is_looked_for_among_plugins_too(write):
    with pytest.raises(UsageError, match="did you mean rings"):
        opened(write(RINGS), "ring")


def test_it_is_listed(write, bench):
    out = bench("datasets", "--plugin", write(RINGS)).out
    assert "Rings of 12 bits." in out
    assert "none; file rings.py; values from 0 to 4095 counts" in out
    for typed in ("npz:FILE", "torchvision:NAME", "hf:NAME", "folder:PATH"):
        assert typed in out


def test_a_package_offers_one(write, monkeypatch, tmp_path):
    from importlib import metadata

    write(RINGS, "ring_images.py")
    monkeypatch.syspath_prepend(tmp_path)
    entry = metadata.EntryPoint("rings", "ring_images", "bench.datasets")

    def entries(group):
        return [entry] if group == "bench.datasets" else []

    monkeypatch.setattr(metadata, "entry_points", entries)
    assert DataSource("rings").open().sizes["test"] == 3
    assert Registry(kind=DATASETS).sources["rings"].origin == "package unknown"


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (RINGS.replace("(split, folder)", "(split, folder, size)"), "(split, folder, size)"),
        (RINGS.replace("(split, folder)", "(split, *, size=3)"), "argument size=3"),
        (RINGS.replace("(split, folder)", "(where)"), "write (split, folder), or (split)"),
        (RINGS.replace("(0, 4095)", "(5, 1)"), "range=(5, 1): write (black, white)"),
        (RINGS.replace("(0, 4095)", '"wide"'), "range='wide'"),
        (RINGS.replace('"none"', "3"), "reference=3 is not a text"),
        (HEAD + "@dataset(reference='none')\nclass Rings: pass\n", "is for a function"),
        (RINGS + RINGS.replace("def rings", "def more"), "declares 2 datasets"),
        (HEAD + "@dataset\ndef rings(split): pass\n", "with parentheses"),
        (RINGS + "\nraise RuntimeError('boom')\n", "RuntimeError: boom (line"),
    ],
)
def test_a_broken_declaration_gets_one_line(code, said, write):
    with pytest.raises(BrokenPlugin) as error:
        opened(write(code))
    assert said in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("return 3", "TypeError: it gave int, not images: yield them one by one"),
        ("return None", "no test image"),
        ("raise OSError(2, 'no disk')", "train images: FileNotFoundError: [Errno 2] no disk"),
        ("sys.exit(4)", "train images: SystemExit: 4"),
        ("yield None", "train image 0 (counted from 0): it has neither clean nor noisy"),
        ("yield 'nowhere.png'", "nowhere.png"),
        ("yield np.zeros((4, 5, 6), np.uint8)", "(4, 5, 6), and no axis of 1 or 3 channels"),
        ("yield np.zeros((3, 8, 3), np.uint8)", "first and the last axis"),
        ("yield {'image': np.zeros((8, 8), np.uint8)}", "no 'image' of an image"),
        ("yield np.zeros((8, 8)) * np.nan", "NaN or infinite"),
        ("yield np.zeros((8, 8))", "state their range"),
        ("yield np.zeros((8, 8), complex)", "complex128"),
        ("yield {'noisy': []}", "not of one shape"),
        ("yield {'clean': np.eye(8), 'label': 'cat'}", "its label is 'cat'"),
    ],
)
def test_what_is_no_image_gets_one_line(body, said, write):
    with pytest.raises((UsageError, DataError)) as error:
        opened(write(gives(body)))
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_other_images_each_time_are_found(write):
    body = "yield np.frombuffer(os.urandom(64), np.uint8).reshape(8, 8)\n"
    data = opened(write(gives(body)))
    with pytest.raises(DataError, match="another image than before"):
        list(data.groups("test"))


def test_a_lacking_package_is_said(write):
    code = RINGS.replace("@dataset(", "@dataset(requires=('nowhere_at_all',), ")
    with pytest.raises(UsageError, match="nowhere_at_all"):
        opened(write(code))


# -- in a run ----------------------------------------------------------------------------------


@pytest.mark.parametrize("jobs", [0, 1])
def test_it_is_run_and_scored_again(write, bench, jobs, tmp_path):
    path = write(RINGS)
    options = ("--dataset", "rings", "--methods", "identity,median", "--noise", "0.1")
    done = bench(
        "run", "--plugin", path, *options, "--jobs", jobs, "--name", "r", *["--sealed"] * jobs
    )
    assert done.code == 0, done.err
    run = package.open_run(tmp_path / "results" / "r")
    assert run.manifest.dataset.range.unit == "counts"
    assert np.isfinite(run.score("mae", plugins=[path]).records()["mae"]).all()


def test_its_file_alone_will_do(write, bench, fails, tmp_path):
    path = write(RINGS)
    options = ("--methods", "identity", "--noise", "0.1", "--jobs", "0", "--name", "alone")
    assert bench("run", "--plugin", path, *options).code == 0
    assert package.open_run(tmp_path / "results" / "alone").manifest.dataset.name == "rings"
    write(RINGS.replace("def rings", "def more"), "more.py")
    line = fails("run", "--plugin", tmp_path, *options, code=2)
    assert "--plugin has the data sets more, rings: name one with --dataset" in line


@pytest.mark.another_process
def test_its_code_runs_elsewhere_where_there_are_workers(write, fails):
    """What it does to its process, it does to another one."""
    path = write(gives("os._exit(3)"))
    options = ("--dataset", "rings", "--methods", "identity", "--noise", "0.1", "--jobs", "1")
    line = fails("run", "--plugin", path, *options, code=5)
    assert "dataset 'rings' cannot be read: its process ended by itself (exit code 3)" in line
    path = write(gives("return []") + "\nos._exit(4)\n")
    assert "exit code 4" in fails("run", "--plugin", path, *options, code=5)


@pytest.mark.another_process
def test_one_that_hangs_is_ended(write, monkeypatch, fails):
    from bench.execution import importing

    monkeypatch.setattr(importing, "_LOADING", 3.0)
    slow = gives('yield np.zeros((8, 8), np.uint8) if split != "test" else time.sleep(600)')
    options = ("--dataset", "rings", "--methods", "identity", "--noise", "0.1", "--jobs", "1")
    line = fails("run", "--plugin", write(slow), *options, code=5)
    assert "took longer than 3 s" in line
