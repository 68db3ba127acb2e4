"""Noise that neighbours share is seen, and white noise is not taken for such."""

import numpy as np
import pytest

from bench.core import Dataset, Group
from bench.evaluation.noise_correlation import ERRORS, Correlation, notes
from bench.noises import make_noise

SIDE = 256


class Quick:
    """Draws as NumPy makes them."""

    def __init__(self, rng, shape):
        self._rng, self._shape = rng, shape

    def normal(self):
        return self._rng.standard_normal(self._shape)

    def poisson(self, rate):
        return self._rng.poisson(rate)


def scenes(count=4, channels=1):
    """Clean images with edges, flat parts, gradients and a fine texture in a quarter of each."""
    rng = np.random.default_rng(1)
    y, x = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    checks = np.kron(rng.random((count, channels, 4, 4)), np.ones((SIDE // 4, SIDE // 4)))
    images = 0.2 + 0.3 * checks + 0.2 * x + 0.1 * y**2
    images[..., : SIDE // 2, : SIDE // 2] += (
        0.1 * np.sin(2 * np.pi * 40 * (x + y))[: SIDE // 2, : SIDE // 2]
    )
    return images.astype(np.float32)


def dataset(noise, *, truth=False, frames=1, channels=1, seed=0, drift=0.0, mixed=False):
    clean, rng = scenes(channels=channels), np.random.default_rng(seed)
    noisy = np.stack([noise.corrupt(clean, Quick(rng, clean.shape)) for _ in range(frames)], axis=1)
    if mixed:  # channels share two thirds of their noise
        noise = noisy - clean[:, None]
        noisy = clean[:, None] + noise / 3 + noise.mean(axis=2, keepdims=True) * 2 / 3
    noisy[:, -1] += drift
    group = Group(np.arange(len(clean)), clean if truth else None, noisy.astype(np.float32))
    return Dataset(
        "toy", "", {"test": len(clean)}, lambda split: [group], frames=frames, truth=truth
    )


SEEN_BY = {
    "the clean images": {"truth": True},
    "two frames": {"frames": 2},
    "one frame": {},
}


@pytest.mark.parametrize("by", SEEN_BY)
@pytest.mark.parametrize("level", [5 / 255, 25 / 255])
def test_correlated_noise_is_seen(by, level):
    (note,) = notes(dataset(make_noise("gaussian-correlated", level), **SEEN_BY[by]))
    assert "correlated between neighbouring pixels (0." in note
    assert ("seems" in note) == (by == "one frame")
    assert ("uMSE and uPSNR only take frames for independent" in note) == (by == "two frames")


@pytest.mark.parametrize("by", SEEN_BY)
@pytest.mark.parametrize("noise", ["gaussian 0.02", "gaussian 0.1", "poisson 30"])
def test_white_noise_is_none(by, noise):
    kind, level = noise.split()
    assert notes(dataset(make_noise(kind, float(level)), channels=3, **SEEN_BY[by])) == []


@pytest.mark.parametrize("by", SEEN_BY)
def test_noise_that_channels_share_is_seen(by):
    given = dataset(make_noise("gaussian", 0.1), channels=3, mixed=True, **SEEN_BY[by])
    (note,) = notes(given)
    assert "correlated between an image's channels (0." in note


def test_frames_of_other_brightness_are_told():
    white = make_noise("gaussian", 0.05)
    (note,) = notes(dataset(white, frames=2, drift=0.02))
    assert note.startswith("the frames of a scene differ in brightness, by 40% of")
    assert notes(dataset(white, frames=2, drift=0.001)) == []


@pytest.mark.parametrize(
    ("levels", "said"),
    [
        ((25, 8), "first frame is 3.1 times as strong as the other's"),
        ((20, 25), "second frame is 1.2 times as strong as the other's"),
        ((25, 24), None),
    ],
)
def test_frames_of_unequal_noise_are_told(levels, said):
    first, second = (dataset(make_noise("gaussian", x / 255), frames=1, seed=x) for x in levels)
    (one,), (other,) = first.groups("test"), second.groups("test")
    group = Group(one.positions, None, np.concatenate([one.frames, other.frames], axis=1))
    found = notes(Dataset("toy", "", {"test": 4}, lambda split: [group], frames=2, truth=False))
    assert [said in note for note in found] == [True] * (said is not None)


@pytest.mark.parametrize("frames", [1, 2])
def test_pixels_at_the_ends_of_the_range_are_told(frames):
    given = dataset(make_noise("gaussian", 0.05), frames=frames)
    (group,) = given.groups("test")
    for darker, expected in ((0.2, 1), (0.0, 0)):
        cut = group._replace(frames=(group.frames - np.float32(darker)).clip(0, 1))
        found = notes(
            Dataset("toy", "", given.sizes, lambda s, g=cut: [g], frames=frames, truth=False)
        )
        told = [note for note in found if "of the noisy images' pixels lie at the ends" in note]
        assert len(told) == expected


def test_nothing_is_said_of_noise_that_is_drawn():
    group = Group(np.arange(4), scenes())
    assert notes(Dataset("toy", "", {"test": 4}, lambda split: [group])) == []


@pytest.mark.parametrize("uneven", [False, True])
def test_its_standard_error_is_right_wherever_noise_is_stronger(uneven):
    rng = np.random.default_rng(2)
    strength = 1 + 4 * uneven * (np.arange(40) % 8 == 0)
    noise = rng.standard_normal((2000, 1, 40, 40)) * strength
    found = [Correlation.of([each], (0, 1, 0)) for each in noise]
    ratios = np.array([each.value / each.error for each in found])
    assert ratios.std() == pytest.approx(1, abs=0.06)
    assert abs(ratios).max() < ERRORS + 0.5
