"""Tuning by further frames or by the images alone: what is chosen, and what that costs."""

import dataclasses
import json

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from skimage.restoration import calibrate_denoiser

import bench
from bench import open_run
from bench.core import ESTIMATED_SCALES, Dataset, Group, UsageError
from bench.core.noise_level import validation_sigma
from bench.evaluation import tuning
from bench.evaluation.calls import Calls
from bench.evaluation.error_estimates import (
    Frames,
    Invariance,
    Noisy,
    Sure,
    error_estimate,
    estimated_psnr,
)
from bench.evaluation.forms import form_of
from bench.evaluation.measurements import built_in
from bench.evaluation.validation import Validation
from bench.noises import Gaussian, Given, ImageDraws, make_noise
from bench.planning.cells import notes, plan
from bench.planning.request import requested_methods
from bench.planning.resolution import tuned_on
from bench.planning.settings import Settings
from bench.plugins import sources
from bench.plugins.sources import Registry

COUNT, SIDE = 6, 96
POSITIONS = np.arange(COUNT)
_RNG = np.random.default_rng(3)
SMOOTH = gaussian_filter(_RNG.normal(0, 1, (COUNT, 1, SIDE, SIDE)), 4, axes=(2, 3))
CLEAN = (0.5 + 0.15 * SMOOTH / SMOOTH.std()).clip(0, 1).astype(np.float32)


def draws(name):
    return ImageDraws(POSITIONS, CLEAN.shape[1:], "toy", name)


def dataset(frames=0, *, truth=True, noise=None, count=COUNT):
    """Validation images, clean or with noise that came with them, and the same ones as a test."""
    noisy = None
    if frames:
        noisy = np.stack([noise.corrupt(CLEAN, draws(f"{i}")) for i in range(frames)], axis=1)
    group = Group(POSITIONS, CLEAN if truth else None, noisy)
    return Dataset(
        "toy", "cafe", {"train": 0, "validation": count, "test": COUNT}, lambda split: [group],
        frames=frames, truth=truth,
    )  # fmt: skip


def tuned(name, noise, tune_on, data=None, **tune):
    """What tuning a filter gives, and by which estimate; of one setting where it is given."""
    method = sources.load(name)
    if tune:
        method = dataclasses.replace(
            method, declared=dataclasses.replace(method.declared, tune=tune, most=tune_ends(tune))
        )
    images = Validation(
        noise, data or dataset(), images=COUNT, quantize=False, noise_seed=0,
        calls=Calls(form_of(method)), measure=built_in("psnr")["psnr"], tune_on=tune_on,
    )  # fmt: skip
    found = tuning.tune(
        method, {}, lambda params: method.create(params, 1), images, watch=lambda done, total: None
    )
    return found, images.estimate


def tune_ends(tune):
    """Nothing beyond the values listed."""
    return {name: max(values) for name, values in tune.items()}


# -- the estimates -----------------------------------------------------------------------------


def blurred(width):
    return lambda noisy: gaussian_filter(noisy, width, axes=(2, 3)).clip(0, 1)


@pytest.mark.parametrize("estimate", [Frames, Sure])
@pytest.mark.parametrize(
    ("kind", "level"),
    [("gaussian", 0.1), ("gaussian-correlated", 0.1), ("poisson", 50), ("uniform", 0.2)],
)
@pytest.mark.parametrize("width", [0.0, 0.7, 2.0])
def test_errors_are_those_against_clean_images_but_for_chance(estimate, kind, level, width):
    noise = make_noise(kind, level)
    noisy = noise.corrupt(CLEAN, draws("first"))
    judge, restore = estimate(noise), blurred(width)
    frames = noise.corrupt(CLEAN, draws("second"))[:, None]
    errors, _ = judge.errors(restore, Noisy(noisy, frames, judge.changed(noisy, draws("again"))))
    truth = ((restore(noisy) - CLEAN) ** 2).mean()
    assert errors.mean() == pytest.approx(truth, abs=0.05 * float(noise.std(CLEAN.mean())) ** 2)


def test_j_invariance_is_what_scikit_image_calibrates_by():
    noise = Gaussian(0.1)
    noisy = noise.corrupt(CLEAN[:1], ImageDraws(POSITIONS[:1], CLEAN.shape[1:], "toy", "first"))
    judge, widths = Invariance(noise), (0.5, 1.0, 2.0)
    images = Noisy(noisy, None, judge.changed(noisy, draws("again")))
    _, (_, theirs) = calibrate_denoiser(
        noisy[0, 0], gaussian_filter, {"sigma": widths}, stride=4, extra_output=True
    )
    for width, loss in zip(widths, theirs, strict=True):
        ours, _ = judge.errors(
            lambda some, width=width: gaussian_filter(some, (0, 0, width, width)), images
        )
        assert ours[0] + noise.level**2 == pytest.approx(loss, rel=1e-5)


def test_what_self_is_judged_by_depends_on_what_is_known_of_the_noise():
    def chosen(*noises):
        return {error_estimate("self", noise).name for noise in noises}

    known = [make_noise(kind, 0.1) for kind in ("gaussian", "speckle", "gaussian-correlated")]
    assert chosen(*known, make_noise("poisson", 10), Given(0.1)) == {"sure"}
    biased = [make_noise("salt-pepper", 0.1), make_noise("gaussian", 0.1, clip=True)]
    assert chosen(*biased, Given(0.0)) == {"invariance"}
    assert error_estimate("clean", Gaussian(0.1)) is None


def test_estimated_errors_are_put_in_db_as_true_ones_are_image_by_image_or_of_small_ones_pooled():
    errors, noise = np.array([1e-2, 1e-4]), np.array([1e-2, 1e-2])
    assert estimated_psnr(errors, noise, np.array([1 << 15] * 2)) == pytest.approx(30)
    pooled = -10 * np.log10(errors.mean())
    assert estimated_psnr(errors, noise, np.array([784] * 2)) == pytest.approx(pooled)
    below = [estimated_psnr(np.full(2, e), noise, np.array([784] * 2)) for e in (1e-3, 0, -1e-3)]
    assert below == sorted(below)


# -- what is chosen ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["gaussian", "tv"])
@pytest.mark.parametrize("tune_on", ["frames", "self"])
def test_of_plenty_of_pixels_the_choice_is_that_by_clean_images(name, tune_on):
    noise = Gaussian(0.1)
    by_clean, none = tuned(name, noise, "clean")
    found, estimate = tuned(name, noise, tune_on)
    assert (none, estimate) == ("", "frames" if tune_on == "frames" else "sure")
    assert tuning.best(found.trials)[0] == tuning.best(by_clean.trials)[0]
    assert found.regret == 0
    # Estimates are in dB, and near: the same settings, by clean images.
    known = {json.dumps(params): score for params, score in by_clean.trials}
    for params, score in found.trials:
        assert score == pytest.approx(known[json.dumps(params)], abs=0.3)


def test_frames_that_came_along_choose_without_any_clean_image_even_of_correlated_noise():
    noise = make_noise("gaussian-correlated", 0.1)
    widths = (0.5, 1.0, 2.0, 4.0)
    by_clean, _ = tuned("gaussian", noise, "clean", width=widths)
    data = dataset(2, truth=False, noise=noise)
    found, estimate = tuned("gaussian", Given(0.1), "frames", data, width=widths)
    assert estimate == "frames"
    assert tuning.best(found.trials)[0] == tuning.best(by_clean.trials)[0]
    assert found.regret is None


def test_by_j_invariance_doing_nothing_does_not_win():
    data = dataset(1, truth=False, noise=Gaussian(0.1))
    found, estimate = tuned("tv", Given(0.0), "self", data, strength=(0.0, 0.5, 1.0))
    assert estimate == "invariance"
    scores = {params["strength"]: score for params, score in found.trials}
    assert scores[0.0] == min(scores.values())  # though it is closest to the noisy images


def test_regret_is_what_the_best_setting_tried_would_have_gained():
    # What correlated noise does to J-invariance: it chooses far too little smoothing.
    noise = make_noise("gaussian-correlated", 0.1)
    widths = (0.2, 0.5, 1.0, 2.0)
    data = dataset(1, noise=noise)
    found, _ = tuned("gaussian", Given(0.0), "self", data, width=widths)
    by_clean, _ = tuned("gaussian", Given(0.0), "clean", data, width=widths)
    psnrs = {params["width"]: score for params, score in by_clean.trials}
    chosen = tuning.best(found.trials)[0]["width"]
    assert found.regret == pytest.approx(max(psnrs.values()) - psnrs[chosen], abs=1e-5)
    assert found.regret > 1
    assert by_clean.regret is None
    alone, _ = tuned("gaussian", Given(0.0), "self", data, width=(0.5,))
    assert alone.regret == 0


# -- what is asked for -------------------------------------------------------------------------


def test_what_is_tuned_on_is_what_there_is():
    noise = Gaussian(0.1)
    pairs, bare = dataset(1, noise=noise), dataset(1, truth=False, noise=noise)
    frames = dataset(3, truth=False, noise=noise)
    assert [tuned_on(data) for data in (dataset(), pairs, frames, bare)] == [
        "clean", "clean", "frames", "self"
    ]  # fmt: skip
    assert [tuned_on(dataset(), way) for way in ("clean", "frames", "self")] == [
        "clean", "frames", "self"
    ]  # fmt: skip
    for data, asked, message in (
        (bare, "clean", "toy has no clean images; self does without"),
        (frames, "clean", "frames does without"),
        (bare, "frames", "one noisy image of each scene; self does with one"),
        (pairs, "frames", "clean does with one"),
    ):
        with pytest.raises(UsageError, match=message):
            tuned_on(data, asked)
    with pytest.raises(UsageError, match="--tune-by ssim is told by clean images"):
        tuned_on(dataset(), "frames", "ssim")
    with pytest.raises(UsageError, match="and toy has none: leave it out"):
        tuned_on(frames, None, "ssim")


def planned(data, **values):
    settings = Settings.checked(methods="gaussian,identity", **values)
    requested = requested_methods(settings, Registry())
    resolved = settings.resolved(data, requested)
    cells = plan(resolved, data, requested.values())
    return {cell.method: cell for cell in cells}, notes(resolved, data, requested.values(), cells)


def test_cells_that_are_tuned_on_clean_images_are_what_they_were():
    default, _ = planned(dataset(), noise=0.1)
    clean, _ = planned(dataset(), noise=0.1, tune_on="clean")
    alone, _ = planned(dataset(), noise=0.1, tune_on="self")
    assert clean == default
    assert "tune_on" not in default["gaussian"].as_dict()
    assert alone["gaussian"].key != default["gaussian"].key
    assert alone["identity"].key == default["identity"].key  # nothing of it is tuned


LEARNED = """
from bench import method

@method(reference="none", tune={{"weight": (0.5, 1.0)}}, supervision="{supervision}")
class Learned:
    "Learns nothing much."

    weight: float = 1.0

    def fit(self, train, noise, seed): ...
    def denoise(self, noisy, noise): ...
    def state(self): ...
    def load(self, arrays): ...
"""


@pytest.mark.parametrize(
    ("supervision", "frames", "tuned_by_default"),
    [
        ("clean", 0, "clean"),
        ("noisy", 0, "self"),
        ("noisy", 3, "self"),
        ("pairs", 0, "frames"),
        ("pairs", 1, "self"),
        ("pairs", 3, "frames"),
    ],
)
def test_what_learns_without_clean_images_is_not_tuned_on_them(
    tmp_path, supervision, frames, tuned_by_default
):
    file = tmp_path / "learned.py"
    file.write_text(LEARNED.format(supervision=supervision))
    data = dataset(frames, noise=Gaussian(0.1))
    typed = {} if frames else {"noise": 0.1}

    def cell(methods="learned", **values):
        settings = Settings.checked(methods=methods, **typed, **values)
        requested = requested_methods(settings, Registry([file]))
        resolved = settings.resolved(data, requested)
        return plan(resolved, data, requested.values())[0]

    assert cell().tune_on == tuned_by_default
    assert cell(tune_on="self").tune_on == "self"
    by_ssim = cell(tune_by="ssim")
    assert by_ssim.tune_by == ("ssim" if tuned_by_default == "clean" else "psnr")
    typed_whole = cell("learned[weight=1]", tune_on="clean").as_dict()
    assert "tune_on" not in typed_whole  # nothing of it is tuned


def test_without_validation_images_of_that_noise_filters_run_at_their_defaults_and_it_is_said():
    noise = Gaussian(0.1)
    cells, said = planned(dataset(2, truth=False, noise=noise, count=0))
    assert cells["gaussian"].tune == 0
    (line,) = (one for one in said if "defaults" in one)
    assert line.startswith("toy has no validation images to tune on, so these run at their")
    assert "gaussian" in line
    assert "validation = 20" in line
    for noisy in (None, noise.corrupt(CLEAN, draws("n"))):
        images = bench.Dataset(CLEAN, noisy=noisy, range=(0, 1), name="arrays")
        (line,) = (one for one in planned(images)[1] if "defaults" in one)
        assert line.endswith(": gaussian; bench.Dataset(validation=...) takes them")
    with pytest.raises(UsageError, match=r"no validation images; bench\.Dataset\(validation"):
        validation_sigma(images)
    frames = dataset(2, truth=False, noise=noise)
    clean = dataclasses.replace(dataset(), name="clean ones")
    cells, said = planned(dataclasses.replace(frames, other=clean, training="clean ones"))
    assert cells["gaussian"].tune == 0
    assert any("of clean ones do not have the noise of toy" in line for line in said)
    cells, said = planned(frames)
    assert (cells["gaussian"].tune, cells["gaussian"].tune_on) == (COUNT, "frames")
    assert not any("defaults" in line for line in said)


@pytest.mark.usefixtures("without_figures")
def test_a_run_keeps_the_regret_and_reports_name_what_told(bench, tmp_path):
    arguments = ("--dataset", "digits", "--methods", "gaussian", "--noise", "0.1", "--limit", "4")
    for way, name in (("frames", "uPSNR"), ("self", "PSNR estimated by SURE")):
        out = tmp_path / way
        made = bench(
            "run", *arguments, "--preset", "quick", "--tune-on", way, "--out", out, "--name", "r"
        )
        assert made.code == 0, made.err
        run = open_run(out / "r")
        (meta,) = run.metadata()
        assert run.manifest.settings.tune_on == meta.cell.tune_on == way
        assert ESTIMATED_SCALES[meta.estimate].title == name
        assert meta.regret == run.cells()["regret"][0] == pytest.approx(0, abs=0.1)
        assert meta.chosen_score == max(score for _, score in meta.trials)
        assert bench("report", out / "r", "--out", out / "page").code == 0
        text = next((out / "page").rglob("report.md")).read_text()
        assert f"in brackets the mean {name} on validation images" in text
        assert "(regret): gaussian" in text


def test_where_most_methods_have_no_result_it_is_said_and_the_exit_code_is_not_0(
    bench, tmp_path, monkeypatch
):
    from PIL import Image

    Image.fromarray(np.full((16, 16), 90, np.uint8)).save(tmp_path / "a.png")
    arguments = (
        "run",
        "--dataset",
        f"folder:{tmp_path}",
        "--noise",
        "0.1",
        "--out",
        tmp_path / "r",
    )
    for methods, code in ((("identity", "lmmse", "posterior-mean"), 3), (("identity", "lmmse"), 0)):
        monkeypatch.setattr("bench.planning.request.DEFAULT_METHODS", methods)
        made = bench(*arguments, "--fresh", "--metrics", "psnr")
        assert made.code == code, made.out
        told = "2 of 3 methods have no result: lmmse, posterior-mean"
        assert (told in made.out) == (code == 3)
        assert "no train images to learn from" in made.out
