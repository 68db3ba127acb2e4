"""The gate through the real command: `bench check` and `bench compare`, every exit code."""

import functools
import json
import os
import re
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner
from scipy import stats

import bench as api
from bench.cli import main

# A method whose code a test can change, and one that learns, a number of which seed.
SHIFT = "from bench import method\n\n\n@method()\ndef shift(noisy):\n    return {}\n"
LEARNED = """\
import numpy as np

from bench import method


@method()
class Learned:
    def fit(self, train, noise, seed):
        self.offset = np.float32([{offset} + 0.001 * seed])

    def denoise(self, noisy, noise):
        return noisy + self.offset

    def state(self):
        return {{"offset": self.offset}}

    def load(self, arrays):
        self.offset = arrays["offset"]
"""
BAD = "from bench import method\n\n\n@method()\ndef bad(noisy):\n    raise ValueError('no idea')\n"
GOOD = "from bench import method\n\n\n@method()\ndef bad(noisy):\n    return noisy\n"
SKIPPING = (
    "from bench import Unsupported, method\n\n\n@method()\ndef bad(noisy):\n"
    "    raise Unsupported('colour only')\n"
)

BOTH = ("--methods", "identity,median")
SHIFTED = ("--methods", "shift")
LEARN = ("--methods", "learned")
FOUR = (*LEARN, "--seeds", "0,1,2,3")
# Run -> its arguments, beyond those of all, and the plugin that it is made with.
RUNS = {
    "a": (BOTH, None),
    "again": (BOTH, None),
    "few": ((*BOTH, "--limit", "5"), None),
    "loud": ((*BOTH, "--noise", "0.5"), None),
    "levels": ((*BOTH, "--noise", "0.3,0.5"), None),
    "rounded": ((*BOTH, "--quantize"), None),
    "quick": ((*BOTH, "--preset", "quick", "--epochs", "2"), None),
    "one": (("--methods", "identity"), None),
    "other": (("--methods", "median[size=5]"), None),
    "failed": (("--methods", "identity,bad"), ("bad", BAD)),
    "whole": (("--methods", "identity,bad"), ("bad", GOOD)),
    "skipping": (("--methods", "identity,bad"), ("bad", SKIPPING)),
    "single": ((*SHIFTED, "--limit", "1"), ("shift", SHIFT.format("noisy * 1"))),
    "worse-single": ((*SHIFTED, "--limit", "1"), ("shift", SHIFT.format("noisy + 0.5"))),
    "hopeless": (("--methods", "bad"), ("bad", BAD)),
    "former": (SHIFTED, ("shift", SHIFT.format("noisy * 1"))),
    "same": (SHIFTED, ("shift", SHIFT.format("1 * noisy"))),
    "worse": (SHIFTED, ("shift", SHIFT.format("noisy + 0.5"))),
    "raising": (SHIFTED, ("shift", SHIFT.format("noisy if raises else raises"))),
    "seed": (LEARN, ("learned", LEARNED.format(offset=0))),
    "worse-seed": (LEARN, ("learned", LEARNED.format(offset=0.2))),
    "seeds": (FOUR, ("learned", LEARNED.format(offset=0))),
    "near-seeds": (FOUR, ("learned", LEARNED.format(offset=0.0001))),
    "worse-seeds": (FOUR, ("learned", LEARNED.format(offset=0.2))),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The folder of a run of `RUNS`, made by the command when it is first asked for."""
    folder = tmp_path_factory.mktemp("runs")

    @functools.cache
    def make(name):
        arguments, plugin = RUNS[name]
        options = ["--dataset", "digits", "--limit", "20", "--noise", "0.3", "--no-tune"]
        if plugin is not None:
            path = folder / f"{plugin[0]}.py"  # where its former self was, as if it were edited
            path.write_text(plugin[1])
            options += ["--plugin", str(path)]
        options += [*arguments, "--name", name, "--out", str(folder)]
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("BENCH_CACHE_DIR", str(folder / "cache"))
            result = CliRunner().invoke(main, ["run", *options])
        assert result.exit_code == (3 if plugin and "raise" in plugin[1] else 0), result.stderr
        return folder / name

    return make


@pytest.fixture
def take(made):
    """Copies of runs in results/, to be changed at will; the last named is the newest.

    A pair is a run and the name of its copy.
    """

    def copy(*names):
        for age, name in enumerate(names):
            source, copied = (name, name) if isinstance(name, str) else name
            shutil.copytree(made(source), Path("results") / copied)
            edit_manifest(copied, started=None, ended=ended(age))
            os.utime(f"results/{copied}/manifest.json", (age, age))

    return copy


def ended(second):
    return f"2026-05-04T03:02:{second:02}+00:00"


def limits(*entries):
    Path("limits.toml").write_text("".join(f"[[threshold]]\n{entry}\n\n" for entry in entries))
    return "--thresholds", "limits.toml"


HELD = 'method = "identity"\nmetric = "psnr"\nmin = 10'
WORSE = 'method = "identity"\nmetric = "psnr"\nmin = 90'
UNMATCHED = 'method = "medain"\nmetric = "psnr"\nmin = 10'


def annotations(result):
    """The kinds of the workflow commands at the end of what was printed for GitHub."""
    lines = result.out.splitlines()
    commands = [line for line in lines if line.startswith("::")]
    assert lines[len(lines) - len(commands) :] == commands
    assert lines[0].startswith("bench check: ")
    return [line.partition(" ")[0] for line in commands]


def words(result):
    """The first word of each row of a printed table."""
    rows = result.out.split("\n\n")[1].splitlines()
    return [row.split()[0] for row in rows[2:]]


def reasons(result):
    """The last column of a printed table."""
    rows = result.out.split("\n\n")[1].splitlines()
    return [row[rows[0].index("why") :] for row in rows[2:]]


def notes(result):
    _, _, listed = result.out.partition("Notes:\n")
    return listed.splitlines()


def compared(name, age=0):
    """The note that says what was compared with; the first that `take` was given has age 0."""
    return f"- compared with results/{name}, ended {ended(age)}"


def damage(run):
    Path("results", run, "manifest.json").write_text("{")


def damage_a_cell(run):
    next(Path("results", run, "cells").iterdir()).write_bytes(b"nonsense")


def edit_manifest(run, **values):
    path = Path("results", run, "manifest.json")
    age = path.stat().st_mtime
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))
    os.utime(path, (age, age))


# -- thresholds ------------------------------------------------------------------------------


def test_a_run_within_its_limits_holds(bench, take):
    take("a")
    result = bench("check", "a", *limits(HELD, 'metric = "ssim"\nmin = 0\nmax = 1'))
    assert result.code == 0
    assert result.out.startswith("a: held (3 held)\n")
    assert words(result) == ["held"] * 3
    assert result.err == ""


def test_a_run_under_its_limit_is_a_regression(bench, take):
    take("a")
    result = bench("check", "results/a", *limits(HELD, WORSE))
    assert result.code == 1
    assert result.out.startswith("a: regression (1 regression, 1 held)\n")
    assert words(result) == ["REGRESSION", "held"]
    mean = api.open_run("results/a").records().groupby("method")["psnr"].mean()["identity"]
    assert f"{mean:.3f}" in result.out
    assert "under the minimum" in result.out


def test_the_newest_run_is_checked_unless_one_is_named(bench, take):
    take("a", "failed", "one")
    assert bench("check", *limits(HELD)).out.startswith("one: held")


def test_speed_and_parameters_have_limits_too(bench, take):
    take("a")
    speed = 'method = "median"\nmetric = "images_per_second"\nrelative_to = "identity"\n'
    result = bench(
        "check", *limits(f"{speed}min = 0", f"{speed}min = 1e9", 'metric = "parameters"\nmax = 0')
    )
    assert result.code == 1
    assert words(result) == ["REGRESSION", "held", "held", "held"]


def test_a_threshold_that_matches_nothing_is_exit_code_4(bench, take):
    take("a")
    result = bench("check", *limits(HELD, UNMATCHED))
    assert result.code == 4
    assert words(result) == ["UNMATCHED", "held"]
    assert "the run has no method 'medain': did you mean median?" in result.out


def test_a_file_without_thresholds_is_exit_code_4(bench, take):
    take("a")
    result = bench("check", *limits())
    assert result.code == 4
    assert result.out.startswith("a: a threshold matched nothing (1 unmatched)\n")
    assert words(result) == ["UNMATCHED"]
    assert reasons(result) == ["limits.toml holds no [[threshold]]"]


def test_a_file_without_thresholds_is_not_hidden_by_a_baseline_that_holds(bench, take):
    take("again", "a")
    result = bench("check", "a", *limits(), "--baseline", "results/again")
    assert result.code == 4
    assert words(result) == ["UNMATCHED"] + ["held"] * 4
    assert reasons(result)[0] == "limits.toml holds no [[threshold]]"


def test_a_level_that_the_run_does_not_have_is_named_with_those_there_are(bench, take):
    take("levels")
    result = bench("check", *limits('metric = "psnr"\nlevel = 0.4\nmin = 0'))
    assert (result.code, words(result)) == (4, ["UNMATCHED"])
    assert reasons(result) == ["the run has no level 0.4: there is 0.3, 0.5"]


def test_a_speed_beside_a_method_that_has_none_is_exit_code_4(bench, take):
    take("a")
    speed = 'metric = "images_per_second"\nrelative_to = "nlm"\nmin = 0'
    result = bench("check", *limits(speed))
    assert (result.code, words(result)) == (4, ["UNMATCHED"] * 2)
    (reason,) = set(reasons(result))
    assert reason.startswith("the run has no speed of 'nlm' there: ")


@pytest.mark.parametrize(
    ("pattern", "found"), [("bad", ["FAILED"]), ("b*", ["FAILED"]), ("*", ["FAILED", "held"])]
)
def test_a_threshold_that_matches_a_failed_cell_is_exit_code_3(bench, take, pattern, found):
    take("failed")
    entry = f'method = "{pattern}"\nmetric = "psnr"\nmin = 0'
    result = bench("check", *limits(entry))
    assert (result.code, words(result)) == (3, found)
    assert result.out.startswith("failed: some cells failed or have no result (1 failed")
    assert reasons(result)[0].startswith("the cell failed: ValueError: no idea")
    worse = bench("check", *limits(entry, WORSE))
    assert (worse.code, words(worse)) == (1, ["REGRESSION", *found])


def test_a_threshold_that_matches_a_skipped_cell_is_exit_code_3(bench, take):
    take("skipping")
    assert bench("check", *limits(HELD)).code == 0  # it speaks of what was measured
    result = bench("check", *limits('metric = "psnr"\nmin = 0'))
    assert (result.code, words(result)) == (3, ["FAILED", "held"])
    assert reasons(result)[0].startswith("the cell was skipped: colour only")


def test_a_failed_cell_is_exit_code_3_and_says_what_failed(bench, plugins):
    plugins("bad", "@method()\ndef bad(noisy):\n    raise ValueError('no idea')")
    made = bench(
        "run", "--dataset", "digits", "--limit", "5", "--noise", "0.3", "--no-tune",
        "--methods", "identity,bad",
    )  # fmt: skip
    assert made.code == 3
    result = bench("check", *limits(HELD))
    assert result.code == 3
    assert words(result) == ["held"]
    problem = "- bad at gaussian 0.3 failed: ValueError: no idea (bad.py, line 6)"
    assert problem in result.out.splitlines()


def test_a_run_without_any_result_never_passes(bench, take):
    take("hopeless", "a")
    result = bench("check", "hopeless", *limits('metric = "psnr"\nmin = 0'))
    assert (result.code, words(result)) == (3, ["FAILED"])
    assert "the cell failed: ValueError: no idea" in result.out
    assert bench("check", "hopeless", *limits(HELD)).code == 4
    assert bench("check", "hopeless", "--baseline", "results/a").code == 4
    assert bench("check", "a", "--baseline", "results/hopeless").code == 4


def test_an_unfinished_run_is_exit_code_3(bench, take):
    take("a")
    cells = api.open_run("results/a").cells()
    key = cells.loc[cells["method"] == "median", "key"].item()
    Path("results/a/cells", f"{key}.parquet").unlink()
    result = bench("check", *limits(HELD))
    assert result.code == 3
    assert "- 1 of 2 cells have no result: the run is unfinished" in result.out.splitlines()


@pytest.mark.parametrize(
    ("entries", "code"),
    [
        ([HELD], 3),
        ([HELD, UNMATCHED], 4),
        ([HELD, WORSE], 1),
        ([HELD, UNMATCHED, WORSE], 1),
    ],
)
def test_a_regression_outranks_nothing_matched_which_outranks_a_failed_cell(
    bench, take, entries, code
):
    take("failed")
    assert bench("check", *limits(*entries)).code == code


# -- usage and damage ------------------------------------------------------------------------

LONG = "x" * 300  # longer than a file's name may be
LOW = """\
[[threshold]]
method = "identity"
dataset = "digits"
noise = "gaussian"
level = 0.3
metric = "psnr"
min = 0
max = 0.001
made_from = "old"
"""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "nothing to check against: give --thresholds FILE or --baseline RUN"),
        (("--thresholds", "absent.toml"), "there is no file absent.toml: `bench check --update"),
        (("--thresholds", "results"), "cannot read results: Is a directory"),
        (("--thresholds", "broken.toml"), "broken.toml is not valid TOML"),
        (("--thresholds", "binary.toml"), "binary.toml is not valid TOML"),
        (("--thresholds", "typo.toml"), "typo.toml, threshold 1: unknown key 'mn': did you mean"),
        (("--thresholds", "deep.toml"), "deep.toml is not valid TOML"),
        (("--thresholds", "digits.toml"), "digits.toml is not valid TOML"),
        (("--thresholds", LONG), f"cannot read {LONG}: File name too long"),
        (("--thresholds", "loop.toml"), "cannot read loop.toml: Too many levels"),
        (("--thresholds", "typo.toml/x"), "cannot read typo.toml/x: Not a directory"),
        (("--thresholds", "huge.toml"), "huge.toml, threshold 1: min is a finite number"),
        (("--update", "--thresholds", "broken.toml"), "broken.toml is not valid TOML"),
        (("--update", "--thresholds", "inline.toml"), "written as tables [[threshold]]"),
        (("--update", "--thresholds", "deep.toml"), "deep.toml is not valid TOML"),
        (("--update", "--thresholds", "digits.toml"), "digits.toml is not valid TOML"),
        (("--update", "--thresholds", LONG), f"cannot read {LONG}: File name too long"),
        (("--update", "--thresholds", "loop.toml"), "cannot read loop.toml: Too many levels"),
        (("--update", "--thresholds", "results"), "cannot update results: it is no file"),
        (("--update", "--thresholds", "pipe"), "cannot update pipe: it is no file"),
        (("--update", "--thresholds", "low.toml"), "the maximum 0.001 for the psnr of identity is"),
        (("--update",), "--update writes a thresholds file: give it with --thresholds FILE alone"),
        (("--thresholds", "low.toml", "--tolerance", "1"), "--tolerance is for comparing with a"),
        (("--update", "--baseline", "results/one"), "--update writes a thresholds file"),
        (
            ("--update", "--thresholds", "new.toml", "--baseline", "results/one"),
            "--update writes a thresholds file: give it with --thresholds FILE alone",
        ),
        (("--baseline", "results/a"), "the baseline results/a is the run itself"),
        (("--baseline", "a"), "the baseline a is the run itself"),
        (("--baseline", "results/one", "--format", "xml"), "Invalid value for '--format': 'xml'"),
        (("--baseline", "results/one", "--tolerance", "x"), "--tolerance 'x' is not understood"),
        (("--baseline", "results/one", "--tolerance", ""), "--tolerance '' is not understood"),
        (("--baseline", "results/one", "--tolerance", "-1"), "--tolerance '-1' is not"),
        (("--baseline", "results/one", "--tolerance", "nan"), "--tolerance 'nan' is not"),
        (("--baseline", "results/one", "--tolerance", "inf"), "--tolerance 'inf' is not"),
        (("--baseline", "results/one", "--tolerance", "1,1,1"), "--tolerance '1,1,1' is not"),
    ],
)
def test_usage_errors_are_one_line_and_exit_with_2(fails, take, arguments, message):
    take("one", "a")
    Path("broken.toml").write_text("[[threshold]")
    Path("binary.toml").write_bytes(b"\xff\xfe")
    Path("typo.toml").write_text('[[threshold]]\nmetric = "psnr"\nmn = 3\n')
    Path("huge.toml").write_text(f'[[threshold]]\nmetric = "psnr"\nmin = 1{"0" * 400}\n')
    Path("inline.toml").write_text("threshold = []\n")
    Path("deep.toml").write_text(f"x = {'[' * 20_000}")
    Path("digits.toml").write_text(f'[[threshold]]\nmetric = "psnr"\nmin = {"1" * 5000}\n')
    Path("loop.toml").symlink_to("loop.toml")
    os.mkfifo("pipe")
    Path("low.toml").write_text(LOW)
    assert message in fails("check", "a", *arguments, code=2)
    assert not Path("new.toml").exists()
    assert Path("low.toml").read_text() == LOW


def test_no_such_run_is_exit_code_6(fails, take):
    assert "there is no run in results" in fails("check", *limits(HELD), code=6)
    take("a")
    Path("folder").mkdir()
    for name in ("absent", "folder", "limits.toml", LONG):
        said = f"{name} is not a run: it has no manifest.json, nor is there a run of that name in"
        assert said in fails("check", name, *limits(HELD), code=6)
        assert said in fails("compare", "a", name, code=6)
        assert said in fails("compare", name, "a", code=6)
        line = fails("check", "a", "--baseline", name, code=6)
        if name == LONG:
            assert f"cannot read {LONG}: File name too long" in line
        else:
            assert f"there is no run {name}, neither a folder nor a name in results/" in line


@pytest.mark.parametrize(
    "harm",
    [
        damage,
        damage_a_cell,
        functools.partial(edit_manifest, settings=[]),
        functools.partial(edit_manifest, cells=None),
        functools.partial(edit_manifest, cells=[[]]),
        functools.partial(edit_manifest, cells=[1]),
    ],
)
def test_a_damaged_run_is_exit_code_6_where_it_was_named(fails, take, harm):
    take("again", "a")
    harm("again")
    for arguments in (
        ("check", "again", *limits(HELD)),
        ("check", "a", "--baseline", "results/again"),
        ("compare", "a", "again"),
    ):
        assert "is damaged" in fails(*arguments, code=6)


def test_a_cell_that_a_manifest_lists_twice_counts_once(bench, take):
    take("again", "a")
    arguments = ("check", "a", *limits(HELD), "--baseline", "results/again")
    expected = bench(*arguments)
    for run in ("a", "again"):
        keys = api.open_run(f"results/{run}").manifest["cells"]
        edit_manifest(run, cells=[*keys, keys[0]])
    assert bench(*arguments) == expected
    assert expected.code == 0


def test_a_thresholds_file_may_begin_with_a_byte_order_mark(bench, take):
    take("a")
    arguments = ("check", *limits(HELD))
    expected = bench(*arguments)
    Path("limits.toml").write_text(Path("limits.toml").read_text(), encoding="utf-8-sig")
    assert Path("limits.toml").read_bytes().startswith(b"\xef\xbb\xbf")
    assert bench(*arguments) == expected
    assert bench("check", "--update", "--thresholds", "limits.toml").code == 0
    assert words(bench(*arguments)) == ["held"] * 5


# -- against a baseline ----------------------------------------------------------------------


def test_a_run_holds_against_its_equal(bench, take):
    take("again", "a")
    result = bench("check", "a", "--baseline", "results/again")
    assert result.code == 0
    assert result.out.startswith("a: held (4 held)\n")
    assert result.out.count("identical; 20 images") == 4
    assert notes(result) == [compared("again")]


def test_a_row_shows_both_runs_their_difference_and_its_interval(bench, take):
    take("former", "worse")
    old, new = (api.open_run(f"results/{run}").records()["psnr"] for run in ("former", "worse"))
    difference = new - old
    low, high = stats.t.interval(0.95, 19, difference.mean(), stats.sem(difference))
    result = bench("check", "worse", "--baseline", "results/former")
    row = re.split(" {2,}", result.out.split("\n\n")[1].splitlines()[2])
    assert row == [
        "REGRESSION", "shift at gaussian 0.3 on digits", "psnr", f"{new.mean():.3f}",
        f"baseline {old.mean():.3f}",
        f"{difference.mean():+.3f} [{low:+.3f}, {high:+.3f}]; 20 images",
    ]  # fmt: skip
    document = bench("check", "worse", "--baseline", "results/former", "--format", "json").out
    finding = json.loads(document)["findings"][0]
    assert finding["value"] == pytest.approx(new.mean())
    assert finding["about"] == {
        "dataset": "digits", "method": "shift", "trained_on": None, "noise": "gaussian",
        "levels": [0.3], "baseline": pytest.approx(old.mean()),
        "difference": pytest.approx(difference.mean()), "interval": pytest.approx([low, high]),
        "tolerance": 0.05, "identical": False, "images": 20, "seeds": 0,
    }  # fmt: skip


def test_a_baseline_may_be_named_like_a_run(bench, take):
    take("former", "worse")
    result = bench("check", "worse", "--baseline", "former")
    assert result.out == bench("check", "worse", "--baseline", "results/former").out
    assert result.code == 1
    shutil.copytree("results/worse", "former")  # a folder that is a run goes before a name
    assert bench("check", "worse", "--baseline", "former").code == 0


def test_a_run_that_is_named_counts_though_it_is_newer(bench, take):
    take("worse", "former")
    assert bench("check", "worse", "--baseline", "results/former").code == 1


def test_a_method_whose_code_changed_is_compared_with_its_former_self(bench, take):
    take("former", "same", "worse")
    sources = [next(api.open_run(f"results/{run}").metadata())["cell"]["source"]
               for run in ("former", "same", "worse")]  # fmt: skip
    assert len(set(sources)) == 3
    same = bench("check", "same", "--baseline", "results/former")
    assert (same.code, words(same)) == (0, ["held", "held"])
    assert same.out.count("identical") == 2
    worse = bench("check", "worse", "--baseline", "results/former")
    assert (worse.code, words(worse)) == (1, ["REGRESSION", "REGRESSION"])
    assert notes(worse) == [compared("former")]
    better = bench("check", "former", "--baseline", "results/worse")
    assert (better.code, words(better)) == (0, ["held", "held"])
    assert "identical" not in better.out


def test_the_tolerance_is_a_drop_that_is_no_regression(bench, take):
    take("former", "worse")
    psnr, ssim = (
        api.open_run("results/former").records()[["psnr", "ssim"]].mean()
        - api.open_run("results/worse").records()[["psnr", "ssim"]].mean()
    )
    for tolerance, verdicts in (
        (f"{psnr + 1}", ["REGRESSION", "held"]),
        (f"{psnr + 1},{ssim + 0.1}", ["held", "held"]),
        (f"0,{ssim + 0.1}", ["REGRESSION", "held"]),
    ):
        result = bench(
            "check", "worse", "--baseline", "results/former", "--tolerance", tolerance
        )  # fmt: skip
        assert words(result) == verdicts
        assert result.code == int("REGRESSION" in verdicts)


@pytest.mark.parametrize(
    ("run", "baseline", "expected"),
    [
        (
            "a", "loud",
            {
                "- identity at gaussian 0.3: 20 images only in the new run",
                "- median at gaussian 0.3: 20 images only in the new run",
                "- identity at gaussian 0.5 on digits: only in the baseline",
                "- median at gaussian 0.5 on digits: only in the baseline",
            },
        ),
        (
            "one", "other",
            {
                "- identity at gaussian 0.3: 20 images only in the new run",
                "- median[size=5] at gaussian 0.3 on digits: only in the baseline",
            },
        ),
    ],
)  # fmt: skip
def test_nothing_paired_is_exit_code_4(bench, take, run, baseline, expected):
    take(run, baseline)
    result = bench("check", run, "--baseline", f"results/{baseline}")
    assert result.code == 4
    assert result.out.startswith(f"{run}: nothing was measured (nothing compared)\n")
    assert set(notes(result)) == expected


def test_nothing_paired_is_not_hidden_by_thresholds_that_hold(bench, take):
    take("a", "loud")
    result = bench("check", "a", *limits(HELD), "--baseline", "results/loud")
    assert result.code == 4
    assert words(result) == ["UNMATCHED", "held"]
    assert "baseline results/loud" in result.out
    assert "nothing could be paired" in result.out


def test_thresholds_and_a_baseline_are_checked_together(bench, take):
    take("former", "worse")
    entry = 'metric = "psnr"\nmin = 0'
    result = bench("check", "worse", *limits(entry), "--baseline", "results/former")
    assert result.code == 1
    assert words(result) == ["REGRESSION", "REGRESSION", "held"]


def test_images_in_common_are_paired_and_the_rest_is_listed(bench, take):
    take("few", "a")
    result = bench("check", "a", "--baseline", "results/few")
    assert result.code == 0
    assert result.out.count("identical; 5 images") == 4
    assert notes(result) == [
        compared("few"),
        "- the runs differ in limit: 20 here, 5 there",
        "- identity at gaussian 0.3: 15 images only in the new run",
        "- median at gaussian 0.3: 15 images only in the new run",
    ]


def test_another_level_is_listed(bench, take):
    take("a", "levels")
    result = bench("check", "levels", "--baseline", "results/a")
    assert (result.code, words(result)) == (0, ["held"] * 4)
    assert notes(result) == [
        compared("a"),
        "- identity at gaussian 0.5: 20 images only in the new run",
        "- median at gaussian 0.5: 20 images only in the new run",
    ]


LOST = "the baseline has it, and this run has no result"


@pytest.mark.parametrize(
    ("run", "baseline", "code", "lost"),
    [
        ("one", "a", 0, ["median at gaussian 0.3"]),
        ("a", "levels", 0, ["identity at gaussian 0.5", "median at gaussian 0.5"]),
        ("failed", "whole", 3, ["bad at gaussian 0.3"]),
        ("skipping", "whole", 0, ["bad at gaussian 0.3"]),
    ],
)
def test_what_the_baseline_measured_and_the_run_did_not_is_undecided(
    bench, take, run, baseline, code, lost
):
    take(baseline, run)
    arguments = ("check", run, "--baseline", f"results/{baseline}")
    document = json.loads(bench(*arguments, "--format", "json").out)
    found = [finding for finding in document["findings"] if finding["verdict"] == "undecided"]
    assert [finding["subject"] for finding in found] == [f"{point} on digits" for point in lost]
    for finding, point in zip(found, lost, strict=True):
        about = finding["about"]
        assert f"{about['method']} at {about['noise']} {about['levels'][0]}" == point
        assert (finding["reason"], about["dataset"]) == (LOST, "digits")
    result = bench(*arguments)
    assert result.code == code
    assert words(result)[: len(lost) + 1] == ["UNDECIDED"] * len(lost) + ["held"]
    assert reasons(result)[: len(lost)] == [LOST] * len(lost)
    assert bench(*arguments, "--strict").code == 1
    # The other way about nothing is lost.
    reverse = bench("check", baseline, "--baseline", f"results/{run}", "--strict")
    assert (reverse.code, set(words(reverse))) == (0, {"held"})


def test_several_levels_are_compared_together_and_each(bench, take):
    take("levels")
    shutil.copytree("results/levels", "results/copy")
    result = bench("check", "levels", "--baseline", "results/copy")
    assert result.code == 0
    assert "12 comparisons held: they agree in every image (identity, median)." in result.out
    each = bench("check", "levels", "--baseline", "results/copy", "--format", "json").out
    for method in ("identity", "median"):
        for where in ("gaussian, 2 levels", "gaussian 0.3", "gaussian 0.5"):
            assert each.count(f"{method} at {where} on digits") == 2


def test_runs_rounded_otherwise_or_under_another_protocol_are_not_compared(bench, take):
    take("a", "rounded", "again")
    rounded = bench("check", "a", "--baseline", "results/rounded")
    assert rounded.code == 4
    assert "- not compared with results/rounded: its outputs were rounded to 8 bits" in notes(
        rounded
    )
    reverse = bench("check", "rounded", "--baseline", "results/a")
    assert reverse.code == 4
    assert "- not compared with results/a: its outputs were not rounded to 8 bits" in notes(reverse)
    edit_manifest("again", protocol=0)
    other = bench("check", "a", "--baseline", "results/again")
    assert other.code == 4
    assert "- not compared with results/again: measured under protocol 0, not 1" in notes(other)


def test_settings_that_differ_are_noted(bench, take):
    take("a", "quick")
    result = bench("check", "quick", "--baseline", "results/a")
    assert result.code == 0
    assert notes(result) == [
        compared("a"),
        "- the runs differ in preset: quick here, default there",
        "- the runs differ in epochs: 2 here, the default there",
    ]
    edit_manifest("a", settings={**api.open_run("results/a").manifest["settings"], "limit": None})
    result = bench("check", "quick", "--baseline", "results/a")
    assert notes(result)[-1] == "- the runs differ in limit: 20 here, the default there"


# -- against a folder of runs ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("older", "newer", "code"), [("former", "worse", 0), ("worse", "former", 1)]
)
def test_of_a_folder_the_newest_other_run_counts(bench, take, older, newer, code):
    take(older, newer, ("worse", "checked"))
    result = bench("check", "checked", "--baseline", "results")
    assert result.code == code
    assert words(result) == ["REGRESSION" if code else "held"] * 2
    assert notes(result) == [compared(newer, 1)]


def test_a_runs_age_is_what_it_says_itself_not_its_files(bench, take):
    take("former", "worse", ("worse", "checked"))
    for age, run in enumerate(("checked", "worse", "former")):  # as if copied in another order
        os.utime(f"results/{run}/manifest.json", (age, age))
    result = bench("check", "checked", "--baseline", "results")
    assert (result.code, notes(result)) == (0, [compared("worse", 1)])


def test_a_run_that_did_not_end_is_as_old_as_its_start(bench, take):
    take("former", "worse", ("worse", "checked"))
    edit_manifest("former", ended=None, started=ended(2))
    result = bench("check", "checked", "--baseline", "results")
    assert (result.code, notes(result)) == (1, [compared("former", 2)])


@pytest.mark.parametrize(("age", "code"), [(2, 1), (3, 0)])
def test_of_a_folder_only_runs_that_ended_no_later_than_the_checked_one_count(
    bench, take, age, code
):
    take("same", ("worse", "old"), ("worse", "checked"))
    edit_manifest("same", ended=ended(age))
    result = bench("check", "checked", "--baseline", "results")
    assert result.code == code
    assert notes(result) == [compared("same", age) if code else compared("old", 1)]


def test_of_a_folder_each_cell_is_held_against_the_newest_run_that_measured_it(bench, take):
    take("few", "one", "a")
    result = bench("check", "a", "--baseline", "results")
    assert result.code == 0
    rows = {tuple(line.split()[1:3] + line.split()[-2:]) for line in result.out.splitlines()
            if line.startswith("held")}  # fmt: skip
    # The newest to measure the identity did so on 20 images, the newest median had 5.
    assert rows == {("identity", "at", "20", "images"), ("median", "at", "5", "images")}
    assert notes(result) == [
        compared("one", 1),
        compared("few", 0),
        "- the runs differ in limit: 20 here, 5 there",
        "- median at gaussian 0.3: 15 images only in the new run",
    ]


def test_of_a_folder_only_what_the_newest_measured_can_be_lost(bench, take):
    take("levels", "other", "a", "one")
    result = bench("check", "one", "--baseline", "results", "--strict")
    assert result.code == 1
    assert words(result) == ["UNDECIDED", "held", "held"]
    assert "UNDECIDED  median at gaussian 0.3 on digits" in result.out
    assert notes(result) == [compared("a", 2)]


def test_of_a_folder_a_cell_that_failed_does_not_hide_an_older_result(bench, take):
    take("former", "raising", "worse")
    result = bench("check", "worse", "--baseline", "results")
    assert (result.code, words(result)) == (1, ["REGRESSION", "REGRESSION"])


def test_of_a_folder_a_cell_that_failed_beside_others_does_not_hide_an_older_result(bench, take):
    take(("whole", "old"), "failed", ("whole", "checked"))
    result = bench("check", "checked", "--baseline", "results", "--strict")
    assert (result.code, words(result)) == (0, ["held"] * 4)
    assert notes(result) == [compared("failed", 1), compared("old", 0)]


def test_what_failed_in_the_baseline_is_not_lost(bench, take):
    take("failed", "one")
    result = bench("check", "one", "--baseline", "results/failed", "--strict")
    assert (result.code, words(result)) == (0, ["held", "held"])


def test_a_folder_that_holds_only_the_run_itself_is_exit_code_4(bench, take):
    take("a")
    result = bench("check", "--baseline", "results")
    assert result.code == 4
    assert "- there is no earlier run in the baseline results" in notes(result)


def test_a_folder_that_holds_only_later_runs_is_exit_code_4(bench, take):
    take("a", "again")
    result = bench("check", "a", "--baseline", "results")
    assert result.code == 4
    assert "- there is no earlier run in the baseline results" in notes(result)
    assert bench("check", "again", "--baseline", "results").code == 0


@pytest.mark.parametrize("harm", [damage, damage_a_cell])
def test_of_a_folder_a_damaged_run_is_left_out_with_a_note(bench, take, harm):
    take("again", "few", "a")
    harm("few")
    result = bench("check", "a", "--baseline", "results")
    assert result.code == 0
    assert result.out.count("identical; 20 images") == 4
    *others, left_out = sorted(notes(result))
    assert left_out.startswith("- not compared with results/few: results/few/")
    assert "is damaged" in left_out
    assert others == [compared("again")]


def test_of_a_folder_a_run_under_another_protocol_is_left_out_with_a_note(bench, take):
    take("again", "few", "a")
    edit_manifest("few", protocol=0)
    result = bench("check", "a", "--baseline", "results")
    assert result.code == 0
    assert result.out.count("identical; 20 images") == 4
    assert notes(result) == [
        "- not compared with results/few: measured under protocol 0, not 1",
        compared("again"),
    ]


# -- what learns -----------------------------------------------------------------------------


def test_with_too_few_seeds_it_is_undecided_and_says_so(bench, take):
    take("seed", "worse-seed")
    arguments = ("check", "worse-seed", "--baseline", "results/seed")
    result = bench(*arguments)
    assert result.code == 0
    assert words(result) == ["UNDECIDED", "UNDECIDED"]
    for reason in reasons(result):
        assert "; 1 training seed in common and 4 needed: measure both with --seeds" in reason
        assert reason.endswith("; 20 images, 1 seed")
    assert "no regression shown, and not everything could be decided (2 undecided)" in result.out
    strict = bench(*arguments, "--strict")
    assert strict.code == 1
    assert "undecided, which --strict takes for a regression (2 undecided)" in strict.out


def test_what_is_undecided_is_valid_json_and_a_warning_on_github(bench, take):
    take("seed", "worse-seed")
    arguments = ("check", "worse-seed", "--baseline", "results/seed", "--format")
    document = json.loads(bench(*arguments, "json").out)
    assert [finding["about"]["seeds"] for finding in document["findings"]] == [1, 1]
    assert "exit_code" not in document
    for strict, kind in (((), "::warning"), (("--strict",), "::error")):
        kinds = annotations(bench(*arguments, "github", *strict))
        assert kinds == [kind, kind, "::notice", "::notice"]


def test_an_interval_that_cannot_be_known_is_null(bench, take):
    take("single", "worse-single")
    arguments = ("check", "worse-single", "--baseline", "results/single", "--format")
    document = json.loads(bench(*arguments, "json").out)
    assert [finding["about"]["interval"] for finding in document["findings"]] == [[None, None]] * 2
    text = bench(*arguments, "text")
    assert words(text) == ["UNDECIDED", "UNDECIDED"]
    for reason in reasons(text):
        change, why, _ = reason.split("; ")
        assert re.fullmatch(r"-\d\.\d+", change)
        assert why == "one image, two needed"


def test_four_seeds_a_side_are_decided(bench, take):
    take("seeds", "near-seeds", "worse-seeds")
    near = bench("check", "near-seeds", "--baseline", "results/seeds", "--strict")
    assert (near.code, words(near)) == (0, ["held", "held"])
    assert "identical" not in near.out
    assert "20 images, 4 seeds" in near.out
    worse = bench("check", "worse-seeds", "--baseline", "results/seeds")
    assert (worse.code, words(worse)) == (1, ["REGRESSION", "REGRESSION"])


def test_seeds_of_one_side_only_are_listed(bench, take):
    take("seed", "worse-seeds")
    result = bench("check", "worse-seeds", "--baseline", "results/seed")
    assert (result.code, words(result)) == (0, ["UNDECIDED", "UNDECIDED"])
    assert notes(result) == [
        compared("seed"),
        "- learned at gaussian 0.3, seeds 1, 2, 3: 20 images only in the new run",
    ]


# -- updating --------------------------------------------------------------------------------


def test_limits_taken_from_a_run_hold_for_it_and_turn_red_for_a_worse_one(bench, take):
    take("former", "worse")
    first = bench("check", "former", "--update", "--thresholds", "new/limits.toml")
    assert first.code == 0
    assert first.out == "new/limits.toml: 2 thresholds set from results/former\n"
    assert first.err == ""
    text = Path("new/limits.toml").read_text()
    held = bench("check", "former", "--thresholds", "new/limits.toml")
    assert (held.code, words(held)) == (0, ["held", "held"])
    worse = bench("check", "worse", "--thresholds", "new/limits.toml")
    assert (worse.code, words(worse)) == (1, ["REGRESSION", "REGRESSION"])
    bench("check", "former", "--update", "--thresholds", "new/limits.toml")
    assert Path("new/limits.toml").read_text() == text


def test_an_update_renews_its_entries_and_keeps_what_was_set_by_hand(bench, take):
    take("a", "few")
    by_hand = f"# Ours.\n[[threshold]]\n{HELD} # agreed\n"
    Path("limits.toml").write_text(by_hand)
    bench("check", "few", "--update", "--thresholds", "limits.toml")
    assert Path("limits.toml").read_text().count('made_from = "few"') == 4
    result = bench("check", "a", "--update", "--thresholds", "limits.toml")
    assert result.out == "limits.toml: 4 thresholds set from results/a\n"
    text = Path("limits.toml").read_text()
    assert text.startswith(by_hand)
    assert (text.count("made_from"), text.count('made_from = "a"')) == (4, 4)
    held = bench("check", "a", "--thresholds", "limits.toml")
    assert (held.code, words(held)) == (0, ["held"] * 5)


def test_an_update_names_what_was_trained_under_a_single_seed(bench, take):
    take("seed", "seeds")
    single = bench("check", "seed", "--update", "--thresholds", "limits.toml")
    assert single.code == 0
    assert single.lines[0].startswith("Note: learned: of one training seed")
    four = bench("check", "seeds", "--update", "--thresholds", "limits.toml")
    assert (four.code, four.err) == (0, "")


def test_an_update_says_how_many_minima_went_down(bench, take):
    take("former", "worse")
    arguments = ("--update", "--thresholds", "limits.toml")
    bench("check", "former", *arguments)
    lower = bench("check", "worse", *arguments)
    said = "limits.toml: 2 thresholds set from results/worse, 2 of them lower than before\n"
    assert (lower.code, lower.out) == (0, said)
    higher = bench("check", "former", *arguments)
    assert higher.out == "limits.toml: 2 thresholds set from results/former\n"


def test_an_update_from_a_run_that_lacks_cells_writes_the_rest_and_is_exit_code_3(bench, take):
    take("a", "failed")
    update = ("--update", "--thresholds", "limits.toml")
    failed = bench("check", "failed", *update)
    assert failed.code == 3
    assert failed.out == "limits.toml: 2 thresholds set from results/failed\n"
    (line,) = failed.lines
    assert line.startswith("Without a threshold: bad at gaussian 0.3 failed: ValueError: no idea")
    assert Path("limits.toml").read_text().count('method = "identity"') == 2
    cells = api.open_run("results/a").cells()
    key = cells.loc[cells["method"] == "median", "key"].item()
    Path("results/a/cells", f"{key}.parquet").unlink()
    unfinished = bench("check", "a", *update)
    assert unfinished.code == 3
    assert unfinished.lines == [
        "Without a threshold: 1 of 2 cells have no result: the run is unfinished"
    ]
    assert "median" not in Path("limits.toml").read_text()


def test_an_update_through_a_link_leaves_it_one(bench, take):
    take("a")
    Path("kept").mkdir()
    for name in ("link.toml", "dangling.toml"):
        Path(name).symlink_to(f"kept/{name}")
    Path("kept/link.toml").write_text("# ours\n")
    for name in ("link.toml", "dangling.toml"):
        assert bench("check", "--update", "--thresholds", name).code == 0
        assert Path(name).is_symlink()
        assert Path(f"kept/{name}").read_text().count("made_from") == 4
    assert Path("kept/link.toml").read_text().startswith("# ours\n")
    assert {path.name for path in Path("kept").iterdir()} == {"link.toml", "dangling.toml"}


def test_an_update_that_cannot_be_made_leaves_no_file(fails, take):
    take("hopeless", "a")
    arguments = ("--update", "--thresholds")
    line = fails("check", "hopeless", *arguments, "limits.toml", code=2)
    assert "results/hopeless has no result to take thresholds from" in line
    assert not Path("limits.toml").exists()
    Path("file").write_text("")
    assert "cannot write file" in fails("check", "a", *arguments, "file/limits.toml", code=6)


# -- for people ------------------------------------------------------------------------------


def test_compare_prints_the_table_and_never_fails_for_a_regression(bench, take):
    take("former", "worse")
    result = bench("compare", "former", "worse")
    assert result.code == 0
    assert result.out.startswith("worse: regression (2 regressions)\n")
    assert words(result) == ["REGRESSION", "REGRESSION"]
    check = bench("check", "worse", "--baseline", "results/former")
    assert result.out == check.out
    reverse = bench("compare", "results/worse", "results/former")
    assert (reverse.code, words(reverse)) == (0, ["held", "held"])


def test_compare_of_nothing_in_common_is_exit_code_4(bench, take):
    take("a", "loud")
    assert bench("compare", "a", "loud").code == 4


def test_compare_of_a_run_with_itself_is_a_usage_error(fails, take):
    take("a")
    assert "is the run itself" in fails("compare", "a", "results/a", code=2)


# -- formats ---------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["text", "markdown", "json", "github"])
@pytest.mark.parametrize(("entry", "code"), [(HELD, 0), (WORSE, 1), (UNMATCHED, 4)])
def test_the_exit_code_does_not_depend_on_the_format(bench, take, form, entry, code):
    take("a")
    result = bench("check", *limits(entry), "--format", form)
    assert result.code == code
    if form == "json":
        assert "exit_code" not in json.loads(result.out)
    if form == "markdown":
        assert result.out.splitlines()[2].startswith("| verdict")
    if form == "github":
        assert annotations(result) == ["::error"] * (code > 0) + ["::notice"]
        table = bench("check", *limits(entry)).out
        assert result.out.startswith(f"bench check: {table}::")


def test_on_github_a_note_is_a_notice(bench, take):
    take("again", "a")
    result = bench("check", "a", "--baseline", "again", "--format", "github")
    assert annotations(result) == ["::notice", "::notice"]
    note = compared("again").removeprefix("- ")
    assert f"::notice title=note::{note}" in result.out.splitlines()


def test_on_github_the_table_is_added_to_the_step_summary(bench, take, monkeypatch):
    take("a")
    Path("summary.md").write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "summary.md")
    for form in ("text", "markdown", "json"):
        bench("check", *limits(HELD, WORSE), "--format", form)
    assert Path("summary.md").read_text() == "before\n"
    assert bench("check", *limits(HELD, WORSE), "--format", "github").code == 1
    markdown = bench("check", *limits(HELD, WORSE), "--format", "markdown").out
    assert Path("summary.md").read_text() == "before\n" + markdown


def test_a_step_summary_that_cannot_be_written_is_exit_code_6(fails, take, monkeypatch):
    take("a")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "results")
    line = fails("check", *limits(HELD), "--format", "github", code=6)
    assert "cannot write the step summary results" in line


@pytest.mark.parametrize(
    ("entry", "code"),
    [(WORSE, 1), (UNMATCHED, 4), ('method = "bad"\nmetric = "psnr"\nmin = 0', 3)],
)
def test_a_verdict_outranks_a_step_summary_that_cannot_be_written(
    fails, take, monkeypatch, entry, code
):
    take("failed")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "results")
    line = fails("check", *limits(entry), "--format", "github", code=code)
    assert "cannot write the step summary results" in line


def test_nothing_compared_outranks_a_step_summary_that_cannot_be_written(fails, take, monkeypatch):
    take("a", "loud", "again")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "results")
    fails("compare", "a", "loud", "--format", "github", code=4)
    fails("compare", "a", "again", "--format", "github", code=6)
