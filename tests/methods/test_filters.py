"""The filters that this project wrote itself, against other implementations of the same."""

import itertools

import numpy as np
import pytest
import scipy.signal
import skimage.restoration
from scipy.ndimage import gaussian_filter

from bench.core import Unsupported, UsageError
from bench.noises import Gaussian
from bench.planning.notation import typed_params
from bench.plugins import sources

NOISE = Gaussian(0.2)
each_shape = pytest.mark.parametrize("shape", [(1, 28, 28), (3, 17, 23)], ids=str)


def noisy_images(shape, count=3):
    rng = np.random.default_rng(0)
    clean = gaussian_filter(rng.random((count, *shape)), (0, 0, 3, 3)) + 0.1
    clean[..., shape[-1] // 2 :] += 0.5
    return (clean + NOISE.level * rng.standard_normal(clean.shape)).astype(np.float32)


def denoise(name, noisy, **params):
    return sources.load(name).create(params).denoise(noisy, NOISE)


@each_shape
@pytest.mark.parametrize("strength", [0.3, 0.8, 1.2])
def test_total_variation_equals_scikit_images(shape, strength):
    noisy = noisy_images(shape)
    expected = [
        [
            skimage.restoration.denoise_tv_chambolle(
                channel.astype(np.float64), strength * NOISE.level, eps=0, max_num_iter=100
            )
            for channel in image
        ]
        for image in noisy
    ]
    restored = denoise("tv", noisy, strength=strength)
    np.testing.assert_allclose(restored, expected, rtol=0, atol=1e-5)


def bilateral_by_hand(image, deviation, spatial, reach):
    """The weighted mean at each pixel (C, H, W), in double precision.

    scikit-image 0.26 is no reference: its weights of distance are misplaced by a pixel.
    """
    _, height, width = image.shape
    restored = np.empty(image.shape)
    for y, x in np.ndindex(height, width):
        total, weights = 0.0, 0.0
        for dy, dx in itertools.product(range(-reach, reach + 1), repeat=2):
            at = image[:, np.clip(y + dy, 0, height - 1), np.clip(x + dx, 0, width - 1)]
            near = np.exp(-(dy**2 + dx**2) / (2 * spatial**2))
            like = np.exp(-np.sum((at - image[:, y, x]) ** 2) / (2 * deviation**2))
            total, weights = total + near * like * at, weights + near * like
        restored[:, y, x] = total / weights
    return restored


@pytest.mark.parametrize("shape", [(1, 11, 9), (3, 8, 10)], ids=str)
@pytest.mark.parametrize(("width", "spatial"), [(1.0, 0.7), (2.5, 1.5)])
def test_the_bilateral_filter_is_its_definition(shape, width, spatial):
    noisy = noisy_images(shape, 2).astype(np.float64)
    reach = int(np.ceil(2 * spatial))
    expected = [bilateral_by_hand(image, width * NOISE.level, spatial, reach) for image in noisy]
    restored = denoise("bilateral", noisy.astype(np.float32), width=width, spatial=spatial)
    np.testing.assert_allclose(restored, expected, rtol=0, atol=1e-5)


@each_shape
@pytest.mark.parametrize("size", [3, 5, 9])
def test_the_wiener_filter_equals_scipys_away_from_the_border(shape, size):
    noisy = noisy_images(shape)
    expected = np.array(
        [
            [scipy.signal.wiener(c.astype(np.float64), size, NOISE.level**2) for c in image]
            for image in noisy
        ]
    )
    restored = denoise("wiener", noisy, size=size)
    inside = np.s_[..., size // 2 : -(size // 2), size // 2 : -(size // 2)]
    np.testing.assert_allclose(restored[inside], expected[inside], rtol=0, atol=1e-5)


@each_shape
@pytest.mark.parametrize(("size", "weight"), [(3, 3), (3, 7), (5, 5), (5, 23), (7, 7), (9, 5)])
def test_the_weighted_median_is_that_of_the_window_with_its_centre_repeated(shape, size, weight):
    noisy = noisy_images(shape)
    reach = size // 2
    padded = np.pad(noisy, ((0, 0), (0, 0), (reach, reach), (reach, reach)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (size, size), (2, 3))
    windows = windows.reshape(*noisy.shape, size * size)
    centre = np.repeat(noisy[..., None], weight - 1, axis=-1)
    expected = np.median(np.concatenate([windows, centre], axis=-1), axis=-1)
    np.testing.assert_array_equal(denoise("median", noisy, size=size, weight=weight), expected)


@pytest.mark.parametrize("weight", [2, 8])
def test_an_even_weight_is_refused(weight):
    with pytest.raises(Unsupported, match="give an odd number"):
        denoise("median", noisy_images((1, 9, 9)), weight=weight)


def test_cycle_spinning_is_the_mean_over_shifted_copies():
    noisy = noisy_images((1, 24, 24))
    settings = {"rule": "hard", "wavelet": "haar", "levels": 1}
    spun = denoise("wavelet", noisy, shifts=2, **settings)
    copies = []
    for down, right in itertools.product((0, 1), repeat=2):
        wide = np.pad(noisy, ((0, 0), (0, 0), (down, 0), (right, 0)), mode="symmetric")
        copies.append(denoise("wavelet", wide, shifts=1, **settings)[..., down:, right:])
    np.testing.assert_allclose(spun, np.mean(copies, axis=0), rtol=0, atol=1e-6)


def test_hard_thresholding_keeps_what_exceeds_three_sigma_as_it_is():
    """Of one level of Haar's wavelet, by hand: sums and differences of 2 x 2 pixels, over 2."""
    noisy = noisy_images((1, 8, 8), 1)
    a, b, c, d = (noisy[0, 0, i::2, j::2].astype(np.float64) for i in (0, 1) for j in (0, 1))
    mean = (a + b + c + d) / 2
    bands = [(a + b - c - d) / 2, (a - b + c - d) / 2, (a - b - c + d) / 2]
    kept = [band * (abs(band) > 3 * 0.5 * NOISE.level) for band in bands]
    assert 0 < sum((band != 0).sum() for band in kept) < 48
    signs = [(1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1)]
    expected = np.empty((8, 8))
    for (i, j), sign in zip(itertools.product((0, 1), repeat=2), signs, strict=True):
        expected[i::2, j::2] = (mean + sum(s * k for s, k in zip(sign, kept, strict=True))) / 2
    restored = denoise(
        "wavelet", noisy, rule="hard", wavelet="haar", levels=1, strength=0.5, shifts=1
    )
    np.testing.assert_allclose(restored[0, 0], expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("params", "message"), [
    ({"rule": "soft"}, "write hard or bayes"), ({"wavelet": "dbx"}, "no such discrete wavelet"),
])  # fmt: skip
def test_unknown_words_are_refused(params, message):
    with pytest.raises(Unsupported, match=message):
        denoise("wavelet", noisy_images((1, 9, 9)), **params)


LEAST = [
    (name, parameter)
    for name in sources.Registry().classical
    for parameter in sources.load(name).declared.least
]


@pytest.mark.parametrize(("name", "parameter"), LEAST)
def test_less_than_the_least_value_is_refused_and_the_least_works(name, parameter):
    method = sources.load(name)
    least = method.declared.least[parameter]
    below = least - 1 if isinstance(method.parameters[parameter], int) else least - 0.01
    with pytest.raises(UsageError, match=rf"{name}\[{parameter}=.*: give {least:g} or more"):
        typed_params(method, {parameter: f"{below:g}"})
    typed = typed_params(method, {parameter: f"{least:g}"})
    if not method.learns:
        assert np.isfinite(denoise(name, noisy_images((1, 16, 16)), **typed)).all()
