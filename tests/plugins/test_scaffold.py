"""`bench new`: what it writes works as it stands."""

import ast
import os
import re
import shlex
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from bench.testing import check_method

KINDS = pytest.mark.parametrize("learned", [(), ("--learned",)], ids=["classical", "learned"])


def shell(command):
    """A command line as a user types it, where `bench` is this environment's."""
    path = os.pathsep.join([sysconfig.get_path("scripts"), os.environ["PATH"]])
    return subprocess.run(
        command,
        shell=True,
        capture_output=True,
        text=True,
        env={
            **os.environ,
            "PATH": path,
            "OMP_NUM_THREADS": "1",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # what is written needs none of them
        },
    )


def scores_in(text):
    """Method -> PSNR, of a run's table."""
    rows = re.findall(r"^([\w-]+) +(\d+\.\d+) 0\.\d+", text, re.M)
    return {name: float(psnr) for name, psnr in rows}


def test_from_an_empty_folder_to_a_report_as_typed():
    done = shell(
        "bench new sharpen && bench test sharpen --plugin sharpen.py && "
        "bench run --plugin sharpen.py --methods identity,sharpen --noise 0.3 --dataset digits && "
        "bench report"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert "All checks passed." in done.stdout
    scores = scores_in(done.stdout)
    assert scores["sharpen"] > scores["identity"] + 1
    page = Path(done.stdout.splitlines()[-1].removeprefix("Report: "))
    assert "| sharpen" in page.read_text()


def test_a_network_gets_from_an_empty_folder_to_a_report(bench, without_figures):
    assert bench("new", "sharpen", "--learned").code == 0
    plugin = ("--plugin", "sharpen.py")
    tested = bench("test", "sharpen", *plugin)
    assert (tested.code, "All checks passed." in tested.out) == (0, True), tested.out
    methods = ("--methods", "identity,sharpen", "--noise", "0.3", "--dataset", "digits")
    run = bench("run", *plugin, *methods)
    assert run.code == 0, run.err
    scores = scores_in(run.out)
    assert scores["sharpen"] > scores["identity"] + 1
    page = Path(bench("report").out.splitlines()[-1].removeprefix("Report: "))
    assert "| sharpen" in page.read_text()


@KINDS
def test_the_method_and_its_test_pass_as_written(bench, learned):
    assert bench("new", "my-net-2", *learned).code == 0
    done = shell(f"{shlex.quote(sys.executable)} -m pytest -q -W error -p no:cacheprovider")
    assert done.returncode == 0, done.stdout
    assert done.stdout.splitlines()[-1].startswith("2 passed")


def test_a_metric_from_an_empty_folder_to_a_check_as_typed():
    done = shell(
        "bench new largest-error --metric && bench test largest-error --plugin largest_error.py && "
        f"{shlex.quote(sys.executable)} -m pytest -q -W error -p no:cacheprovider"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "All checks passed." in done.stdout
    assert done.stdout.splitlines()[-1].startswith("2 passed")
    for text in (path.read_text() for path in Path().glob("*.py")):
        assert "largest-error" in text
        assert not any(old in text for old in ("my_metric", "my-metric", "MyMetric"))


#: Of such files the documentation says that twelve lines are enough.
TWELVE_LINES = '''"""Fixed-pattern noise: each row of an image has a gain of its own."""
from bench import noise


@noise(unit="standard deviation at white", highest=1.0, reference="none")
class Rows:
    """y = x (1 + level z), z standard normal and the same along a row."""
    def add(self, clean, draws):
        return clean + self.level * clean * draws.normal()[..., :1]

    def std(self, clean):
        return self.level * clean
'''


def test_a_noise_of_twelve_lines_from_an_empty_folder_to_a_report(bench, without_figures):
    assert TWELVE_LINES.count("\n") == 12
    done = shell(
        "bench new rows --noise && bench test rows --plugin rows.py && "
        f"{shlex.quote(sys.executable)} -m pytest -q -W error -p no:cacheprovider"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "All checks passed." in done.stdout
    assert done.stdout.splitlines()[-1].startswith("2 passed")
    for text in (path.read_text() for path in Path().glob("*.py")):
        assert "rows" in text
        assert not any(old in text for old in ("my_noise", "my-noise", "MyNoise"))
    Path("rows.py").write_text(TWELVE_LINES)
    assert "All checks passed." in bench("test", "rows", "--plugin", "rows.py").out
    arguments = ("--methods", "identity,gaussian", "--dataset", "digits", "--limit", "20")
    run = bench("run", "--plugin", "rows.py", "--noise", "rows:0.2,0.4", *arguments)
    assert run.code == 0, run.err
    page = Path(bench("report").out.splitlines()[-1].removeprefix("Report: ")).read_text()
    assert "rows 0.2" in page


def test_what_is_typed_next_of_a_metric(bench, fails):
    assert bench("new", "my_gauge", "--metric").out.splitlines() == [
        "Wrote my_gauge.py and test_my_gauge.py. Now change it, and:",
        "  bench test my-gauge --plugin my_gauge.py",
        "  bench run --plugin my_gauge.py --metrics psnr,my-gauge --noise 0.3",
    ]
    assert bench("new", "my_hiss", "--noise").out.splitlines()[-1] == (
        "  bench run --plugin my_hiss.py --noise my-hiss:0.2"
    )
    assert "--learned is for methods" in fails("new", "x-1", "--metric", "--learned", code=2)
    assert "a file is of one kind" in fails("new", "x-1", "--metric", "--noise", code=2)
    assert "there is a metric 'psnr' already" in fails("new", "psnr", code=2)
    assert "there is a method 'median' already" in fails("new", "median", "--metric", code=2)


def test_a_data_set_from_an_empty_folder_to_a_report_as_typed():
    done = shell(
        "bench new cells --dataset && bench test cells --plugin cells.py && "
        "bench run --plugin cells.py --dataset cells --methods identity,median --noise 0.1 && "
        "bench report --format html && "
        f"{shlex.quote(sys.executable)} -m pytest -q -W error -p no:cacheprovider"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "All checks passed." in done.stdout
    assert "Mean over 8 test images of cells." in done.stdout
    assert done.stdout.splitlines()[-1].startswith("2 passed")
    (page,) = Path("reports").glob("*/report.html")
    assert "cells" in page.read_text()
    for text in (path.read_text() for path in Path().glob("*.py")):
        assert not any(old in text for old in ("my_dataset", "my-dataset", "MyDataset"))


def test_a_data_set_of_ten_lines_gets_to_a_report(bench, without_figures):
    lines = [
        "import numpy as np",
        "from bench import dataset",
        "",
        '@dataset(range=(0, 4095), reference="none")',
        "def stripes(split):",
        '    """Stripes of 12 bits."""',
        '    for width in {"train": (), "validation": (3, 6), "test": (2, 4, 5)}[split]:',
        "        yield np.tile(np.arange(64) // width % 2 * 3000 + 500, (64, 1))",
    ]
    assert len(lines) <= 10
    Path("stripes.py").write_text("\n".join(lines))
    assert bench("test", "--plugin", "stripes.py").code == 0
    run = ("run", "--plugin", "stripes.py", "--dataset", "stripes", "--methods", "identity,median")
    done = bench(*run, "--noise", "0.1", "--jobs", "0")
    assert done.code == 0, done.err
    assert bench("report").code == 0


def test_names_of_data_sets_are_taken(fails):
    assert "cannot be a dataset's name" in fails("new", "mnist", "--dataset", code=2)


@KINDS
def test_the_name_is_written_everywhere_in_its_spelling(bench, learned):
    result = bench("new", "my-net-2", *learned, "--dir", "some/folder")
    assert result.code == 0, result.err
    folder = Path("some/folder")
    files = folder / "my_net_2.py", folder / "test_my_net_2.py"
    assert sorted(folder.iterdir()) == sorted(files)
    method, test = (file.read_text() for file in files)
    for text in (method, test):
        assert "my-net-2" in text
        for old in ("my_method", "my-method", "MyMethod"):
            assert old not in text
    names = [node.name for node in ast.parse(method).body if hasattr(node, "name")]
    assert names[0] == ("MyNet2" if learned else "my_net_2")
    assert "def test_my_net_2_keeps_the_contract" in test
    assert 'with_name("my_net_2.py")' in test


def test_it_says_what_to_type_next(bench):
    result = bench("new", "my_box", "--dir", "a folder")
    assert result.out.splitlines() == [
        f"Wrote {Path('a folder/my_box.py')} and {Path('a folder/test_my_box.py')}. "
        "Now change it, and:",
        "  bench test my-box --plugin 'a folder/my_box.py'",
        "  bench run --plugin 'a folder/my_box.py' --methods identity,my-box --noise 0.3",
    ]
    listed = bench("methods", "--plugin", "a folder")
    assert listed.code == 0, listed.err
    assert "my-box          " in listed.out


@pytest.mark.parametrize("there", ["my_box.py", "test_my_box.py"])
def test_a_file_that_is_there_is_left_as_it_is(fails, there):
    Path(there).write_text("mine")
    line = fails("new", "my-box", code=2)
    assert f"{there} is there already: choose another name, or remove it" in line
    assert [path.name for path in Path().iterdir()] == [there]
    assert Path(there).read_text() == "mine"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "cannot be a method's name: use small letters, digits and '-', a letter first"),
        ("2d", "cannot be a method's name"),
        ("_private", "cannot be a method's name"),
        ("Box", "cannot be a method's name"),
        ("my box", "cannot be a method's name"),
        ("my.box", "cannot be a method's name"),
        ("../box", "cannot be a method's name"),
        ("flou-é", "cannot be a method's name"),
        ("lambda", "cannot be a method's name"),
        ("none", "cannot be a method's name"),  # the class of --learned would be None
        ("test_box", "is the name of a test, not of a method"),
        ("test-box", "is the name of a test, not of a method"),
        ("conftest", "is the name of a test, not of a method"),
        ("median", "there is a method 'median' already"),
        ("signal", "is the name of a Python module, which the file would hide from its test"),
        ("numpy", "is the name of a Python module"),
    ],
)
def test_a_name_that_would_not_work_is_refused(fails, name, message):
    assert message in fails("new", name, code=2)
    assert not list(Path().iterdir())


def test_the_name_of_a_plugin_is_taken(fails, tmp_path, monkeypatch):
    (tmp_path / "my_box.py").write_text("@method()")
    monkeypatch.setenv("BENCH_PLUGINS", str(tmp_path))
    assert "there is a method 'my_box' already" in fails("new", "my_box", code=2)


def test_a_folder_that_cannot_be_written(fails):
    Path("file").write_text("")
    line = fails("new", "my-box", "--dir", "file", code=6)
    assert "cannot write into file: " in line
    assert "choose another --dir" in line


def test_from_python(tmp_path):
    from bench.plugins.scaffold import write

    file, test = write.write("my-box", tmp_path)
    assert (file, test) == (tmp_path / "my_box.py", tmp_path / "test_my_box.py")
    check_method(file)
