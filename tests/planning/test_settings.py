"""One `Settings`: what the command, a TOML file, Python, manifests and the docs share."""

import inspect
import json
import runpy
from pathlib import Path
from typing import Annotated

import click
import numpy as np
import pytest
from pydantic import Field

import bench
from bench.cli import main
from bench.core import UsageError
from bench.planning import settings as planning
from bench.planning.settings import Settings, Typed, typed_names

ROOT = Path(__file__).parents[2]
FIELDS = sorted(Settings.model_fields)


def run_options():
    command = main.commands["run"]
    return {option.name: option for option in command.get_params(click.Context(command))}


@pytest.mark.parametrize("field", FIELDS)
def test_a_setting_says_what_it_is_and_how_it_is_typed(field):
    info = Settings.model_fields[field]
    assert info.description.endswith((".", "]"))
    assert sum(isinstance(entry, Typed) for entry in info.metadata) == 1


@pytest.mark.parametrize("field", FIELDS)
def test_a_setting_is_an_option_a_key_and_a_keyword(field):
    name, typed = typed_names()[field]
    option = run_options()[field]
    assert f"--{name}" in option.opts
    assert option.help.startswith(Settings.model_fields[field].description)
    default = Settings.model_fields[field].default
    if typed.default is not None or default not in (None, False, ()):
        shown = "on" if default is True else typed.shown or str(typed.default or default)
        assert option.help.endswith(f"[default: {shown}]")
    assert inspect.signature(bench.run).parameters[field].default == default


ARRAY = np.zeros((30, 8, 8))
ODD = (
    None, True, 0, 3, -1, 2.5, float("nan"), 10**30, "", "5", "x", "a\nb", "\0", b"x", [], [1],
    ["x"],
    [None], [[1]], {}, {"a": 1}, {1}, object(), range(3), 1j, print, Settings, Path("x"), ARRAY,
    ARRAY[:0], np.array(["median"]), [ARRAY], np.float32(1), np.int64(3),
)  # fmt: skip


@pytest.mark.parametrize("field", FIELDS)
def test_a_setting_is_taken_or_refused_in_one_short_line(field):
    for value in ODD:
        try:
            Settings.checked(**{field: value})
        except UsageError as error:
            text = str(error)
            assert len(text) < 200, value
            assert "\n" not in text
            assert "truth value" not in text


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: bench.run(5), "a data set is given by its name, or as an array or tensor"),
        (
            lambda: bench.Settings.checked(dataset=Path("images")),
            "or folder:PATH; not PosixPath('images')",
        ),
        (lambda: bench.run("digits", limit="5"), "--limit is a whole number, not '5'"),
        (lambda: bench.run("digits", limit=ARRAY), "not an array of shape (30, 8, 8)"),
        (lambda: bench.run("digits", seeds="three"), "--seeds 'three': give whole numbers such as"),
        (
            lambda: bench.run("digits", methods=print),
            "methods are names, such as median,vae; not <",
        ),
        (lambda: bench.run("digits", command=5), "command is a text, not 5"),
        (lambda: bench.get_method(print), "a method is given by its name, such as median; not <"),
        (lambda: bench.get_method("median", size=ARRAY), "median[size]: give a number or a text"),
        (lambda: bench.get_method("wavelet", wavelet=["haar"]), "give a number or a text, not"),
        (
            lambda: bench.make_noise("gaussian", "0.1"),
            "a noise level is a number, such as 0.1; not",
        ),
        (lambda: bench.make_noise("gaussian", True), "a noise level is a number, such as 0.1; not"),
        (lambda: bench.make_noise(5, 0.1), "a noise is named by a text, such as gaussian; not 5"),
        (lambda: bench.make_noise("gaussian", 0.1, "no"), "clip is True or False, not 'no'"),
        (lambda: bench.open_run(5), "a run is opened by its folder, not by 5"),
    ],
)
def test_python_is_told_in_one_line_what_is_taken(call, message):
    with pytest.raises(UsageError) as error:
        call()
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_an_option_that_is_no_setting_is_about_the_command():
    own = {name for name in run_options() if "help" not in name}
    assert own - set(FIELDS) == {"config", "debug"}


def test_the_page_of_settings_is_that_of_the_code():
    page = runpy.run_path(str(ROOT / "docs" / "write_settings.py"))["page"]()
    assert page == (ROOT / "docs" / "settings.md").read_text(encoding="utf-8"), (
        "run python docs/write_settings.py"
    )


def test_a_new_setting_is_written_in_one_place(monkeypatch, bench, fails, tmp_path):
    class More(Settings):
        zoom: Annotated[int, Field(strict=True, ge=1), Typed(recorded="where set")] = Field(
            1, description="Enlarge images by so much."
        )

    monkeypatch.setattr(planning, "Settings", More)
    monkeypatch.setattr("bench.api.Settings", More)
    monkeypatch.setattr(main.commands["run"], "params", [])
    few = ("--dataset", "digits", "--methods", "identity", "--noise", "0.3", "--limit", "2")
    help_text = " ".join(bench("run", "--help").out.split())
    assert "--zoom INTEGER Enlarge images by so much. [default: 1]" in help_text
    assert bench("run", *few, "--name", "a", "--zoom", "2").code == 0
    (tmp_path / "zoom.toml").write_text("zoom = 2")
    assert bench("run", *few, "--name", "a", "--config", tmp_path / "zoom.toml").code == 0
    assert bench("run", *few, "--name", "b").code == 0
    recorded = [
        json.loads(Path(f"results/{name}/manifest.json").read_text())["settings"] for name in "ab"
    ]
    assert [settings.get("zoom") for settings in recorded] == [2, None]
    assert "--zoom 0 is out of range" in fails("run", *few, "--zoom", "0", code=2)
    (tmp_path / "zoom.toml").write_text('zoom = "2"')
    line = fails("run", *few, "--config", tmp_path / "zoom.toml", code=2)
    assert "zoom.toml: zoom is a whole number, not '2'" in line
    line = fails("run", *few, "--name", "a", code=2)
    assert "was made with zoom = 2, and this command says null" in line
    monkeypatch.setattr(main.commands["run"], "params", [])


def test_manifests_record_what_is_measured_and_not_how():
    other = {"train_dataset": "digits", "threads": 2, "noise_seeds": "0-2", "split": "validation"}
    other |= {"sealed": True, "jobs": 1, "tune_by": "ssim", "tune_on": "self", "sigma": 0.1}
    other |= {"tile": None, "range": "0,4095"}
    names = set(Settings.checked(**other).recorded())
    assert names == {
        name for name, typed in typed_names().values() if typed.recorded in ("always", "where set")
    }
    assert {
        "jobs",
        "dask",
        "out",
        "name",
        "fresh",
        "timeout",
        "plugin",
        "metrics",
        "keep",
    }.isdisjoint(names)


def test_levels_are_recorded_as_numbers_and_other_kinds_by_name():
    recorded = Settings.checked(noise="25/255,0.3;poisson:30").recorded()
    assert recorded["noise"] == [25 / 255, 0.3, "poisson:30.0"]


def test_numbers_of_numpy_and_lists_are_taken_as_pythons():
    settings = Settings.checked(
        seeds=np.arange(2), limit=np.int64(5), noise=np.array([0.1, 0.3]), methods=("a", "b", "a")
    )
    assert (settings.seeds, settings.limit, settings.methods) == ((0, 1), 5, ("a", "b"))
    assert [noise.level for noise in settings.noise] == [0.1, 0.3]
    assert Settings.checked(seeds=3).seeds == (3,)
    assert Settings.checked(noise_seeds="7, 0-2,1").noise_seeds == (7, 0, 1, 2)
    assert Settings.checked(train_dataset="").recorded() == Settings.checked().recorded()
    for text in ("2e9", "2GB", "2 G", 2 * 10**9):
        assert Settings.checked(memory_limit=text, jobs=1).memory_limit == 2 * 10**9
    assert Settings.checked(memory_limit="4Gi", jobs=1).memory_limit == 4 * 2**30
    assert Settings.checked(memory_limit="512MiB", jobs=1).memory_limit == 512 * 2**20
    assert Settings.checked(memory_limit=10**9, jobs=1).memory_limit == 10**9


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"limit": "5"}, "--limit is a whole number, not '5'"),
        ({"limit": True}, "--limit is a whole number, not True"),
        ({"limit": 12.9}, "--limit is a whole number, not 12.9"),
        ({"clip": 1}, "--clip is true or false, not 1"),
        ({"name": 5}, "--name is a text, not 5"),
        ({"out": 5}, "--out is a path, not 5"),
        ({"methods": [3]}, "methods are names"),
        ({"methods": 3}, "methods are names"),
        ({"seeds": [0.5]}, "--seeds [0.5]: give whole numbers"),
        ({"jobs": -1}, "--jobs -1 is out of range"),
        ({"jobs": 2000}, "--jobs 2000 is out of range: give a number up to 1024"),
        ({"timeout": float("nan"), "jobs": 1}, "--timeout nan is out of range"),
        ({"timeout": 0.0, "jobs": 1}, "--timeout 0.0 is out of range: give a number over 0"),
        ({"timeout": 5}, "give --jobs 1 or more"),
        (
            {"memory_limit": "much", "jobs": 1},
            "--memory-limit is a size such as 4GB or 512MiB, not 'much'",
        ),
        ({"memory_limit": "4Gbit", "jobs": 1}, "is a size such as 4GB"),
        ({"memory_limit": True, "jobs": 1}, "is a size such as 4GB"),
        ({"noise": True}, "noise levels are numbers or text"),
        ({"noise": None}, "noise levels are numbers or text"),
        ({"noise": [0.1, None]}, "noise levels are numbers or text"),
        ({"seeds": True}, "--seeds True: give whole numbers"),
        ({"noise_seeds": "4-0"}, "--noise-seeds '4-0': give whole numbers such as 0,1,2 or 0-2"),
        ({"noise_seeds": "0-999999999"}, "at most 1000"),
        ({"split": "train"}, "--split 'train': Input should be 'test' or 'validation'"),
        ({"plugins": 5}, "--plugin is a path, not 5"),
        ({"memory_limit": 0, "jobs": 1}, "--memory-limit 0 is out of range"),
        ({"jobs": 2, "dask": "local:2"}, "--jobs and --dask cannot be given together"),
        ({"nosie": 0.1}, "unknown setting 'nosie': did you mean noise"),
    ],
)
def test_a_value_of_another_kind_is_one_line(values, message):
    with pytest.raises(UsageError) as error:
        bench.run("digits", **values)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_what_is_typed_goes_before_a_file_whose_settings_stand_alone(bench, fails, tmp_path):
    file = tmp_path / "sweep.toml"
    few = ("run", "--dataset", "digits", "--methods", "identity", "--limit", "2", "--config", file)
    file.write_text('noise = "abc"\njobs = 0\ntimeout = 60')
    assert bench(*few, "--noise", "0.3", "--jobs", "1").code == 0
    line = fails(*few, code=2)
    assert "sweep.toml: noise level 'abc' is not a number" in line
    assert "give --jobs 1 or more" in fails(*few, "--noise", "0.3", code=2)


def test_settings_do_not_change():
    with pytest.raises(ValueError, match="frozen"):
        Settings.checked().limit = 3


@pytest.mark.parametrize("name", ["", ".hidden", "a/b", "..", "a b", "ä"])
def test_what_cannot_name_a_folder_names_no_run(name):
    with pytest.raises(UsageError, match="is no folder's name"):
        Settings.checked(name=name)


def test_a_methods_parameters_are_what_python_gives():
    noisy = np.random.default_rng(0).random((1, 1, 12, 12), np.float32)
    noise = bench.make_noise("gaussian", 0.1)

    def restored(name, **values):
        return bench.get_method(name, **values).denoise(noisy, noise).tolist()

    assert restored("nlm", engine=Path("skimage")) == restored("nlm", engine="skimage")
    assert restored("nlm", engine=Path("skimage")) != restored("nlm")
    for size in (np.int64(5), np.array(5)):
        assert restored("median", size=size) == restored("median", size=5)
