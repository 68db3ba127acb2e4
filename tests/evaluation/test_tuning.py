import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import median_filter

from bench.core import Dataset, Group
from bench.evaluation import tuning
from bench.evaluation.calls import Calls
from bench.evaluation.forms import form_of
from bench.noises import Gaussian, ImageDraws
from bench.plugins import sources

NOISE = Gaussian(0.3)
SHAPES = ((12, 13), (9, 8))


def read(split):
    """Twenty images in two shapes, of the validation split only."""
    assert split == "validation", f"tuning read the {split} split"
    rng = np.random.default_rng(0)
    for start, shape in enumerate(SHAPES):
        yield Group(np.arange(start, 20, 2), rng.random((10, 1, *shape), np.float32))


MADE_UP = Dataset("made-up", "", {"validation": 20}, read)


def declare(function, takes_noise=False, **tune):
    """A function of noisy images as a method, and the values to try."""
    method = sources.load("identity")
    return dataclasses.replace(
        method,
        target=function,
        declared=dataclasses.replace(method.declared, tune=tune),
        parameters=function.__kwdefaults__,
        takes_noise=takes_noise,
    )


def tune(denoiser, typed=None, dataset=MADE_UP, **asked):
    typed = typed or {}
    return tuning.tune(
        denoiser,
        typed,
        lambda params: denoiser.create({**typed, **params}),
        NOISE,
        dataset,
        **{
            "images": 20,
            "quantize": False,
            "noise_seed": 0,
            "calls": Calls(form_of(denoiser)),
            "watch": lambda done, total: None,
            **asked,
        },
    )


def mix(noisy, *, share=0.5, shift=0.0):
    """A share of the image and a share of grey."""
    return (share * noisy + (1 - share) * np.float32(0.5) + shift).astype(np.float32)


# -- which settings are tried --------------------------------------------------------------


def test_few_settings_are_all_tried_in_order():
    trials = tune(declare(mix, share=(0.2, 0.4), shift=(0.0, 0.1)))
    assert [params for params, _ in trials] == [
        {"share": 0.2, "shift": 0.0},
        {"share": 0.2, "shift": 0.1},
        {"share": 0.4, "shift": 0.0},
        {"share": 0.4, "shift": 0.1},
    ]


def test_typed_parameters_are_not_tuned():
    mixing = declare(mix, share=(0.2, 0.4), shift=(0.0, 0.1))
    trials = tune(mixing, {"share": 0.3})
    assert [params for params, _ in trials] == [{"shift": 0.0}, {"shift": 0.1}]
    assert trials[0][1] == tune(mixing, {"shift": 0.0, "share": 0.3})[0][1]


sides = st.lists(st.integers(1, 9), min_size=1, max_size=3)


@settings(deadline=None, max_examples=60)
@given(sides=sides, data=st.data())
def test_of_many_settings_the_best_is_found_where_scores_fall_off_around_it(sides, data):
    axes = {str(axis): tuple(range(size)) for axis, size in enumerate(sides)}
    peak = [data.draw(st.integers(0, size - 1)) for size in sides]
    asked = []

    def score(params):
        asked.append(tuple(params.values()))
        return -sum(abs(value - top) ** 2 for value, top in zip(asked[-1], peak, strict=True))

    trials = tuning.search(axes, score)
    assert list(tuning.best(trials)[0].values()) == peak
    assert len(set(asked)) == len(asked) == len(trials)
    grid = math.prod(sides)
    if grid <= tuning.FULL_GRID:
        assert len(asked) == grid


def test_of_two_hills_the_higher_is_found_though_the_coarse_values_miss_its_top():
    # A lonely top among the coarse values, and a hill around a point between them.
    heights = {(8, 8): 6.0, (0, 2): 5.0, (2, 2): 5.0, (0, 4): 5.4, (2, 4): 5.5, (1, 3): 9.0}
    heights |= dict.fromkeys([(1, 2), (1, 4), (2, 3), (0, 3)], 5.8)
    axes = {"a": tuple(range(9)), "b": tuple(range(9))}
    trials = tuning.search(axes, lambda params: heights.get(tuple(params.values()), 0.0))
    assert tuning.best(trials)[0] == {"a": 1, "b": 3}


def test_a_large_grid_costs_a_part_of_it_and_every_score_is_of_the_same_images():
    axes = {"a": tuple(range(9)), "b": tuple(range(9)), "c": ("x", "y")}
    told = []
    trials = tuning.search(axes, lambda params: -params["a"], lambda *what: told.append(what))
    assert len(trials) < 162 / 2
    assert [done for done, _ in told] == [*range(len(trials) + 1)]
    assert told[-1] == (len(trials), len(trials))


# -- the choice ----------------------------------------------------------------------------


def test_the_highest_score_is_chosen_and_of_equal_ones_the_first():
    trials = [({"a": 1}, 10.0), ({"a": 2}, 12.5), ({"a": 3}, 12.5), ({"a": 4}, 11.0)]
    assert tuning.best(trials) == ({"a": 2}, 12.5)
    assert tuning.best(trials[::-1]) == ({"a": 3}, 12.5)


def test_a_value_that_restores_better_scores_higher():
    shares = (1.0, 0.75, 0.5, 0.25)
    trials = tune(declare(mix, share=shares))
    # Uniform images have variance 1/12, their noise 0.09: the best linear share is 0.48.
    assert tuning.best(trials)[0] == {"share": 0.5}


# -- the scores ----------------------------------------------------------------------------


def scores_by_hand(restore, *, images=20, seed=0, levels=None):
    """Mean PSNR over validation images, each restored alone."""
    scores = []
    for positions, clean in read("validation"):
        z = ImageDraws(positions, clean.shape[1:], "made-up", "validation", seed).normal()
        for position, image, normal in zip(positions, clean, z, strict=True):
            if position < images:
                restored = np.clip(restore(image[0] + 0.3 * normal[0]), 0, 1)
                if levels:
                    restored = np.round(restored * levels) / levels
                mse = np.mean((restored.astype(np.float64) - image[0]) ** 2)
                scores.append(-10 * np.log10(mse))
    assert len(scores) == images
    return np.mean(scores)


@pytest.mark.parametrize("images", [1, 7, 20])
@pytest.mark.parametrize("seed", [0, 5])
def test_scores_are_the_mean_psnr_of_the_first_validation_images(images, seed):
    trials = tune(sources.load("median"), {"weight": 1}, images=images, noise_seed=seed)
    for params, score in trials:
        size = params["size"]
        expected = scores_by_hand(
            lambda noisy, size=size: median_filter(noisy, size, mode="nearest"),
            images=images,
            seed=seed,
        )
        assert score == pytest.approx(expected, abs=1e-5)
    assert len({score for _, score in trials}) == 4


def test_scores_are_of_the_quantized_output_where_asked():
    def dark(noisy, *, gain=0.004):
        return (gain * noisy).astype(np.float32)

    denoiser = declare(dark, gain=(0.004,))
    for quantize, levels in ((False, None), (True, 255)):
        ((_, score),) = tune(denoiser, quantize=quantize)
        by_hand = scores_by_hand(lambda noisy: 0.004 * noisy, levels=levels)
        assert score == pytest.approx(by_hand, abs=1e-5)
    assert tune(denoiser)[0][1] != tune(denoiser, quantize=True)[0][1]


def test_small_batches_give_the_same_scores(monkeypatch):
    expected = tune(sources.load("gaussian"))
    monkeypatch.setattr(
        tuning, "batches", lambda n, shape: [slice(i, i + 3) for i in range(0, n, 3)]
    )
    got = tune(sources.load("gaussian"))
    assert [params for params, _ in got] == [params for params, _ in expected]
    np.testing.assert_allclose([s for _, s in got], [s for _, s in expected], rtol=1e-12)


def test_a_method_that_writes_into_its_input_does_not_spoil_the_next_candidate():
    def spoil(noisy, *, value=0.5):
        noisy[:] = value
        return noisy

    trials = tune(declare(spoil, value=(0.5, 0.9, 0.5)))
    assert trials[0][1] == trials[2][1] != trials[1][1]

    def peek(noisy, *, value=1):
        before = noisy.copy()
        noisy[:] = 0
        return before

    assert len({score for _, score in tune(declare(peek, value=(1, 2, 3)))}) == 1


def test_a_method_is_told_the_noise_that_it_is_tuned_for():
    seen = []

    def told(noisy, noise, *, value=1):
        seen.append(noise)
        return noisy

    tune(declare(told, takes_noise=True, value=(1, 2)))
    assert set(seen) == {NOISE}


def test_the_watcher_is_told_each_candidate():
    told = []
    tune(declare(mix, share=(0.1, 0.2, 0.3)), watch=lambda *what: told.append(what))
    assert [call for call in told if call[0] == int(call[0])] == [(0, 3), (1, 3), (2, 3), (3, 3)]
    assert all(total == 3 for _, total in told)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


# -- the splits ----------------------------------------------------------------------------


def test_tuning_reads_the_validation_split_and_no_other():
    asked = []

    def reading(split):
        asked.append(split)
        return read(split)

    dataset = dataclasses.replace(MADE_UP, read=reading)
    assert tune(declare(mix, share=(0.2, 0.4)), dataset=dataset) == tune(
        declare(mix, share=(0.2, 0.4))
    )
    assert asked == ["validation"]
