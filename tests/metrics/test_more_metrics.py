"""The metrics beside PSNR, SSIM and MSE: against second implementations, and at extremes."""

import inspect
from typing import get_args

import numpy as np
import pytest
import second
from scipy.ndimage import gaussian_filter
from scipy.stats import f_oneway
from skimage.color import rgb2ycbcr
from skimage.metrics import peak_signal_noise_ratio

from bench import Unsupported, metrics
from bench.core import Restoration
from bench.core.metric import Need
from bench.metrics import _blocks, _windows
from bench.metrics.ms_ssim import WEIGHTS
from bench.noises import make_noise
from bench.plugins.metric import Measure, Metric

OWN = ("mae", "ms_ssim", "mse", "psnr", "psnr_scaled", "psnr_y", "residual", "ssim", "structure")
OF_PIQ = ("fsim", "gmsd", "haarpsi", "vif")
SHAPES = [(1, 28, 28), (3, 48, 64), (1, 57, 64), (3, 45, 61)]


def pair(shape, images=2, *, noise=0.1, seed=0):
    """Smooth images and noisy ones, both within [0, 1]."""
    rng = np.random.default_rng(seed)
    clean = gaussian_filter(rng.random((images, *shape)), (0, 0, 2, 2))
    clean = (clean - clean.min()) / np.ptp(clean)
    noisy = np.clip(clean + noise * rng.standard_normal(clean.shape), 0, 1)
    return clean.astype(np.float32), noisy.astype(np.float32)


def measured(name, clean, restored, **params):
    """As the harness measures, with its checks of range and finiteness."""
    if name in OF_PIQ:
        pytest.importorskip("piq")
    target = getattr(metrics, name)
    declared = target.__bench_metric__
    metric = Metric(
        name=name, origin="", file=None, target=target, declared=declared, summary="", source="",
        needs=("clean",),
    )  # fmt: skip
    images = Restoration(clean, restored, restored, None, make_noise("gaussian", 0.1))
    return Measure(metric, None, params)(images)


def each(function, clean, restored, *more):
    pairs = zip(clean.astype(np.float64), restored.astype(np.float64), strict=True)
    return [function(x, y, *more) for x, y in pairs]


# -- against second implementations --------------------------------------------------------


@pytest.mark.parametrize("noise", [0.02, 0.4])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", ["psnr_scaled", "gmsd", "haarpsi", "vif", "fsim"])
def test_a_metric_equals_its_papers_formula(name, shape, noise):
    if name == "vif" and min(shape[1:]) < 41:
        pytest.skip("VIF takes no images below 41 pixels a side")
    clean, noisy = pair(shape, noise=noise)
    expected = each(getattr(second, name), clean, noisy)
    np.testing.assert_allclose(measured(name, clean, noisy), expected, rtol=0, atol=1e-4)


def test_fsim_of_large_images_is_of_smaller_ones():
    clean, noisy = pair((3, 401, 520), images=1)
    expected = each(second.fsim, clean, noisy)
    np.testing.assert_allclose(measured("fsim", clean, noisy), expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", ["gmsd", "haarpsi", "vif"])
@pytest.mark.parametrize("restored", ["black", "white", "grey", "inverted"])
def test_extreme_images_have_their_papers_values(name, restored):
    clean, _ = pair((3, 48, 50))
    levels = {"black": 0 * clean, "white": 0 * clean + 1, "grey": 0 * clean + np.float32(0.3)}
    restored = levels.get(restored, 1 - clean)
    expected = each(getattr(second, name), clean, restored)
    np.testing.assert_allclose(measured(name, clean, restored), expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    ("shape", "scales"),
    [((1, 28, 28), 2), ((3, 45, 61), 3), ((1, 23, 22), 2), ((1, 28, 28), 1),
     ((3, 176, 192), 5), ((1, 177, 203), 5), ((1, 180, 530), 5)],
    ids=str,
)  # fmt: skip
def test_ms_ssim_equals_its_papers_formula(shape, scales):
    clean, noisy = pair(shape)
    weights = np.array(WEIGHTS[:scales])
    weights = weights if scales == 5 else weights / weights.sum()
    np.testing.assert_allclose(
        measured("ms_ssim", clean, noisy, scales=scales),
        each(second.ms_ssim, clean, noisy, weights),
        rtol=0,
        atol=1e-9,
    )


def test_ms_ssim_equals_piq_where_sides_are_even():
    torch, piq = pytest.importorskip("torch"), pytest.importorskip("piq")
    clean, noisy = pair((3, 192, 176))
    theirs = piq.multi_scale_ssim(
        torch.from_numpy(noisy), torch.from_numpy(clean), reduction="none"
    )
    np.testing.assert_allclose(metrics.ms_ssim(clean, noisy), theirs, rtol=0, atol=1e-4)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_mae_is_the_mean_absolute_error(shape):
    clean, noisy = pair(shape)
    expected = each(lambda x, y: np.mean(np.abs(x - y)), clean, noisy)
    np.testing.assert_allclose(measured("mae", clean, noisy), expected, rtol=1e-6)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_residual_is_what_is_left_of_a_shift_taken_off(shape):
    clean, noisy = pair(shape)
    expected = each(lambda x, y: 255 * np.std(y - x), clean, noisy)
    np.testing.assert_allclose(measured("residual", clean, noisy), expected, rtol=1e-6)
    shifted = measured("residual", clean, noisy + np.float32(0.25))
    np.testing.assert_allclose(shifted, expected, rtol=1e-5)


@pytest.mark.parametrize("shape", [(1, 28, 28), (1, 57, 64), (1, 16, 8)], ids=str)
def test_structure_is_the_intraclass_correlation_of_blocks(shape):
    clean, noisy = pair(shape)
    noisy += np.float32(0.05) * gaussian_filter(noisy, (0, 0, 4, 4))

    def by_f_test(x, y):
        rows, columns = (side // 8 * 8 for side in x.shape[1:])
        blocks = [
            (y - x)[0, i : i + 8, j : j + 8].ravel()
            for i in range(0, rows, 8)
            for j in range(0, columns, 8)
        ]
        ratio = f_oneway(*blocks).statistic
        return (ratio - 1) / (ratio + 63)

    expected = each(by_f_test, clean, noisy)
    np.testing.assert_allclose(measured("structure", clean, noisy), expected, rtol=1e-6, atol=1e-9)


def test_structure_of_channels_is_taken_together_and_their_shifts_are_none():
    clean, noisy = pair((1, 48, 64))
    alone = measured("structure", clean, noisy)
    shifts = np.array([0, 0.1, -0.2], np.float32)[:, None, None]
    colour = measured("structure", np.repeat(clean, 3, 1), np.repeat(noisy, 3, 1) + shifts)
    np.testing.assert_allclose(colour, alone, rtol=1e-4, atol=1e-6)


def test_structure_is_that_share_of_the_variance_that_blocks_have():
    rng = np.random.default_rng(0)
    clean = np.full((1, 1, 512, 512), 0.5)
    for share in (0.0, 0.3, 0.9):
        patches = np.kron(rng.standard_normal((64, 64)), np.ones((8, 8)))
        error = share**0.5 * patches + (1 - share) ** 0.5 * rng.standard_normal((512, 512))
        found = metrics.structure(clean, clean + 0.05 * error)
        np.testing.assert_allclose(found, [share], atol=0.02)


def test_structure_is_not_defined_without_a_residual_or_two_blocks():
    clean, noisy = pair((1, 28, 28))
    assert np.isnan(measured("structure", clean, clean)).all()
    clean, noisy = pair((1, 15, 15))
    assert np.isnan(measured("structure", clean, noisy)).all()


def test_psnr_y_is_of_the_luma_that_matlab_has():
    clean, noisy = pair((3, 45, 61))
    expected = [
        peak_signal_noise_ratio(x, y, data_range=255)
        for x, y in (
            [rgb2ycbcr(image.astype(np.float64), channel_axis=0)[0] for image in both]
            for both in zip(clean, noisy, strict=True)
        )
    ]
    np.testing.assert_allclose(measured("psnr_y", clean, noisy), expected, rtol=0, atol=1e-6)


def test_psnr_y_of_grey_images_is_their_psnr():
    clean, noisy = pair((1, 28, 28))
    np.testing.assert_array_equal(metrics.psnr_y(clean, noisy), metrics.psnr(clean, noisy))


def test_psnr_scaled_differs_from_the_microscopists_by_the_range_of_the_clean_image():
    clean, noisy = pair((1, 57, 64))
    clean = 0.3 + 0.2 * clean
    expected = each(second.scale_invariant_psnr, clean, noisy)
    difference = [20 * np.log10(np.ptp(image)) for image in clean]
    ours = measured("psnr_scaled", clean, noisy) + difference
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-5)


# -- properties ----------------------------------------------------------------------------


def test_psnr_scaled_sees_neither_gain_nor_offset():
    clean, noisy = pair((3, 45, 61))
    scaled = np.float32(0.25) + noisy / 2
    values = metrics.psnr_scaled(clean, noisy)
    np.testing.assert_allclose(metrics.psnr_scaled(clean, scaled), values, rtol=0, atol=1e-4)
    assert (values >= metrics.psnr(clean, noisy)).all()


def test_psnr_scaled_of_flat_images_is_defined():
    clean, noisy = pair((1, 28, 28), images=1)
    flat = np.full_like(clean, 0.1)
    spread = -10 * np.log10(np.var(clean.astype(np.float64)))
    np.testing.assert_allclose(measured("psnr_scaled", clean, flat), [spread], atol=1e-6)
    assert measured("psnr_scaled", flat, noisy).tolist() == [100]
    assert measured("psnr_scaled", flat, flat).tolist() == [100]


@pytest.mark.parametrize("name", sorted({*OWN, *OF_PIQ} - {"structure"}))
def test_equal_images_have_the_best_value(name):
    clean, noisy = pair((3, 177, 176), images=1)
    best = dict.fromkeys(("mse", "mae", "gmsd", "residual"), 0).get(
        name, 100 if name.startswith("psnr") else 1
    )
    np.testing.assert_allclose(measured(name, clean, clean), [best], atol=1e-6)
    higher = getattr(metrics, name).__bench_metric__.better == "higher"
    assert (measured(name, clean, noisy) < best) == higher


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 2, 3), (1, 11, 12), (2, 40, 44), (1, 42, 41)],
                         ids=str)  # fmt: skip
@pytest.mark.parametrize("name", [*OWN, *OF_PIQ])
def test_extreme_images_of_any_size_have_a_value_within_the_range_or_nan(name, shape):
    black, white = np.zeros((2, 1, *shape), np.float32)
    white = white + 1
    _, noisy = pair(shape, images=1) if min(shape[1:]) > 1 else (black, black)
    for clean in (black, white, noisy):
        for restored in (black, white, noisy, 1 - noisy):
            assert measured(name, clean, restored).shape == (1,)


@pytest.mark.parametrize("shape", [(1, 61, 48), (3, 45, 64)], ids=str)
@pytest.mark.parametrize("name", [*OWN, *OF_PIQ])
def test_values_do_not_depend_on_batch_mates_and_images_stay(name, shape, monkeypatch):
    monkeypatch.setattr(_blocks, "BLOCK", 2 * 64 * 61 * 3)
    clean, noisy = pair(shape, images=5)
    clean[1], noisy[3] = 0.5, 0
    before = clean.copy(), noisy.copy()
    params = {"scales": 3} if name == "ms_ssim" else {}
    together = measured(name, clean, noisy, **params)
    alone = [measured(name, clean[[i]], noisy[[i]], **params)[0] for i in range(5)]
    np.testing.assert_allclose(together, alone, rtol=1e-9, atol=1e-9)
    assert np.isfinite(together[[0, 2, 4]]).all()
    np.testing.assert_array_equal((clean, noisy), before)


def test_ms_ssim_by_strips_gives_the_same_values(monkeypatch):
    clean, noisy = pair((3, 61, 44))
    expected = metrics.ms_ssim(clean, noisy, scales=3)
    monkeypatch.setattr(_windows, "_LARGE", 20 * 40)
    monkeypatch.setattr(_windows, "_STRIP", 7 * 40 + 3)
    actual = metrics.ms_ssim(clean, noisy, scales=3)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-12)


# -- where there is no value ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "shape"),
    [("ms_ssim", (1, 175, 200)), ("vif", (1, 40, 60)), ("haarpsi", (3, 15, 60)),
     ("gmsd", (1, 1, 9)), ("fsim", (1, 2, 9)), ("psnr_y", (2, 20, 20)), ("fsim", (2, 64, 64)),
     ("gmsd", (4, 64, 64))],
    ids=str,
)  # fmt: skip
def test_images_that_a_metric_is_not_for_have_nan(name, shape):
    clean, noisy = pair(shape)
    assert np.isnan(measured(name, clean, noisy)).all()
    assert measured(name, clean, noisy).shape == (2,)


def test_flat_images_have_nan_where_a_metric_divides_by_what_they_lack():
    clean, _ = pair((1, 48, 48), images=1)
    grey, black = np.full_like(clean, 0.5), np.zeros_like(clean)
    assert np.isnan(measured("fsim", clean, grey))
    assert np.isnan(measured("fsim", grey, clean))
    assert np.isnan(measured("vif", grey, clean))
    assert measured("vif", clean, grey) == pytest.approx(0, abs=1e-6)
    assert np.isnan(measured("haarpsi", black, black))
    assert measured("gmsd", black, black) == 0


@pytest.mark.parametrize("scales", [0, 6, 2.5])
def test_ms_ssim_of_other_scales_is_refused(scales):
    with pytest.raises(Unsupported, match=r"scales=.* from 1 to 5"):
        metrics.ms_ssim(*pair((1, 28, 28)), scales=scales)


WITHOUT_TRUTH = {"umse", "upsnr", "sure", "pure"}


@pytest.mark.parametrize("name", sorted({*metrics.__all__} - {"Recognised"}))
def test_every_metric_says_what_it_is_and_has_keyword_parameters_alone(name):
    function = getattr(metrics, name)
    declared = function.__bench_metric__
    assert declared.title
    takes = inspect.signature(function).parameters.values()
    images = [param.name for param in takes if param.kind is not param.KEYWORD_ONLY]
    assert images[:2] == (["restored", "noisy"] if name in WITHOUT_TRUTH else ["clean", "restored"])
    assert {*images} <= {"restored", *get_args(Need)}
