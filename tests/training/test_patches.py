"""Large images are learned from in patches, images of several shapes in tiles."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.core import Dataset, Group, Unsupported
from bench.datasets.training_images import TILE, split_array
from bench.noises import Gaussian
from bench.plugins.sources import load
from bench.training import Recipe
from bench.training.patches import Patches


def numbered(count, channels, height, width):
    """Images in which each pixel is another number."""
    return torch.arange(count * channels * height * width).reshape(count, channels, height, width)


def symmetries(patch):
    turned = [np.rot90(patch, turns, (-2, -1)) for turns in range(4)]
    return [*turned, *(image[..., ::-1] for image in turned)]


def test_patches_are_parts_of_their_images_in_all_eight_symmetries_and_all_places():
    images = numbered(3, 2, 9, 7)
    index = torch.tensor([2, 0]).repeat(1000)
    patches = Patches.of(images, 5)(images, index, torch.Generator().manual_seed(0))
    assert patches.shape == (2000, 2, 5, 5)
    windows = np.lib.stride_tricks.sliding_window_view(images.numpy(), (5, 5), (2, 3))
    known = {
        symmetry.tobytes(): (image, corner, turn)
        for image in range(3)
        for corner in np.ndindex(5, 3)
        for turn, symmetry in enumerate(symmetries(windows[image, :, corner[0], corner[1]]))
    }
    origins = [known[patch.numpy().tobytes()] for patch in patches]
    assert [image for image, _, _ in origins] == index.tolist()
    assert len(set(origins)) == 2 * 15 * 8
    counts = np.unique([turn for _, _, turn in origins], return_counts=True)[1]
    assert counts.min() > 180  # of 250 expected


@pytest.mark.parametrize(
    ("shape", "per_image"),
    [((28, 28), None), ((48, 48), None), ((40, 300), None), ((180, 180), 14), ((50, 48), 1)],
)
def test_only_images_larger_than_a_patch_are_cut(shape, per_image):
    patches = Patches.of(torch.zeros(1, 1, *shape), 48)
    assert (patches and patches.per_image) == per_image


def test_a_convolutional_method_learns_from_large_images_and_restores_other_sizes():
    y, x = np.mgrid[0:90, 0:80] / 10
    train = np.stack([0.5 + 0.5 * np.sin(x * a + y) for a in range(4)])[:, None].astype(np.float32)
    noise, rng = Gaussian(0.2), np.random.default_rng(0)
    clean = train[:1, :, 5:55, 3:75]
    noisy = clean + 0.2 * rng.standard_normal(clean.shape).astype(np.float32)

    def restored():
        method = load("unet").create({})
        history = method.fit(
            train, noise, 0, validation=train, recipe=Recipe(8, 4, lr=3e-3, patch=32)
        )
        assert history[0][0] == 1
        return method.denoise(noisy, noise)

    first = restored()
    assert np.mean((first - clean) ** 2) < 0.5 * np.mean((noisy - clean) ** 2)
    np.testing.assert_array_equal(first, restored())


# -- tiles -----------------------------------------------------------------------------------


def dataset(*groups):
    made = [Group(np.arange(len(images)), images) for images in groups]
    return Dataset("made-up", "0", {"train": sum(map(len, groups))}, lambda split: made)


def test_images_of_one_shape_are_taken_as_they_are():
    images = np.random.default_rng(0).random((5, 1, 8, 300), np.float32)
    np.testing.assert_array_equal(split_array(dataset(images[:2], images[2:]), "train"), images)


@settings(deadline=None, max_examples=30)
@given(shapes=st.lists(st.tuples(st.integers(1, 40), st.integers(1, 40)), min_size=2, max_size=4))
def test_tiles_cover_every_pixel_and_invent_none(shapes):
    groups, start = [], 1
    for height, width in shapes:
        groups.append(np.arange(start, start + height * width, dtype=np.float32))
        groups[-1] = groups[-1].reshape(1, 1, height, width)
        start += height * width
    tiles = split_array(dataset(*groups), "train")
    assert set(np.unique(tiles)) == set(range(1, start))
    if len(set(shapes)) > 1:
        side = min(min(shape) for shape in shapes)
        assert tiles.shape[1:] == (1, side, side)


def test_tiles_are_no_larger_than_the_fields_training_images():
    tiles = split_array(dataset(np.zeros((1, 1, 481, 321)), np.zeros((2, 1, 321, 481))), "train")
    assert tiles.shape == (18, 1, TILE, TILE)


def test_what_cannot_be_learned_from_is_said():
    with pytest.raises(Unsupported, match=r"no train images to learn from.*--train-dataset"):
        split_array(dataset(), "train")
    with pytest.raises(Unsupported, match="grey and RGB"):
        split_array(dataset(np.zeros((1, 1, 9, 9)), np.zeros((1, 3, 9, 9))), "train")
