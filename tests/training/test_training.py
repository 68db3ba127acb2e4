import math

import numpy as np
import pytest
import safetensors.numpy
import torch
from torch import nn
from torch.optim.adam import adam

from bench.noises import KINDS, Gaussian, make_noise
from bench.training import Recipe, TrainedMethod, batches

pytestmark = pytest.mark.usefixtures("one_thread")

NOISE = Gaussian(0.25)
RNG = np.random.default_rng(0)
TRAIN = RNG.random((20, 1, 6, 5), np.float32)
VALIDATION = RNG.random((7, 1, 6, 5), np.float32)
MANY = RNG.random((500, 1, 6, 5), np.float32)
PIXELS = 30


class Tiny(TrainedMethod):
    """A convolution and a batch norm, which has buffers and differs in training."""

    def network(self, image_shape):
        channels = image_shape[0]
        return nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1), nn.BatchNorm2d(channels))

    def loss(self, network, noisy, clean, noise):
        return {"mse": (network(noisy) - clean).square().sum() / len(clean)}

    def restore(self, network, noisy, noise):
        return network(noisy)


class Number(nn.Module):
    """A network of a single number, at first 0."""

    def __init__(self):
        super().__init__()
        self.value = nn.Parameter(torch.zeros(()))


class Scripted(TrainedMethod):
    """Training raises the number by about lr an update; validation wants it to be `target`."""

    target = 0.31

    def network(self, image_shape):
        return Number()

    def loss(self, network, noisy, clean, noise):
        if network.training:
            return {"up": -network.value}
        return {"distance": (network.value - self.target).abs()}


class Constant(TrainedMethod):
    """Whatever it learns, it restores black; its loss has two terms."""

    def network(self, image_shape):
        return Number()

    def loss(self, network, noisy, clean, noise):
        nothing = 0 * network.value
        return {
            "clean": clean.square().sum() / len(clean) + nothing,
            "noise": (noisy - clean).square().sum() / len(clean) + nothing,
        }


def fit(method, seed=0, noise=NOISE, train=TRAIN, **recipe):
    recipe = Recipe(**{"epochs": 3, "batch_size": 8, "lr": 0.01, **recipe})
    history = method.fit(train, noise, seed, validation=VALIDATION, recipe=recipe)
    return method, history


def values(history, split, term):
    return [value for _, s, t, value in history if (s, t) == (split, term)]


def assert_equal_states(first, second):
    assert first.keys() == second.keys()
    for name in first:
        np.testing.assert_array_equal(first[name], second[name])


# -- seeds ---------------------------------------------------------------------------------


@pytest.mark.parametrize("schedule", ["constant", "one-cycle"])
def test_the_same_seed_gives_the_same_weights_and_history(schedule):
    (first, history), (second, again) = (fit(Tiny(), 3, schedule=schedule) for _ in range(2))
    assert history == again
    assert_equal_states(first.state(), second.state())


def test_the_same_seed_gives_the_same_weights_whatever_was_drawn_before():
    first, _ = fit(Tiny())
    torch.manual_seed(99)
    torch.rand(7)
    np.random.seed(99)
    second, _ = fit(Tiny())
    assert_equal_states(first.state(), second.state())


def test_another_seed_gives_other_initial_weights_and_another_training():
    start, other_start = (fit(Tiny(), seed, epochs=1, lr=0.0)[0].state() for seed in (0, 1))
    assert (start["network.0.weight"] != other_start["network.0.weight"]).all()
    (_, history), (_, other) = (fit(Constant(), seed) for seed in (0, 1))
    for split in ("train", "validation"):  # another order alone changes the last digits
        assert values(history, split, "noise") != pytest.approx(
            values(other, split, "noise"), rel=1e-3
        )


def test_the_images_are_reordered_each_epoch_and_by_seed():
    class Watching(Constant):
        def loss(self, network, noisy, clean, noise):
            if network.training:
                self.order += clean[:, 0, 0, 0].tolist()
            return super().loss(network, noisy, clean, noise)

    orders = []
    for seed in (0, 1):
        method = Watching()
        method.order = []
        fit(method, seed, epochs=2)
        orders += [method.order[:20], method.order[20:]]
    assert all(sorted(order) == sorted(TRAIN[:, 0, 0, 0].tolist()) for order in orders)
    assert len({tuple(order) for order in orders}) == 4


def test_torchs_own_generator_is_as_it_was():
    class Drawing(Tiny):
        def restore(self, network, noisy, noise):
            return noisy + torch.randn(1)

    before = torch.get_rng_state()
    method, _ = fit(Drawing(), 5)
    assert torch.equal(torch.get_rng_state(), before)
    method.denoise(TRAIN, NOISE)
    assert torch.equal(torch.get_rng_state(), before)


def test_torchs_own_generator_is_as_it_was_after_a_failure():
    before = torch.get_rng_state()
    with pytest.raises(NotImplementedError):
        fit(TrainedMethod())
    assert torch.equal(torch.get_rng_state(), before)


# -- which weights are kept ----------------------------------------------------------------


def test_the_weights_of_the_best_validation_epoch_are_kept_not_the_last_ones():
    method, history = fit(Scripted(), epochs=5, batch_size=20, lr=0.1)
    assert float(method.state()["network.value"]) == pytest.approx(0.3, abs=1e-3)
    distances = values(history, "validation", "distance")
    assert distances == pytest.approx([0.21, 0.11, 0.01, 0.09, 0.19], abs=1e-3)


def test_of_equally_good_epochs_the_first_is_kept():
    class Indifferent(Scripted):
        def loss(self, network, noisy, clean, noise):
            terms = super().loss(network, noisy, clean, noise)
            return terms if network.training else {"distance": torch.ones(())}

    method, _ = fit(Indifferent(), epochs=3, batch_size=20, lr=0.1)
    assert float(method.state()["network.value"]) == pytest.approx(0.1, abs=1e-3)


def test_buffers_of_the_best_epoch_are_kept_too():
    class FirstIsBest(Tiny):
        evaluations = 0

        def loss(self, network, noisy, clean, noise):
            if network.training:
                return super().loss(network, noisy, clean, noise)
            self.evaluations += 1
            return {"order": torch.tensor(float(self.evaluations))}

    method, _ = fit(FirstIsBest(), epochs=4, batch_size=10)
    assert method.state()["network.1.num_batches_tracked"] == 2


def test_training_lowers_the_loss():
    _, history = fit(Tiny(), epochs=20, lr=0.05)
    losses = values(history, "validation", "mse")
    assert min(losses) < 0.5 * losses[0]


def test_validation_images_are_not_trained_on():
    method, _ = fit(Tiny(), epochs=1)
    other = Tiny()
    other.fit(
        TRAIN, NOISE, 0, validation=1 - VALIDATION, recipe=Recipe(epochs=1, batch_size=8, lr=0.01)
    )
    assert_equal_states(method.state(), other.state())


# -- loss history --------------------------------------------------------------------------


def test_the_history_has_each_epochs_terms_on_both_splits():
    _, history = fit(Constant(), epochs=2)
    assert [row[:3] for row in history] == [
        (epoch, split, term)
        for epoch in (1, 2)
        for split in ("train", "validation")
        for term in ("clean", "noise")
    ]
    assert all(type(value) is float for *_, value in history)


@pytest.mark.parametrize("batch_size", [3, 8, 20, 100])
def test_the_history_has_means_over_images_whatever_the_batches(batch_size):
    _, history = fit(Constant(), batch_size=batch_size)
    for split, images in (("train", TRAIN), ("validation", VALIDATION)):
        expected = np.square(images.astype(np.float64)).sum() / len(images)
        assert values(history, split, "clean") == pytest.approx([expected] * 3, rel=1e-6)


def test_each_epoch_has_fresh_noise_and_validation_always_the_same():
    _, history = fit(Constant(), train=MANY)
    losses = values(history, "train", "noise")
    assert losses == pytest.approx([PIXELS * 0.25**2] * 3, rel=0.05)
    assert len(set(losses)) == 3
    assert len(set(values(history, "validation", "noise"))) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_training_noise_has_the_deviation_that_the_kind_says(kind):
    noise = make_noise(kind, 20.0 if KINDS[kind].photons else 0.4)
    _, history = fit(Constant(), noise=noise, train=MANY)
    bias = noise.mean(MANY) - MANY
    expected = PIXELS * (noise.std(MANY) ** 2 + bias**2).mean()
    assert values(history, "train", "noise") == pytest.approx([expected] * 3, rel=0.05)


def test_clipped_noise_is_clipped_in_training():
    class Range(Constant):
        low, high = 0.0, 1.0

        def loss(self, network, noisy, clean, noise):
            self.low, self.high = min(self.low, noisy.min()), max(self.high, noisy.max())
            return super().loss(network, noisy, clean, noise)

    for clip in (True, False):
        method, _ = fit(Range(), noise=Gaussian(0.5, clip))
        assert ((method.low, method.high) == (0, 1)) is clip


def test_validation_images_beyond_a_batch_all_count(monkeypatch):
    monkeypatch.setitem(batches.EVALUATED_PIXELS, "cpu", 3 * PIXELS)
    _, history = fit(Constant())
    expected = np.square(VALIDATION.astype(np.float64)).sum() / len(VALIDATION)
    assert values(history, "validation", "clean") == pytest.approx([expected] * 3, rel=1e-6)


def test_the_watcher_is_called_after_each_epoch_with_its_training_loss():
    calls = []
    history = Constant().fit(
        TRAIN,
        NOISE,
        0,
        validation=VALIDATION,
        recipe=Recipe(epochs=3, batch_size=8),
        watch=lambda *call: calls.append(call),
    )
    totals = np.sum([values(history, "train", term) for term in ("clean", "noise")], axis=0)
    assert [call[:2] for call in calls] == [(0, 3), (1, 3), (2, 3), (3, 3)]
    assert calls[0][2] is None
    assert [loss for *_, loss in calls[1:]] == pytest.approx(totals)


def test_the_watcher_is_told_the_share_of_the_epoch_under_way(monkeypatch):
    monkeypatch.setattr("bench.training.history._WITHIN_EPOCH", 0.0)
    monkeypatch.setattr("bench.training.loop._GATHERED", 8)
    calls = []
    recipe = Recipe(epochs=2, batch_size=8)
    Constant().fit(
        TRAIN[:20], NOISE, 0, validation=VALIDATION, recipe=recipe,
        watch=lambda *call: calls.append(call),
    )  # fmt: skip
    done = [0, 0.4, 0.8, 1, 1.4, 1.8, 2]
    assert [call[0] for call in calls] == pytest.approx(done)
    first = calls[3][2]
    assert [loss for *_, loss in calls[:-1]] == [None] * 3 + [first] * 3


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("training", [True, False])
def test_a_loss_that_is_not_finite_ends_the_training_and_names_the_epoch(bad, training):
    class Explodes(Scripted):
        calls = 0

        def loss(self, network, noisy, clean, noise):
            self.calls += network.training == training
            terms = super().loss(network, noisy, clean, noise)
            return {k: v * bad if self.calls == 2 else v for k, v in terms.items()}

    with pytest.raises(FloatingPointError, match=r"no longer finite in epoch 2 \(lr 0\.01\)"):
        fit(Explodes(), batch_size=20)


NONSENSE = {
    "None": "loss() gives no dictionary of named terms",
    "total": "loss() gives no dictionary",
    "{}": 'loss() gives no terms: return {"loss": ...}',
    "{1: total}": "loss() names a term 1, which is no text",
    "{'a': total.item()}": "loss() gives float as 'a', not a tensor",
    "{'a': None}": "loss() gives NoneType as 'a', not a tensor",
    "{'a': total.detach().numpy()}": "loss() gives ndarray as 'a', not a tensor",
    "{'a': error}": "loss() gives a tensor of shape (8, 1, 6, 5) as 'a', not one number: sum it",
    "{'a': total[None]}": "of shape (1,) as 'a'",
    "{'a': total > 0}": "loss() gives torch.bool as 'a', not a real number",
    "{'a': total.long()}": "loss() gives torch.int64 as 'a'",
    "{'a': total + 0j}": "loss() gives torch.complex64 as 'a'",
    "{'a': total.to('meta')}": "loss() gives 'a' on meta, and the network is on cpu",
    "{'a': total.detach()}": "loss() gives what does not depend on the network's weights",
    "{str(len(self.names)): total}": "loss() gives the terms 2, and gave 1 before",
    "{'a': total * float('nan')}": "no longer finite in epoch 1",
}


@pytest.mark.parametrize("given", NONSENSE)
def test_a_loss_that_is_none_is_one_clear_line(given):
    class Wrong(Tiny):
        def loss(self, network, noisy, clean, noise):
            self.names = [*getattr(self, "names", []), 1]
            error = (network(noisy) - clean).square()
            return eval(given, {}, {"self": self, "error": error, "total": error.sum()})

    with pytest.raises((TypeError, ValueError, FloatingPointError)) as error:
        fit(Wrong())
    assert NONSENSE[given] in str(error.value)


@pytest.mark.parametrize(
    ("part", "given", "message"),
    [
        ("network", None, "network() gives NoneType, not a torch.nn.Module"),
        ("network", nn.ReLU(), "network() gives a network without weights to train"),
        ("restore", None, "restore() gives NoneType, not a tensor"),
        ("uncertainty", [1], "uncertainty() gives list, not a tensor"),
    ],
)
def test_other_parts_that_give_nonsense_are_named(part, given, message):
    def wrong(self, *arguments):
        return given

    wrong.__name__ = part

    def used():
        method, _ = fit(type("Wrong", (Tiny,), {part: wrong})(), epochs=1)
        method.denoise(VALIDATION, NOISE)
        method.deviation(VALIDATION, NOISE)

    with pytest.raises((TypeError, ValueError)) as error:
        used()
    assert message in str(error.value)


# -- learning rate -------------------------------------------------------------------------


@pytest.fixture
def learning_rates(monkeypatch):
    """The learning rate of each update of a training."""

    def of(method=None, **recipe):
        rates = []

        def watched(*arguments, lr, **options):
            rates.append(lr)
            adam(*arguments, lr=lr, **options)

        monkeypatch.setattr("bench.training.adam.adam", watched)
        fit(method or Scripted(), **recipe)
        return rates

    return of


def test_the_constant_schedule_keeps_the_learning_rate(learning_rates):
    assert learning_rates(epochs=2, batch_size=8, lr=0.02) == [0.02] * 6


@pytest.mark.parametrize("batch_size", [5, 7, 8])
def test_one_cycle_rises_to_lr_over_a_tenth_and_falls_along_a_cosine(batch_size, learning_rates):
    updates = 20 * math.ceil(20 / batch_size)
    rates = learning_rates(epochs=20, batch_size=batch_size, lr=0.02, schedule="one-cycle")
    assert len(rates) == updates
    middles = np.linspace(0, 1, 2 * updates + 1)[1::2]  # of the updates, as shares of the whole
    rise = 0.02 * middles / 0.1
    fall = 0.02 * np.cos(np.pi / 2 * (middles - 0.1) / 0.9) ** 2
    np.testing.assert_allclose(rates, np.where(middles < 0.1, rise, fall), rtol=1e-6)
    assert max(rates) == pytest.approx(0.02, rel=0.1)


@pytest.mark.parametrize("updates", [1, 2, 5, 9, 10, 11, 20])
def test_one_cycle_takes_any_number_of_updates(updates, learning_rates):
    rates = learning_rates(epochs=updates, batch_size=20, lr=0.02, schedule="one-cycle")
    assert len(rates) == updates
    assert 0 < min(rates) <= max(rates) <= 0.02


@pytest.mark.parametrize(
    ("recipe", "updates"),
    [
        ({}, 2 * 3),  # two epochs of 20 images in batches of 8
        ({"min_updates": 6}, 2 * 3),
        ({"min_updates": 7}, 3 * 3),
        ({"min_updates": 7, "images": 8}, 7),
        ({"min_updates": 7, "images": 60}, 2 * 8),  # each image three times
    ],
)
def test_small_sets_get_as_many_epochs_as_make_enough_updates(recipe, updates, learning_rates):
    assert len(learning_rates(epochs=2, batch_size=8, lr=0.02, **recipe)) == updates


def test_patches_of_large_images_count_as_updates(learning_rates):
    class AnySize(Scripted):
        any_size = True

    few = {"epochs": 1, "batch_size": 8, "lr": 0.02, "min_updates": 30, "patch": 3}
    shown = len(learning_rates(AnySize(), **few))
    an_epoch = math.ceil(20 * round(TRAIN[0, 0].size / 9) / 8)
    assert shown == math.ceil(30 / an_epoch) * an_epoch


def test_an_unknown_schedule_is_refused():
    with pytest.raises(ValueError, match="unknown schedule 'cosine'"):
        fit(Tiny(), schedule="cosine")


@pytest.mark.parametrize("batch_size", [2, 8])
def test_the_updates_are_those_of_torchs_adam(batch_size):
    """The same batches, one by one, through torch's own optimiser."""

    class Linear(Tiny):
        bfloat16 = False  # which some processors have, and torch's own loop below has not

        def network(self, image_shape):
            return nn.Sequential(
                nn.Flatten(), nn.Linear(PIXELS, PIXELS), nn.Unflatten(1, (1, 6, 5))
            )

    class Recording(Linear):
        def loss(self, network, noisy, clean, noise):
            if network.training:
                self.batches.append((noisy.clone(), clean.clone()))
            return super().loss(network, noisy, clean, noise)

    method = Recording()
    method.batches = []
    fit(method, epochs=1, batch_size=batch_size, lr=0.01)
    start, _ = fit(Linear(), epochs=1, batch_size=100, lr=0.0)
    network = start._network
    optimiser = torch.optim.Adam(network.parameters(), lr=0.01)
    for noisy, clean in method.batches:
        optimiser.zero_grad()
        start.loss(network, noisy, clean, NOISE)["mse"].backward()
        optimiser.step()
    for name, value in network.state_dict().items():
        np.testing.assert_allclose(
            method.state()[f"network.{name}"], value.numpy(), rtol=1e-4, atol=1e-5
        )


# -- the fitted model ----------------------------------------------------------------------


def test_denoise_gives_float32_of_the_same_shape_and_leaves_its_input():
    method, _ = fit(Tiny())
    noisy = TRAIN.copy()
    restored = method.denoise(noisy, NOISE)
    assert type(restored) is np.ndarray
    assert restored.dtype == np.float32
    assert restored.shape == noisy.shape
    np.testing.assert_array_equal(noisy, TRAIN)


@pytest.mark.parametrize("through_file", [False, True])
def test_a_fitted_models_state_makes_an_equal_one(through_file, tmp_path):
    method, _ = fit(Tiny())
    expected = method.denoise(TRAIN, NOISE)
    arrays = method.state()
    if through_file:
        safetensors.numpy.save_file(arrays, tmp_path / "model.safetensors")
        arrays = safetensors.numpy.load_file(tmp_path / "model.safetensors")
    loaded = Tiny()
    loaded.load(arrays)
    np.testing.assert_array_equal(loaded.denoise(TRAIN, NOISE), expected)
    assert_equal_states(loaded.state(), method.state())
    assert loaded.parameter_count() == method.parameter_count()


def test_a_loaded_model_does_not_share_memory_with_the_arrays():
    method, _ = fit(Tiny())
    arrays = {name: value.copy() for name, value in method.state().items()}
    for value in arrays.values():
        value.flags.writeable = False
    loaded = Tiny()
    loaded.load(arrays)
    expected = loaded.denoise(TRAIN, NOISE)
    for value in arrays.values():
        value.flags.writeable = True
        value[...] = 0
    np.testing.assert_array_equal(loaded.denoise(TRAIN, NOISE), expected)


def test_the_parameter_count_is_of_learned_values():
    method, _ = fit(Tiny())
    assert method.parameter_count() == (9 + 1) + (1 + 1)


def test_an_image_of_another_shape_is_trained_by_its_own_network():
    rgb = np.repeat(TRAIN, 3, axis=1)
    method = Tiny()
    method.fit(rgb, NOISE, 0, validation=rgb, recipe=Recipe(epochs=1, batch_size=8))
    assert method.state()["image_shape"].tolist() == [3, 6, 5]
    assert method.denoise(rgb, NOISE).shape == rgb.shape


# -- restoration ---------------------------------------------------------------------------


def test_denoising_is_in_evaluation_mode_and_without_gradients():
    class Asks(Tiny):
        def restore(self, network, noisy, noise):
            self.modes = network.training, torch.is_grad_enabled()
            return network(noisy)

    method, _ = fit(Asks())
    method.denoise(TRAIN, NOISE)
    assert method.modes == (False, False)


def test_a_random_restoration_is_repeatable_and_independent_of_its_batch():
    class Random(Tiny):
        def restore(self, network, noisy, noise):
            return noisy + torch.randn(1, *noisy.shape[1:])

    method, _ = fit(Random())
    together = method.denoise(TRAIN, NOISE)
    assert (together != TRAIN).any()
    np.testing.assert_array_equal(method.denoise(TRAIN, NOISE), together)
    for index in (0, 13):
        alone = method.denoise(TRAIN[index : index + 1], NOISE)
        np.testing.assert_array_equal(alone[0], together[index])


def test_a_restoration_is_independent_of_its_batch():
    method, _ = fit(Tiny())
    alone = np.concatenate([method.denoise(TRAIN[i : i + 1], NOISE) for i in range(len(TRAIN))])
    np.testing.assert_allclose(alone, method.denoise(TRAIN, NOISE), rtol=0, atol=1e-6)
