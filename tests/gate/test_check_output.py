"""`bench check --update`, `bench compare`, and the formats."""

import json
from pathlib import Path

import pytest
from gate_runs import HELD, UNMATCHED, WORSE, annotations, compared, limits, notes, reasons, words

import bench as api

# -- updating --------------------------------------------------------------------------------


def test_limits_taken_from_a_run_hold_for_it_and_turn_red_for_a_worse_one(bench, take):
    take("former", "worse")
    first = bench("check", "former", "--update", "--thresholds", "new/limits.toml")
    assert first.code == 0
    assert first.out == "new/limits.toml: 2 added minima, from results/former\n"
    assert first.err == ""
    text = Path("new/limits.toml").read_text()
    held = bench("check", "former", "--thresholds", "new/limits.toml")
    assert (held.code, words(held)) == (0, ["held", "held"])
    worse = bench("check", "worse", "--thresholds", "new/limits.toml")
    assert (worse.code, words(worse)) == (1, ["REGRESSED", "REGRESSED"])
    bench("check", "former", "--update", "--thresholds", "new/limits.toml")
    assert Path("new/limits.toml").read_text() == text


def test_an_update_renews_its_entries_and_keeps_what_was_set_by_hand(bench, take):
    take("a", "few")
    by_hand = f"# Ours.\n[[threshold]]\n{HELD} # agreed\n"
    Path("limits.toml").write_text(by_hand)
    bench("check", "few", "--update", "--thresholds", "limits.toml")
    assert Path("limits.toml").read_text().count('made_from = "few"') == 4
    result = bench("check", "a", "--update", "--thresholds", "limits.toml")
    assert result.out == "limits.toml: 4 raised minima, from results/a\n"
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


def test_limits_are_held_against_no_other_sort_of_run(bench, take):
    take("a", "few", "quick")
    bench("check", "a", "--update", "--thresholds", "limits.toml")
    assert Path("limits.toml").read_text().count('images = 20\npreset = "default"') == 4
    for run, said in (
        ("few", "made from 20 images, and this run has 5 images"),
        ("quick", "made from preset default, and this run has preset quick"),
    ):
        result = bench("check", run, "--thresholds", "limits.toml")
        assert (result.code, words(result)) == (4, ["REFUSED"] * 4)
        assert set(reasons(result)) == {said}
        assert result.out.startswith(f"{run}: refused: a threshold was made from another sort of")
        assert bench("check", run, "--thresholds", "limits.toml", "--strict").code == 1


def test_what_may_be_raised_after_an_improvement_is_said(bench, take):
    take("worse", "former")
    bench("check", "worse", "--update", "--thresholds", "limits.toml")
    better = bench("check", "former", "--thresholds", "limits.toml")
    assert (better.code, words(better)) == (0, ["held", "held"])
    raisable = notes(better)
    assert [line.split(":")[0] for line in raisable] == [
        f"- may be raised with --update, {metric} of shift at gaussian 0.3 on digits"
        for metric in ("psnr", "ssim")
    ]
    text = Path("limits.toml").read_text()
    Path("limits.toml").write_text(text.replace('made_from = "worse"\n', ""))  # now by hand
    update = bench("check", "former", "--update", "--thresholds", "limits.toml")
    assert update.out == "limits.toml: no minima, from results/former\n"
    assert [line.partition(": ")[2] for line in update.lines] == [
        line.partition("update, ")[2] for line in raisable
    ]


def test_an_update_says_how_many_minima_went_down(bench, take):
    take("former", "worse")
    arguments = ("--update", "--thresholds", "limits.toml")
    bench("check", "former", *arguments)
    lower = bench("check", "worse", *arguments)
    said = "limits.toml: 2 lowered minima, from results/worse\n"
    assert (lower.code, lower.out) == (0, said)
    higher = bench("check", "former", *arguments)
    assert higher.out == "limits.toml: 2 raised minima, from results/former\n"


def test_an_update_from_a_run_that_lacks_cells_writes_the_rest_and_is_exit_code_3(bench, take):
    take("a", "failed")
    update = ("--update", "--thresholds", "limits.toml")
    failed = bench("check", "failed", *update)
    assert failed.code == 3
    assert failed.out == "limits.toml: 2 added minima, from results/failed\n"
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
    assert result.out.startswith("worse: regressed (2 regressed)\n")
    assert words(result) == ["REGRESSED", "REGRESSED"]
    check = bench("check", "worse", "--baseline", "results/former")
    assert result.out == check.out
    reverse = bench("compare", "results/worse", "results/former")
    assert (reverse.code, words(reverse)) == (0, ["improved", "improved"])


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
