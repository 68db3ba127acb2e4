"""The three forms of a method behind one interface."""

import time

import numpy as np
import pytest

from bench.core import Unsupported
from bench.evaluation import forms
from bench.evaluation.forms import FitTask, form_of
from bench.noises import Gaussian
from bench.plugins import sources

IMAGES = np.random.default_rng(0).random((6, 1, 8, 8), np.float32)
NOISE = Gaussian(0.2)
CLASS = """
@method(threads=True)
class Some:
    def fit({arguments}): self.fitted_with = ({given})
    def denoise(self, noisy, noise): return noisy
    def state(self): return {{}}
    def load(self, arrays): pass
"""


def unread():
    raise AssertionError("validation images are read for a network only")


def task(**changed):
    return FitTask(**{"train": IMAGES, "seed": 3, "noise": NOISE, "validation": unread, **changed})


@pytest.mark.parametrize(
    ("name", "form", "device", "warm_up", "any_size"),
    [
        ("median", forms.Function, "cpu", 16, True),
        ("lmmse", forms.Fitted, "cpu", 16, True),
        ("dae", forms.Trained, "cuda", None, False),
        ("dncnn", forms.Trained, "cuda", None, True),
    ],
)
def test_each_form_says_what_the_harness_does_with_it(name, form, device, warm_up, any_size):
    made = form_of(sources.load(name), "cuda", 2)
    assert type(made) is form
    assert (made.device, made.warm_up, made.any_size) == (device, warm_up, any_size)


def test_a_function_learns_nothing_and_uses_threads_where_it_says_so():
    form = form_of(sources.load("median"), threads=3)
    assert form.fit(form.create({}), task()) == []
    assert (form.threads_used, form.images_at_once) == (3, 3)
    other = form_of(sources.load("identity"), threads=3)
    assert (other.threads_used, other.images_at_once) == (3, 1)  # by its libraries it may use them
    assert form.deviation(form.create({}), IMAGES, NOISE) is None
    assert form.clock() <= time.perf_counter()


def test_a_class_is_given_the_noise_only_if_its_fit_takes_it(plugins):
    plugins("told", CLASS.format(arguments="self, train, noise, seed", given="noise, seed"))
    plugins("blind", CLASS.format(arguments="self, train, seed", given="seed,"))
    for name, arguments in (("told", (NOISE, 3)), ("blind", (3,))):
        form = form_of(sources.load(name))
        denoiser = form.create({})
        assert form.fit(denoiser, task()) == []
        assert denoiser.fitted_with == arguments


def test_a_class_that_takes_the_noise_takes_no_range_of_levels(plugins):
    plugins("told", CLASS.format(arguments="self, train, noise, seed", given="noise"))
    form = form_of(sources.load("told"))
    with pytest.raises(Unsupported, match="trained on a range of levels"):
        form.fit(form.create({}), task(lowest=0.0))


def test_a_network_is_trained_by_the_recipe_and_watched():
    form = form_of(sources.load("dae"))
    denoiser = form.create({})
    epochs = []
    history = form.fit(
        denoiser,
        task(
            validation=lambda: IMAGES[:2],
            recipe={"epochs": 2, "batch_size": 3},
            watch=lambda done, total, loss: epochs.append((done, total)),
        ),
    )
    assert epochs == [(0, 2), (1, 2), (2, 2)]
    assert {epoch for epoch, *_ in history} == {1, 2}
    assert denoiser.device == "cpu"
    assert denoiser.denoise(IMAGES, NOISE).shape == IMAGES.shape


def test_only_a_network_with_uncertainty_predicts_a_deviation():
    trained = {"validation": lambda: IMAGES[:2], "recipe": {"epochs": 1, "batch_size": 3}}
    deviations = {}
    for name in ("dae", "vae"):
        form = form_of(sources.load(name))
        denoiser = form.create({})
        form.fit(denoiser, task(**trained))
        deviations[name] = form.deviation(denoiser, IMAGES, NOISE)
    assert deviations["dae"] is None
    assert deviations["vae"].shape == IMAGES.shape
