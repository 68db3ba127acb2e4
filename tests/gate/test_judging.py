"""Thresholds: how what a run measured is judged by them."""

import math

import numpy as np
import pandas as pd
import pytest
from judged_runs import cell, cells, frame, judge, judged, only

from bench.gate import Threshold


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
