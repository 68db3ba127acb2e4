"""Thresholds: how they are made from a run, and renewed."""

import itertools
import math
from decimal import ROUND_FLOOR, Decimal

import numpy as np
import pandas as pd
import pytest
import tomlkit
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from judged_runs import GOOD, cells, frame, judge, parse, update
from scipy import stats

from bench import gate
from bench.analysis import Scores
from bench.core import Scale, UsageError, canonical_json, method_label
from bench.gate import Threshold, Updated

HEAD = "# Limits for `bench check`; see docs/gate.md.\n"


def minima(text):
    return {(t["method"], t["metric"]): t["min"] for t in tomlkit.parse(text)["threshold"]}


def floored(value, decimals):
    return float(Decimal(value).quantize(Decimal(10) ** -decimals, ROUND_FLOOR))


def test_a_new_file_lists_each_point_with_both_metrics_ready_to_be_edited():
    records = pd.concat([frame([20.0]), frame([10.0], method="identity", level=25 / 255)])
    updated = update("", records, "first")
    text = updated.text
    assert updated.count == 4
    assert text.startswith(
        f'{HEAD}\n[[threshold]]\nmethod = "median"\ndataset = "toy"\nnoise = "gaussian"\n'
        'level = 0.3\nmetric = "psnr"\nmin = 20.0\nmade_from = "first"\nimages = 1\n\n'
        "[[threshold]]\n"
    )
    assert parse(text, "limits.toml") == [
        Threshold(
            metric,
            method=m,
            dataset="toy",
            noise="gaussian",
            level=level,
            min=low,
            made_from="first",
            images=1,
        )
        for m, level, lows in (("median", 0.3, (20.0, 0.5)), ("identity", 25 / 255, (10.0, 0.5)))
        for metric, low in zip(("psnr", "ssim"), lows, strict=True)
    ]


def test_a_deterministic_methods_minimum_is_three_standard_errors_below():
    rng = np.random.default_rng(1)
    psnr, ssim = rng.normal(20, 3, 50), rng.uniform(0.4, 0.9, 50)
    text = update("", frame(psnr, ssim=ssim), "run").text
    assert minima(text) == {
        ("median", "psnr"): floored(psnr.mean() - 3 * stats.sem(psnr), 2),
        ("median", "ssim"): floored(ssim.mean() - 3 * stats.sem(ssim), 4),
    }


def test_a_random_methods_margin_knows_how_its_seeds_differ():
    rng = np.random.default_rng(2)
    psnr = rng.normal(20, 3, 50) + rng.normal(0, 1, (4, 1)) + rng.normal(0, 0.1, (4, 50))
    text = update("", frame(psnr), "run").text
    error = math.hypot(stats.sem(psnr.mean(axis=0)), stats.sem(psnr.mean(axis=1)))
    assert minima(text)["median", "psnr"] == floored(psnr.mean() - 3 * error, 2)


def test_negative_decibels_are_rounded_down_too():
    text = update("", frame([-1.005, -1.005]), "run").text
    assert minima(text)["median", "psnr"] == -1.01


@pytest.mark.parametrize(
    ("scale", "limit"),
    [
        (Scale("Recognised", "", "higher", 3, 0, 1), {"min": 0.95}),
        (Scale("Misread", "%", "lower", 1, 0, 100), {"max": 5.0}),
        (Scale("Unbounded", "", "higher", 3), {"min": 1.0}),
    ],
    ids=lambda value: getattr(value, "title", ""),
)
def test_where_all_images_have_the_best_value_the_limit_has_room_for_one(scale, limit):
    best, worst = (1.0, 0.0) if scale.higher else (0.0, 100.0)

    def judged(misread):
        records = frame([20.0] * 20).assign(read=[worst] * misread + [best] * (20 - misread))
        scores = Scores.of(records, {"read": scale})
        return scores, gate.judge(thresholds, scores, cells())[0]

    thresholds = []
    text = gate.update("", judged(0)[0], "run").text
    (table,) = tomlkit.parse(text)["threshold"]
    assert {end: table[end] for end in ("min", "max") if end in table} == limit
    thresholds = parse(text)
    room = 0 if scale.title == "Unbounded" else 1
    for misread in range(4):
        (judgement,) = judged(misread)[1]
        assert judgement.verdict == ("held" if misread <= room else "regressed")


def test_where_all_images_have_the_worst_value_the_limit_is_that():
    scale = Scale("Recognised", "", "higher", 3, 0, 1)
    scores = Scores.of(frame([20.0] * 20).assign(read=0.0), {"read": scale})
    assert minima(gate.update("", scores, "run").text) == {("median", "read"): 0.0}


EDITED = """\
# Our limits, agreed in spring.

[[threshold]]   # by hand: the paper's
method = "median"
dataset = "toy"
noise = "gaussian"
level = "30/100"
metric = "ssim"
min = 0.25   # not a minimum of ours

[[threshold]]
metric = "psnr"
level = "*"
min = 3

[[threshold]]
metric = 'psnr' # the keys' order is kept
level =    0.3
method = "median"
noise = "gaussian"
dataset = "toy"
made_from = "old"
min =   1.5    # dB

# not measured any more
[[threshold]]
method = "vae"
dataset = "toy"
noise = "gaussian"
level = 0.3
metric = "psnr"
min = 7.5
made_from = "old"
"""


def test_an_update_changes_its_own_entries_of_what_was_measured_and_nothing_else():
    updated = update(EDITED, frame([20.0, 20.0]), "new")
    text = updated.text
    assert updated.count == 1
    expected = EDITED.replace('made_from = "old"\nmin =   1.5 ', 'made_from = "new"\nmin =   20.0 ')
    expected = expected.replace("# dB\n", "# dB\nimages = 2\n")
    assert text == expected


def test_an_update_repeated_changes_nothing():
    records = pd.concat([frame([20.0, 21.0]), frame([[1.0, 2.0], [2.0, 3.0]], method="dae")])
    for start in ("", EDITED):
        once = update(start, records, "new").text
        again = update(once, records, "new")
        assert (again.text, again.kept) == (once, again.count)


@pytest.mark.parametrize(
    ("end", "kept"), [("", "\n\n"), ("\n", "\n"), ("\n\n", ""), ("\n# end", "\n\n")]
)
def test_new_entries_begin_after_an_empty_line_however_the_file_ends(end, kept):
    start = GOOD.rstrip("\n") + end
    updated = update(start, frame([20.0]), "new")
    text = updated.text
    assert updated.count == 2
    assert text.startswith(f"{start}{kept}[[threshold]]\n")
    assert len(parse(text, "limits.toml")) == 3


def test_an_entry_of_ours_is_renewed_whatever_was_set_by_hand_for_the_same():
    ours = update("", frame([10.0]), "old").text
    by_hand = ours.replace('made_from = "old"\n', "").replace("10.0", "5.0").removeprefix(HEAD)
    for text in (ours + by_hand, HEAD + by_hand + ours.removeprefix(HEAD)):
        renewed = update(text, frame([20.0]), "new")
        assert (renewed.raised, renewed.kept) == (1, 1)
        before, after = ('min = 10.0\nmade_from = "old"', 'min = 20.0\nmade_from = "new"')
        assert renewed.text == text.replace(before, after)  # SSIM is as it was


def test_a_maximum_added_to_an_entry_of_ours_stays_while_its_minimum_is_renewed():
    ours = update("", frame([10.0]), "old").text
    renewed = update(ours.replace("min = 10.0", "max = 50\nmin = 10.0"), frame([20.0]), "new").text
    assert parse(renewed, "limits.toml")[0].max == 50
    assert minima(renewed)["median", "psnr"] == 20.0
    assert len(parse(renewed, "limits.toml")) == 2


@pytest.mark.parametrize(
    ("psnr", "ssim", "lowered"),
    [(20.0, 0.6, 0), (10.0, 0.5, 0), (9.0, 0.6, 1), (9.0, 0.4, 2)],
)
def test_an_update_counts_the_minima_that_went_down(psnr, ssim, lowered):
    before = update("", frame([10.0], ssim=0.5), "old")
    assert before.lowered == 0  # there was nothing before
    updated = update(before.text, frame([psnr], ssim=ssim), "new")
    assert (updated.count, updated.lowered) == (2, lowered)


def test_a_minimum_set_by_hand_is_not_counted_as_lowered():
    by_hand = update("", frame([10.0]), "old").text.replace('made_from = "old"\n', "")
    assert update(by_hand, frame([5.0], ssim=0.1), "new") == Updated(by_hand)


def test_a_maximum_set_by_hand_below_the_minimum_to_be_set_is_an_error():
    ours = update("", frame([10.0]), "old").text.replace("min = 10.0", "min = 10.0\nmax = 20")
    assert len(parse(update(ours, frame([20.0]), "new").text, "limits.toml")) == 2
    with pytest.raises(UsageError) as caught:
        update(ours, frame([20.01]), "new")
    assert str(caught.value) == (
        "the maximum 20 for the psnr of median is below the minimum 20.01 to be set: "
        "raise it or remove it"
    )


def test_a_maximum_set_by_hand_does_not_stand_for_a_minimum():
    by_hand = update("", frame([10.0]), "old").text
    by_hand = by_hand.replace("min", "max").replace('made_from = "old"\n', "")
    updated = update(by_hand, frame([20.0]), "new")
    text = updated.text
    assert updated.count == 2
    assert text.startswith(by_hand)


def test_entries_in_an_inline_list_are_not_added_to():
    with pytest.raises(UsageError, match=r"tables \[\[threshold\]\]"):
        update('threshold = [{metric = "psnr", min = 1}]\n', frame([20.0]), "new")


LINE = st.text(st.characters(codec="utf-8", exclude_characters="\n"), max_size=12)


@settings(max_examples=20, deadline=None)
@given(dataset=LINE, value=LINE, run=LINE)
def test_whatever_the_names_hold_an_entry_made_from_a_run_matches_that_run(dataset, value, run):
    params = canonical_json({"mode": value})
    records, label = (
        frame([20.0, 21.0], dataset=dataset, params=params),
        method_label("median", params),
    )
    made = update("", records, run)
    text, count = made.text, made.count
    thresholds = parse(text, "limits.toml")
    assert [threshold.method for threshold in thresholds] == [label] * count
    assert [judgement.verdict for judgement in judge(thresholds, records, cells())] == [
        "held"
    ] * count
    assert update(text, records, "other").text == text


@settings(max_examples=20, deadline=None)
@given(
    psnr=arrays(np.float32, st.tuples(st.integers(1, 3), st.integers(1, 5)),
                elements=st.floats(-20, 100, width=32)),
    scale=st.sampled_from([0.01, 1.0]),
)  # fmt: skip
def test_a_run_holds_against_the_limits_made_from_it(psnr, scale):
    records = frame(psnr.astype(float), ssim=psnr[0].astype(float) * scale)
    text = update("", records, "run").text
    judgements = judge(parse(text, "limits.toml"), records, cells())
    assert [judgement.verdict for judgement in judgements] == ["held", "held"]
    for judgement, threshold in zip(judgements, parse(text, "limits.toml"), strict=True):
        assert judgement.value >= threshold.min


def test_a_worse_run_breaks_the_limits_made_from_a_better_one():
    values = np.random.default_rng(3).normal(20, 1, 100)
    thresholds = parse(update("", frame(values), "good").text, "limits.toml")
    drops = (0.0, 0.2, 0.4)  # three standard errors are about 0.3 dB
    verdicts = [judge(thresholds, frame(values - drop), cells())[0].verdict for drop in drops]
    assert verdicts == ["held", "held", "regressed"]
    assert 0.2 < 3 * stats.sem(values) < 0.39


def test_points_differ_by_each_of_their_parts():
    axes = [("toy", "mnist"), ("{}", '{"size":5}'), (False, True), (0.1, 0.3)]
    records = pd.concat(
        frame([float(number)] * 2, dataset=dataset, params=params, clip=clip, level=level)
        for number, (dataset, params, clip, level) in enumerate(itertools.product(*axes))
    )
    updated = update("", records, "run")
    text = updated.text
    assert updated.count == 32
    thresholds = [t for t in parse(text, "limits.toml") if t.metric == "psnr"]
    judgements = judge(thresholds, records, cells())
    assert [judgement.value for judgement in judgements] == list(range(16))
    assert [threshold.min for threshold in thresholds] == list(range(16))
