"""Dense networks by kernels of their own: on a GPU, else in Triton's interpreter."""

import copy
import math

import numpy as np
import pytest
import torch
from torch import nn

from bench.noises import Gaussian, make_noise
from bench.planning.notation import parse, typed_params
from bench.plugins import sources
from bench.training import Dense, Learner, Recipe, dense, fit_together
from bench.training.together import Together

pytestmark = pytest.mark.usefixtures("one_thread", "dense_kernels")

RNG = np.random.default_rng(0)
TRAIN = RNG.random((40, 1, 4, 5), np.float32)
VALIDATION = RNG.random((9, 1, 4, 5), np.float32)
# The last batch of an epoch is a short one.
RECIPE = Recipe(epochs=2, batch_size=16, lr=0.01)
METHODS = ["vae[hidden=9,latent=3]", "vae[hidden=9,latent=3,beta=2]", "dae[hidden=9,latent=3]",
           "dae[hidden=9,latent=0]"]  # fmt: skip


KERNELS = dense.kernels
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def create(text):
    name, params = parse(text)
    method = sources.load(name)
    method = method.create(typed_params(method, params))
    method.device = DEVICE
    return method


def fit(text, level=0.3, seed=0, recipe=RECIPE, **more):
    method = create(text)
    noise = make_noise("gaussian", level)
    history = method.fit(TRAIN, noise, seed, validation=VALIDATION, recipe=recipe, **more)
    return method, history


def assert_equal_states(first, second):
    for name, value in first.state().items():
        np.testing.assert_array_equal(value, second.state()[name])


def by_autograd(text, network, batches, noises, codes, lrs):
    """Loss terms before each update, and the network after them, by torch's own loss and Adam."""
    optimiser = torch.optim.Adam(network.parameters())
    rows = []
    for clean, noise, code, lr in zip(batches, noises, codes, lrs, strict=True):
        clean, noisy, kl = clean.flatten(1), (clean + 0.3 * noise).flatten(1), None
        if text.startswith("vae"):
            mean, log_variance = network.encoder(noisy).chunk(2, dim=1)
            normal = torch.distributions.Normal(mean, torch.exp(0.5 * log_variance))
            kl = torch.distributions.kl_divergence(normal, torch.distributions.Normal(0.0, 1.0))
            logits = network.decoder(mean + code * normal.scale)
        else:
            logits = network(noisy)
        entropy = nn.functional.binary_cross_entropy_with_logits(logits, clean, reduction="sum")
        terms = [entropy] if kl is None else [entropy, (2 if "beta=2" in text else 1) * kl.sum()]
        rows.append([term.item() / len(clean) for term in terms])
        optimiser.zero_grad()
        (sum(terms) / len(clean)).backward()
        optimiser.param_groups[0]["lr"] = lr
        optimiser.step()
    return np.array(rows)


@pytest.mark.parametrize("text", METHODS)
def test_updates_are_those_of_autograd_and_adam(text, dense_kernels):
    """On the same images, noise and codes; the last update is of fewer images."""
    recipe = Recipe(epochs=2, batch_size=16, lr=0.01, schedule="one-cycle")
    training = create(text).start((1, 4, 5), make_noise("gaussian", 0.3), None, 0, recipe)
    network = copy.deepcopy(training.network)
    draws = torch.Generator(DEVICE)
    draws.set_state(training.draws.get_state())
    noise = torch.randn(40, 1, 4, 5, generator=draws, device=DEVICE)
    codes = torch.randn(40, 3, generator=draws, device=DEVICE)
    together = Together([training], dense_kernels)
    together._images = torch.from_numpy(TRAIN).to(DEVICE)
    order, rates = together._prepared(0, 40)
    (means,) = together._epoch(order, rates)
    rows = by_autograd(
        text,
        network,
        *(part.split(16) for part in (together._images[order[0]], noise, codes)),
        recipe.learning_rates(0, 40),
    )
    expected = np.array([16, 16, 8]) / 40 @ rows
    np.testing.assert_allclose(list(means.values().values()), expected, rtol=1e-5)
    for (name, value), other in zip(
        training.network.named_parameters(), network.parameters(), strict=True
    ):
        np.testing.assert_allclose(
            value.detach().cpu(), other.detach().cpu(), rtol=1e-4, atol=1e-5, err_msg=name
        )


def test_kernels_and_torch_learn_the_same(monkeypatch):
    """Codes are other ones, so losses are compared, not weights."""
    recipe = Recipe(epochs=3, batch_size=10, lr=0.02)
    fused, history = fit(METHODS[0], recipe=recipe)
    assert fused.fitted_by == {"kernels": "triton", "at_once": 1}
    monkeypatch.setattr(dense, "kernels", lambda device: None)
    plain, other = fit(METHODS[0], recipe=recipe)
    assert plain.fitted_by == {}
    assert [row[:3] for row in history] == [row[:3] for row in other]
    ours, theirs = (np.array([row[3] for row in rows]) for rows in (history, other))
    np.testing.assert_allclose(ours, theirs, rtol=0.03, atol=0.05)


def test_the_same_bits_alone_and_in_company():
    trainings = [(0.1, 4), (0.3, 0), (0.3, 4)]
    learners = [
        Learner(create(METHODS[0]), make_noise("gaussian", level), seed)
        for level, seed in trainings
    ]
    histories = fit_together(learners, TRAIN, validation=VALIDATION, recipe=RECIPE)
    for (level, seed), learner, history in zip(trainings, learners, histories, strict=True):
        alone, other = fit(METHODS[0], level, seed)
        assert history == other
        assert_equal_states(learner.method, alone)
        assert learner.method.fitted_by["at_once"] == 3


class Kept:
    """Checkpoints in memory."""

    def __init__(self, kept=None):
        self.kept = kept

    def load(self):
        return self.kept

    def save(self, checkpoint):
        self.kept = copy.deepcopy(checkpoint)


def interrupted(seeds, kept, recipe, last):
    """Trainings at once that are cut off once `last` epochs have been kept."""

    def stop(done, total, loss):
        if done == last:
            raise KeyboardInterrupt

    noise = make_noise("gaussian", 0.3)
    learners = [
        Learner(create(METHODS[0]), noise, seed, watch=stop, checkpoints=kept[seed])
        for seed in seeds
    ]
    with pytest.raises(KeyboardInterrupt):
        fit_together(learners, TRAIN, validation=VALIDATION, recipe=recipe)


def test_interrupted_trainings_go_on_to_the_same_weights(monkeypatch):
    """As they were interrupted or by themselves; what has come further does not hold others up."""
    monkeypatch.setattr("bench.training.checkpoints._SHARE_OF_TIME", 1e9)
    recipe = Recipe(epochs=3, batch_size=24, schedule="one-cycle")
    kept = {seed: Kept() for seed in range(3)}
    interrupted([0, 1], kept, recipe, last=1)
    interrupted([2], kept, recipe, last=2)
    assert [int(one.kept.arrays["done"]) for one in kept.values()] == [1, 1, 2]
    learners = [
        Learner(create(METHODS[0]), make_noise("gaussian", 0.3), seed, checkpoints=kept[seed])
        for seed in kept
    ]
    copies = copy.deepcopy(kept)
    histories = fit_together(learners, TRAIN, validation=VALIDATION, recipe=recipe)
    assert histories[2] is None
    for seed in kept:
        whole, history = fit(METHODS[0], seed=seed, recipe=recipe)
        resumed, rest = fit(METHODS[0], seed=seed, recipe=recipe, checkpoints=copies[seed])
        assert_equal_states(whole, resumed)
        assert history == rest
        if histories[seed]:
            assert_equal_states(whole, learners[seed].method)
            assert history == histories[seed]


def test_one_that_diverges_costs_itself_only():
    noises = [make_noise("gaussian", 0.3), Gaussian(math.nan)]
    learners = [Learner(create(METHODS[3]), noise, 0) for noise in noises]
    history, other = fit_together(learners, TRAIN, validation=VALIDATION, recipe=RECIPE)
    alone, expected = fit(METHODS[3])
    assert history == expected
    assert other is None
    assert_equal_states(learners[0].method, alone)
    with pytest.raises(FloatingPointError, match="epoch 1"):
        fit_together(learners[::-1], TRAIN, validation=VALIDATION, recipe=RECIPE)


def test_a_network_says_what_does_not_fit():
    with pytest.raises(ValueError, match="Tanh"):
        Dense(nn.Sequential(nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 3)))
    with pytest.raises(ValueError, match="linear layer at the end"):
        Dense(nn.Sequential(nn.Linear(3, 3), nn.ReLU()))
    with pytest.raises(ValueError, match="bias"):
        Dense(nn.Sequential(nn.Linear(3, 3, bias=False)))


def test_what_kernels_do_not_do_is_left_to_torch(monkeypatch):
    assert create("vae[objective=self]").dense(None) is None
    assert KERNELS(torch.device("cpu")) is None
    learners = [Learner(create(METHODS[0]), make_noise("gaussian", 0.3), seed) for seed in (0, 1)]
    monkeypatch.setattr(dense, "kernels", lambda device: None)
    histories = fit_together(learners, TRAIN, validation=VALIDATION, recipe=RECIPE)
    assert len(histories[0]) == 2 * 2 * RECIPE.epochs
    assert histories[1] is None
    assert learners[0].method.fitted_by == {}
