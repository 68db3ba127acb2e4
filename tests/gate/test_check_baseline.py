"""`bench check --baseline`: a run, a folder of runs, and what learns."""

import json
import os
import re
import shutil
from pathlib import Path

import pytest
from gate_runs import (
    HELD,
    annotations,
    compared,
    damage,
    damage_a_cell,
    edit_manifest,
    ended,
    limits,
    notes,
    reasons,
    words,
)
from scipy import stats

import bench as api

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
    result = bench("check", "worse", "--baseline", "results/former")
    row = re.split(" {2,}", result.out.split("\n\n")[1].splitlines()[2])
    document = bench("check", "worse", "--baseline", "results/former", "--format", "json").out
    judgement = json.loads(document)["findings"][0]
    low, high = judgement["about"]["interval"]
    detectable = judgement["about"]["detectable"]
    # Beside that of skewed differences Student's interval is a little off.
    student = stats.t.interval(0.9, 19, difference.mean(), stats.sem(difference))
    assert (low, high) == pytest.approx(student, abs=0.1 * stats.sem(difference) * 4)
    assert detectable == pytest.approx(0.05 + 3.0 * stats.sem(difference), rel=0.05)
    assert row == [
        "REGRESSED", "shift at gaussian 0.3 on digits", "psnr", f"{new.mean():.3f}",
        f"baseline {old.mean():.3f}", f"{detectable:.3f}",
        f"{difference.mean():+.3f} [{low:+.3f}, {high:+.3f}]; 20 images",
    ]  # fmt: skip
    assert judgement["value"] == pytest.approx(new.mean())
    moved = judgement["about"].pop("moved")
    farthest = difference.abs().nlargest(3)
    assert [entry["image"] for entry in moved] == list(farthest.index)
    assert [entry["difference"] for entry in moved] == pytest.approx(
        list(difference[farthest.index])
    )
    assert judgement["about"] == {
        "dataset": "digits", "method": "shift", "trained_on": None, "noise": "gaussian",
        "levels": [0.3], "baseline": pytest.approx(old.mean()),
        "difference": pytest.approx(difference.mean()), "interval": [low, high],
        "tolerance": 0.05, "identical": False, "images": 20, "units": 20, "seeds": 0,
        "paired_seeds": True, "detectable": detectable,
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
    sources = [next(api.open_run(f"results/{run}").metadata()).cell.source
               for run in ("former", "same", "worse")]  # fmt: skip
    assert len(set(sources)) == 3
    same = bench("check", "same", "--baseline", "results/former")
    assert (same.code, words(same)) == (0, ["held", "held"])
    assert same.out.count("identical") == 2
    worse = bench("check", "worse", "--baseline", "results/former")
    assert (worse.code, words(worse)) == (1, ["REGRESSED", "REGRESSED"])
    assert notes(worse) == [compared("former")]
    better = bench("check", "former", "--baseline", "results/worse")
    assert (better.code, words(better)) == (0, ["improved", "improved"])
    assert better.out.startswith("former: improved (2 improved)\n")


def test_the_tolerance_is_a_drop_that_is_no_regression(bench, take):
    take("former", "worse")
    psnr, ssim = (
        api.open_run("results/former").records()[["psnr", "ssim"]].mean()
        - api.open_run("results/worse").records()[["psnr", "ssim"]].mean()
    )
    for tolerance, verdicts in (
        (f"{psnr + 1}", ["REGRESSED", "held"]),
        (f"{psnr + 1},{ssim + 0.1}", ["held", "held"]),
        (f"0,{ssim + 0.1}", ["REGRESSED", "held"]),
    ):
        result = bench(
            "check", "worse", "--baseline", "results/former", "--tolerance", tolerance
        )  # fmt: skip
        assert words(result) == verdicts
        assert result.code == int("REGRESSED" in verdicts)


@pytest.mark.parametrize(
    ("run", "baseline", "expected"),
    [
        (
            "a", "loud",
            {
                "- identity, median at gaussian 0.3: 20 images only in the new run",
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
    assert words(result) == ["REGRESSED", "REGRESSED", "held"]


def test_images_in_common_are_paired_and_the_rest_is_listed(bench, take):
    take("few", "a")
    result = bench("check", "a", "--baseline", "results/few")
    assert result.code == 0
    assert result.out.count("identical; 5 images") == 4
    assert notes(result) == [
        compared("few"),
        "- the runs differ in limit: 20 here, 5 there",
        "- identity, median at gaussian 0.3: 15 images only in the new run",
    ]


@pytest.mark.parametrize(
    ("run", "baseline", "reason", "line"),
    [
        (
            "few", "a", "this run has 5 of the baseline's 20 images",
            "- identity, median at gaussian 0.3: 15 images only in the baseline",
        ),
        (
            "seed", "seeds", "this run has 1 of the baseline's 4 training seeds",
            "- learned at gaussian 0.3, seeds 1, 2, 3: 20 images only in the baseline",
        ),
    ],
)  # fmt: skip
def test_what_holds_on_a_part_of_the_baseline_is_undecided(
    bench, take, run, baseline, reason, line
):
    take(baseline, run)
    arguments = ("check", run, "--baseline", f"results/{baseline}")
    result = bench(*arguments)
    assert (result.code, set(words(result))) == (0, {"UNDECIDED"})
    assert all(reason in said for said in reasons(result))
    assert line in notes(result)
    assert bench(*arguments, "--strict").code == 1


def test_a_drop_on_a_part_of_the_baseline_is_a_regression(bench, take):
    take("former", "worse-few")
    result = bench("check", "worse-few", "--baseline", "results/former")
    assert (result.code, words(result)) == (1, ["REGRESSED", "REGRESSED"])


def test_single_images_that_fell_are_named_and_may_have_a_limit(bench, take):
    take("former", "black")
    old, new = (api.open_run(f"results/{run}").records()["psnr"] for run in ("former", "black"))
    fall = (old - new).max()
    arguments = ("check", "black", "--baseline", "results/former")
    unlimited = bench(*arguments, "--strict")
    assert (unlimited.code, set(words(unlimited))) == (1, {"UNDECIDED"})
    named = f"- images that moved most, shift at gaussian 0.3: image 16 {-fall:+.3f} dB"
    assert named in unlimited.out.splitlines()
    limited = bench(*arguments, "--worst", f"{fall - 0.01}")
    assert (limited.code, words(limited)[0]) == (1, "REGRESSED")
    assert f"{-fall:+.3f} dB, image 16; limit " in reasons(limited)[0]
    assert "psnr, worst image" in limited.out
    wide = bench(*arguments, "--worst", f"{fall + 0.01}")
    assert (wide.code, sorted(words(wide))) == (0, ["UNDECIDED", "UNDECIDED", "held"])
    Path("limits.toml").write_text("worst = 0.5\n")
    assert bench(*arguments, "--thresholds", "limits.toml").code == 1
    alone = bench("check", "black", "--thresholds", "limits.toml")
    assert (alone.code, words(alone)) == (4, ["UNMATCHED"])
    assert bench("compare", "former", "black", "--worst", "0.5").code == 0


def test_another_level_is_listed(bench, take):
    take("a", "levels")
    result = bench("check", "levels", "--baseline", "results/a")
    assert (result.code, words(result)) == (0, ["held"] * 4)
    assert notes(result) == [
        compared("a"),
        "- identity, median at gaussian 0.5: 20 images only in the new run",
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
    found = [judgement for judgement in document["findings"] if judgement["verdict"] == "undecided"]
    assert [judgement["subject"] for judgement in found] == [f"{point} on digits" for point in lost]
    for judgement, point in zip(found, lost, strict=True):
        about = judgement["about"]
        assert f"{about['method']} at {about['noise']} {about['levels'][0]}" == point
        assert (judgement["reason"], about["dataset"]) == (LOST, "digits")
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
    assert "- not compared with results/again: measured under protocol 0, not 2" in notes(other)


def test_settings_that_differ_are_noted(bench, take):
    take("a", "quick")
    result = bench("check", "quick", "--baseline", "results/a")
    assert result.code == 0
    assert notes(result) == [
        compared("a"),
        "- the runs differ in preset: quick here, default there",
        "- the runs differ in epochs: 2 here, the default there",
        "- the runs differ in batch-size: 64 here, the default there",
    ]
    settings = api.open_run("results/a").manifest.settings.as_dict()
    edit_manifest("a", settings={**settings, "limit": None})
    result = bench("check", "quick", "--baseline", "results/a")
    assert notes(result)[-1] == "- the runs differ in limit: 20 here, the default there"


def learned(run, digest):
    metrics = api.open_run(f"results/{run}").manifest.as_dict()["metrics"]
    metrics["near"]["fitted"] = digest
    edit_manifest(run, metrics=metrics)


@pytest.mark.parametrize(
    ("other", "why"),
    [
        ("near-code", "was measured by other code"),
        ("near-unit", "is another there: near (%), higher is better"),
        ("near-lower", "is another there: near, lower is better"),
        ("near", "has learned something else"),
    ],
)
def test_a_metric_that_is_two_things_is_left_out_and_no_other(bench, take, other, why):
    take((other, "old"), "near")
    if other == "near":
        learned("old", "1")
        learned("near", "2")
    result = bench("check", "near", "--baseline", "results/old", "--strict")
    assert (result.code, words(result)) == (0, ["held"])
    assert "identity at gaussian 0.3 on digits  psnr" in result.out
    assert notes(result) == [compared("old"), f"- not compared: the metric near {why}"]


@pytest.mark.parametrize("digest", ["", "1"])
def test_a_metric_of_the_same_code_is_compared(bench, take, digest):
    take(("near", "old"), "near")
    learned("near", digest)  # of which the other may say nothing
    result = bench("check", "near", "--baseline", "results/old", "--strict")
    assert (result.code, words(result)) == (0, ["held", "held"])
    assert notes(result) == [compared("old")]


def test_where_every_metric_is_two_things_an_older_run_counts(bench, take):
    take(("near", "old"), "near-code", "near")
    for run in ("old", "near-code", "near"):
        metrics = api.open_run(f"results/{run}").manifest.as_dict()["metrics"]
        edit_manifest(run, metrics={"near": metrics["near"]})
    why = "- not compared with results/near-code: the metric near was measured by other code"
    alone = bench("check", "near", "--baseline", "results/near-code")
    assert (alone.code, notes(alone)) == (4, [why])
    found = bench("check", "near", "--baseline", "results")
    assert (found.code, words(found)) == (0, ["held"])
    assert notes(found) == [why, compared("old")]


def test_of_a_folder_each_cell_has_the_metrics_of_its_own_baseline(bench, take):
    take("near-levels", "near-code-loud", ("near-levels", "new"))
    document = json.loads(bench("check", "new", "--baseline", "results", "--format", "json").out)
    found = {(one["metric"], *one["about"]["levels"]) for one in document["findings"]}
    assert found == {("psnr", 0.3), ("psnr", 0.5), ("psnr", 0.3, 0.5), ("near", 0.3)}
    assert [note for note in document["notes"] if "ended" not in note] == [
        "not compared: the metric near was measured by other code"
    ]


@pytest.mark.parametrize("baseline", ["results/a", "results"])
def test_where_no_run_counts_nothing_is_said_to_be_missing(bench, take, baseline):
    take("a", "few")
    metrics = api.open_run("results/few").manifest.as_dict()["metrics"]
    edit_manifest("few", metrics={"psnr": metrics["psnr"]})
    edit_manifest("a", protocol=0)
    result = bench("check", "few", "--baseline", baseline)
    assert result.code == 4
    assert notes(result) == ["- not compared with results/a: measured under protocol 0, not 2"]


def test_without_a_cell_in_common_metrics_are_those_that_the_runs_have(bench, take):
    take("a", "loud")
    for run in ("a", "loud"):
        metrics = api.open_run(f"results/{run}").manifest.as_dict()["metrics"]
        edit_manifest(run, metrics={"psnr": metrics["psnr"]})
    said = notes(bench("check", "loud", "--baseline", "results/a"))
    assert "- identity, median at gaussian 0.5: 20 images only in the new run" in said
    assert not [note for note in said if "the metric" in note]


# -- against a folder of runs ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("older", "newer", "code"), [("former", "worse", 0), ("worse", "former", 1)]
)
def test_of_a_folder_the_newest_other_run_counts(bench, take, older, newer, code):
    take(older, newer, ("worse", "checked"))
    result = bench("check", "checked", "--baseline", "results")
    assert result.code == code
    assert words(result) == ["REGRESSED" if code else "held"] * 2
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


def test_of_a_folder_a_run_with_nothing_in_common_loses_nothing(bench, take):
    take("one", "other", ("one", "checked"))  # the newest earlier run is of another method
    result = bench("check", "checked", "--baseline", "results", "--strict")
    assert (result.code, words(result)) == (0, ["held", "held"])


def test_of_a_folder_a_cell_that_failed_does_not_hide_an_older_result(bench, take):
    take("former", "raising", "worse")
    result = bench("check", "worse", "--baseline", "results")
    assert (result.code, words(result)) == (1, ["REGRESSED", "REGRESSED"])


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
        "- not compared with results/few: measured under protocol 0, not 2",
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
    assert [judgement["about"]["seeds"] for judgement in document["findings"]] == [1, 1]
    assert "exit_code" not in document
    for strict, kind in (((), "::warning"), (("--strict",), "::error")):
        kinds = annotations(bench(*arguments, "github", *strict))
        assert kinds == [kind, kind, "::notice", "::notice"]


def test_an_interval_that_cannot_be_known_is_null(bench, take):
    take("single", "worse-single")
    arguments = ("check", "worse-single", "--baseline", "results/single", "--format")
    document = json.loads(bench(*arguments, "json").out)
    assert [judgement["about"]["interval"] for judgement in document["findings"]] == [
        [None, None]
    ] * 2
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
    assert (worse.code, words(worse)) == (1, ["REGRESSED", "REGRESSED"])


def test_seeds_of_one_side_only_are_listed(bench, take):
    take("seed", "worse-seeds")
    result = bench("check", "worse-seeds", "--baseline", "results/seed")
    assert (result.code, words(result)) == (0, ["UNDECIDED", "UNDECIDED"])
    assert notes(result) == [
        compared("seed"),
        "- learned at gaussian 0.3, seeds 1, 2, 3: 20 images only in the new run",
    ]
