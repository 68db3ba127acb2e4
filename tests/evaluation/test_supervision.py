"""What a method is handed to learn from: no more than it says that it learns from."""

import numpy as np
import pytest

from bench.core import Dataset, Group, Unsupported
from bench.evaluation.supervision import training_images
from bench.noises import Gaussian, Given

NOISE = Gaussian(0.2)


def images(count, value=0.5):
    return np.full((count, 1, 20, 20), value, np.float32)


def drawn(value=0.5, positions=range(6)):
    """Clean images, which noise is drawn for."""
    clean = images(len(positions), value)
    groups = [Group(np.array(positions), clean)]
    return Dataset("grey", "", {"train": 6, "validation": 6}, lambda split: groups)


def given(frames, truth=True, count=4):
    """Scenes with so many noisy images each, numbered by scene and frame."""
    noisy = np.zeros((count, frames, 1, 8, 8), np.float32)
    noisy += (
        np.arange(count)[:, None, None, None, None] + np.arange(frames)[:, None, None, None] / 8
    )
    clean = images(count)[..., :8, :8] if truth else None
    groups = [Group(np.arange(count), clean, noisy)]
    return Dataset("scenes", "", {"train": count}, lambda split: groups, frames=frames, truth=truth)


def test_noisy_images_are_their_own_target_and_drawn_once():
    first, again = (training_images("noisy", drawn(), "train", NOISE) for _ in range(2))
    assert first.target is first.noisy
    assert np.array_equal(first.noisy, again.noisy)
    assert (first.noisy - 0.5).std() == pytest.approx(0.2, rel=0.05)


def test_an_images_noise_is_its_own():
    all_six = training_images("noisy", drawn(), "train", NOISE).noisy
    last = training_images("noisy", drawn(positions=[5]), "train", NOISE).noisy
    assert np.array_equal(all_six[5], last[0])
    assert not np.array_equal(all_six[4], last[0])


def test_splits_and_second_images_have_other_noise():
    pairs = training_images("pairs", drawn(), "train", NOISE)
    draws = [
        pairs.noisy,
        pairs.target,
        training_images("noisy", drawn(), "validation", NOISE).noisy,
        training_images("pairs", drawn(), "validation", NOISE).target,
    ]
    correlations = np.corrcoef([draw.ravel() for draw in draws])
    assert np.abs(correlations[np.triu_indices(4, 1)]).max() < 0.1
    assert np.array_equal(training_images("noisy", drawn(), "train", NOISE).noisy, pairs.noisy)


@pytest.mark.parametrize("supervision", ["noisy", "pairs"])
def test_no_clean_image_is_handed_over(supervision):
    """Under noise that came with them, other clean images change nothing."""
    scenes = given(3)
    others = given(3, truth=False)
    for handed in zip(
        training_images(supervision, scenes, "train", Given(0.1)),
        training_images(supervision, others, "train", Given(0.1)),
        strict=True,
    ):
        assert np.array_equal(*handed)


def test_frames_that_came_are_each_their_own_target():
    handed = training_images("noisy", given(2), "train", Given(0.1))
    assert handed.noisy[:, 0, 0, 0].tolist() == [0, 0.125, 1, 1.125, 2, 2.125, 3, 3.125]


def test_a_pairs_target_is_another_frame_of_the_scene():
    handed = training_images("pairs", given(3), "train", Given(0.1))
    noisy, target = handed.noisy[:, 0, 0, 0], handed.target[:, 0, 0, 0]
    assert noisy[:3].tolist() == [0, 0.125, 0.25]
    assert target[:3].tolist() == [0.25, 0, 0.125]
    assert np.array_equal(np.floor(noisy), np.floor(target))


def test_one_frame_makes_no_pair():
    with pytest.raises(Unsupported, match="two noisy images of each scene"):
        training_images("pairs", given(1), "train", Given(0.1))


def test_each_image_is_told_the_deviation_estimated_from_it():
    handed = training_images("noisy", given(2), "train", Given(0.0))
    assert handed.sigma.shape == (8,)


def test_images_of_several_sizes_are_cut_after_their_noise_is_drawn():
    groups = [
        Group(np.arange(2), images(2)),
        Group(np.array([2]), np.full((1, 1, 30, 20), 0.5, np.float32)),
    ]
    data = Dataset("grey", "", {"train": 3}, lambda split: groups)
    handed = training_images("noisy", data, "train", NOISE).noisy
    whole = training_images("noisy", drawn(positions=[0, 1]), "train", NOISE).noisy
    assert handed.shape == (4, 1, 20, 20)
    assert np.array_equal(handed[:2], whole)
    assert np.array_equal(handed[2, 0, 10:], handed[3, 0, :10])
