"""Noises from elsewhere are found, loaded and listed as methods are, and measured with."""

import json
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest

import bench as package
from bench.core import BadNoise, PluginNoise, UsageError
from bench.evaluation.cell_search import find_cell
from bench.execution.importing import importing
from bench.noises import KINDS, ImageDraws, doubts, recalled
from bench.planning.settings import Settings
from bench.plugins.kinds import METHODS, METRICS, NOISES
from bench.plugins.sources import Registry, file_source

pytestmark = pytest.mark.usefixtures("loaded_here")

NOISE = '''"""Noise that fades."""
from bench import noise


@noise(unit="standard deviation at white", highest=1, reference="folklore")
class Some:
    """Noise in proportion to the image."""

    def add(self, clean, draws):
        return clean + self.level * clean * draws.normal()

    def std(self, clean):
        return self.level * clean
'''
RUN = ("run", "--dataset", "digits", "--limit", "4", "--no-tune", "--methods")


@pytest.fixture
def plugin(tmp_path):
    def write(path="fading.py", text=NOISE):
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    return write


def load(file):
    return file_source(file, kind=NOISES).load()


def replaced(old, new):
    assert NOISE.count(old) == 1
    return NOISE.replace(old, new)


def drawn(noise, value=0.5):
    clean = np.full((2, 1, 4, 4), value, np.float32)
    return noise.corrupt(clean, ImageDraws(np.arange(2), (1, 4, 4), "toy", "test"))


# -- found and loaded ------------------------------------------------------------------------


def test_a_class_is_a_kind_of_noise(plugin):
    kind = load(plugin())
    noise = kind.noise(0.2)
    assert (kind.name, kind.origin) == ("fading", "file fading.py")
    assert (str(noise), noise.unit, noise.highest) == ("fading 0.2", kind.declared.unit, 1)
    assert noise.std(0.5) == pytest.approx(0.1)
    assert noise.mean(0.3) == 0.3
    assert noise.sigma == pytest.approx(0.2 / 3**0.5)
    expected = package.make_noise("speckle", 0.2)
    np.testing.assert_allclose(drawn(noise), drawn(expected), rtol=1e-6)
    with pytest.raises(UsageError, match=r"fading noise level 2 is out of range: .* at most 1 "):
        kind.noise(2)


def test_what_photons_are_counted_in_need_not_be_said(plugin):
    kind = load(
        plugin(text=replaced('unit="standard deviation at white", highest=1', "photons=1>0"))
    )
    assert (kind.declared.unit, kind.declared.highest) == ("photons at white", 1e6)


def test_a_copy_of_a_built_in_file_is_a_noise_of_its_own(plugin):
    kind = load(plugin("mine.py", (NOISES.folder / "poisson_gaussian.py").read_text()))
    assert str(kind.noise(30)) == "mine 30"
    np.testing.assert_array_equal(
        drawn(kind.noise(30)), drawn(package.make_noise("poisson-gaussian", 30))
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (replaced("    def std", "    def other"), "the class Some has no std()"),
        (replaced("def add(self, clean, draws)", "def add(self, clean)"),
         "add() of Some has the arguments (self, clean): write (self, clean, draws)"),
        (replaced("    def add", "    def __init__(self): pass\n\n    def add"),
         "has an __init__(): leave it out; self.level is there"),
        (replaced("highest=1", "highest=0"), "highest=0 is no level"),
        (replaced("highest=1", "photons=30"), "photons=30 is neither True nor False"),
        (replaced("highest=1", "unit_=1"), "unexpected keyword argument 'unit_'"),
        (replaced("class Some:", "def some():").replace("    def", "    pass\n\n    def"),
         "@noise is for a class with add(self, clean, draws) and std(self, clean)"),
        (replaced('@noise(unit="standard deviation at white", highest=1, reference="folklore")',
                  "@noise"), "write @noise(...), with parentheses"),
        ("x = 1", "declares no plugin: a file declares one, with @bench.method, @bench.metric"),
        (NOISE + NOISE.replace("class Some", "class Other"), "declares 2 noises: a file declares"),
        ("from bench import metric\n\n\n@metric(better='lower')\ndef some(restored):\n    pass\n",
         "declares a metric, where a noise is wanted"),
        ("raise ValueError('two\\nlines')\n" + NOISE, "noise 'mine' cannot be loaded: "),
    ],
)  # fmt: skip
def test_a_noise_that_cannot_be_used_is_one_line(plugin, text, message):
    file = plugin("mine.py", text)
    with pytest.raises(UsageError) as error:
        load(file)
    assert message in str(error.value)
    assert str(file) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_folder_may_hold_some_of_each_kind(plugin):
    plugin("more/one.py", "from bench import method\n\n\n@method()\ndef a(noisy):\n    pass\n")
    folder = plugin("more/two.py").parent
    given = [Registry([folder], kind=kind).given for kind in (METHODS, METRICS, NOISES)]
    assert given == [["one"], [], ["two"]]


def test_the_built_in_ones_are_those_that_are_made_by_name():
    assert set(Registry(kind=NOISES).sources) == set(KINDS)
    assert {source.origin for source in Registry(kind=NOISES).sources.values()} == {"built in"}


@pytest.mark.parametrize("name", ["given", "matched", "blind"])
def test_what_else_stands_for_a_noise_is_no_noises_name(fails, plugin, name):
    line = fails("noises", "--plugin", plugin(f"{name}.py"), code=2)
    assert "cannot be a noise's name" in line
    assert "cannot be a noise's name" in fails("new", name, "--noise", code=2)
    of_one_name = fails("noises", "--plugin", plugin("poisson.py"), code=2)
    assert "are both 'poisson': rename one" in of_one_name


def test_the_list_says_what_levels_mean_and_where_a_noise_comes_from(bench, plugin, monkeypatch):
    result = bench("noises", "--plugin", plugin())
    at = [line.split()[0] for line in result.out.splitlines()].index("fading")
    assert [line.split(None, 1)[-1] for line in result.out.splitlines()[at : at + 1]] == [
        "Noise in proportion to the image."
    ]
    assert [line.strip() for line in result.out.splitlines()[at + 1 : at + 3]] == [
        "levels over 0 and at most 1: standard deviation at white",
        "folklore; file fading.py",
    ]
    monkeypatch.setenv("BENCH_PLUGINS", str(plugin("bad.py", "1 / 0\n" + NOISE)))
    listed = bench("noises")
    assert listed.code == 0
    assert "cannot run here: noise 'bad' cannot be loaded" in listed.out


def test_a_packages_noise_is_an_entry_point(bench, tmp_path, monkeypatch, plugin):
    monkeypatch.syspath_prepend(tmp_path)
    plugin("fades/__init__.py", "")
    plugin("fades/code.py")
    plugin("fades-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: fades\nVersion: 1.0\n")
    plugin("fades-1.0.dist-info/entry_points.txt", "[bench.noises]\nmy_fade = fades.code\n")
    assert Registry(kind=NOISES).load("my-fade").origin == "package fades 1.0"
    assert bench(*RUN, "identity", "--noise", "my-fade:0.2").code == 0
    for name in [name for name in sys.modules if name.startswith("fades")]:
        del sys.modules[name]


@pytest.mark.another_process
def test_another_process_loads_what_a_command_knows_of_noises(plugin):
    file = plugin(text="import sys\nsys.seen = 1\n" + NOISE.replace("level * clean\n", "level\n"))
    with importing([file]) as methods:
        kind = methods.of(NOISES).load("fading")
    assert kind.source == load(file).source
    other = kind.noise(0.3).__class__(0.3, kind="fading", source="of nobody")
    with pytest.raises(BadNoise, match=r"fading is a plugin's, and that is not loaded: .*--plugin"):
        drawn(other)


# -- data everywhere -------------------------------------------------------------------------


def test_a_noise_is_told_apart_by_its_code_and_travels_without_it(plugin):
    noise = load(plugin()).noise(0.2)
    assert noise.as_dict() == {
        "kind": "fading", "level": 0.2, "clip": False, "source": noise.source
    }  # fmt: skip
    same = recalled(**noise.as_dict())
    assert same == noise
    assert hash(pickle.loads(pickle.dumps(noise))) == hash(noise)
    np.testing.assert_array_equal(drawn(same), drawn(noise))
    other = load(plugin(text=replaced("* draws", "* 0.5 * draws"))).noise(0.2)
    assert other != noise
    assert drawn(other).std() == pytest.approx(drawn(noise).std() / 2)
    assert recalled("poisson", 30) == package.make_noise("poisson", 30)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            "raise ValueError('no idea')",
            r"noise fading: ValueError: no idea \(fading.py, line 10\)",
        ),
        (
            "return clean[:, :, 1:]",
            r"add\(\) gave shape \(2, 1, 3, 4\) for images of shape \(2, 1,",
        ),
        ("return clean.astype('f8')", r"add\(\) gave float64 for float32 images"),
        ("return clean * float('nan')", r"add\(\) gave NaN or infinity"),
        ("return [1, 2]", r"add\(\) gave list for ndarray"),
    ],
)
def test_what_no_noise_may_give_is_refused(plugin, body, message):
    noise = load(
        plugin(text=replaced("return clean + self", f"{body}\n        return clean + self"))
    )
    with pytest.raises(BadNoise, match=message):
        drawn(noise.noise(0.2))


def test_levels_that_were_hardly_meant_are_told_where_they_are_deviations(plugin):
    text = replaced("highest=1", "highest=1000")
    assert "for 5 of 255 write 5/255" in doubts([load(plugin(text=text)).noise(5)])[0]
    counts = text.replace("standard deviation at white", "grains")
    assert doubts([load(plugin("grain.py", counts)).noise(5)]) == []
    photons = replaced("highest=1", "photons=True")
    assert "less than one photon" in doubts([load(plugin("dim.py", photons)).noise(0.5)])[0]


# -- asked for -------------------------------------------------------------------------------


def test_settings_name_a_plugins_noise_without_running_its_code(plugin):
    file = plugin(text="1 / 0\n" + NOISE)
    (noise,) = Settings.checked(plugins=[file], noise="fading:0.2").noise
    assert (noise.kind, noise.level, type(noise)) == ("fading", 0.2, PluginNoise)
    assert Settings.checked(plugins=file, train_noise="fading:0.2").train_noise == ("fading:0.2",)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--noise=fadin:0.2", "unknown noise 'fadin': did you mean fading"),
        ("--noise=fading:0", "fading noise level 0 is out of range: give levels over 0"),
        ("--noise=fading:3", "fading noise level 3.0 is out of range: give levels over 0 and at"),
        ("--train-noise=fadin:0.2", "unknown noise 'fadin': did you mean fading"),
        ("--methods=dae[train=fadin:0.2]", "unknown noise 'fadin': did you mean fading"),
    ],
)
def test_what_is_wrong_is_one_line(fails, plugin, option, message):
    assert message in fails("run", "--dataset", "digits", "--plugin", plugin(), option, code=2)


def test_a_noise_that_was_given_and_is_broken_ends_the_run(fails, plugin):
    file = plugin(text="1 / 0\n" + NOISE)
    line = fails(*RUN, "identity", "--noise", "0.2", "--plugin", file, code=2)
    assert "noise 'fading' cannot be loaded" in line


def test_a_file_of_settings_names_plugins_and_their_noises(bench, plugin):
    Path("sweep.toml").write_text(f'noise = "fading:0.2"\nplugin = "{plugin()}"\n')
    result = bench(*RUN, "identity", "--config", "sweep.toml")
    assert result.code == 0, result.err
    assert "identity at fading 0.2" in result.err


@pytest.mark.parametrize("how", [(), ("--jobs", "1"), ("--jobs", "1", "--sealed")])
def test_wherever_cells_are_worked_on_the_noise_is_the_same(bench, plugin, how):
    file = plugin()
    result = bench(*RUN, "identity", "--plugin", file, "--noise", "fading:0.2;speckle:0.2", *how)
    assert result.code == 0, result.err
    psnr = package.open_run(next(Path("results").iterdir())).records().groupby("noise")["psnr"]
    assert psnr.mean()["fading"] == pytest.approx(psnr.mean()["speckle"], abs=1e-4)


@pytest.mark.another_process
def test_methods_learn_from_a_plugins_noise(plugin, tmp_path):
    run = package.run(
        "digits",
        methods="dae,dae[train=fading:0.2],dae[train=blind]",
        noise=["fading:0.3", "fading:0.1", "gaussian:0.1"],
        plugins=[plugin()],
        epochs=1,
        limit=2,
        out=tmp_path,
    )
    metas = list(run.metadata())
    assert [meta.status for meta in metas] == ["done"] * 9, [meta.reason for meta in metas]
    trained = [(meta.cell.train.regime, meta.cell.train.source, meta.cell.noise.kind)
               for meta in metas]  # fmt: skip
    source = load(plugin()).source
    assert set(trained) == {
        (regime, "" if regime != "fading:0.2" and kind == "gaussian" else source, kind)
        for regime in ("matched", "blind", "fading:0.2")
        for kind in ("fading", "gaussian")
    }


def test_a_noise_that_fails_costs_its_own_cells(plugin, tmp_path):
    text = replaced(
        "return clean + self", "if self.level > 0.3: return clean[:1]\n        return clean + self"
    )
    run = package.run(
        "digits", methods="identity", noise="fading:0.2,0.4", plugins=[plugin(text=text)],
        limit=3, out=tmp_path,
    )  # fmt: skip
    cells = run.cells()
    assert list(cells.status) == ["done", "failed"]
    assert cells.reason.iloc[1].startswith("noise fading: add() gave shape (1, ")


# -- afterwards ------------------------------------------------------------------------------


def test_other_code_is_other_cells(bench, plugin):
    arguments = (*RUN, "identity", "--name", "one", "--plugin", plugin(), "--noise", "fading:0.2")
    assert bench(*arguments).code == 0
    assert "identity at fading" not in bench(*arguments).err  # it is finished
    plugin(text=replaced("* draws", "* 0.5 * draws"))
    assert "identity at fading" in bench(*arguments).err


def test_a_run_outlives_its_noise(bench, fails, plugin, without_figures):
    file = plugin()
    made = (*RUN, "identity,gaussian", "--name", "one", "--plugin", file)
    assert bench(*made, "--noise", "fading:0.2", "--keep", "outputs").code == 0
    file.unlink()
    report = bench("report", "results/one")
    assert report.code == 0, report.err
    page = Path(report.out.splitlines()[-1].removeprefix("Report: ")).read_text()
    assert "fading 0.2" in page
    assert bench("score", "results/one", "--metrics", "mae").code == 0
    assert "mae" in package.open_run("results/one").records()
    cell = find_cell(package.open_run("results/one"), "gaussian", "fading:0.2")
    assert (cell.status, cell.cell.noise.kind) == ("done", "fading")
    with pytest.raises(UsageError, match="unknown noise 'fade'"):
        find_cell(package.open_run("results/one"), "gaussian", "fade:0.2")


def test_denoising_again_needs_the_noise_with_its_code(bench, plugin):
    file = plugin()
    made = (*RUN, "gaussian", "--name", "one", "--plugin", file, "--noise", "fading:0.2")
    assert bench(*made).code == 0
    score = ("score", "results/one", "--metrics", "mae")
    assert "unknown noise 'fading'" in str(bench(*score))
    plugin(text=replaced("* draws", "* 0.5 * draws"))
    assert "noise fading has other code than it was drawn with" in str(
        bench(*score, "--plugin", file)
    )
    plugin()
    result = bench(*score, "--plugin", file)
    assert result.code == 0, result
    assert "mae" in package.open_run("results/one").records()


def test_keys_of_built_in_noises_are_what_they_were(tmp_path):
    run = package.run("digits", methods="identity", noise="0.2", limit=1, out=tmp_path)
    (meta,) = run.metadata()
    assert json.loads(meta.cell.noise.model_dump_json(exclude_unset=True)) == {
        "kind": "gaussian", "level": 0.2, "clip": False
    }  # fmt: skip
