import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import median_filter

from bench.core import Dataset, Group, StorageError, Unsupported
from bench.evaluation import tuning, validation
from bench.evaluation.axis import BEYOND, Axis
from bench.evaluation.calls import Calls
from bench.evaluation.forms import form_of
from bench.evaluation.measurements import built_in
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


def declare(function, takes_noise=False, most=None, **tune):
    """A function of noisy images as a method, and the values to try."""
    method = sources.load("identity")
    return dataclasses.replace(
        method,
        target=function,
        declared=dataclasses.replace(method.declared, tune=tune, most=most or {}),
        parameters=function.__kwdefaults__,
        takes_noise=takes_noise,
    )


def tune(denoiser, typed=None, **asked):
    """The settings tried, with their scores."""
    return tuned(denoiser, typed, **asked).trials


def tuned(
    denoiser, typed=None, dataset=MADE_UP, watch=lambda done, total: None,
    images=20, quantize=False, noise_seed=0,
):  # fmt: skip
    typed = typed or {}
    asked = validation.Validation(
        NOISE,
        dataset,
        images=images,
        quantize=quantize,
        noise_seed=noise_seed,
        calls=Calls(form_of(denoiser)),
        measure=built_in("psnr")["psnr"],
    )
    return tuning.tune(
        denoiser,
        typed,
        lambda params: denoiser.create({**typed, **params}),
        asked,
        watch=watch,
    )


def mix(noisy, *, share=0.5, shift=0.0):
    """A share of the image and a share of grey."""
    return (share * noisy + (1 - share) * np.float32(0.5) + shift).astype(np.float32)


# -- which settings are tried --------------------------------------------------------------


def test_few_settings_are_all_tried_in_order():
    trials = tune(declare(mix, most={"share": 0.4}, share=(0.2, 0.4), shift=(0.0, 0.1)))
    assert [params for params, _ in trials] == [
        {"share": 0.2, "shift": 0.0},
        {"share": 0.2, "shift": 0.1},
        {"share": 0.4, "shift": 0.0},
        {"share": 0.4, "shift": 0.1},
    ]


def test_typed_parameters_are_not_tuned():
    mixing = declare(mix, share=(0.2, 0.4), shift=(0.0, 0.1))
    trials = tune(mixing, {"share": 0.5})
    assert [params for params, _ in trials] == [{"shift": 0.0}, {"shift": 0.1}]
    assert trials[0][1] == tune(mixing, {"shift": 0.0, "share": 0.5})[0][1]


sides = st.lists(st.integers(1, 9), min_size=1, max_size=3)


@settings(deadline=None, max_examples=60)
@given(sides=sides, data=st.data())
def test_of_many_settings_the_best_is_found_where_scores_fall_off_around_it(sides, data):
    axes = {str(axis): Axis.of(range(size)) for axis, size in enumerate(sides)}
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
        beyond = [
            point for point in asked if any(v >= n for v, n in zip(point, sides, strict=True))
        ]
        assert len(asked) - len(beyond) == grid
        # Of each end that the peak is at, one value: it is worse.
        assert len(beyond) == sum(0 < top == n - 1 for top, n in zip(peak, sides, strict=True))


def test_of_two_hills_the_higher_is_found_though_the_coarse_values_miss_its_top():
    # A lonely top among the coarse values, and a hill around a point between them.
    heights = {(8, 8): 6.0, (0, 2): 5.0, (2, 2): 5.0, (0, 4): 5.4, (2, 4): 5.5, (1, 3): 9.0}
    heights |= dict.fromkeys([(1, 2), (1, 4), (2, 3), (0, 3)], 5.8)
    axes = {"a": Axis.of(range(9)), "b": Axis.of(range(9))}
    trials = tuning.search(axes, lambda params: heights.get(tuple(params.values()), 0.0))
    assert tuning.best(trials)[0] == {"a": 1, "b": 3}


def test_a_large_grid_costs_a_part_of_it_and_every_score_is_of_the_same_images():
    axes = {"a": Axis.of(range(9)), "b": Axis.of(range(9)), "c": Axis.of(("x", "y"))}
    told = []
    trials = tuning.search(axes, lambda params: -params["a"], lambda *what: told.append(what))
    assert len(trials) < 162 / 2
    assert [done for done, _ in told] == [*range(len(trials) + 1)]
    assert told[-1] == (len(trials), len(trials))


# -- beyond what is listed -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("listed", "below", "above"),
    [
        ((4, 6), (1, 2), (8, 10, 12, 14)),  # even numbers may become odd,
        ((3, 5, 7), (1,), (9, 11, 13, 15)),  # odd ones stay so
        ((1, 2, 4, 8), (), (16, 32, 64, 128)),
        ((3, 5, 9), (1,), (17, 33, 65, 129)),
        ((0.1, 0.2, 0.3), (0.00625, 0.0125, 0.025, 0.05), (0.4, 0.5, 0.6, 0.7)),
        ((0.0, 0.5, 2.0), (), (8.0, 32.0, 128.0, 512.0)),
        ((24.0, 8.0, 12.0, 32.0), (1.57, 2.36, 3.55, 5.33), (42.7, 57.0, 76.1, 102.0)),
        ((-2, -1, 0), (-6, -5, -4, -3), ()),
        ((-1, 0, 3), (-16, -8, -4, -2), (6, 12, 24, 48)),
        ((5,), (), ()),
        ((False, True), (), ()),
        ((None, 1, 2), (), ()),
        (("a", "b"), (), ()),
        ((1.0, math.inf), (), ()),
    ],
)
def test_numbers_go_on_as_they_are_listed(listed, below, above):
    axis = Axis.of(listed)
    start, stop = axis.listed.start, axis.listed.stop
    assert (axis.values[:start], axis.values[stop:]) == (below, above)
    inner = axis.values[start:stop]
    assert inner == (tuple(sorted(listed)) if below or above else listed)


numbers = st.one_of(
    st.lists(st.integers(-50, 50), min_size=2, max_size=6, unique=True),
    st.lists(st.floats(0.01, 100).map(lambda v: float(f"{v:.2g}")), min_size=2, unique=True),
)


@settings(deadline=None)
@given(listed=numbers, least=st.integers(-60, 0), most=st.integers(60, 200))
def test_what_lies_beyond_is_of_the_listed_ones_kind(listed, least, most):
    axis = Axis.of(listed, least, most)
    assert list(axis.values) == sorted({*axis.values, *listed})
    assert len(axis.listed) == len(listed) >= len(axis.values) - 2 * BEYOND
    beyond = set(axis.values) - set(listed)
    assert {type(value) for value in axis.values} == {type(value) for value in listed}
    assert {np.sign(value) for value in beyond} <= {np.sign(value) for value in listed}
    assert all(least <= value <= most for value in beyond)
    if all(type(value) is int and value % 2 == 1 for value in listed):
        assert all(value % 2 == 1 for value in beyond)


@settings(deadline=None, max_examples=60)
@given(sides=st.lists(st.integers(2, 6), min_size=1, max_size=3), data=st.data())
def test_the_best_is_found_beyond_the_ends_as_far_as_may_be_tried(sides, data):
    axes = {str(axis): Axis.of(range(10, 10 + size)) for axis, size in enumerate(sides)}
    peak = [data.draw(st.integers(10 - 2 * BEYOND, 10 + size + 2 * BEYOND)) for size in sides]

    def score(params):
        return -sum((value - top) ** 2 for value, top in zip(params.values(), peak, strict=True))

    trials = tuning.search(axes, score)
    for value, top, axis in zip(tuning.best(trials)[0].values(), peak, axes.values(), strict=True):
        assert value == min(max(top, axis.values[0]), axis.values[-1])
    assert len({tuple(params.values()) for params, _ in trials}) == len(trials)


def test_a_value_beyond_that_is_only_as_good_ends_it():
    trials = tuning.search({"a": Axis.of((1.0, 2.0, 3.0))}, lambda params: min(params["a"], 4.0))
    assert [params["a"] for params, _ in trials] == [1.0, 2.0, 3.0, 4.0, 5.0]
    assert tuning.best(trials) == ({"a": 4.0}, 4.0)
    # As one beyond that gains next to nothing, which is chosen none the less.
    trials = tuning.search({"a": Axis.of((1.0, 2.0, 3.0))}, lambda params: 9 - 20 ** -params["a"])
    assert [params["a"] for params, _ in trials] == [1.0, 2.0, 3.0, 4.0]
    assert tuning.best(trials)[0] == {"a": 4.0}


def test_it_is_said_which_values_end_where_no_more_may_be_tried():
    brighter = declare(mix, share=(0.1, 0.2), shift=(-0.1, 0.0, 0.1))
    found = tuned(brighter)
    assert tuning.best(found.trials)[0] == {"share": 0.5, "shift": 0.0}
    assert found.at_edge == {}  # share would go on to 0.6
    found = tuned(declare(mix, share=(0.02, 0.04)))
    assert tuning.best(found.trials)[0] == {"share": 0.12}
    assert found.at_edge == {"share": "largest"}
    found = tuned(declare(mix, share=(0.02, 0.04), most={"share": 0.1}))
    assert tuning.best(found.trials)[0] == {"share": 0.1}
    assert found.at_edge == {}  # as far as the method goes


# -- settings that fail --------------------------------------------------------------------

FAILURES = {
    "refused": lambda noisy: (_ for _ in ()).throw(Unsupported("no halves")),
    "raises": lambda noisy: (_ for _ in ()).throw(ValueError("no halves")),
    "not a number": lambda noisy: noisy * np.float32(np.nan),
    "of another shape": lambda noisy: noisy[:1],
}


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
@pytest.mark.parametrize("bad", [0.2, 0.4, 0.6])  # at an end, the best, another
def test_a_bad_setting_costs_itself_and_is_named(failure, bad):
    def half(noisy, *, share=1.0):
        return failure(noisy) if share == bad else mix(noisy, share=share)

    shares = (0.2, 0.4, 0.6, 0.8)
    found, whole = tuned(declare(half, share=shares)), tuned(declare(mix, share=shares))
    assert found.trials == [trial for trial in whole.trials if trial[0] != {"share": bad}]
    ((setting, reason),) = found.failed
    assert setting == {"share": bad}
    assert reason


def test_where_every_setting_fails_the_first_ones_error_is_raised():
    def broken(noisy, *, size=1):
        raise (Unsupported if size == 1 else ValueError)(f"size {size}")

    with pytest.raises(Unsupported, match="size 1"):
        tuned(declare(broken, size=(1, 3)))


def test_what_no_method_is_to_blame_for_ends_tuning():
    def full(noisy, *, size=1):
        raise StorageError("the disk is full")

    with pytest.raises(StorageError):
        tuned(declare(full, size=(1, 3)))


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
    for positions, clean, _ in read("validation"):
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
        validation, "batches", lambda n, shape: [slice(i, i + 3) for i in range(0, n, 3)]
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
    tune(declare(mix, share=(0.1, 0.5, 0.9)), watch=lambda *what: told.append(what))
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
