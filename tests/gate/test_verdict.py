"""A verdict: the exit code that follows from it, and how each format prints it."""

import dataclasses
import itertools
import json
import re

import pytest
from markdown_it import MarkdownIt

from bench.gate import EXIT_CODES, Judgement, Verdict, number

FOUND = {
    "held": Judgement("held", "median at gaussian 0.3 on toy", "psnr", 20.5, "≥ 20"),
    "regressed": Judgement(
        "regressed", "vae at gaussian 0.3 on toy", "ssim", 0.5, "baseline 0.6000",
        "-0.1000 [-0.1100, -0.0900]; 100 images",
        {"method": "vae", "levels": [0.3], "difference": -0.1, "interval": [-0.11, -0.09]},
        "0.0030",
    ),
    "refused": Judgement(
        "refused", "bm3d at gaussian 0.3 on toy", "psnr", 25.0, "≥ 20",
        "made from 400 images, and this run has 3 images",
    ),
    "improved": Judgement(
        "improved", "unet at gaussian 0.3 on toy", "psnr", 21.0, "baseline 20.000", "+1.000",
    ),
    "unmatched": Judgement(
        "unmatched", "method = 'medain', metric = 'psnr'", "psnr", against="≥ 20",
        reason="the run has no method 'medain'",
    ),
    "failed": Judgement(
        "failed", "nlm at gaussian 0.3 on toy", "psnr", against="≥ 20",
        reason="the cell failed: ValueError: no idea",
    ),
    "undecided": Judgement(
        "undecided", "dae at gaussian 0.3 on toy", "psnr", 19.0, "baseline 20.000",
        "-1.000; 1 training seed in common and 4 needed; 100 images, 1 seed",
        {"interval": [None, None]},
    ),
}  # fmt: skip
FORMATS = ("text", "markdown", "json", "github")


def verdict(*names, problems=(), notes=()):
    return Verdict("run-1", [FOUND[name] for name in names], problems, notes)


# -- exit codes ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "problems", "code", "strict_code"),
    [
        (["held"], [], 0, 0),
        (["held", "undecided"], [], 0, 1),
        (["undecided"], [], 0, 1),
        (["held", "regressed"], [], 1, 1),
        (["held", "unmatched"], [], 4, 4),
        (["unmatched", "undecided"], [], 4, 1),
        (["held"], ["a cell failed"], 3, 3),
        (["held", "undecided"], ["a cell failed"], 3, 1),
        (["held", "failed"], [], 3, 3),
        (["failed"], [], 3, 3),
        (["held", "improved"], [], 0, 0),
        (["held", "refused"], [], 4, 1),
        (["refused", "regressed"], ["a cell failed"], 1, 1),
        (["failed", "undecided"], [], 3, 1),
        (["failed", "unmatched"], [], 4, 4),
        (["failed", "regressed"], [], 1, 1),
        (["unmatched"], ["a cell failed"], 4, 4),
        (["regressed"], ["a cell failed"], 1, 1),
        (["unmatched", "regressed"], [], 1, 1),
        (["held", "unmatched", "undecided", "regressed"], ["a cell failed"], 1, 1),
        ([], [], 4, 4),
        ([], ["a cell failed"], 4, 4),
    ],
)
def test_the_worst_of_what_was_found_is_the_exit_code(names, problems, code, strict_code):
    found = verdict(*names, problems=problems)
    assert found.exit_code() == code
    assert found.exit_code(strict=True) == strict_code


def test_every_combination_follows_the_documented_precedence():
    assert list(EXIT_CODES) == [1, 4, 3, 0]
    verdicts = ("regressed", "unmatched", "refused", "failed", "undecided", "held")
    for chosen in itertools.product([False, True], repeat=7):
        regression, unmatched, refused, failed, undecided, _, problem = chosen
        names = list(itertools.compress(verdicts, chosen))
        for strict in (False, True):
            applying = {
                1: regression or (strict and (undecided or refused)),
                4: unmatched or refused or not names,
                3: problem or failed,
                0: True,
            }
            expected = next(code for code in EXIT_CODES if applying[code])
            assert verdict(*names, problems=["p"] * problem).exit_code(strict) == expected


def test_notes_do_not_change_the_exit_code():
    assert verdict("held", notes=["only in the baseline"]).exit_code() == 0


# -- tables ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "names", list(itertools.islice(itertools.permutations(FOUND), 0, None, 97))
)
def test_what_failed_comes_first_in_whatever_order_it_was_found(names):
    found = verdict(*names)
    words = [line.split()[0] for line in found.render("text").splitlines()[4:]]
    assert words == [
        "REGRESSED", "UNMATCHED", "REFUSED", "FAILED", "UNDECIDED", "improved", "held",
    ]  # fmt: skip
    listed = [judgement["verdict"] for judgement in json.loads(found.render("json"))["findings"]]
    assert listed == [word.lower() for word in words]


def test_judgements_of_one_verdict_keep_their_order():
    judgements = [dataclasses.replace(FOUND["held"], subject=name) for name in "zay"]
    rows = Verdict("run-1", judgements).render("text").splitlines()[4:]
    assert [row.split()[1] for row in rows] == ["z", "a", "y"]


@pytest.mark.parametrize(
    ("names", "strict", "line"),
    [
        (["held", "held"], False, "run-1: held (2 held)"),
        (["held", "regressed"], False, "run-1: regressed (1 regressed, 1 held)"),
        (["regressed", "regressed"], False, "run-1: regressed (2 regressed)"),
        (
            ["held", "failed"], False,
            "run-1: some cells failed or have no result (1 failed, 1 held)",
        ),
        (
            ["held", "failed", "failed", "unmatched", "undecided", "regressed"], True,
            "run-1: regressed (1 regressed, 1 unmatched, 2 failed, 1 undecided, 1 held)",
        ),
        (
            ["held", "undecided"], False,
            "run-1: no regression shown, and not everything could be decided "
            "(1 undecided, 1 held)",
        ),
        (
            ["undecided"], True,
            "run-1: undecided, which --strict takes for a regression (1 undecided)",
        ),
        (["unmatched"], False, "run-1: a threshold matched nothing (1 unmatched)"),
        (
            ["refused", "held"], False,
            "run-1: refused: a threshold was made from another sort of run (1 refused, 1 held)",
        ),
        (["held", "improved"], False, "run-1: improved (1 improved, 1 held)"),
        ([], False, "run-1: nothing was measured (nothing compared)"),
    ],
)  # fmt: skip
def test_every_table_begins_with_the_outcome(names, strict, line):
    assert verdict(*names).render("text", strict).splitlines()[0] == line


def test_a_row_shows_what_was_measured_and_what_it_is_held_against():
    text = verdict("regressed", "unmatched").render("text")
    header, _, worse, unmatched = text.splitlines()[2:]
    assert re.split(" {2,}", header) == [
        "verdict", "what", "metric", "measured", "against", "detectable", "why",
    ]  # fmt: skip
    assert re.split(" {2,}", worse) == [
        "REGRESSED", "vae at gaussian 0.3 on toy", "ssim", "0.5000", "baseline 0.6000", "0.0030",
        "-0.1000 [-0.1100, -0.0900]; 100 images",
    ]  # fmt: skip
    assert re.split(" {2,}", unmatched)[3:] == ["–", "≥ 20", "the run has no method 'medain'"]


def test_where_all_held_there_is_no_column_of_reasons():
    header, _, row = verdict("held").render("text").splitlines()[2:]
    assert re.split(" {2,}", header) == ["verdict", "what", "metric", "measured", "against"]
    assert re.split(" {2,}", row)[3:] == ["20.500", "≥ 20"]


@pytest.mark.parametrize(
    ("metric", "value", "sign", "text"),
    [
        ("psnr", 19.66, "", "19.660"),
        ("psnr", -0.2884, "+", "-0.288"),
        ("ssim", 0.1, "+", "+0.1000"),
        ("mse", 0.25, "", "0.250000"),
        ("mse", -0.0, "+", "+0.000000"),
        ("lpips", -0.0, "+", "+0"),
        ("lpips", -0.0, "", "0"),
        ("parameters", 1234567.0, "", "1,234,567"),
        ("images_per_second / median's", 0.123456, "", "0.1235"),
    ],
)
def test_a_value_has_the_decimals_of_its_metric(metric, value, sign, text):
    assert number(metric, value, sign) == text


@pytest.mark.parametrize("form", ["text", "markdown"])
def test_problems_and_notes_are_listed_below_the_table(form):
    text = verdict("held", problems=["vae failed"], notes=["one", "two"]).render(form)
    lines = [line for line in text.splitlines() if line]
    assert lines[-5:] == ["Problems:", "- vae failed", "Notes:", "- one", "- two"]


def test_without_judgements_there_is_no_table():
    assert verdict(notes=["one"]).render("text").splitlines()[1:] == ["", "Notes:", "- one"]


HOSTILE = [
    "a|b|c", "`code`", "<img src=x>", "**bold** *it* _it_", "back\\slash\\|", "line\nbreak",
    "::error::x", "%0A::error::x", "tab\tand\r\nreturn", "commas, and: colons", "50%", "a,title=b",
    "\n::error title=forged::a forged line",
]  # fmt: skip


def hostile(text):
    judgement = Judgement("regressed", text, text, against=text, reason=text)
    return Verdict("run-1", [judgement, FOUND["held"]], [text], [text])


@pytest.mark.parametrize("text", HOSTILE)
def test_markdown_shows_hostile_names_as_they_are(text):
    tokens = MarkdownIt("commonmark").enable("table").parse(hostile(text).render("markdown"))
    cells = [after for token, after in itertools.pairwise(tokens) if token.type == "td_open"]
    shown = [tokens[i + 2] for i, token in enumerate(tokens) if token.type == "list_item_open"]
    assert all(child.type == "text" for cell in (*cells, *shown) for child in cell.children)
    said = ["".join(child.content for child in cell.children) for cell in cells]
    plain = " ".join(text.split())
    assert said[:6] == ["REGRESSED", plain, plain, "–", plain, plain]
    assert said[6:9] == ["held", "median at gaussian 0.3 on toy", "psnr"]
    assert len(said) == 12
    assert ["".join(child.content for child in item.children) for item in shown] == [plain] * 2


@pytest.mark.parametrize("text", HOSTILE)
def test_a_table_for_people_has_a_line_a_finding_whatever_the_names(text):
    lines = hostile(text).render("text").splitlines()
    assert len(lines) == 4 + 2 + 2 * 3  # a head, the two judgements, a problem and a note
    assert lines[4].startswith("REGRESSED")
    assert lines[5].startswith("held")


# -- json ------------------------------------------------------------------------------------


def test_json_holds_everything():
    found = dataclasses.replace(
        verdict("held", "regressed", problems=["p"], notes=["n"]), changes=["c"]
    )
    document = json.loads(found.render("json"))
    assert document == {
        "run": "run-1",
        "summary": "run-1: regressed (1 regressed, 1 held)",
        "findings": [dataclasses.asdict(FOUND[name]) for name in ("regressed", "held")],
        "problems": ["p"],
        "notes": ["n"],
        "changes": ["c"],
    }


def test_json_says_what_was_checked_for_programs_too():
    (judgement,) = json.loads(verdict("regressed").render("json"))["findings"]
    assert judgement == {
        "verdict": "regressed",
        "subject": "vae at gaussian 0.3 on toy",
        "metric": "ssim",
        "value": 0.5,
        "against": "baseline 0.6000",
        "reason": "-0.1000 [-0.1100, -0.0900]; 100 images",
        "about": {
            "method": "vae", "levels": [0.3], "difference": -0.1, "interval": [-0.11, -0.09],
        },
        "detectable": "0.0030",
    }  # fmt: skip


def test_the_summary_in_json_follows_strict():
    found = verdict("undecided")
    said = [json.loads(found.render("json", strict))["summary"] for strict in (False, True)]
    assert said == [found.summary(), found.summary(strict=True)]
    assert said[0] != said[1]


# -- GitHub ----------------------------------------------------------------------------------


def commands(checked, strict=False):
    """Workflow commands as GitHub's runner reads them: kind, title and message of each line.

    They stand below the table, which is that for people, and none of whose lines is a command.
    """
    table = checked.render("text", strict)
    head, after, text = checked.render("github", strict).partition(f"bench check: {table}\n")
    assert (head, bool(after)) == ("", True)
    assert not re.search(r"^\s*(::|##\[)", table, re.MULTILINE)
    found = []
    for line in text.splitlines():
        kind, properties, message = re.fullmatch(r"::(\w+) (.*?)::(.*)", line).groups()
        title = dict(item.split("=", 1) for item in properties.split(","))["title"]
        for code, character in (("%3A", ":"), ("%2C", ","), ("%0D", "\r"), ("%0A", "\n")):
            title = title.replace(code, character)
            message = message if code in ("%3A", "%2C") else message.replace(code, character)
        found.append((kind, title.replace("%25", "%"), message.replace("%25", "%")))
    return found


@pytest.mark.parametrize("strict", [False, True])
def test_github_gets_an_annotation_for_all_that_did_not_hold(strict):
    found = commands(verdict(*FOUND, problems=["nlm failed"], notes=["a note"]), strict)
    assert found == [
        ("error", "regressed: vae at gaussian 0.3 on toy",
         "ssim 0.5000, baseline 0.6000: -0.1000 [-0.1100, -0.0900]; 100 images"),
        ("error", "unmatched: method = 'medain', metric = 'psnr'",
         "psnr –, ≥ 20: the run has no method 'medain'"),
        ("error", "refused: bm3d at gaussian 0.3 on toy",
         "psnr 25.000, ≥ 20: made from 400 images, and this run has 3 images"),
        ("error", "failed: nlm at gaussian 0.3 on toy",
         "psnr –, ≥ 20: the cell failed: ValueError: no idea"),
        ("error" if strict else "warning", "undecided: dae at gaussian 0.3 on toy",
         "psnr 19.000, baseline 20.000: "
         "-1.000; 1 training seed in common and 4 needed; 100 images, 1 seed"),
        ("notice", "improved: unet at gaussian 0.3 on toy",
         "psnr 21.000, baseline 20.000: +1.000"),
        ("error", "no result", "nlm failed"),
        ("notice", "note", "a note"),
        ("notice", "bench check",
         "run-1: regressed (1 regressed, 1 unmatched, 1 refused, 1 failed, 1 undecided, "
         "1 improved, 1 held)"),
    ]  # fmt: skip


def test_what_held_is_a_single_notice():
    notice = ("notice", "bench check", "run-1: held (2 held)")
    assert commands(verdict("held", "held")) == [notice]


def test_nothing_compared_is_an_error():
    (kind, title, _), notice = commands(verdict())
    assert (kind, title, notice[0]) == ("error", "nothing compared", "notice")


def test_where_nothing_is_held_against_anything_the_reason_stands_alone():
    found = Verdict("r", [Judgement("unmatched", "baseline old", "", reason="nothing was paired")])
    assert commands(found)[0] == (
        "error", "unmatched: baseline old", "nothing was paired",
    )  # fmt: skip


def test_github_texts_are_escaped_as_its_toolkit_does():
    judgement = Judgement("undecided", "a,b: 5%\r\n", "psnr", 1.0, "≥ 2", reason="50%:\r\n, x")
    assert Verdict("r", [judgement]).render("github").split("\n")[-2] == (
        "::warning title=undecided%3A a%2Cb%3A 5%25%0D%0A::psnr 1.000, ≥ 2: 50%25:%0D%0A, x"
    )


@pytest.mark.parametrize("text", HOSTILE)
def test_no_name_can_begin_a_command_of_its_own(text):
    output = hostile(text).render("github")
    kinds = ["error", "error", "notice", "notice"]
    assert re.findall(r"^\s*::(\w+)", output, re.MULTILINE) == kinds
    regression, problem, note, _ = commands(hostile(text))
    assert regression == ("error", f"regressed: {text}", f"{text} –, {text}: {text}")
    assert problem == ("error", "no result", text)
    assert note == ("notice", "note", text)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_runs_name_begins_no_line_on_github(text):
    output = Verdict(text, [FOUND["held"]]).render("github")
    assert output.startswith("bench check: ")
    assert re.findall(r"^\s*::(\w+)", output, re.MULTILINE) == ["notice"]


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_ends_without_an_empty_line(form):
    text = verdict(*FOUND, problems=["p"], notes=["n"]).render(form)
    assert text
    assert text == text.strip()


@pytest.mark.parametrize("form", ["text", "markdown"])
@pytest.mark.parametrize(("count", "folded"), [(8, False), (9, True)])
def test_many_comparisons_that_agree_in_every_image_are_one_line(form, count, folded):
    about = {"identical": True, "method": "nlm"}
    same = [
        Judgement("held", f"nlm {number}", "psnr", 20.0, about=about) for number in range(count)
    ]
    worse = Judgement("regressed", "vae", "psnr", 19.0, about={"identical": False, "method": "vae"})
    text = Verdict("run", [*same, worse]).render(form)
    assert ("nlm 0" not in text) == folded
    assert ("9 comparisons held: they agree in every image (nlm)." in text) == folded
    assert "REGRESSED" in text
    everything = Verdict("run", same).render(form)
    assert ("verdict" not in everything) == folded
