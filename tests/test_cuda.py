"""What only a CUDA device shows: updates replayed as graphs do what updates one by one do."""

import numpy as np
import pytest
import torch

from bench.evaluation.forms import form_of
from bench.noises import make_noise
from bench.planning.notation import parse, typed_params
from bench.plugins import sources
from bench.training import Learner, Recipe, dense, fit_together

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no CUDA device")

RNG = np.random.default_rng(0)
# Two whole parts and a shorter one an epoch, the last batch of it incomplete.
TRAIN = RNG.random((2200, 1, 28, 28), np.float32)
VALIDATION = TRAIN[:40]
METHODS = ["vae", "dae", "dae[latent=0]", "cvae", "unet", "hvae", "dncnn[depth=4,width=16]"]


class Kept:
    """Checkpoints in memory, every epoch's; the training is cut off after `last`."""

    def __init__(self, last=None):
        self.kept, self.last = None, last

    def load(self):
        return self.kept

    def save(self, checkpoint):
        self.kept = checkpoint


@pytest.fixture
def by_torch(monkeypatch):
    """Dense networks by torch too, not by kernels of their own."""
    monkeypatch.setattr(dense, "kernels", lambda device: None)


def fit(name, noise="gaussian:0.3", epochs=3, graph=True, device="cuda", **more):
    method = create(name)
    method.device, method.graph_safe = device, graph
    kind, level = noise.split(":")
    recipe = Recipe(epochs=epochs, batch_size=64)
    history = method.fit(
        TRAIN, make_noise(kind, float(level)), 1, validation=VALIDATION, recipe=recipe, **more
    )
    return method, history


def create(name):
    name, params = parse(name)
    method = sources.load(name)
    return method.create(typed_params(method, params))


def equal(one, other):
    return all(np.array_equal(value, other.state()[key]) for key, value in one.state().items())


@pytest.mark.parametrize("name", METHODS)
def test_the_same_seed_gives_the_same_weights(name):
    (one, history), (other, again) = fit(name), fit(name)
    assert equal(one, other)
    assert history == again


@pytest.mark.usefixtures("by_torch")
@pytest.mark.parametrize("name", METHODS)
def test_replayed_updates_are_those_made_one_by_one(name):
    (_, replayed), (_, single) = fit(name), fit(name, graph=False)
    assert [row[:3] for row in replayed] == [row[:3] for row in single]
    np.testing.assert_allclose([row[3] for row in replayed], [row[3] for row in single], rtol=1e-3)


def test_each_epoch_is_another():
    _, history = fit("dae", epochs=4)
    losses = [value for _, split, _, value in history if split == "train"]
    assert losses == sorted(losses, reverse=True)
    assert len(set(losses)) == 4


@pytest.mark.usefixtures("by_torch")
@pytest.mark.parametrize("noise", ["salt-pepper:0.1", "poisson:30", "poisson-gaussian:30"])
def test_every_noise_can_be_recorded(noise):
    (_, replayed), (_, single) = fit("dae", noise), fit("dae", noise, graph=False)
    np.testing.assert_allclose([row[3] for row in replayed], [row[3] for row in single], rtol=1e-3)


@pytest.mark.parametrize("name", ["vae", "unet"])
def test_interrupted_training_goes_on_to_the_same_weights(name, monkeypatch):
    monkeypatch.setattr("bench.training.checkpoints._SHARE_OF_TIME", 1e9)
    whole, history = fit(name)

    class Stop(Exception):
        pass

    def stop(done, total, loss):
        if done == 2:
            raise Stop

    kept = Kept()
    with pytest.raises(Stop):
        fit(name, checkpoints=kept, watch=stop)
    resumed, after = fit(name, checkpoints=kept)
    assert equal(whole, resumed)
    assert history == after


def test_it_denoises_as_a_cpu_does():
    method, _ = fit("unet")
    other = create("unet")
    other.load(method.state())
    noise = make_noise("gaussian", 0.3)
    noisy = TRAIN[:50] + 0.3 * RNG.standard_normal(TRAIN[:50].shape, np.float32)
    np.testing.assert_allclose(method.denoise(noisy, noise), other.denoise(noisy, noise), atol=5e-3)


@pytest.mark.parametrize("shape", [(300, 1, 28, 28), (3, 3, 41, 60)], ids=str)
def test_nlm_gives_the_same_on_both_devices(shape):
    noisy = RNG.random(shape, np.float32)
    noise, method = make_noise("gaussian", 0.2), sources.load("nlm")
    one, other = (
        form_of(method, device, 1).create({}).denoise(noisy, noise) for device in ("cpu", "cuda")
    )
    np.testing.assert_allclose(one, other, rtol=0, atol=1e-5)


# -- dense networks, by kernels of their own -------------------------------------------------


@pytest.mark.parametrize("name", ["vae", "dae", "dae[latent=0]"])
def test_kernels_learn_what_torch_learns(name, monkeypatch):
    """As near as two seeds are, over epochs in which the loss falls."""
    fused, history = fit(name, epochs=6)
    assert fused.fitted_by == {"kernels": "triton", "at_once": 1}
    monkeypatch.setattr(dense, "kernels", lambda device: None)
    plain, other = fit(name, epochs=6)
    assert plain.fitted_by == {}
    assert [row[:3] for row in history] == [row[:3] for row in other]
    # `fit`'s images are noise: the loss falls by a few per cent to that of their mean.
    ours, theirs = (
        [sum(v for e, s, _, v in rows if (e, s) == (6, split)) for split in ("train", "validation")]
        for rows in (history, other)
    )
    np.testing.assert_allclose(ours, theirs, rtol=3e-3)


def test_kernels_give_the_same_bits_alone_and_in_company():
    trainings = [(level, seed) for level in (0.1, 0.3, 0.5) for seed in range(4)]
    learners = [
        Learner(create("vae"), make_noise("gaussian", level), seed) for level, seed in trainings
    ]
    for learner in learners:
        learner.method.device = "cuda"
    recipe = Recipe(epochs=2, batch_size=64)
    fit_together(learners, TRAIN, validation=VALIDATION, recipe=recipe)
    for at in (0, 5, 11):
        method, noise, seed, *_ = learners[at]
        alone = create("vae")
        alone.device = "cuda"
        alone.fit(TRAIN, noise, seed, validation=VALIDATION, recipe=recipe)
        assert alone.fitted_by["at_once"] == 1
        assert method.fitted_by["at_once"] == 12
        assert equal(alone, method)


def test_kernels_take_any_noise_and_a_range_of_levels():
    for kind, level, lowest in [("salt-pepper", 0.1, None), ("gaussian", 0.5, 0.05)]:
        method = create("vae")
        method.device = "cuda"
        history = method.fit(
            TRAIN,
            make_noise(kind, level),
            0,
            validation=VALIDATION,
            recipe=Recipe(epochs=3, batch_size=256),
            lowest=lowest,
        )
        assert method.fitted_by["kernels"] == "triton"
        losses = [sum(v for e, s, _, v in history if (e, s) == (n, "train")) for n in (1, 3)]
        assert losses[1] < losses[0]
