from pathlib import Path

import numpy as np
import pytest
import skimage.filters
import skimage.restoration
from scipy.ndimage import gaussian_filter

from bench import datasets, metrics
from bench.evaluation import tuning
from bench.evaluation.axis import Axis
from bench.evaluation.scoring import finish
from bench.noises import Gaussian, ImageDraws
from bench.plugins import sources

NOISE = Gaussian(0.2)
CLASSICAL = ("bilateral", "gaussian", "identity", "median", "nlm", "tv", "wavelet", "wiener")
TUNED = [
    name
    for name in sources.Registry().sources
    if (method := sources.load(name)).declared.tune
    and not method.learns
    and not method.declared.wraps
]
SHAPES = [(1, 28, 28), (3, 28, 28), (1, 17, 23), (3, 31, 20), (1, 13, 40)]

every_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)
every_method = pytest.mark.parametrize("name", CLASSICAL)


def noisy_images(shape, images=3):
    """Smooth images with an edge, under noise."""
    rng = np.random.default_rng(0)
    clean = gaussian_filter(rng.random((images, *shape)), (0, 0, 3, 3)) + 0.1
    clean[..., shape[-1] // 2 :] += 0.5
    return (clean + NOISE.level * rng.standard_normal(clean.shape)).astype(np.float32)


def denoise(name, noisy, params=None, threads=1):
    return sources.load(name).create(params or {}, threads).denoise(noisy, NOISE)


def each_channel(reference, noisy):
    return np.array([[reference(channel) for channel in image] for image in noisy])


# -- against scikit-image ------------------------------------------------------------------


@every_shape
@pytest.mark.parametrize("width", [0.2, 1.0, 2.5])
def test_gaussian_equals_scikit_images(shape, width):
    noisy = noisy_images(shape)
    expected = each_channel(
        lambda image: skimage.filters.gaussian(image, width, mode="nearest", truncate=4), noisy
    )
    restored = denoise("gaussian", noisy, {"width": width})
    np.testing.assert_allclose(restored, expected, rtol=0, atol=1e-6)


@every_shape
@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7, 8, 9])
def test_median_equals_scikit_images(shape, size):
    noisy = noisy_images(shape)
    square = np.ones((size, size))
    expected = each_channel(
        lambda image: skimage.filters.median(image, square, mode="nearest"), noisy
    )
    np.testing.assert_array_equal(denoise("median", noisy, {"size": size}), expected)


@every_shape
@pytest.mark.parametrize(
    "params", [{}, {"h": 0.4}, {"h": 1.5, "patch": 3, "distance": 4}, {"patch": 7}], ids=str
)
def test_nlms_engine_skimage_is_scikit_image(shape, params):
    noisy = noisy_images(shape)
    settings = {"h": 0.8, "patch": 5, "distance": 6, **params}
    expected = [
        skimage.restoration.denoise_nl_means(
            np.moveaxis(image, 0, -1).squeeze(),
            patch_size=settings["patch"],
            patch_distance=settings["distance"],
            h=settings["h"] * NOISE.level,
            sigma=NOISE.level,
            fast_mode=True,
            channel_axis=-1 if shape[0] == 3 else None,
        ).reshape(*shape[1:], shape[0])
        for image in noisy
    ]
    restored = denoise("nlm", noisy, {"engine": "skimage", **params})
    np.testing.assert_allclose(np.moveaxis(restored, 1, -1), expected, rtol=0, atol=1e-5)


@every_shape
@pytest.mark.parametrize("sigma", [0.05, 0.2, 0.5])
def test_wavelet_equals_scikit_images_bayes_shrink(shape, sigma):
    noisy = noisy_images(shape)
    expected = each_channel(
        lambda image: skimage.restoration.denoise_wavelet(
            image, sigma, wavelet="db2", method="BayesShrink", wavelet_levels=2
        ),
        noisy,
    )
    params = {"rule": "bayes", "wavelet": "db2", "levels": 2, "shifts": 1}
    restored = sources.load("wavelet").create(params).denoise(noisy, Gaussian(sigma))
    np.testing.assert_allclose(restored, expected, rtol=0, atol=1e-5)


def test_identity_gives_the_noisy_images():
    noisy = noisy_images((3, 9, 14))
    np.testing.assert_array_equal(denoise("identity", noisy), noisy)


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("median", {"size": 1}),
        ("median", {"weight": 9}),
        ("nlm", {"h": 0.0}),
        ("wavelet", {"strength": 0.0}),
        ("tv", {"strength": 0.0}),
        ("bilateral", {"width": 0.0}),
        ("wiener", {"strength": 0.0}),
    ],
)
def test_the_weakest_setting_changes_nothing(name, params):
    noisy = noisy_images((1, 17, 23))
    np.testing.assert_allclose(denoise(name, noisy, params), noisy, rtol=0, atol=1e-6)


def test_wavelet_strength_scales_the_shrinking():
    noisy = noisy_images((1, 28, 28))
    change = [
        np.abs(denoise("wavelet", noisy, {"strength": s}) - noisy).mean() for s in (0.5, 1, 2)
    ]
    assert 0 < change[0] < change[1] < change[2]


# -- what every method must do -------------------------------------------------------------


@every_method
@every_shape
def test_output_is_float32_of_the_same_shape_and_the_input_is_left(name, shape):
    noisy = noisy_images(shape)
    before = noisy.copy()
    restored = denoise(name, noisy)
    assert restored.dtype == np.float32
    assert restored.shape == noisy.shape
    assert np.isfinite(restored).all()
    np.testing.assert_array_equal(noisy, before)


@every_method
@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 17, 23)], ids=str)
def test_an_image_does_not_depend_on_its_batch(name, shape):
    noisy = noisy_images(shape)
    alone = np.concatenate([denoise(name, noisy[i : i + 1]) for i in range(len(noisy))])
    np.testing.assert_array_equal(denoise(name, noisy), alone)


@every_method
@pytest.mark.parametrize("images", [1, 3, 7])
def test_two_threads_give_the_same_as_one(name, images):
    noisy = noisy_images((1, 28, 28), images)
    np.testing.assert_array_equal(denoise(name, noisy, threads=2), denoise(name, noisy))


@pytest.mark.parametrize("name", ["median", "tv"])
def test_how_much_is_worked_on_at_a_time_changes_nothing(name, monkeypatch):
    noisy = noisy_images((3, 17, 23), 5)
    whole = denoise(name, noisy)
    for cached in (1, 1000, 10_000):
        monkeypatch.setitem(sources.load(name).target.__globals__, "CACHED", cached)
        np.testing.assert_array_equal(denoise(name, noisy), whole)


@pytest.mark.parametrize("name", TUNED)
def test_a_constant_image_stays_as_it_is(name):
    flat = np.full((1, 1, 28, 28), 0.25, np.float32)
    np.testing.assert_allclose(denoise(name, flat), flat, rtol=0, atol=1e-5)


# -- tuning --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def digits():
    """Validation digits, clean and under noise of 0.1."""
    ((positions, clean, _),) = datasets.load("digits", Path("nowhere")).groups("validation", 100)
    draws = ImageDraws(positions, clean.shape[1:], "digits", "validation")
    return clean, Gaussian(0.1).corrupt(clean, draws)


def mean_psnr(clean, restored):
    return metrics.psnr(clean, finish(restored, quantize=False)).mean()


@pytest.mark.parametrize("name", TUNED)
def test_tuning_may_choose_to_do_next_to_nothing_and_to_gain(name, digits):
    """By the mean PSNR of each setting that tuning tries, less that of doing nothing."""
    clean, noisy = (images[:30] for images in digits)
    method, noise = sources.load(name), Gaussian(0.1)
    identity = mean_psnr(clean, noisy)
    trials = tuning.search(
        {parameter: Axis.of(values) for parameter, values in method.declared.tune.items()},
        lambda params: mean_psnr(clean, method.create(params).denoise(noisy.copy(), noise)),
    )
    gains = [score - identity for _, score in trials]
    assert min(map(abs, gains)) < 0.15
    assert max(gains) > 0.5
