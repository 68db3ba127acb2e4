"""Methods from elsewhere: files, folders, the environment, and installed packages."""

import json
import os
import subprocess
import sys
import sysconfig
import venv
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest

import bench as api
from bench.core import UsageError
from bench.planning.request import resolve
from bench.planning.settings import DEFAULT_METHODS
from bench.plugins import sources
from bench.plugins.kinds import METHODS
from bench.testing import conformance

pytestmark = pytest.mark.usefixtures("loaded_here")

ROOT = Path(__file__).parents[2]
HEADER = "import numpy as np\nfrom bench import method\n\n"
GOOD = '''
@method(reference="none")
def some(noisy):
    """Do nothing."""
    return noisy.copy()
'''
FEW = ("--dataset", "digits", "--limit", "4", "--noise", "0.3")


@pytest.fixture
def plugin(tmp_path):
    """Write a method's file, by its path in a folder of this test."""

    def write(path, body=GOOD):
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(HEADER + body)
        return file

    return write


def lines_that_begin(start, text):
    return [line for line in text.splitlines() if line.startswith(start)]


def measured(out="results"):
    """The methods of the only run, and its manifest."""
    (path,) = Path(out).iterdir()
    return list(api.open_run(path).cells()["method"]), json.loads(
        (path / "manifest.json").read_text()
    )


# -- the ways in ---------------------------------------------------------------------------


@pytest.mark.another_process
def test_a_file_is_measured_and_the_manifest_says_where_it_comes_from(bench, plugin):
    result = bench("run", *FEW, "--plugin", plugin("my_box.py"), "--methods", "identity,my-box")
    assert result.code == 0, result.err
    assert "my-box" in result.out
    methods, manifest = measured()
    assert methods == ["identity", "my-box"]
    assert manifest["methods"]["my-box"]["origin"] == "file my_box.py"
    assert manifest["methods"]["identity"]["origin"] == "built in"


def test_a_folder_gives_its_methods_and_neither_private_files_nor_tests(bench, plugin):
    for name in ("a.py", "b_c.py", "_private.py", "test_a.py", "conftest.py", "notes.txt"):
        plugin(f"more/{name}", GOOD if name in ("a.py", "b_c.py") else "1 / 0")
    folder = plugin("more/deeper/d.py").parent.parent
    assert sources.Registry([folder]).given == ["a", "b-c"]
    result = bench("methods", "--plugin", folder)
    assert result.code == 0, result.err
    assert len(lines_that_begin("b-c ", result.out)) == 1


def test_plugins_may_be_given_several_times(bench, plugin):
    files = plugin("one.py"), plugin("more/two.py").parent
    arguments = [part for file in files for part in ("--plugin", file)]
    assert bench("run", *FEW, *arguments, "--methods", "two,one").code == 0
    assert measured()[0] == ["two", "one"]


@pytest.mark.parametrize("several", [True, False], ids=["a list", "a text"])
def test_a_config_file_names_plugins(bench, plugin, tmp_path, several):
    one, two = str(plugin("one.py")), str(plugin("more/two.py").parent)
    config = tmp_path / "sweep.toml"
    names = ["two", "one"] if several else ["one"]
    config.write_text(f"plugin = {[one, two] if several else one!r}\nmethods = {names}\n")
    result = bench("run", *FEW, "--config", config)
    assert result.code == 0, result.err
    assert measured()[0] == names


def test_the_environment_names_plugins_for_every_command(bench, plugin, monkeypatch):
    places = plugin("one.py"), plugin("more/two.py").parent
    monkeypatch.setenv("BENCH_PLUGINS", os.pathsep.join(["", *map(str, places)]))
    listed = bench("methods").out
    assert len(lines_that_begin("one ", listed)) == len(lines_that_begin("two ", listed)) == 1
    assert "none; file two.py" in listed
    assert bench("run", *FEW, "--methods", "one,two").code == 0
    assert measured()[0] == ["one", "two"]
    assert bench("test", "one").code == 0


def test_python_takes_plugins_as_the_command_does(plugin):
    run = api.run("digits", methods="mine", plugins=[plugin("mine.py")], noise=0.3, limit=4)
    assert list(run.cells()["method"]) == ["mine"]
    again = api.run("digits", methods="mine", plugins=[str(plugin("mine.py"))], noise=0.3, limit=4)
    assert again.path == run.path


def test_without_methods_the_default_ones_and_the_plugins_are_measured(plugin, monkeypatch):
    monkeypatch.setattr(
        "bench.evaluation.runner.run_cells", lambda *given, **options: (x for x in ())
    )
    run = api.run("digits", plugins=[plugin("more/mine.py").parent], noise=0.3)
    assert run.manifest.settings.methods == ["identity", "mine", *DEFAULT_METHODS[1:]]


def test_methods_of_the_environment_are_measured_only_when_they_are_named(plugin, monkeypatch):
    monkeypatch.setattr(
        "bench.evaluation.runner.run_cells", lambda *given, **options: (x for x in ())
    )
    monkeypatch.setenv("BENCH_PLUGINS", str(plugin("mine.py")))
    run = api.run("digits", noise=0.3)
    assert run.manifest.settings.methods == list(DEFAULT_METHODS)


# -- names ---------------------------------------------------------------------------------


def test_a_plugin_named_like_a_built_in_method_is_an_error_that_names_both(fails, plugin):
    file = plugin("median.py")
    for command in (("run", *FEW, "--methods", "identity"), ("methods",), ("test", "median")):
        line = fails(*command, "--plugin", file, code=2)
        builtin = METHODS.folder / "median.py"
        assert f"{file} and {builtin} are both 'median': rename one" in line


def test_two_plugins_of_one_name_are_an_error_that_names_both(fails, plugin, monkeypatch):
    one, two = plugin("one/mine.py"), plugin("two/mine.py")
    line = fails("methods", "--plugin", one, "--plugin", two.parent, code=2)
    assert f"{one} and {two} are both 'mine'" in line
    monkeypatch.setenv("BENCH_PLUGINS", str(two))
    assert f"{one} and {two} are both 'mine'" in fails("methods", "--plugin", one, code=2)


def test_one_file_by_several_ways_is_no_conflict(plugin, monkeypatch):
    file = plugin("mine.py")
    monkeypatch.setenv("BENCH_PLUGINS", os.pathsep.join([str(file), str(file.parent)]))
    monkeypatch.chdir(file.parent)
    found = sources.Registry(["mine.py", ".", file, METHODS.folder / "median.py"])
    assert found.given == ["median", "mine"]


# -- what cannot be used -------------------------------------------------------------------


def test_a_broken_plugin_of_the_environment_is_in_nobodys_way(bench, fails, plugin, monkeypatch):
    file = plugin("bad.py", "import nonsense_package")
    monkeypatch.setenv("BENCH_PLUGINS", str(file))
    listed = bench("methods")
    assert listed.code == 0
    (line,) = lines_that_begin("bad ", listed.out)
    assert "cannot run here: method 'bad' cannot be loaded" in line
    assert f"{file}: ModuleNotFoundError: No module named 'nonsense_package'" in line
    assert bench("run", *FEW, "--methods", "identity").code == 0
    by_name = fails("run", *FEW, "--methods", "identity,bad", code=2)
    assert "nonsense_package" in by_name
    assert fails("run", *FEW, "--methods", "identity", "--plugin", file, code=2) == by_name
    assert fails("methods", "--plugin", file, code=2) == by_name


def test_a_broken_plugin_does_not_hide_the_others_from_the_list(bench, plugin):
    plugin("more/fine.py")
    result = bench(
        "methods",
        "--plugin",
        plugin("more/bad.py", "1 / 0\n@method()\ndef bad(noisy): pass").parent,
    )
    assert result.code == 2
    assert len(lines_that_begin("fine ", result.out)) == 1
    assert "cannot run here" in lines_that_begin("bad ", result.out)[0]


CLASS = """
@method()
class Some:
    def denoise(self, noisy, noise): return noisy
    def state(self): return {}
    def load(self, arrays): pass
"""


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("some.txt", GOOD, "some.txt: a plugin is a Python file, NAME.py"),
        ("a b.py", GOOD, "'a b' cannot be a method's name: name the file with letters, digits"),
        ("v1.5.py", GOOD, "'v1.5' cannot be a method's name"),
        ("some.py", "raise SystemExit('out of here')", "SystemExit: out of here"),
        ("some.py", "raise ValueError('two\\nlines')", "ValueError: two lines"),
        (
            "some.py",
            "def some(noisy): return noisy",
            "declares no plugin: a file declares one, with",
        ),
        (
            "some.py",
            "from methods.median import median",
            "declares no plugin: a file declares one, with",
        ),
        ("some.py", CLASS, "the class Some has no fit()"),
        (
            "some.py",
            f"{CLASS}    def fit(self, train): pass",
            "fit() of Some has the arguments (self, train): write (self, train, noise, seed), or "
            "(self, train, seed) where what it learns does not depend on the noise",
        ),
        ("some.py", f"{CLASS}    def fit(self, train, level, seed): pass", "(self, train, level,"),
        ("some.py", f"{CLASS}    def fit(self, noise, seed): pass", "(self, noise, seed): write"),
        (
            "some.py",
            f"{CLASS}    def fit(self, train, seed, noise): pass",
            "(self, train, seed, noise): write",
        ),
        (
            "some.py",
            "@method()\ndef some(noisy, size=3): return noisy",
            "the argument 'size' of some() is not keyword-only: write (noisy, *, size=...)",
        ),
        (
            "some.py",
            "@method()\ndef some(noisy, *more): return noisy",
            "the argument 'more' of some() is not keyword-only",
        ),
        ("some.py", "@method()\ndef some(): return 1", "some() takes no images"),
        ("some.py", "@method()\ndef some(*, size=3): return 1", "some() takes no images"),
    ],
)
def test_a_plugin_that_cannot_be_used_is_one_line(fails, plugin, path, body, message):
    file = plugin(path, body)
    for command in (("run", *FEW, "--methods", "identity"), ("methods",)):
        line = fails(*command, "--plugin", file, code=2)
        assert message in line
        assert str(file) in line
    assert not Path("results").exists()


def test_a_function_may_take_parameters_of_any_name(plugins):
    plugins("some", "@method()\ndef some(noisy, *, size=3, **more): return noisy * more['by']")
    requested = resolve("some[by=0.5,deep=true,kind=soft]", sources.Registry())
    assert requested.params == {"by": 0.5, "deep": True, "kind": "soft"}
    halved = requested.method.create(requested.params).denoise(np.ones((1, 1, 2, 2)), None)
    np.testing.assert_array_equal(halved, 0.5)
    with pytest.raises(UsageError, match="size is of type int"):
        resolve("some[size=large]", sources.Registry())


def test_how_to_train_is_an_error_where_the_noise_plays_no_part(fails, plugin):
    file = plugin("some.py", f"{CLASS}    def fit(self, train, seed): pass")
    line = fails("run", *FEW, "--plugin", file, "--methods", "some[train=blind]", code=2)
    assert "'some' learns the same whatever the noise: leave train=blind out" in line


def test_a_plugin_that_is_not_there_is_an_error(bench, fails, tmp_path, monkeypatch):
    absent = tmp_path / "absent.py"
    line = fails("run", *FEW, "--plugin", absent, code=2)
    assert f"--plugin {absent}: there is no such file or folder" in line
    monkeypatch.setenv("BENCH_PLUGINS", str(absent))
    listed = bench("methods")  # nobody asked for it now
    assert listed.code == 0
    assert f"cannot read {absent}" in lines_that_begin("absent ", listed.out)[0]


def test_a_folder_without_methods_is_an_error(fails, plugin):
    folder = plugin("empty/_private.py").parent
    line = fails("methods", "--plugin", folder, code=2)
    assert f"--plugin {folder}: no file in this folder declares a @bench.method" in line


def test_other_scripts_in_a_folder_are_not_run(bench, plugin, tmp_path):
    folder = plugin("mixed/fine.py").parent
    (folder / "plot.py").write_text("from pathlib import Path\nPath('ran').touch()\n")
    result = bench("methods", "--plugin", folder)
    assert result.code == 0
    assert len(lines_that_begin("fine ", result.out)) == 1
    assert not Path("ran").exists()


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("@method\ndef some(noisy): return noisy", "write @method(...), with parentheses"),
        ("@method(family='fitler')\ndef some(noisy): return noisy", "'fitler' is none of filter,"),
        ("@method(reference=2020)\ndef some(noisy): return noisy", "reference=2020 is not a text"),
        ("@method(tune={1: 2})\ndef some(noisy): return noisy", "cannot be loaded"),
        ("@method()\ndef some(noise, noisy): return noisy", "takes the images first"),
        ("class Odd(BaseException): pass\nraise Odd('out')", "Odd: out (line 5)"),
        (
            "class Odd(Exception):\n    def __str__(self): raise KeyError\nraise Odd",
            "cannot be loaded",
        ),
    ],
)
def test_whatever_a_plugin_does_when_loaded_is_one_line(fails, plugin, body, message):
    assert message in fails("methods", "--plugin", plugin("some.py", body), code=2)


def test_a_plugin_that_needs_its_neighbour_is_told_what_to_do(fails, plugin):
    plugin("helper.py", "x = 1")
    line = fails("methods", "--plugin", plugin("some.py", "import helper"), code=2)
    assert "a plugin stands alone: put what it shares into an installed package" in line


def test_a_name_may_be_typed_with_underscores(bench, plugin):
    done = bench("run", *FEW, "--methods", "my_box", "--plugin", plugin("my_box.py"))
    assert done.code == 0, done.err
    assert "my-box at gaussian 0.3" in done.err


BAD = {  # what the method does -> (its body, what is said of it, the check that names it)
    "raises on import": ("raise OSError('no weights')", "OSError: no weights", "loads"),
    "raises on call": (
        "@method()\ndef bad(noisy):\n    raise ValueError('no idea')",
        "ValueError: no idea (bad.py, line 6)",
        "shape and type",
    ),
    "returns float64": (
        "@method()\ndef bad(noisy): return noisy.astype(float)",
        "denoise returned float64, not float32: use .astype('float32')",
        "shape and type",
    ),
    "returns NaN": (
        "@method()\ndef bad(noisy): return noisy + np.float32(np.nan)",
        "denoise returned NaN or infinity in 1 of 1 images",
        "finite values",
    ),
    "returns another shape": (
        "@method()\ndef bad(noisy): return noisy[..., 1:]",
        "denoise returned shape (1, 1, 28, 27) for input of shape (1, 1, 28, 28)",
        "shape and type",
    ),
    "modifies its input": (
        "@method()\ndef bad(noisy):\n    noisy *= 0.5\n    return noisy.copy()",
        "denoise changed its input: work on a copy, noisy.copy()",
        "input not modified",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_plugin_gives_one_clear_line(bench, fails, plugin, case):
    body, message, _ = BAD[case]
    arguments = ("run", *FEW, "--plugin", plugin("bad.py", body), "--methods", "bad,identity")
    if case == "raises on import":
        assert message in fails(*arguments, code=2)
        return
    result = bench(*arguments)
    assert result.code == 3
    assert "Traceback" not in result.out + result.err
    assert lines_that_begin("failed", result.out) == [f"failed: bad at gaussian 0.3: {message}"]
    assert sum(message in line for line in result.lines) == 1
    assert lines_that_begin("identity ", result.out)


@pytest.mark.parametrize("case", BAD)
def test_the_conformance_suite_names_the_check_that_a_bad_plugin_fails(
    bench, plugin, monkeypatch, case
):
    here = [check for check in conformance.CHECKS if check.__name__ != "another_process"]
    monkeypatch.setattr(conformance, "CHECKS", here)  # a second for each case, and it says no more
    body, _, check = BAD[case]
    result = bench("test", "bad", "--plugin", plugin("bad.py", body))
    assert result.code == 1
    assert len(lines_that_begin(f"  FAILED  {check}: ", result.out)) == 1
    assert "Traceback" not in result.out + result.err


# -- installed packages --------------------------------------------------------------------


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """An installed package `boxes` with one entry point: its value, its module's text."""
    monkeypatch.syspath_prepend(tmp_path)
    also = os.environ.get("PYTHONPATH", "")  # for the process that loads it for a command
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), also]))

    def install(value, body=GOOD, *, version="1.0", name="my_box"):
        for module in [name for name in sys.modules if name.split(".")[0] == "boxes"]:
            monkeypatch.delitem(sys.modules, module)
        (tmp_path / "boxes").mkdir(exist_ok=True)
        (tmp_path / "boxes" / "__init__.py").write_text("")
        (tmp_path / "boxes" / "code.py").write_text(HEADER + body)
        info = tmp_path / "boxes-1.0.dist-info"
        info.mkdir(exist_ok=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: boxes\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(f"[bench.methods]\n{name} = {value}\n")

    return install


@pytest.mark.parametrize("value", ["boxes.code", "boxes.code:some"])
def test_an_entry_point_is_a_module_or_the_method_itself(installed, value):
    installed(value)
    method = sources.load("my-box")
    assert (method.name, method.origin) == ("my-box", "package boxes 1.0")
    assert method.summary == "Do nothing."


def test_of_several_methods_in_a_module_an_entry_point_says_which(installed):
    installed("boxes.code:some", GOOD + GOOD.replace("def some", "def other"))
    assert sources.load("my-box").target.__name__ == "some"


@pytest.mark.another_process
def test_the_manifest_names_the_package(bench, installed):
    installed("boxes.code")
    assert bench("run", *FEW, "--methods", "my-box").code == 0
    assert measured()[1]["methods"]["my-box"]["origin"] == "package boxes 1.0"


def test_another_version_of_a_package_is_other_code(installed):
    installed("boxes.code")
    before = sources.load("my-box").source
    installed("boxes.code")
    assert sources.load("my-box").source == before
    installed("boxes.code", version="1.1")
    assert sources.load("my-box").source != before


@pytest.mark.parametrize(
    ("value", "body", "message"),
    [
        ("boxes.code", "1 / 0", "ZeroDivisionError: division by zero"),
        ("boxes.code", "raise SystemExit(1)", "SystemExit: 1"),
        ("boxes.absent", GOOD, "ModuleNotFoundError: No module named 'boxes.absent'"),
        ("boxes.code:absent", GOOD, "AttributeError: module 'boxes.code' has no attribute"),
        ("boxes.code:np", GOOD, "declares no plugin: a file declares one, with"),
        ("boxes.code:HALF", "HALF = 0.5", "neither a module nor made with @bench.method"),
        ("boxes.code:some", "def some(noisy): return noisy", "nor made with @bench.method"),
        ("boxes.code", CLASS, "the class Some has no fit()"),
    ],
)
def test_a_broken_package_is_listed_and_an_error_only_by_name(
    bench, fails, installed, value, body, message
):
    installed(value, body)
    listed = bench("methods")
    assert listed.code == 0, listed.err
    (line,) = lines_that_begin("my-box ", listed.out)
    assert "cannot run here: " in line
    assert message in line
    assert f"entry point my_box = {value} of the package boxes 1.0" in line
    assert bench("run", *FEW, "--methods", "identity").code == 0
    assert message in fails("run", *FEW, "--methods", "my-box", code=2)


def test_a_package_with_the_name_of_another_method_is_an_error_that_names_both(installed, plugin):
    installed("boxes.code", name="median")
    with pytest.raises(UsageError, match="are both 'median': rename one") as error:
        sources.Registry()
    assert str(METHODS.folder / "median.py") in str(error.value)
    assert str(Path("boxes", "code.py")) in str(error.value)


def test_an_entry_point_of_no_known_package_is_one_all_the_same(monkeypatch):
    entry = EntryPoint("gone", "nonsense_package.code", "bench.methods")
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: [entry])
    with pytest.raises(UsageError, match=r"'gone' cannot be loaded.*of the package unknown"):
        sources.load("gone")


PYPROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "little-box"
version = "0.3"

[project.entry-points."bench.methods"]
box = "little_box.filters"
broken = "little_box.absent"
"""


def call(*command, **options):
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, **options
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_package_installed_beside_bench_is_found_and_measured(tmp_path):
    package = tmp_path / "package"
    (package / "little_box").mkdir(parents=True)
    (package / "pyproject.toml").write_text(PYPROJECT)
    (package / "little_box" / "__init__.py").write_text("")
    (package / "little_box" / "filters.py").write_text(HEADER + GOOD)

    venv.create(tmp_path / "venv", with_pip=False)
    scripts = tmp_path / "venv" / ("Scripts" if os.name == "nt" else "bin")
    # What both need, the builder too, is taken from this environment.
    site = next((tmp_path / "venv").glob("[Ll]ib/**/site-packages"))
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    call(
        sys.executable, "-m", "pip", "--python", scripts / "python", "install", "--no-deps",
        "--no-build-isolation", "--no-index", "--quiet", "--disable-pip-version-check",
        ROOT, package,
    )  # fmt: skip

    folder = tmp_path / "work"
    folder.mkdir()
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    listed = call(scripts / "bench", "methods", cwd=folder, env=environment)
    (line,) = lines_that_begin("box ", listed)
    assert line.endswith(" Do nothing.")
    assert "package little-box 0.3" in listed
    (line,) = lines_that_begin("broken ", listed)
    assert "cannot run here: method 'broken' cannot be loaded: entry point broken = " in line
    out = call(
        scripts / "bench", "run", "--dataset", "digits", "--methods", "identity,box",
        "--noise", "0.3", "--limit", "4", cwd=folder, env=environment,
    )  # fmt: skip
    assert lines_that_begin("box ", out)
    assert "All checks passed." in call(
        scripts / "bench", "test", "box", cwd=folder, env=environment
    )


def test_a_link_is_named_as_it_is_called(bench, plugin):
    target = plugin("long_name.py")
    link = target.with_name("short.py")
    link.symlink_to(target)
    done = bench("run", *FEW, "--methods", "short", "--plugin", link)
    assert done.code == 0, done.err
    assert "short at gaussian 0.3" in done.err
