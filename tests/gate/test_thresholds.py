"""Thresholds: what is understood, what they match, how they judge, and how they are renewed."""

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
from scipy import stats

from bench import gate
from bench.analysis import Scores
from bench.core import UsageError, canonical_json, method_label
from bench.gate import Threshold, Updated

GOOD = '[[threshold]]\nmetric = "psnr"\nmin = 10\n'


def frame(psnr, *, ssim=0.5, dataset="toy", method="median", params="{}", level=0.3, clip=False):
    """Records: `psnr` by image, or by seed and image for a method that is random."""
    psnr = np.asarray(psnr, dtype=float)
    seeds = range(len(psnr)) if psnr.ndim == 2 else [pd.NA]
    return pd.concat(
        pd.DataFrame(
            {
                "dataset": dataset, "method": method, "params": params, "noise": "gaussian",
                "clip": clip, "level": level, "train": None, "regime": None,
                "seed": pd.array([seed] * len(values), dtype="Int64"),
                "image": range(len(values)), "mse": 0.25, "psnr": values, "ssim": ssim,
                "digest": 0,
            }
        )
        for seed, values in zip(seeds, np.atleast_2d(psnr), strict=True)
    )  # fmt: skip


def parse(text, where="limits.toml"):
    return gate.parse(text, where).thresholds


def judge(thresholds, records, cells, preset=""):
    return gate.judge(thresholds, Scores.of(records), cells, preset)[0]


def update(text, records, run, preset=""):
    return gate.update(text, Scores.of(records), run, preset)


def cell(
    method="median",
    *,
    params="{}",
    status="done",
    reason="",
    speed=np.nan,
    parameters=0,
    level=0.3,
    seed=None,
):
    return {
        "dataset": "toy", "method": method, "params": params, "noise": "gaussian", "clip": False,
        "level": level, "regime": None, "seed": seed, "status": status, "reason": reason,
        "images_per_second": speed, "parameters": parameters,
    }  # fmt: skip


def cells(*rows):
    return pd.DataFrame(rows or [cell()]).astype({"parameters": "Int64"})


def only(judgements):
    (judgement,) = judgements
    return judgement


def judged(threshold, records=None, table=None):
    records = frame([20.0, 21.0, 22.0]) if records is None else records
    return judge([threshold], records, cells() if table is None else table)


# -- reading ---------------------------------------------------------------------------------


def test_every_key_of_an_entry_is_read():
    text = (
        '[[threshold]]\nmethod = "vae"\ndataset = "mnist"\nnoise = "gaussian"\nlevel = 0.3\n'
        'metric = "images_per_second"\nmin = 1\nmax = 2.5\nrelative_to = "median"\n'
        'made_from = "a run"\nimages = 400\nseeds = 4\npreset = "quick"\n'
    )
    assert parse(text, "limits.toml") == [
        Threshold(
            "images_per_second", method="vae", dataset="mnist", noise="gaussian", level=0.3,
            min=1.0, max=2.5, relative_to="median", made_from="a run", images=400, seeds=4,
            preset="quick",
        )
    ]  # fmt: skip


def test_the_limits_of_a_written_file_may_be_whole_numbers_or_not():
    text = GOOD.replace("10", "1_000") + GOOD.replace("10", "1e1") + GOOD.replace("10", "-0.5")
    assert [threshold.min for threshold in parse(text, "limits.toml")] == [1000.0, 10.0, -0.5]


def test_a_file_without_entries_is_no_error():
    assert parse("# nothing yet\n", "limits.toml") == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[threshold]", "limits.toml is not valid TOML"),
        ("min = 1\nmin = 2", "limits.toml is not valid TOML"),
        (f"min = {'[' * 20_000}", "limits.toml is not valid TOML"),
        (f"min = {'{a=' * 20_000}", "limits.toml is not valid TOML"),
        (f"{GOOD}max = 1{'0' * 5000}", "limits.toml is not valid TOML"),
        ('[threshold]\nmetric = "psnr"\nmin = 1', "double brackets"),
        ("threshold = 3", "double brackets"),
        ("threshold = [1, 2]", "double brackets"),
        ("[[thresholds]]\nmin = 1", "unknown entry 'thresholds'"),
        ("min = 3\n" + GOOD, "unknown entry 'min'"),
        ("worst = -3\n" + GOOD, "worst is a drop in dB, and not below 0"),
        ("worst = nan\n" + GOOD, "worst is a finite number"),
    ],
)
def test_a_file_that_is_no_list_of_thresholds_is_named(text, message):
    with pytest.raises(UsageError) as caught:
        parse(text, "limits.toml")
    line = str(caught.value)
    assert line.startswith("limits.toml")
    assert message in line
    assert "\n" not in line


HUGE = "1" + "0" * 400


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ('metric = "psnr"\nmn = 1', "unknown key 'mn': did you mean min"),
        ('metric = "psnr"\nmin = 1\nmetod = "vae"', "unknown key 'metod': did you mean method"),
        ('metric = "psrn"\nmin = 1', "unknown metric 'psrn': did you mean psnr"),
        ("min = 1", "metric is missing: give one of psnr, ssim, mse, images_per_second"),
        ('metric = ""\nmin = 1', "metric is missing"),
        ("metric = 3\nmin = 1", "metric is a text"),
        ('metric = "psnr"\nmin = 1\nmethod = ["vae"]', "method is a text"),
        ('metric = "psnr"\nmin = 1\ndataset = 1', "dataset is a text"),
        ('metric = "psnr"\nmin = 1\nmade_from = true', "made_from is a text"),
        ('metric = "psnr"', "there is neither min nor max"),
        ('metric = "psnr"\nmin = 1\nimages = 0', "images is a whole number from 1 on"),
        ('metric = "psnr"\nmin = 1\nseeds = "4"', "seeds is a whole number from 1 on"),
        ('metric = "psnr"\nmin = 1\npreset = 4', "preset is a text"),
        ('metric = "psnr"\nmin = 2\nmax = 1', "min 2 is over max 1"),
        ('metric = "psnr"\nmin = nan', "min is a finite number"),
        ('metric = "psnr"\nmax = inf', "max is a finite number"),
        ('metric = "psnr"\nmin = -inf', "min is a finite number"),
        ('metric = "psnr"\nmin = true', "min is a finite number"),
        ('metric = "psnr"\nmin = "1"', "min is a finite number"),
        (f'metric = "psnr"\nmin = {HUGE}', "min is a finite number"),
        ('metric = "psnr"\nmin = 1\nlevel = true', "level is a number, or a text such as"),
        ('metric = "psnr"\nmin = 1\nlevel = [0.3]', "level is a number, or a text such as"),
        ('metric = "psnr"\nmin = 1\nlevel = 2020-01-01', "level is a number, or a text such as"),
        ('metric = "psnr"\nmin = 1\nlevel = "loud"', "noise level 'loud' is not a number"),
        ('metric = "psnr"\nmin = 1\nlevel = "0.1,0.3"', "noise level '0.1,0.3' is not a number"),
        ('metric = "psnr"\nmin = 1\nlevel = "25/0"', "noise level '25/0' is not a number"),
        ('metric = "psnr"\nmin = 1\nlevel = 0', "noise level 0 is out of range"),
        ('metric = "psnr"\nmin = 1\nlevel = nan', "level is a finite number"),
        (f'metric = "psnr"\nmin = 1\nlevel = {HUGE}', "level is a finite number"),
        ('metric = "images_per_second"\nmin = 1', "say relative_to which method"),
        ('metric = "psnr"\nmin = 1\nrelative_to = "vae"', "relative_to is for images_per_second"),
    ],
)
def test_an_entry_that_is_not_understood_is_named_by_file_and_number(entry, message):
    with pytest.raises(UsageError) as caught:
        parse(f"{GOOD}[[threshold]]\n{entry}\n", "limits.toml")
    line = str(caught.value)
    assert line.startswith("limits.toml, threshold 2: ")
    assert message in line
    assert "\n" not in line


# -- matching --------------------------------------------------------------------------------

POINT = {"dataset": "mnist", "label": "vae[latent=5]", "noise": "gaussian", "level": 0.3}
FLAT = 'metric = "psnr"\nmin = 1'


@pytest.mark.parametrize(
    ("keys", "matches"),
    [
        ("", True),
        ('method = "*"\ndataset = "*"\nnoise = "*"\nlevel = "*"', True),
        ('method = "vae"', False),
        ('method = "vae*"', True),
        ('method = "*latent*"', True),
        ('method = "vae[latent=5]"', True),
        ('method = "vae[latent=?]"', True),
        ('method = "vae?latent=5?"', True),
        ('method = "vae[latent=]"', False),
        ('method = "va[e]*"', False),
        ('method = "VAE*"', False),
        ('method = "vae.latent=5."', False),
        ('method = "vae*"\ndataset = "digits"', False),
        ('dataset = "m*"', True),
        ('noise = "gaussian"', True),
        ('noise = "gaussian, clipped"', False),
        ("level = 0.3", True),
        ('level = "0.3"', True),
        ('level = "76.5/255"', True),
        ("level = 0.31", False),
        ("level = 3", False),
    ],
)
def test_what_an_entry_matches(keys, matches):
    (threshold,) = parse(f"[[threshold]]\n{keys}\n{FLAT}\n", "limits.toml")
    assert threshold.matches(**POINT) is matches


@pytest.mark.parametrize("level", ['"25/255"', "0.09803921568627451", "0.0980392156863"])
def test_a_level_typed_as_a_fraction_is_the_level_of_the_run(level):
    (threshold,) = parse(f"[[threshold]]\nlevel = {level}\n{FLAT}\n", "limits.toml")
    assert threshold.matches("toy", "median", "gaussian", 25 / 255)
    assert not threshold.matches("toy", "median", "gaussian", 26 / 255)


def test_clipped_noise_is_another_noise():
    records = pd.concat([frame([1.0, 3.0]), frame([5.0, 7.0], clip=True)])
    values = {
        noise: [
            judgement.value for judgement in judged(Threshold("psnr", noise=noise, min=0), records)
        ]
        for noise in ("gaussian", "gaussian, clipped", "gaussian*")
    }
    assert values == {"gaussian": [2.0], "gaussian, clipped": [6.0], "gaussian*": [2.0, 6.0]}


# -- judging ---------------------------------------------------------------------------------


def test_the_mean_over_images_and_seeds_is_judged():
    values = np.random.default_rng(0).normal(20, 3, (4, 30))
    judgement = only(judged(Threshold("psnr", min=10), frame(values)))
    assert judgement.verdict == "held"
    assert judgement.value == pytest.approx(values.mean())
    assert judgement.subject == "median at gaussian 0.3 on toy"


@pytest.mark.parametrize(
    ("limits", "verdict"),
    [
        ({"min": 21.0}, "held"),
        ({"min": math.nextafter(21, 22)}, "regressed"),
        ({"max": 21.0}, "held"),
        ({"max": math.nextafter(21, 20)}, "regressed"),
        ({"min": 21.0, "max": 21.0}, "held"),
        ({"min": 10.0, "max": 20.0}, "regressed"),
    ],
)
def test_a_limit_itself_is_within_the_limits(limits, verdict):
    assert only(judged(Threshold("psnr", **limits))).verdict == verdict


@pytest.mark.parametrize(
    ("keys", "preset", "reason"),
    [
        ({"images": 3, "seeds": 2, "preset": "quick"}, "quick", ""),
        ({}, "quick", ""),
        ({"images": 400}, "", "made from 400 images, and this run has 3 images"),
        ({"seeds": 4}, "", "made from 4 seeds, and this run has 2 seeds"),
        (
            {"images": 400, "preset": "paper"}, "quick",
            "made from 400 images, preset paper, and this run has 3 images, preset quick",
        ),
    ],
)  # fmt: skip
def test_a_limit_made_from_another_sort_of_run_is_refused(keys, preset, reason):
    records = frame([[1.0, 2.0, 3.0]] * 2, method="vae")
    threshold = Threshold("psnr", min=10, made_from="run", **keys)
    judgement = only(judge([threshold], records, cells(cell("vae")), preset))
    assert (judgement.verdict, judgement.reason) == (
        ("refused", reason) if reason else ("regressed", "under the minimum")
    )


def test_the_reason_names_the_limit_that_broke():
    low, high = judge(
        [Threshold("psnr", min=30), Threshold("psnr", max=20.5)], frame([21.0]), cells()
    )
    assert (low.reason, low.against) == ("under the minimum", "≥ 30")
    assert (high.reason, high.against) == ("over the maximum", "≤ 20.5")


def test_a_finding_says_for_programs_what_it_speaks_of():
    (judgement,) = judged(Threshold("psnr", method="med*", min=10, max=30))
    assert judgement.about == {
        "dataset": "toy", "method": "median", "noise": "gaussian", "level": 0.3,
        "metric": "psnr", "min": 10, "max": 30, "relative_to": None,
        "made_from": None, "images": None, "seeds": None, "preset": None,
    }  # fmt: skip
    assert judgement.against == "≥ 10, ≤ 30"


def test_mse_is_judged_like_the_others():
    assert only(judged(Threshold("mse", max=0.3))).value == 0.25


def test_images_without_an_ssim_are_left_out():
    records = frame([20.0, 20.0, 20.0], ssim=[0.5, np.nan, 0.75])
    assert only(judged(Threshold("ssim", min=0), records)).value == 0.625


def test_a_method_without_any_ssim_is_unmatched_not_held():
    records = frame([20.0, 20.0], ssim=np.nan)
    assert only(judged(Threshold("ssim", max=1), records)).verdict == "unmatched"


def test_an_entry_gives_a_finding_for_each_point_that_it_matches():
    records = pd.concat(
        [frame([20.0], method=m, level=level) for m in ("a", "b") for level in (0.1, 0.5)]
    )
    table = cells(*(cell(m, level=level) for m in ("a", "b") for level in (0.1, 0.5)))
    found = judged(Threshold("psnr", min=30), records, table)
    assert [judgement.subject for judgement in found] == [
        f"{m} at gaussian {level} on toy" for m in ("a", "b") for level in (0.1, 0.5)
    ]


@pytest.mark.parametrize(("low", "verdict"), [(0.5, "held"), (0.51, "regressed")])
def test_speed_is_a_ratio_of_medians_over_seeds_within_the_run(low, verdict):
    table = cells(
        *(cell("vae", speed=speed) for speed in (10.0, 900.0, 20.0)), cell("median", speed=40.0)
    )
    threshold = Threshold("images_per_second", relative_to="median", min=low)
    judgement = only(judged(threshold, table=table))  # none for the median beside itself
    assert judgement.subject == "vae at gaussian 0.3 on toy"
    assert judgement.metric == "images_per_second / median's"
    assert (judgement.value, judgement.verdict) == (0.5, verdict)


@pytest.mark.parametrize(("high", "verdict"), [(1000, "held"), (999, "regressed")])
def test_parameters_are_counted(high, verdict):
    threshold = Threshold("parameters", method="vae", max=high)
    judgement = only(judged(threshold, table=cells(cell("vae", parameters=1000), cell())))
    assert (judgement.value, judgement.verdict) == (1000, verdict)


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ({"method": "medain"}, "the run has no method 'medain': did you mean median?"),
        ({"method": "vae"}, "the run has no method 'vae': there is: nlm, median, vae[latent=5]"),
        ({"dataset": "mnist"}, "the run has no dataset 'mnist': there is: toy"),
        ({"noise": "poisson"}, "the run has no noise 'poisson': there is: gaussian"),
        ({"level": 0.5}, "the run has no level 0.5: there is 0.3, 0.09804"),
        ({"method": "nlm", "level": 0.5}, "the run has no level 0.5: there is 0.3, 0.09804"),
        ({"method": "nlm", "level": 25 / 255}, "nothing in the run matches all of it"),
    ],
)
def test_an_entry_that_matches_nothing_says_why(keys, reason):
    table = cells(
        cell("nlm"),
        cell("median", status="skipped", reason="RGB only"),
        cell("vae", params='{"latent":5}', status="failed", reason="ValueError: no idea"),
        cell("vae", params='{"latent":5}', level=25 / 255),
    )
    judgement = only(judged(Threshold("psnr", min=1, **keys), frame([20.0], method="nlm"), table))
    assert (judgement.verdict, judgement.value, judgement.against) == ("unmatched", None, "≥ 1")
    assert judgement.reason == reason
    said = {
        name: f"{value:.4g}" if name == "level" else repr(value) for name, value in keys.items()
    }
    assert all(f"{name} = {value}" in judgement.subject for name, value in said.items())
    assert {name: judgement.about[name] for name in keys} == keys


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"method": "median"}, {"median": ("failed", "the cell was skipped: RGB only")}),
        ({"method": "vae*"}, {"vae[latent=5]": ("failed", "the cell failed: ValueError: no idea")}),
        (
            {},
            {
                "nlm": ("held", ""),
                "median": ("failed", "the cell was skipped: RGB only"),
                "vae[latent=5]": ("failed", "the cell failed: ValueError: no idea"),
            },
        ),
        ({"method": "nlm"}, {"nlm": ("held", "")}),
    ],
)
@pytest.mark.parametrize("metric", ["psnr", "parameters"])
def test_a_cell_without_a_result_that_an_entry_matches_is_failed(keys, expected, metric):
    table = cells(
        cell("nlm", parameters=5),
        cell("median", status="skipped", reason="RGB only"),
        cell("vae", params='{"latent":5}', status="failed", reason="ValueError: no idea"),
    )
    found = judged(Threshold(metric, min=1, **keys), frame([20.0], method="nlm"), table)
    assert {f.about["method"]: (f.verdict, f.reason) for f in found} == expected
    for judgement in found:
        assert judgement.subject == f"{judgement.about['method']} at gaussian 0.3 on toy"
        assert (judgement.value is None) == (judgement.verdict == "failed")
        assert (judgement.against, judgement.about["min"]) == ("≥ 1", 1)


def test_a_seed_that_failed_is_told_beside_the_mean_of_the_others():
    table = cells(cell("vae", seed=0), cell("vae", seed=1, status="failed", reason="out of memory"))
    held, failed = judged(Threshold("psnr", min=1), frame([20.0], method="vae"), table)
    assert (held.verdict, failed.verdict) == ("held", "failed")
    assert failed.reason == "the cell failed: out of memory"


def test_a_speed_beside_a_method_that_was_not_measured_is_unmatched_at_each_point():
    threshold = Threshold("images_per_second", relative_to="medain", min=1)
    found = judged(threshold, table=cells(cell("vae", speed=1.0), cell(speed=1.0)))
    assert [judgement.verdict for judgement in found] == ["unmatched"] * 2
    assert [judgement.about["method"] for judgement in found] == ["vae", "median"]
    assert {judgement.reason for judgement in found} == {
        "the run has no speed of 'medain' there: did you mean median?"
    }
    assert {judgement.against for judgement in found} == {"≥ 1"}


def test_a_speed_is_unmatched_only_where_the_other_method_has_none():
    table = cells(
        cell("vae", speed=10.0),
        cell("median", speed=20.0),
        cell("vae", speed=10.0, level=0.5),
        cell("median", level=0.5, status="failed", reason="no idea"),
    )
    threshold = Threshold("images_per_second", method="vae", relative_to="median", min=0.1)
    there, missing = judged(threshold, table=table)
    assert (there.verdict, there.value, there.about["level"]) == ("held", 0.5, 0.3)
    assert (missing.verdict, missing.value, missing.about["level"]) == ("unmatched", None, 0.5)


def test_what_was_measured_without_a_speed_passes_no_limit_on_it():
    table = cells(cell("vae"), cell("median", speed=20.0))
    threshold = Threshold("images_per_second", relative_to="median", min=0.1)
    judgement = only(judged(threshold, table=table))
    assert judgement.verdict == "unmatched"
    assert judgement.reason == "the run has no images_per_second there"
    table = cells(cell("vae", speed=10.0), cell("median"))
    assert only(judged(threshold, table=table)).reason.startswith(
        "the run has no speed of 'median'"
    )


def test_a_run_whose_only_cell_failed_is_failed_not_unmatched():
    table = cells(cell(status="failed", reason="no idea"))
    judgement = only(judged(Threshold("psnr", min=1), frame([]), table))
    assert (judgement.verdict, judgement.reason) == ("failed", "the cell failed: no idea")


def test_a_run_without_any_cell_is_unmatched():
    table = cells()[:0]
    judgement = only(judged(Threshold("psnr", min=1), frame([]), table))
    assert (judgement.verdict, judgement.reason) == (
        "unmatched",
        "nothing in the run matches all of it",
    )


# -- updating --------------------------------------------------------------------------------

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


@settings(max_examples=40, deadline=None)
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


@settings(max_examples=60, deadline=None)
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
