import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage import metrics as skimage_metrics

from bench import Unsupported, metrics
from bench.metrics import _blocks, _windows
from bench.metrics.psnr import decibels

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "metrics.json").read_text())

SHAPES = [
    (1, 11, 11),
    (3, 11, 11),
    (1, 28, 28),
    (1, 13, 40),
    (3, 37, 22),
    (1, 512, 30),
    (1, 513, 30),
    (3, 20, 600),
]


def pair(shape, images=3, *, base=0.5, spread=0.3, noise=0.1, seed=0):
    """Clean images and noisy ones, both within [0, 1]."""
    rng = np.random.default_rng(seed)
    clean = np.clip(base + spread * rng.standard_normal((images, *shape)), 0, 1)
    noisy = np.clip(clean + noise * rng.standard_normal(clean.shape), 0, 1)
    return clean.astype(np.float32), noisy.astype(np.float32)


def reference_ssim(clean, restored, sigma=1.5):
    return [
        skimage_metrics.structural_similarity(
            x.astype(np.float64),
            y.astype(np.float64),
            gaussian_weights=True,
            sigma=sigma,
            use_sample_covariance=False,
            data_range=1.0,
            channel_axis=0,
        )
        for x, y in zip(clean, restored, strict=True)
    ]


def every_metric(clean, restored):
    return np.stack(
        [metric(clean, restored) for metric in (metrics.mse, metrics.psnr, metrics.ssim)]
    )


# -- against scikit-image ------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_mse_and_psnr_equal_scikit_image(shape):
    clean, noisy = pair(shape)
    double = [
        (x.astype(np.float64), y.astype(np.float64)) for x, y in zip(clean, noisy, strict=True)
    ]
    mse = metrics.mse(clean, noisy)
    expected = [skimage_metrics.mean_squared_error(x, y) for x, y in double]
    np.testing.assert_allclose(mse, expected, rtol=1e-6)
    expected = [skimage_metrics.peak_signal_noise_ratio(x, y, data_range=1) for x, y in double]
    np.testing.assert_allclose(metrics.psnr(clean, noisy), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize(
    "images",
    [
        {},
        {"noise": 0.5},
        {"base": 0.0, "spread": 0.05},
        {"base": 0.999, "spread": 1e-4, "noise": 1e-4},
        {"base": 1.0, "spread": 0.0, "noise": 1e-3},
    ],
    ids=["grey", "very noisy", "nearly black", "bright and flat", "white"],
)
def test_ssim_equals_scikit_image(shape, images):
    clean, noisy = pair(shape, **images)
    np.testing.assert_allclose(
        metrics.ssim(clean, noisy), reference_ssim(clean, noisy), rtol=0, atol=1e-6
    )


@pytest.mark.parametrize("sigma", [0.3, 1.0, 2.5])
@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 37, 22), (1, 513, 30)], ids=str)
def test_ssim_of_another_window_equals_scikit_image(shape, sigma):
    clean, noisy = pair(shape)
    np.testing.assert_allclose(
        metrics.ssim(clean, noisy, sigma=sigma),
        reference_ssim(clean, noisy, sigma),
        rtol=0,
        atol=1e-6,
    )


@pytest.mark.parametrize("sigma", [0.0, -1.0, np.nan, np.inf])
def test_ssim_of_no_window_is_refused(sigma):
    with pytest.raises(Unsupported, match="sigma="):
        metrics.ssim(*pair((1, 28, 28)), sigma=sigma)


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 600, 15)], ids=str)
@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_ssim_of_constant_images_equals_scikit_image(shape, level):
    clean, same = np.full((2, 2, *shape), level, np.float32)
    noisy = pair(shape, images=2)[1]
    assert metrics.ssim(clean, same).tolist() == [1, 1]
    np.testing.assert_allclose(
        metrics.ssim(clean, noisy), reference_ssim(clean, noisy), rtol=0, atol=1e-6
    )


def shaded():
    """White images, restored darker."""
    clean = np.ones((4, 1, 28, 28), np.float32)
    return clean, np.full_like(clean, 0.85)


def flat_and_noisy():
    """White images with a trace of noise, restored as flat grey ones."""
    clean, _ = pair((1, 28, 28), base=1.0, spread=1e-3)
    return clean, np.full_like(clean, 1 / 3)


def halves():
    """Half black, half white, and a trace of noise: far from the mean, and nearly flat."""
    clean = np.zeros((4, 1, 64, 64), np.float32)
    clean[..., 32:] = 1
    noise = 1e-3 * np.random.default_rng(1).standard_normal((2, *clean.shape))
    clean, noisy = np.clip(clean + noise, 0, 1).astype(np.float32)
    return clean, noisy


@pytest.mark.parametrize("images", [shaded, flat_and_noisy, halves])
def test_ssim_equals_scikit_image_far_from_the_clean_images_mean(images):
    clean, restored = images()
    np.testing.assert_allclose(
        metrics.ssim(clean, restored), reference_ssim(clean, restored), rtol=0, atol=1e-6
    )


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda golden: str(golden["shape"]))
def test_a_fixed_pair_has_its_golden_values(golden):
    index = np.arange(np.prod(golden["shape"])).reshape(1, *golden["shape"])
    clean = (index * 37 % 256 / 255).astype(np.float32)
    restored = np.clip(0.75 * clean + (index * index * 11 % 101 / 404), 0, 1).astype(np.float32)
    for label, expected in golden.items():
        if label != "shape":
            name, _, typed = label.replace("-", "_").rstrip("]").partition("[")
            params = {typed.split("=")[0]: json.loads(typed.split("=")[1])} if typed else {}
            if name in ("fsim", "gmsd", "haarpsi", "vif"):
                pytest.importorskip("piq")
            value = getattr(metrics, name)(clean, restored, **params)
            expected = np.nan if expected is None else expected
            np.testing.assert_allclose(value, [expected], rtol=1e-6, err_msg=label)


# -- against the definition ----------------------------------------------------------------


@pytest.mark.parametrize(("offset", "expected"), [(0.1, 20.0), (0.5, 6.0206), (1.0, 0.0)])
def test_a_constant_offset_has_the_analytic_psnr(offset, expected):
    clean = np.zeros((2, 3, 9, 7), np.float32)
    restored = clean + np.float32(offset)
    np.testing.assert_allclose(metrics.mse(clean, restored), offset**2, rtol=1e-6)
    np.testing.assert_allclose(metrics.psnr(clean, restored), expected, atol=1e-4)


def test_psnr_is_capped_at_100_db():
    clean, _ = pair((1, 28, 28))
    assert metrics.psnr(clean, clean).tolist() == [100, 100, 100]
    np.testing.assert_allclose(decibels(np.array([1e-12, 1e-10, 1e-9])), [100, 100, 90])


def test_one_wrong_pixel_counts_once_in_its_own_image():
    clean = np.zeros((3, 3, 12, 14), np.float32)
    restored = clean.copy()
    restored[1, 2, 5, 6] = 1
    np.testing.assert_allclose(metrics.mse(clean, restored), [0, 1 / (3 * 12 * 14), 0])


def test_ssim_of_two_constants_is_their_luminance_term():
    clean = np.full((1, 1, 28, 28), 0.4, np.float32)
    restored = np.full_like(clean, 0.6)
    expected = (2 * 0.4 * 0.6 + 1e-4) / (0.4**2 + 0.6**2 + 1e-4)
    np.testing.assert_allclose(metrics.ssim(clean, restored), expected, atol=1e-6)


def test_ssim_averages_over_channels():
    clean, noisy = pair((3, 30, 20))
    channels = [metrics.ssim(clean[:, [c]], noisy[:, [c]]) for c in range(3)]
    np.testing.assert_allclose(metrics.ssim(clean, noisy), np.mean(channels, axis=0), atol=1e-6)


@pytest.mark.parametrize("shape", [(1, 10, 28), (3, 28, 10), (1, 8, 8), (1, 1, 1)], ids=str)
def test_ssim_is_nan_below_11_pixels(shape):
    clean, noisy = pair(shape)
    assert metrics.ssim(clean, noisy).shape == (3,)
    assert np.isnan(metrics.ssim(clean, noisy)).all()
    assert np.isfinite(metrics.psnr(clean, noisy)).all()


# -- properties ----------------------------------------------------------------------------

images = st.builds(
    pair,
    st.tuples(st.sampled_from([1, 3]), st.integers(11, 40), st.integers(11, 40)),
    base=st.floats(0, 1),
    spread=st.floats(0, 0.5),
    noise=st.floats(1e-3, 1),
    seed=st.integers(0, 1000),
)


@settings(deadline=None, max_examples=40)
@given(images)
def test_ssim_is_symmetric_at_most_1_and_1_for_equal_images(images):
    clean, noisy = images
    there, back = metrics.ssim(clean, noisy), metrics.ssim(noisy, clean)
    np.testing.assert_allclose(there, back, rtol=0, atol=2e-6)
    assert (there <= 1 + 1e-9).all()
    assert (there >= -1).all()
    assert metrics.ssim(clean, clean).tolist() == [1, 1, 1]


@settings(deadline=None, max_examples=20)
@given(images)
def test_twice_the_error_is_four_times_the_mse(images):
    clean, noisy = images
    mse, worse = (metrics.mse(clean, clean + factor * (noisy - clean)) for factor in (1, 2))
    np.testing.assert_allclose(worse, 4 * mse, rtol=1e-4, atol=1e-12)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_an_images_value_does_not_depend_on_its_batch_mates(shape):
    clean, noisy = pair(shape, images=5)
    together = every_metric(clean, noisy)
    alone = [every_metric(clean[i : i + 1], noisy[i : i + 1])[:, 0] for i in range(5)]
    np.testing.assert_allclose(together, np.transpose(alone), rtol=0, atol=1e-12)
    backwards = every_metric(clean[::-1], noisy[::-1])
    np.testing.assert_allclose(together, backwards[:, ::-1], rtol=0, atol=1e-12)


def test_a_batch_larger_than_a_block_gives_the_same_values(monkeypatch):
    clean, noisy = pair((1, 28, 28), images=400)
    expected = every_metric(clean, noisy)
    monkeypatch.setattr(_blocks, "BLOCK", 3 * 28 * 28 + 1)
    np.testing.assert_allclose(every_metric(clean, noisy), expected, rtol=0, atol=1e-12)


def test_a_large_image_scored_by_strips_gives_the_same_values(monkeypatch):
    clean, noisy = pair((3, 61, 40), images=2)
    expected = every_metric(clean, noisy)
    monkeypatch.setattr(_windows, "_LARGE", 60 * 40)
    monkeypatch.setattr(_windows, "_STRIP", 7 * 40 + 3)
    np.testing.assert_allclose(every_metric(clean, noisy), expected, rtol=0, atol=1e-12)


def test_metrics_leave_their_arguments_alone_and_give_float64():
    clean, noisy = pair((3, 20, 30))
    before = clean.copy(), noisy.copy()
    values = every_metric(clean, noisy)
    assert values.dtype == np.float64
    assert values.shape == (3, 3)
    np.testing.assert_array_equal((clean, noisy), before)
