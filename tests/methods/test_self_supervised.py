"""What methods learn from noisy images alone: their losses, and that no clean image is needed."""

import sys

import numpy as np
import pytest
import torch
from torch import nn

from bench.core import Dataset, Group, Unsupported
from bench.evaluation.supervision import training_images
from bench.noises import Gaussian, Given
from bench.plugins import sources
from bench.training import Recipe

pytestmark = pytest.mark.usefixtures("one_thread")

NOISE = Gaussian(0.2)
SIDE = 16


def method(name, **params):
    return sources.load(name).create({"width": 2, **params})


def module(name):
    """The module that a built-in method lies in."""
    return vars(sys.modules[sources.load(name).target.__module__])


def even(count=64, seed=0):
    """Noisy images of an even grey."""
    draws = torch.Generator().manual_seed(seed)
    return 0.5 + 0.2 * torch.randn(count, 1, SIDE, SIDE, generator=draws)


class Recorder(nn.Module):
    """Gives what it was given, or a grey; keeps the last."""

    def __init__(self, grey=None):
        super().__init__()
        self.grey, self.seen = grey, None

    def forward(self, images):
        self.seen = images.detach()
        return images if self.grey is None else torch.full_like(images, self.grey)


def frames(truth, count=16):
    """A data set of scenes in two frames."""
    rng = np.random.default_rng(3)
    clean = np.kron(rng.random((count, 1, 4, 4)), np.ones((4, 4))).astype(np.float32)
    noisy = clean[:, None] + rng.normal(0, 0.1, (count, 2, 1, SIDE, SIDE)).astype(np.float32)
    groups = [Group(np.arange(count), clean if truth else None, noisy)]
    return Dataset("scenes", "", {"train": count}, lambda split: groups, frames=2, truth=truth)


# -- Noise2Void ----------------------------------------------------------------------------


def test_n2v_hides_one_pixel_of_each_box_behind_a_near_one():
    noisy = (
        torch.arange(SIDE * SIDE, dtype=torch.float32).reshape(1, 1, SIDE, SIDE).repeat(8, 1, 1, 1)
    )
    network = Recorder()
    method("n2v", spacing=4, radius=2).loss(network, noisy, noisy, NOISE)
    hidden = network.seen != noisy
    boxes = hidden.unfold(2, 4, 4).unfold(3, 4, 4).sum((-1, -2))
    assert boxes.unique().tolist() == [1]
    for image, *place in hidden.nonzero().tolist():
        shown = int(network.seen[(image, *place)])
        row, column = divmod(shown, SIDE)
        assert max(abs(row - place[1]), abs(column - place[2])) <= 2


def test_n2v_does_not_see_what_it_is_to_predict():
    """The loss does not depend on what lies in the input at a pixel that it is over."""
    noisy = even(2).requires_grad_()
    n2v = method("n2v")
    with torch.random.fork_rng():
        torch.manual_seed(1)  # so small a network may be drawn that gives only zeros
        network = n2v.network((1, SIDE, SIDE)).eval()
    target = noisy.detach().clone().requires_grad_()
    (loss,) = n2v.loss(network, noisy, target, NOISE).values()
    seen, asked = torch.autograd.grad(loss, (noisy, target))
    (hidden, shown) = n2v._pixels(noisy.detach(), torch.Generator().manual_seed(0))
    elsewhere = torch.zeros_like(noisy).flatten(2).scatter(2, shown, 1.0).view_as(noisy)
    assert (asked != 0).sum() == hidden.numel()
    assert (seen[(asked != 0) & (elsewhere == 0)] == 0).all()
    assert (seen != 0).any()


def test_n2v_gains_nothing_by_copying():
    """A copy of independent noise is as far off as the noise is twice, the mean once."""
    n2v, noisy = method("n2v"), even()
    torch.manual_seed(0)
    (copied,), (mean,) = (
        n2v.loss(network, noisy, noisy, NOISE).values() for network in (Recorder(), Recorder(0.5))
    )
    pixels = SIDE * SIDE
    assert float(mean) == pytest.approx(pixels * 0.2**2, rel=0.2)
    assert float(copied) == pytest.approx(2 * pixels * 0.2**2, rel=0.2)


@pytest.mark.parametrize("shape", [(3, 7, 9), (1, 1, 16), (1, 2, 2)])
def test_n2v_takes_sides_that_are_no_multiple_of_its_boxes(shape):
    n2v, noisy = method("n2v", radius=3), torch.rand(2, *shape)
    assert torch.isfinite(n2v.loss(n2v.network(shape), noisy, noisy, NOISE)["squared error"])


@pytest.mark.parametrize("shape", [(2, 2), (1, 2), (2, 1), (3, 3), (1, 5), (2, 7)])
def test_n2v_shows_no_pixel_itself_in_images_smaller_than_its_radius(shape):
    n2v, noisy = method("n2v", radius=3), torch.rand(64, 1, *shape)
    for seed in range(4):
        hidden, shown = n2v._pixels(noisy, torch.Generator().manual_seed(seed))
        assert (hidden != shown).all()
        assert shown.min() >= 0
        assert shown.max() < shape[0] * shape[1]


def test_n2v_refuses_images_of_one_pixel():
    with pytest.raises(Unsupported, match="there are none"):
        method("n2v").network((1, 1, 1))


# -- Neighbor2Neighbor ---------------------------------------------------------------------


def test_neighbors_lie_in_one_cell_beside_or_above_each_other():
    noisy = torch.arange(20 * 21.0).reshape(1, 1, 20, 21).repeat(50, 3, 1, 1)
    functions = module("neighbor2neighbor")
    first, second = functions["neighbours"](noisy, functions["chosen"](noisy))
    assert first.shape == (50, 3, 10, 10)
    assert (first == first[:, :1]).all()  # the channels of a pixel stay together
    both = torch.stack([first, second])
    rows, columns = both // 21, both % 21
    assert (rows // 2 == torch.arange(10)[:, None]).all()
    assert (columns // 2 == torch.arange(10)).all()
    apart = (rows[0] - rows[1]).abs() + (columns[0] - columns[1]).abs()
    assert apart.unique().tolist() == [1]
    assert float((rows[0] == rows[1]).float().mean()) == pytest.approx(0.5, abs=0.05)


def test_the_regulariser_is_the_papers():
    """Of a network that gives one value it is the first term again, of a copy 0."""
    own, noisy = method("neighbor2neighbor", gamma=3.0), even()
    copied = own.loss(Recorder(), noisy, noisy, NOISE)
    even_grey = own.loss(Recorder(0.5), noisy, noisy, NOISE)
    pixels = SIDE * SIDE
    assert float(copied["squared error"]) == pytest.approx(2 * pixels * 0.2**2, rel=0.1)
    assert float(copied["regulariser"]) == pytest.approx(0, abs=1e-6)
    assert float(even_grey["squared error"]) == pytest.approx(pixels * 0.2**2, rel=0.1)
    assert float(even_grey["regulariser"]) == pytest.approx(3 * float(even_grey["squared error"]))


def test_no_gradient_goes_through_the_whole_image():
    own, noisy = method("neighbor2neighbor"), even(2)
    network = own.network((1, SIDE, SIDE))
    sizes = []
    network.register_forward_hook(
        lambda _, given, result: sizes.append((given[0].shape[-1], result.requires_grad))
    )
    own.loss(network, noisy, noisy, NOISE)
    assert sorted(sizes) == [(SIDE // 2, True), (SIDE, False)]


# -- both ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["n2v", "neighbor2neighbor"])
def test_every_validation_asks_for_the_same_pixels(name):
    own, noisy = method(name), even(4)
    network = own.network((1, SIDE, SIDE))

    def loss(training):
        with torch.no_grad():
            terms = own.loss(network.train(training), noisy, noisy, NOISE)
        return float(sum(terms.values()))

    losses = {training: [loss(training) for _ in range(2)] for training in (True, False)}
    assert losses[False][0] == losses[False][1]
    assert losses[True][0] != losses[True][1]


@pytest.mark.parametrize("name", ["n2v", "neighbor2neighbor", "n2n"])
def test_they_learn_where_there_are_no_clean_images(name):
    data = frames(truth=False)
    declared = sources.load(name)
    train = training_images(declared.supervision, data, "train", Given(0.1))
    own = method(name, width=4)
    recipe = Recipe(epochs=25, batch_size=16, lr=1e-2)
    history = own.fit(train, Given(0.1), 0, validation=train, recipe=recipe)
    by_epoch = [
        value
        for _, split, term, value in history
        if (split, term) == ("validation", "squared error")
    ]
    assert min(by_epoch) < 0.97 * by_epoch[0]
    assert own.denoise(train.noisy, Given(0.1)).shape == train.noisy.shape


# -- Zero-Shot Noise2Noise -----------------------------------------------------------------


def zero_shot(noisy, seed=0, **params):
    quick = {"updates": 3, "width": 4, **params}
    return sources.load("zs-n2n").create(quick, seed=seed).denoise(noisy, NOISE)


def test_zero_shot_results_are_an_images_own_and_the_seeds():
    noisy = even(3).numpy()
    together = zero_shot(noisy)
    np.testing.assert_array_equal(zero_shot(noisy[1:2])[0], together[1])
    np.testing.assert_array_equal(zero_shot(noisy), together)
    assert np.abs(zero_shot(noisy, seed=1) - together).max() > 1e-3


def test_zero_shot_removes_noise():
    clean = np.kron(np.eye(4), np.ones((8, 8)))[None, None].astype(np.float32)
    noisy = clean + np.random.default_rng(0).normal(0, 0.2, clean.shape).astype(np.float32)
    restored = zero_shot(noisy, updates=150, width=16)
    assert np.square(restored - clean).mean() < 0.4 * np.square(noisy - clean).mean()


def test_zero_shot_halves_are_means_over_the_diagonals():
    images = torch.rand(2, 3, 7, 10)
    first, second = module("zs-n2n")["halves"](images)
    a, b, c, d = (images[..., i:6:2, j:10:2] for i in (0, 1) for j in (0, 1))
    torch.testing.assert_close(first, (b + c) / 2)
    torch.testing.assert_close(second, (a + d) / 2)
