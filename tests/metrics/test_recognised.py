"""The metric `recognised`: a reader of clean images, on what it reads and what it cannot."""

from pathlib import Path

import numpy as np
import pytest
import torch

from bench import Unsupported, datasets
from bench.core import Labelled
from bench.datasets.training_images import labelled_split
from bench.metrics import recognised
from bench.metrics.recognised import Recognised


@pytest.fixture(scope="module")
def digits():
    return datasets.load("digits", Path("nowhere"))


@pytest.fixture(scope="module")
def reader(digits, one_thread):
    reader = Recognised()
    reader.fit(labelled_split(digits, "train"), labelled_split(digits, "validation"))
    return reader


def untrained(shape, classes=3, count=40):
    """A reader after one epoch: for what does not depend on how well it reads."""
    rng = np.random.default_rng(0)
    images = rng.random((count, *shape), np.float32)
    reader = Recognised()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recognised, "MOST_EPOCHS", 1)
        reader.fit(Labelled(images, np.arange(count) % classes), None)
    return reader, images


def test_clean_digits_are_read_and_noise_is_not(reader, digits):
    images, labels = labelled_split(digits, "test")
    values = reader.measure(images, labels)
    assert values.shape == (400,)
    assert values.dtype == np.float64
    assert set(values) == {0, 1}
    assert values.mean() > 0.95
    noise = np.random.default_rng(0).random(images.shape, np.float32)
    assert reader.measure(noise, labels).mean() < 0.25
    wrong = (labels + 1) % 10
    assert reader.measure(images, wrong).mean() < 0.05


def test_reading_does_not_depend_on_neighbours(reader, digits):
    """To the bit where they are read at all: each answer is that of the image alone."""
    images, labels = labelled_split(digits, "test")
    noise = np.random.default_rng(1).standard_normal(images.shape, np.float32)
    images = np.clip(images + np.float32(0.4) * noise, 0, 1)
    values = reader.measure(images, labels)
    assert 0 < values.mean() < 1
    order = np.random.default_rng(2).permutation(len(images))
    np.testing.assert_array_equal(reader.measure(images[order], labels[order]), values[order])
    alone = [reader.measure(images[i : i + 1], labels[i : i + 1])[0] for i in range(0, 400, 25)]
    np.testing.assert_array_equal(alone, values[::25])
    assert reader.measure(images[:0], labels[:0]).shape == (0,)


def test_what_it_learned_can_be_taken_over(reader, digits):
    images, labels = labelled_split(digits, "test")
    state = reader.state()
    assert {array.dtype for array in state.values()} == {np.dtype(np.float32)}
    for array in state.values():
        array.flags.writeable = False
    other = Recognised()
    other.load(state)
    noisy = np.clip(images + np.float32(0.3), 0, 1)
    noisy.flags.writeable = False
    np.testing.assert_array_equal(other.measure(noisy, labels), reader.measure(noisy, labels))
    for name, array in other.state().items():
        np.testing.assert_array_equal(array, state[name])


def test_the_same_images_and_seed_give_the_same_reader(one_thread):
    torch.manual_seed(1)
    (first, _), drawn = untrained((1, 20, 20)), torch.rand(3)
    torch.manual_seed(1)
    (again, _), drawn_again = untrained((1, 20, 20)), torch.rand(3)
    for name, array in first.state().items():
        np.testing.assert_array_equal(again.state()[name], array)
    # Nor does it take random numbers from others.
    torch.manual_seed(1)
    assert torch.equal(drawn, torch.rand(3))
    assert torch.equal(drawn, drawn_again)
    other = Recognised(seed=1)
    images = np.random.default_rng(0).random((40, 1, 20, 20), np.float32)
    other.fit(Labelled(images, np.arange(40) % 3), None)
    assert not np.array_equal(other.state()["linear.bias"], first.state()["linear.bias"])


@pytest.mark.parametrize("shape", [(1, 20, 20), (3, 32, 24), (1, 28, 28)])
def test_images_of_other_shapes_and_numbers_of_classes_can_be_learned(shape):
    reader, images = untrained(shape)
    assert reader.state()["linear.bias"].shape == (3,)
    other = Recognised()
    other.load(reader.state())
    labels = np.arange(len(images)) % 3
    np.testing.assert_array_equal(other.measure(images, labels), reader.measure(images, labels))
    # A label that training did not have is never read.
    assert not reader.measure(images, np.full(len(images), 3)).any()


def test_images_that_it_cannot_read_are_refused():
    with pytest.raises(Unsupported, match="20 pixels a side or more"):
        untrained((1, 19, 28))
    reader, _ = untrained((1, 20, 20))
    with pytest.raises(Unsupported, match=r"reads images of 1x20x20.*not 1x28x28"):
        reader.measure(np.zeros((2, 1, 28, 28), np.float32), np.zeros(2, np.int64))


def test_shifts_move_images_by_up_to_a_pixel_and_nothing_else():
    images = torch.rand(200, 2, 9, 7)
    shifted = recognised._shifted(images)
    assert shifted.shape == images.shape
    padded = np.pad(images.numpy(), ((0, 0), (0, 0), (1, 1), (1, 1)))
    found = set()
    for image, moved in zip(padded, shifted.numpy(), strict=True):
        (where,) = [
            (top, left)
            for top in range(3)
            for left in range(3)
            if np.array_equal(image[:, top : top + 9, left : left + 7], moved)
        ]
        found.add(where)
    assert len(found) == 9


def test_its_progress_goes_from_nothing_to_all(one_thread):
    told = []
    images = np.random.default_rng(0).random((30, 1, 20, 20), np.float32)
    Recognised().fit(Labelled(images, np.arange(30) % 2), None, watch=told.append)
    assert told[0] == 0
    assert told == sorted(told)
    assert told[-1] < 1
