"""Metrics from elsewhere are found, loaded and listed as methods are."""

import os
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from bench import testing
from bench.core import RESERVED, Restoration, UsageError
from bench.execution.importing import importing
from bench.gate.thresholds import CELL_METRICS
from bench.plugins.kinds import METHODS, METRICS
from bench.plugins.metric import BadValues
from bench.plugins.sources import Registry, file_source
from bench.store import frames

pytestmark = pytest.mark.usefixtures("loaded_here")

METRIC = '''"""Largest absolute error."""
from bench import metric

@metric(better="lower", unit="[0, 1]", between=(0, 1), reference="folklore")
def some(clean, restored, *, power=1.0):
    """Of each image, over pixels and channels."""
    return (abs(restored - clean) ** power).max(axis=(1, 2, 3))
'''
METHOD = '''from bench import method

@method(reference="none")
def some(noisy):
    """Do nothing."""
    return noisy
'''
LEARNED = '''from bench import metric

@metric(better="higher", reference="none")
class Some:
    """Distance to the mean training image."""

    scale: float = 1.0

    def fit(self, train, validation):
        self.mean = train.images.mean(axis=0)

    def measure(self, label, restored):
        return -self.scale * abs(restored - self.mean).mean(axis=(1, 2, 3)) + 0 * label

    def state(self):
        return {"mean": self.mean}

    def load(self, arrays):
        self.mean = arrays["mean"]
'''


@pytest.fixture(autouse=True)
def no_other_metrics(monkeypatch, tmp_path):
    """Built-in ones have tests of their own."""
    (tmp_path / "builtin").mkdir()
    (tmp_path / "builtin" / "psnr.py").write_text(METRIC)
    monkeypatch.setattr(METRICS, "folder", tmp_path / "builtin")


@pytest.fixture
def plugin(tmp_path):
    def write(path, text=METRIC):
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    return write


@pytest.fixture
def images():
    clean = np.zeros((2, 1, 4, 4), np.float32)
    restored = clean.copy()
    restored[1, 0, 2, 2] = 0.5
    noise = SimpleNamespace(kind="gaussian", level=0.1, sigma=0.1)
    return Restoration(clean, restored, clean + 2, np.array([3, 4]), noise)


def load(file):
    return file_source(file).load()


def of_signature(arguments, declared=""):
    return (
        f"from bench import metric\n\n@metric(better='lower'{declared})\n"
        f"def some({arguments}):\n    return restored.mean(axis=(1, 2, 3))\n"
    )


def test_a_function_of_a_batch_is_a_metric(plugin, images):
    metric = load(plugin("max_error.py"))
    assert (metric.name, metric.origin) == ("max-error", "file max_error.py")
    assert metric.needs == ("clean",)
    assert metric.parameters == {"power": 1.0}
    assert not metric.learns
    assert metric.create({})(images).tolist() == [0, 0.5]
    assert metric.create({"power": 2.0})(images).tolist() == [0, 0.25]
    assert metric.scale("max-error[power=2.0]").heading == "max-error[power=2.0] ([0, 1])"


@pytest.mark.parametrize(
    ("arguments", "needs"),
    [
        ("restored", ()),
        ("restored, clean", ("clean",)),
        ("noise, label, noisy, restored, *, x=1", ("noisy", "label", "noise")),
    ],
)
def test_it_needs_what_its_arguments_are(plugin, arguments, needs):
    assert load(plugin("some.py", of_signature(arguments))).needs == needs


def test_a_class_learns_and_measures(plugin, images):
    metric = load(plugin("some.py", LEARNED))
    assert metric.learns
    assert metric.needs == ("label",)
    assert metric.parameters == {"scale": 1.0}
    measure = metric.create({"scale": 2.0})
    measure.learner.fit(SimpleNamespace(images=images.clean, labels=images.label), None)
    assert measure(images).tolist() == [0, -2 * 0.5 / 16]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1", "declares no plugin: a file declares one, with @bench.method, @bench.m"),
        (METRIC + METHOD.replace("some", "other"), "declares 1 method and 1 metric"),
        (METRIC + METRIC.replace("some", "other"), "declares 2 metrics"),
        (
            "from bench import metric\n@metric\ndef f(restored): pass",
            "missing 1 required keyword-only argument: 'better'",
        ),
        ("from bench import metric\n@metric(better='up')\ndef f(restored): pass", "better='up' is"),
        (of_signature("restored", ", unit=1"), "unit=1 is not a text"),
        (of_signature("restored", ", between=(1, 0)"), "write (least, greatest)"),
        (of_signature("restored", ", needs=('clea',)"), "'clea', which is none of clean, noisy"),
        (
            of_signature("restored, clean", ", needs=('noisy',)"),
            "needs names noisy, and some() takes restored, clean: leave needs out",
        ),
        (
            of_signature("clean, restored, sigma=1.0"),
            "the argument 'sigma' of some() is none of clean, restored, noisy, label, noise, "
            "frames, perturbed: for a parameter, write (..., *, sigma=...)",
        ),
        (of_signature("clean, restored, *more"), "the argument 'more' of some() is none of"),
        (
            of_signature("clean"),
            "some() does not take the restored images: write (clean, restored)",
        ),
        (of_signature("restored, *, x"), "parameter 'x' has no default: give it one"),
        (LEARNED.replace("def fit", "def fitt"), "the class Some has no fit()"),
        (LEARNED.replace("train, validation", "train"), "(self, train): write (self, train, valid"),
        (
            LEARNED.replace("label, restored", "restored, *, label=0"),
            "are its annotated attributes",
        ),
        (LEARNED.replace("label, restored", "label, images"), "'images' of Some.measure() is none"),
        ("raise ValueError('two\\nlines')\n" + METRIC, "cannot be loaded: "),
        ("@metric(\n", "SyntaxError"),
    ],
)
def test_a_metric_that_cannot_be_used_is_one_line(plugin, text, message):
    file = plugin("mine.py", text)
    with pytest.raises(UsageError) as error:
        file_source(file, kind=METRICS).load()
    assert message in str(error.value)
    assert str(file) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("command", ["methods", "metrics"])
def test_a_file_that_declares_both_or_nothing_ends_either_list(fails, plugin, command):
    both = plugin("both.py", METRIC + METHOD.replace("some", "other"))
    assert "declares 1 method and 1 metric" in fails(command, "--plugin", both, code=2)
    nothing = plugin("nothing.py", "x = 1")
    assert "declares no plugin" in fails(command, "--plugin", nothing, code=2)


def test_a_folder_may_hold_both(bench, plugin):
    plugin("more/one.py", METHOD)
    plugin("more/two.py")
    plugin("more/plot.py", "1 / 0  # an example:\n'''\n@metric(better='lower')\n'''\n")
    folder = plugin("more/test_two.py", "1 / 0").parent
    assert Registry([folder]).given == ["one"]
    assert Registry([folder], kind=METRICS).given == ["two"]
    methods, metrics = bench("methods", "--plugin", folder), bench("metrics", "--plugin", folder)
    assert (methods.code, metrics.code) == (0, 0)
    names = [{line.split()[0] for line in each.out.splitlines()} for each in (methods, metrics)]
    assert ["one" in each for each in names] == [True, False]
    assert ["two" in each for each in names] == [False, True]


def test_the_environment_names_metrics_too(bench, plugin, monkeypatch):
    places = plugin("a.py"), plugin("more/b.py", METHOD).parent
    monkeypatch.setenv("BENCH_PLUGINS", os.pathsep.join(map(str, places)))
    assert "a" in Registry(kind=METRICS).sources
    assert Registry(kind=METRICS).given == []
    assert "b" in Registry().sources
    monkeypatch.setenv("BENCH_PLUGINS", str(plugin("bad.py", "1 / 0\n" + METRIC)))
    listed = bench("metrics")
    assert listed.code == 0
    assert "cannot run here: metric 'bad' cannot be loaded" in listed.out


def test_the_list_says_how_a_metric_is_read_and_what_it_needs(bench, plugin):
    result = bench("metrics", "--plugin", plugin("max_error.py"))
    at = result.out.splitlines().index(
        "max-error            Of each image, over pixels and channels."
    )
    assert [line.strip() for line in result.out.splitlines()[at + 1 : at + 3]] == [
        "[0, 1], lower is better; needs clean; folklore; file max_error.py",
        "power=1.0",
    ]
    learned = bench("metrics", "--plugin", plugin("some.py", LEARNED)).out
    assert "no unit, higher is better; needs label; fitted on clean training images;" in learned


def test_a_metric_whose_package_is_missing_is_listed_with_what_to_install(bench, plugin):
    text = METRIC.replace("reference=", 'requires=("no_such_thing",), reference=')
    result = bench("metrics", "--plugin", plugin("mine.py", text))
    assert result.code == 0
    assert "mine needs the package no_such_thing: pip install 'no_such_thing'" in result.out
    (METRICS.folder / "built_in.py").write_text(text)
    assert "pip install 'denoise-bench[metrics]'" in bench("metrics").out


def test_a_metric_and_a_method_may_have_one_name(bench, fails, plugin, monkeypatch):
    monkeypatch.setattr(testing, "outcomes", lambda *given: [])
    metric, method = plugin("a/twin.py"), plugin("b/twin.py", METHOD)
    both = ("--plugin", metric, "--plugin", method)
    titles = [line for line in bench("test", "twin", *both).out.splitlines() if "twin" in line]
    assert titles == ["twin (method, file twin.py)", "twin (metric, file twin.py)"]
    assert bench("test", "psnr", "twin", "--plugin", metric).out.count("(metric, ") == 2
    of_one_name = fails("metrics", "--plugin", plugin("psnr.py"), code=2)
    assert "are both 'psnr': rename one" in of_one_name


@pytest.mark.parametrize(
    "name", ["digest", "noise_seed", "bias2", "seed", "images_per_second", "parameters"]
)
def test_what_results_hold_already_is_no_metrics_name(fails, plugin, name):
    line = fails("metrics", "--plugin", plugin(f"{name}.py"), code=2)
    assert "cannot be a metric's name, since results hold something else" in line
    assert "cannot be a metric's name" in fails("new", name, "--metric", code=2)


def test_no_column_of_records_and_no_costs_name_is_free():
    taken = {*frames._IDENTITY, *RESERVED, *CELL_METRICS}
    assert {name.replace("_", "-") for name in taken} <= METRICS.reserved


def test_helpers_of_its_folder_are_a_metrics_code(plugin):
    here = "import sys\nfrom pathlib import Path\nsys.path.insert(0, str(Path(__file__).parent))\n"
    file = plugin("some.py", here + "from helper import FACTOR\n" + METRIC)
    helper = plugin("helper.py", "FACTOR = 1\n")
    before = load(file).source
    helper.write_text("FACTOR = 2\n")
    assert load(file).source != before


def test_a_built_in_metrics_neighbours_are_its_code(monkeypatch, tmp_path):
    from bench.plugins import code

    monkeypatch.setattr(code, "_BENCH", tmp_path / "bench")
    folder = tmp_path / "bench" / "metrics"
    folder.mkdir(parents=True)
    (tmp_path / "bench" / "core.py").touch()
    for name, text in {
        "__init__": "from bench.metrics.other import other",
        "../__init__": "",
        "_blocks": "",
        "other": "",
        "some": "from bench.core import x\nfrom bench.metrics._blocks import y",
    }.items():
        (folder / f"{name}.py").write_text(text)
    some = folder / "some.py"
    home = code.Home.of_file(some)
    assert home.imported([some]) == [folder / "_blocks.py", some]
    elsewhere = tmp_path / "mine.py"
    elsewhere.write_text("import bench.metrics._blocks")
    assert code.Home.of_file(elsewhere).imported([elsewhere]) == [elsewhere]


@pytest.mark.another_process
def test_another_process_loads_what_a_command_knows_of_metrics(plugin):
    function, learned = plugin("a.py"), plugin("b.py", "import sys\nsys.seen = 1\n" + LEARNED)
    with importing([function, learned]) as methods:
        metrics = methods.of(METRICS)
        told = [metrics.load(name) for name in ("a", "b")]
    assert [metric.learns for metric in told] == [False, True]
    assert [metric.needs for metric in told] == [("clean",), ("label",)]
    assert [metric.source for metric in told] == [load(function).source, load(learned).source]
    with pytest.raises(RuntimeError, match="loaded by workers only"):
        told[1].create({})


@pytest.mark.another_process
def test_a_metric_that_ends_its_process_ends_only_that(fails, plugin):
    file = plugin("some.py", "import os\nos._exit(3)\n" + METRIC)
    assert "metric 'some' cannot be loaded" in fails("metrics", "--plugin", file, code=2)


def test_a_packages_metric_is_an_entry_point(tmp_path, monkeypatch, plugin):
    monkeypatch.syspath_prepend(tmp_path)
    plugin("gauges/__init__.py", "")
    plugin("gauges/code.py", METRIC)
    plugin("gauges-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: gauges\nVersion: 1.0\n")
    points = "[bench.metrics]\nmy_gauge = gauges.code\nseed = gauges.code\n"
    plugin("gauges-1.0.dist-info/entry_points.txt", points)
    registry = Registry(kind=METRICS)
    assert registry.load("my-gauge").origin == "package gauges 1.0"
    assert "my-gauge" not in Registry().sources
    with pytest.raises(UsageError, match="'seed' cannot be a metric's name"):
        registry.load("seed")
    for name in [name for name in sys.modules if name.startswith("gauges")]:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("result", "message"),
    [
        ("restored.mean()", r"array of shape \(\) for 2 images: give one number an image"),
        ("restored.mean(axis=(1, 2))", r"shape \(2, 4\)"),
        ("['a', 'b']", "not numbers"),
        ("restored.mean(axis=(1, 2, 3)) / 0", "infinity|NaN"),
        ("restored.max(axis=(1, 2, 3)) * 9", "it gave 4.5, and says that it lies from 0 to 1"),
    ],
)
def test_what_is_no_number_an_image_is_refused(plugin, images, result, message):
    text = METRIC.replace("(abs(restored - clean) ** power).max(axis=(1, 2, 3))", result)
    metric = load(plugin("some.py", text))
    with np.errstate(all="ignore"), pytest.raises(BadValues, match=message):
        metric.create({})(images)


def test_a_registry_of_one_kind_gives_that_of_another(plugin):
    registry = Registry([plugin("mine.py")])
    assert registry.kind is METHODS
    assert registry.of(METRICS).given == ["mine"]
    assert registry.of(METRICS).of(METHODS).sources == registry.sources
