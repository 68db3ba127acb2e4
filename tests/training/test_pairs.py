"""Training on noisy images that came with their clean ones: nothing is drawn."""

import numpy as np
import pytest
import torch
from torch import nn

from bench.core import Cell, Dataset, Group, ImagePairs, TrainNoise, Unsupported, estimate_sigma
from bench.datasets.training_images import split_array, split_pairs
from bench.evaluation.forms import FitTask, Fitted
from bench.evaluation.runner import run_cells
from bench.evaluation.supervision import told_noise, training_images
from bench.noises import Gaussian, Given
from bench.plugins.sources import Registry
from bench.training import Recipe, TrainedMethod
from bench.training.batches import parted, stacked
from bench.training.patches import Patches

pytestmark = pytest.mark.usefixtures("one_thread")

RNG = np.random.default_rng(0)
#: What no drawn noise does: half the contrast, under a pattern that is the same in each image.
PATTERN = RNG.uniform(0, 0.5, (1, 8, 8)).astype(np.float32)
#: Four shapes, of which images are mixed.
SHAPES = RNG.dirichlet(np.ones(4), (8, 8)).astype(np.float32)


def pairs(count, seed):
    mixed = SHAPES @ np.random.default_rng(seed).random((4, count), np.float32)
    clean = np.ascontiguousarray(mixed.transpose(2, 0, 1)[:, None])
    return ImagePairs(clean, clean * 0.5 + PATTERN)


class Filter(TrainedMethod):
    """Told the noise as a further channel."""

    any_size = True

    def network(self, image_shape):
        return nn.Conv2d(image_shape[0] + 1, image_shape[0], 1)

    def loss(self, network, noisy, clean, noise):
        self.told = noise.level
        return {"mse": (self.restore(network, noisy, noise) - clean).square().sum() / len(clean)}

    def restore(self, network, noisy, noise):
        level = torch.zeros_like(noisy[:, :1]) + noise.std(0.5)
        return network(torch.cat([noisy, level], 1))


class Memory:
    """No cache."""

    def __init__(self):
        self.fits = {}

    def get(self, key):
        return self.fits.get(key)

    def put(self, key, fit):
        self.fits[key] = fit

    def remove(self, key):
        self.fits.pop(key, None)


def scenes(**more):
    """A data set whose noise came with it, of one noisy frame a scene."""
    splits = {"train": pairs(400, 1), "validation": pairs(40, 2), "test": pairs(20, 3)}

    def groups(split):
        clean, noisy, _ = splits[split]
        yield Group(np.arange(len(clean)), clean, noisy[:, None])

    sizes = {split: len(part.target) for split, part in splits.items()}
    return Dataset("scenes", "f" * 16, sizes, groups, frames=1, **more)


def measured(dataset, train, method="dae"):
    """PSNR of a method on the test images of a data set."""
    found = Registry().load(method)
    recipe = '{"batch_size": 40, "epochs": 60, "lr": 0.003, "threads": 1}'
    cell = Cell(
        dataset.name, dataset.fingerprint, method, "{}", "{}", found.source,
        TrainNoise("matched", train), Given(0.0), 0, recipe, None, 0, False, (0,),
    )  # fmt: skip
    (record,) = run_cells([cell], dataset, {method: found}, Memory())
    assert record.status == "done", record.reason
    return record.images["psnr"].mean()


def test_what_pairs_show_is_learned_from_pairs_and_not_from_drawn_noise():
    data = scenes()
    noisy = pairs(20, 3)
    identity = -10 * np.log10(np.square(noisy.noisy - noisy.target).mean())
    on_pairs, on_drawn = measured(data, Given(0.0)), measured(data, Gaussian(0.2))
    assert on_pairs > identity + 3
    assert on_pairs > on_drawn + 3


@pytest.mark.parametrize("sigma", [None, np.float32([0.25, 0.5, 0.125])])
def test_pairs_are_cut_at_one_place_and_told_their_own_deviation(sigma):
    clean = RNG.random((3, 3, 20, 24), np.float32)
    images = stacked(ImagePairs(clean, clean + 1, sigma))
    cut = Patches.of(images, 8)(images, torch.tensor([2, 0, 1, 2]), torch.Generator())
    batch = parted(cut, Gaussian(1.0))
    assert batch.target.shape == (4, 3, 8, 8)
    assert torch.equal(batch.noisy, batch.target + 1)
    if sigma is None:
        assert batch.noise == Gaussian(1.0)
    else:
        assert batch.noise.level.flatten().tolist() == [0.125, 0.25, 0.5, 0.125]
        assert [part.noise.level.shape for part in batch.split(3)] == [(3, 1, 1, 1), (1, 1, 1, 1)]


def test_a_network_is_told_in_training_what_it_is_told_in_the_test():
    data = scenes()
    for noise in (Given(0.0), Given(0.1)):
        images = training_images("clean", data, "train", noise)
        told = told_noise(noise)
        if noise.estimated:
            expected = [estimate_sigma(image) for image in images.noisy]
            assert images.sigma == pytest.approx(expected)
            assert isinstance(told, Gaussian)  # as `Estimating` tells it
        else:
            assert images.sigma is None
            assert told == Given(0.1)


def test_a_deviation_that_is_each_images_own_reaches_the_loss():
    told, method = ImagePairs(*pairs(8, 0)[:2], np.full(8, 0.25, np.float32)), Filter()
    recipe = Recipe(epochs=1, batch_size=4)
    history = method.fit(told, Gaussian(1.0), 0, validation=told, recipe=recipe)
    assert method.told.flatten().tolist() == [0.25] * len(method.told)
    assert [row[:3] for row in history] == [(1, "train", "mse"), (1, "validation", "mse")]


def test_frames_are_pairs_each_and_images_of_several_sizes_are_cut_alike():
    clean = [RNG.random((2, 1, *sides), np.float32) for sides in ((30, 20), (24, 40))]
    groups = [
        Group(np.arange(2) + 2 * n, images, np.stack([images + 1, images + 2], axis=1))
        for n, images in enumerate(clean)
    ]
    data = Dataset("frames", "", {"train": 4}, lambda split: groups, frames=2)
    found = split_pairs(data, "train")
    assert (
        found.target.shape == found.noisy.shape == (2 * len(split_array(data, "train")), 1, 20, 20)
    )
    difference = found.noisy - found.target
    assert difference == pytest.approx(np.round(difference), abs=1e-5)
    assert sorted(np.unique(np.round(difference))) == [1, 2]


def test_clean_images_are_no_pairs():
    clean = Dataset("clean", "", {"train": 1}, lambda split: [Group(np.arange(1), PATTERN[None])])
    with pytest.raises(Unsupported, match=r"--train-noise gaussian:0\.05"):
        split_pairs(clean, "train")


@pytest.mark.parametrize(("noise", "level"), [(Given(0.0), 0.25), (Given(0.1), 0.1)])
def test_a_class_that_fits_itself_gets_clean_images_and_one_deviation(noise, level):
    class Own:
        def fit(self, train, noise, seed):
            self.given = train, noise

    method = type("M", (), {"fits_noise": True, "supervision": "clean"})
    form = Fitted(method, "cpu", 1)
    clean, noisy, _ = pairs(4, 0)
    sigma = np.full(4, 0.25, np.float32) if noise.estimated else None
    told = Gaussian(1.0) if noise.estimated else noise
    own = Own()
    form.fit(own, FitTask(ImagePairs(clean, noisy, sigma), 0, told, lambda: clean))
    assert own.given[0] is clean
    assert own.given[1].level == pytest.approx(level)
