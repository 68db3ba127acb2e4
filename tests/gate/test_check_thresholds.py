"""`bench check --thresholds`: verdicts, exit codes, and every kind of bad input."""

import functools
import os
from pathlib import Path

import pytest
from gate_runs import (
    HELD,
    UNMATCHED,
    WORSE,
    damage,
    damage_a_cell,
    edit_manifest,
    limits,
    reasons,
    words,
)

import bench as api

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
    assert result.out.startswith("a: regressed (1 regressed, 1 held)\n")
    assert words(result) == ["REGRESSED", "held"]
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
    assert words(result) == ["REGRESSED", "held", "held", "held"]


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
    assert (worse.code, words(worse)) == (1, ["REGRESSED", *found])


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
        keys = api.open_run(f"results/{run}").manifest.cells
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
