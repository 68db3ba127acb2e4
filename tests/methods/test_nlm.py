"""Non-local means against its definition, pixel by pixel."""

import itertools

import numpy as np
import pytest

from bench import Unsupported
from bench.noises import Gaussian
from bench.plugins import sources

SIGMA = 0.2
RNG = np.random.default_rng(0)
SETTINGS = [
    {},
    {"h": 0.2, "patch": 3, "distance": 4},
    {"h": 1.2, "patch": 7, "distance": 6},
    {"h": 0.5, "patch": 1, "distance": 2},
    {"h": 1.0, "patch": 3, "distance": 9},
    {"h": 0.6, "patch": 9, "distance": 1},
    {"patch": 5, "distance": 0},
]


def denoise(noisy, sigma=SIGMA, threads=1, **params):
    return sources.load("nlm").create(params, threads).denoise(noisy, Gaussian(sigma))


def mirrored(index, size):
    """The row or column inside an image that one outside it shows, the outermost not repeated."""
    while not 0 <= index < size:
        index = 0 if size == 1 else -index if index < 0 else 2 * (size - 1) - index
    return index


def by_definition(image, h=0.8, patch=5, distance=6):
    """One image (C, H, W), by loops over its pixels, in double precision."""
    image = image.astype(np.float64)
    _, height, width = image.shape
    reach = range(-(patch // 2), patch // 2 + 1)

    def around(y, x):
        rows = [mirrored(y + step, height) for step in reach]
        return image[:, rows][:, :, [mirrored(x + step, width) for step in reach]]

    pixels = list(itertools.product(range(height), range(width)))
    patches = {pixel: around(*pixel) for pixel in pixels}
    restored = np.empty_like(image)
    for y, x in pixels:
        total, weights = 0.0, 0.0
        for v, u in pixels:
            if max(abs(v - y), abs(u - x)) > distance:
                continue
            d = np.mean((patches[y, x] - patches[v, u]) ** 2)
            weight = np.exp(-max(d - 2 * SIGMA**2, 0) / (h * SIGMA) ** 2)
            total, weights = total + weight * image[:, v, u], weights + weight
        restored[:, y, x] = total / weights
    return restored


@pytest.mark.parametrize("params", SETTINGS, ids=str)
@pytest.mark.parametrize(
    "shape",
    [(1, 13, 17), (3, 11, 9), (1, 9, 10), (2, 5, 4), (1, 1, 12), (3, 12, 1), (1, 2, 2), (1, 1, 1)],
    ids=str,
)
def test_it_is_what_the_definition_gives(shape, params):
    # A step, so that there are patches that are alike and some that are not.
    noisy = (SIGMA * RNG.standard_normal((2, *shape))).astype(np.float32)
    noisy[..., shape[-1] // 2 :] += 0.7
    expected = [by_definition(image, **params) for image in noisy]
    np.testing.assert_allclose(denoise(noisy, **params), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("cached", [1, 100, 700])
def test_blocks_of_any_size_give_the_same(monkeypatch, cached):
    noisy = RNG.random((7, 3, 19, 15), np.float32)
    whole = denoise(noisy)
    monkeypatch.setitem(sources.load("nlm").target.__globals__, "CACHED", cached)
    np.testing.assert_allclose(denoise(noisy), whole, rtol=0, atol=1e-6)


def test_images_are_independent_of_their_batch_and_of_threads_to_the_bit():
    noisy = RNG.random((150, 1, 28, 28), np.float32)
    whole = denoise(noisy)
    alone = [denoise(noisy[index : index + 1])[0] for index in range(0, 150, 30)]
    np.testing.assert_array_equal(whole[::30], alone)
    for threads in (2, 3):
        np.testing.assert_array_equal(denoise(noisy, threads=threads), whole)


@pytest.mark.parametrize("channels", [1, 3])
def test_images_one_pixel_wide_are_those_one_pixel_high(channels):
    high = RNG.random((2, channels, 1, 30), np.float32)
    restored = denoise(high, engine="skimage")
    assert not np.array_equal(restored, high)
    wide = denoise(high.swapaxes(2, 3), engine="skimage")
    np.testing.assert_allclose(wide, restored.swapaxes(2, 3), rtol=0, atol=1e-5)
    point = high[..., :1]
    np.testing.assert_allclose(denoise(point, engine="skimage"), point, rtol=0, atol=1e-5)


@pytest.mark.parametrize("value", [0.0, 0.25, 1.0])
def test_a_constant_image_stays_as_it_is(value):
    flat = np.full((2, 3, 12, 9), value, np.float32)
    np.testing.assert_allclose(denoise(flat), flat, rtol=1e-6)


def test_weights_sum_to_one():
    """What is added to all pixels is added to the result, and what scales them and sigma, too."""
    noisy = RNG.random((2, 1, 20, 20), np.float32)
    restored = denoise(noisy)
    np.testing.assert_allclose(denoise(noisy + 2), restored + 2, rtol=0, atol=1e-5)
    np.testing.assert_allclose(denoise(3 * noisy, 3 * SIGMA), 3 * restored, rtol=0, atol=1e-5)
    assert restored.min() >= noisy.min()
    assert restored.max() <= noisy.max()


def test_without_noise_unlike_pixels_are_left():
    noisy = RNG.random((1, 1, 20, 20), np.float32)
    np.testing.assert_array_equal(denoise(noisy, 1e-3), noisy)


@pytest.mark.parametrize(
    ("params", "message"),
    [({"patch": 4}, "patch=4: give an odd"), ({"engine": "fast"}, "write exact or skimage")],
)
def test_what_it_does_not_know_is_refused(params, message):
    with pytest.raises(Unsupported, match=message):
        denoise(np.zeros((1, 1, 9, 9), np.float32), **params)


def test_torch_gives_the_same():
    """As on a GPU, which is torch's code with another device."""
    noisy = RNG.random((5, 3, 21, 18), np.float32)
    exact = sources.load("nlm").target.__globals__["_exact"]
    settings = {"sigma": SIGMA, "h": 0.8, "patch": 5, "distance": 6}
    by_numpy = exact(noisy, device="cpu", **settings)
    by_torch = exact(noisy, device="cpu:0", **settings)
    np.testing.assert_allclose(by_torch, by_numpy, rtol=0, atol=1e-5)
