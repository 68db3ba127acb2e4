"""The gate through the real command: `bench check` and `bench compare`, every exit code."""

import functools
import json
import os
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

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

BOTH = ("--methods", "identity,median")
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
    "hopeless": (("--methods", "bad"), ("bad", BAD)),
    "former": (("--methods", "shift"), ("shift", SHIFT.format("noisy * 1"))),
    "same": (("--methods", "shift"), ("shift", SHIFT.format("1 * noisy"))),
    "worse": (("--methods", "shift"), ("shift", SHIFT.format("noisy + 0.5"))),
    "raising": (("--methods", "shift"), ("shift", SHIFT.format("noisy if raises else raises"))),
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
    """Copies of runs in results/, to be changed at will; the last named is the newest."""

    def copy(*names):
        for age, name in enumerate(names):
            run = Path("results") / name
            shutil.copytree(made(name), run)
            os.utime(run / "manifest.json", (age, age))

    return copy


def limits(*entries):
    Path("limits.toml").write_text("".join(f"[[threshold]]\n{entry}\n\n" for entry in entries))
    return "--thresholds", "limits.toml"


HELD = 'method = "identity"\nmetric = "psnr"\nmin = 10'
WORSE = 'method = "identity"\nmetric = "psnr"\nmin = 90'
UNMATCHED = 'method = "medain"\nmetric = "psnr"\nmin = 10'


def words(result):
    """The first word of each row of a printed table."""
    rows = result.out.split("\n\n")[1].splitlines()
    return [row.split()[0] for row in rows[2:]]


def notes(result):
    _, _, listed = result.out.partition("Notes:\n")
    return listed.splitlines()


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
    assert result.out.startswith("a: regression (1 worse, 1 held)\n")
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
    assert result.out == (
        "a: nothing was measured, or a threshold matched nothing (nothing compared)\n"
    )


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
    assert result.code == 4
    assert "the cell failed: ValueError: no idea" in result.out
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


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "nothing to check against: give --thresholds FILE or --baseline RUN"),
        (("--thresholds", "absent.toml"), "there is no file absent.toml: `bench check --update"),
        (("--thresholds", "results"), "cannot read results: Is a directory"),
        (("--thresholds", "broken.toml"), "broken.toml is not valid TOML"),
        (("--thresholds", "binary.toml"), "binary.toml is not valid TOML"),
        (("--thresholds", "typo.toml"), "typo.toml, threshold 1: unknown key 'mn': did you mean"),
        (("--thresholds", "huge.toml"), "huge.toml, threshold 1: min is a finite number"),
        (("--update", "--thresholds", "broken.toml"), "broken.toml is not valid TOML"),
        (("--update", "--thresholds", "inline.toml"), "written as tables [[threshold]]"),
        (("--update",), "nothing to check against"),
        (("--update", "--baseline", "results/one"), "--update writes a thresholds file"),
        (
            ("--update", "--thresholds", "new.toml", "--baseline", "results/one"),
            "--update writes a thresholds file: give it with --thresholds FILE alone",
        ),
        (("--baseline", "results/a"), "the baseline results/a is the run itself"),
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
    assert message in fails("check", "a", *arguments, code=2)
    assert not Path("new.toml").exists()


def test_no_such_run_is_exit_code_6(fails, take):
    assert "there is no run in results" in fails("check", *limits(HELD), code=6)
    take("a")
    assert "absent is not a run" in fails("check", "absent", *limits(HELD), code=6)
    line = fails("check", "a", "--baseline", "absent", code=6)
    assert "there is no run in the baseline absent" in line
    assert "absent is not a run" in fails("compare", "a", "absent", code=6)


@pytest.mark.parametrize("harm", [damage, damage_a_cell])
def test_a_damaged_run_is_exit_code_6_where_it_was_named(fails, take, harm):
    take("again", "a")
    harm("again")
    for arguments in (
        ("check", "again", *limits(HELD)),
        ("check", "a", "--baseline", "results/again"),
        ("compare", "a", "again"),
    ):
        assert "is damaged" in fails(*arguments, code=6)


# -- against a baseline ----------------------------------------------------------------------


def test_a_run_holds_against_its_equal(bench, take):
    take("again", "a")
    result = bench("check", "a", "--baseline", "results/again")
    assert result.code == 0
    assert result.out.startswith("a: held (4 held)\n")
    assert result.out.count("identical; 20 images") == 4
    assert notes(result) == []


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
    assert notes(worse) == []
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
                "- identity at gaussian 0.5: 20 images only in the baseline",
                "- median at gaussian 0.5: 20 images only in the baseline",
            },
        ),
        (
            "one", "other",
            {
                "- identity at gaussian 0.3: 20 images only in the new run",
                "- median[size=5] at gaussian 0.3: 20 images only in the baseline",
            },
        ),
    ],
)  # fmt: skip
def test_nothing_paired_is_exit_code_4(bench, take, run, baseline, expected):
    take(run, baseline)
    result = bench("check", run, "--baseline", f"results/{baseline}")
    assert result.code == 4
    assert "nothing compared" in result.out
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
        "- identity at gaussian 0.3: 15 images only in the new run",
        "- median at gaussian 0.3: 15 images only in the new run",
    ]


def test_another_level_is_listed(bench, take):
    take("a", "levels")
    result = bench("check", "levels", "--baseline", "results/a")
    assert (result.code, words(result)) == (0, ["held"] * 4)
    assert notes(result) == [
        "- identity at gaussian 0.5: 20 images only in the new run",
        "- median at gaussian 0.5: 20 images only in the new run",
    ]


def test_several_levels_are_compared_together_and_each(bench, take):
    take("levels")
    shutil.copytree("results/levels", "results/copy")
    result = bench("check", "levels", "--baseline", "results/copy")
    assert result.code == 0
    for method in ("identity", "median"):
        for where in ("gaussian, 2 levels", "gaussian 0.3", "gaussian 0.5"):
            assert result.out.count(f"{method} at {where} on digits") == 2


def test_runs_rounded_otherwise_or_under_another_protocol_are_not_compared(bench, take):
    take("a", "rounded", "again")
    rounded = bench("check", "a", "--baseline", "results/rounded")
    assert rounded.code == 4
    assert "- results/rounded: its outputs were rounded to 8 bits" in notes(rounded)
    reverse = bench("check", "rounded", "--baseline", "results/a")
    assert reverse.code == 4
    assert "- results/a: its outputs were not rounded to 8 bits" in notes(reverse)
    edit_manifest("again", protocol=0)
    other = bench("check", "a", "--baseline", "results/again")
    assert other.code == 4
    assert "- results/again: measured under protocol 0, not 1" in notes(other)


def test_settings_that_differ_are_noted(bench, take):
    take("a", "quick")
    result = bench("check", "quick", "--baseline", "results/a")
    assert result.code == 0
    assert notes(result) == [
        "- the runs differ in preset: quick here, default in results/a",
        "- the runs differ in epochs: 2 here, None in results/a",
    ]


# -- against a folder of runs ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("older", "newer", "code"), [("former", "worse", 0), ("worse", "former", 1)]
)
def test_of_a_folder_the_newest_other_run_counts(bench, take, older, newer, code):
    take(older, newer)
    shutil.copytree("results/worse", "results/checked")
    result = bench("check", "checked", "--baseline", "results")
    assert result.code == code
    assert words(result) == ["REGRESSION" if code else "held"] * 2
    assert notes(result) == []


def test_of_a_folder_each_cell_is_held_against_the_newest_run_that_measured_it(bench, take):
    take("few", "one", "a")
    result = bench("check", "a", "--baseline", "results")
    assert result.code == 0
    rows = {tuple(line.split()[1:3] + line.split()[-2:]) for line in result.out.splitlines()
            if line.startswith("held")}  # fmt: skip
    # The newest to measure the identity did so on 20 images, the newest median had 5.
    assert rows == {("identity", "at", "20", "images"), ("median", "at", "5", "images")}
    assert notes(result) == ["- median at gaussian 0.3: 15 images only in the new run"]


def test_of_a_folder_a_cell_that_failed_does_not_hide_an_older_result(bench, take):
    take("former", "raising", "worse")
    result = bench("check", "worse", "--baseline", "results")
    assert (result.code, words(result)) == (1, ["REGRESSION", "REGRESSION"])


def test_a_folder_that_holds_only_the_run_itself_is_exit_code_4(bench, take):
    take("a")
    result = bench("check", "--baseline", "results")
    assert result.code == 4
    assert "- there is no other run in the baseline results" in notes(result)


@pytest.mark.parametrize("harm", [damage, damage_a_cell])
def test_of_a_folder_a_damaged_run_is_left_out_with_a_note(bench, take, harm):
    take("again", "few", "a")
    harm("few")
    result = bench("check", "a", "--baseline", "results")
    assert result.code == 0
    assert result.out.count("identical; 20 images") == 4
    (note,) = notes(result)
    assert note.startswith("- left out: results/few/")
    assert "is damaged" in note


def test_of_a_folder_a_run_under_another_protocol_is_left_out_with_a_note(bench, take):
    take("again", "few", "a")
    edit_manifest("few", protocol=0)
    result = bench("check", "a", "--baseline", "results")
    assert result.code == 0
    assert result.out.count("identical; 20 images") == 4
    assert notes(result) == ["- results/few: measured under protocol 0, not 1"]


# -- what learns -----------------------------------------------------------------------------


def test_with_too_few_seeds_it_is_undecided_and_says_so(bench, take):
    take("seed", "worse-seed")
    arguments = ("check", "worse-seed", "--baseline", "results/seed")
    result = bench(*arguments)
    assert result.code == 0
    assert words(result) == ["UNDECIDED", "UNDECIDED"]
    assert "1 training seed in common, 4 are needed; 20 images, 1 seeds" in result.out
    assert "no regression shown, and not everything could be decided (2 undecided)" in result.out
    strict = bench(*arguments, "--strict")
    assert strict.code == 1
    assert "undecided, which --strict takes for a regression (2 undecided)" in strict.out


def test_what_is_undecided_is_valid_json_and_a_warning_on_github(bench, take):
    take("seed", "worse-seed")
    arguments = ("check", "worse-seed", "--baseline", "results/seed", "--format")
    document = json.loads(bench(*arguments, "json").out)
    assert [finding["bound"] for finding in document["findings"]] == [None, None]
    assert document["exit_code"] == 0
    for strict, kind in (((), "::warning "), (("--strict",), "::error ")):
        lines = bench(*arguments, "github", *strict).out.splitlines()
        assert [line.startswith(kind) for line in lines] == [True, True, False]


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
        "- learned at gaussian 0.3, seed 1, 2, 3: 20 images only in the new run"
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
    assert result.out.startswith("worse: regression (2 worse)\n")
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
        assert json.loads(result.out)["exit_code"] == code
    if form == "markdown":
        assert result.out.splitlines()[2].startswith("| verdict")
    if form == "github":
        kinds = [line.partition(" ")[0] for line in result.out.splitlines()]
        assert kinds == ["::error"] * (code > 0) + ["::notice"]


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
