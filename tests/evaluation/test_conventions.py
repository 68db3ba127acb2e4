"""Figures under the conventions of papers, each held to an independent computation of it."""

import math

import numpy as np
import pytest
from skimage.color import rgb2ycbcr
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from bench import metrics
from bench.evaluation.convention_scores import Tally
from bench.evaluation.conventions import CHOICES, PRESETS, Convention, accounts


def images(channels, count=3, shape=(37, 41), seed=0):
    """Smooth clean images in 8-bit steps, and outputs that leave [0, 1] here and there."""
    from scipy.ndimage import gaussian_filter

    draws = np.random.default_rng(seed)
    clean = gaussian_filter(draws.normal(size=(count, channels, *shape)), (0, 0, 3, 3))
    clean = (clean - clean.min()) / np.ptp(clean) * 0.9 + 0.05
    clean = (np.rint(clean * 255) / 255).astype(np.float32)
    return clean, clean + draws.normal(0, 0.06, clean.shape).astype(np.float32)


def value(metric, clean, restored, **choices):
    """The figure, of images that come in two parts."""
    tally = Tally(metric, Convention(**choices))
    tally.add(clean[:1], restored[:1])
    tally.add(clean[1:], restored[1:])
    return tally.value()


def mean(function, clean, restored):
    return np.mean([function(a, b) for a, b in zip(clean, restored, strict=True)])


def psnr(clean, restored, data_range=1):
    return peak_signal_noise_ratio(clean, restored, data_range=data_range)


CLEAN, RESTORED = images(3)
CLAMPED = RESTORED.clip(0, 1)
ROUNDED = np.rint(CLAMPED * 255).astype(np.uint8)


def test_our_own_convention_is_the_protocols():
    mse = ((CLEAN - CLAMPED).astype(np.float64) ** 2).mean(axis=(1, 2, 3))
    assert value("psnr", CLEAN, RESTORED) == pytest.approx(np.mean(-10 * np.log10(mse)), abs=1e-9)
    ours = metrics.ssim(CLEAN, CLAMPED).mean()
    assert value("ssim", CLEAN, RESTORED) == pytest.approx(ours, abs=1e-9)


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("unclamped", RESTORED),
        ("rounded", ROUNDED / 255),
        ("truncated", (CLAMPED * 255).astype(np.uint8) / 255),
    ],
)
def test_what_is_done_to_the_output(output, expected):
    got = value("psnr", CLEAN, RESTORED, output=output)
    assert got == pytest.approx(mean(psnr, CLEAN.astype(float), expected), abs=1e-6)
    assert got != pytest.approx(value("psnr", CLEAN, RESTORED), abs=1e-4)


def luma(image):
    """Of scikit-image, in [0, 1]."""
    return rgb2ycbcr(np.moveaxis(image, 0, -1).astype(float))[..., 0] / 255


def test_luma_of_bt_601_gains_what_papers_wonder_at():
    expected = mean(lambda a, b: psnr(luma(a), luma(b)), CLEAN, CLAMPED)
    got = value("psnr", CLEAN, RESTORED, colour="y")
    assert got == pytest.approx(expected, abs=1e-4)
    # Independent noise in three channels: 4.82 dB of the weights' squares.
    gain = -10 * math.log10(sum(w**2 for w in (65.481, 128.553, 24.966)) / 255**2)
    assert got - value("psnr", CLEAN, RESTORED) == pytest.approx(gain, abs=0.1)
    whole = mean(
        lambda a, b: psnr(np.rint(luma(a) * 255), np.rint(luma(b) * 255), 255), CLEAN, CLAMPED
    )
    assert value("psnr", CLEAN, RESTORED, colour="y-8bit") == pytest.approx(whole, abs=1e-3)


def test_full_range_luma_is_what_pillow_makes_of_it():
    from PIL import Image

    def grey(image):
        whole = np.moveaxis(np.rint(image * 255), 0, -1).astype(np.uint8)
        return np.asarray(Image.fromarray(whole).convert("L")).astype(float)

    expected = mean(lambda a, b: psnr(grey(a), grey(b), 255), CLEAN, CLAMPED)
    got = value("psnr", CLEAN, RESTORED, colour="grey", output="rounded")
    assert got == pytest.approx(expected, abs=0.1)  # Pillow's is in whole steps
    assert 0.9 < value("psnr", CLEAN, RESTORED, colour="y") - got < 1.7  # 219/255: 1.32 dB


def test_the_mean_of_the_channels_psnr():
    expected = np.mean([mean(psnr, a, b) for a, b in zip(CLEAN, CLAMPED, strict=True)])
    restored = RESTORED * np.float32([1, 0.9, 1.1])[:, None, None]
    got = value("psnr", CLEAN, RESTORED, colour="per-channel")
    assert got == pytest.approx(expected, abs=1e-6)
    uneven = {"clean": CLEAN, "restored": restored}
    assert value("psnr", colour="per-channel", **uneven) > value("psnr", **uneven) + 0.1


@pytest.mark.parametrize("metric", ["psnr", "ssim"])
@pytest.mark.parametrize("border", [4, 8])
def test_a_cropped_border_is_an_image_without_it(metric, border):
    inside = (..., slice(border, -border), slice(border, -border))
    got = value(metric, CLEAN, RESTORED, border=border)
    assert got == pytest.approx(value(metric, CLEAN[inside], RESTORED[inside]), abs=1e-12)
    assert got != pytest.approx(value(metric, CLEAN, RESTORED), abs=1e-6)


def test_a_data_range_of_two_is_six_decibels():
    gain = value("psnr", CLEAN, RESTORED, range="2") - value("psnr", CLEAN, RESTORED)
    assert gain == pytest.approx(20 * math.log10(2), abs=1e-9)
    expected = mean(lambda a, b: psnr(2 * a - 1, 2 * b - 1, 4), CLEAN, CLAMPED)
    assert value("psnr", CLEAN, RESTORED, range="2") == pytest.approx(expected, abs=1e-4)


def test_an_images_own_range():
    expected = mean(lambda a, b: psnr(a, b, np.ptp(a)), CLEAN, CLAMPED)
    got = value("psnr", CLEAN, RESTORED, range="own")
    assert got == pytest.approx(expected, abs=1e-5)
    assert got < value("psnr", CLEAN, RESTORED)


def test_the_psnr_of_the_mean_error_is_below_the_mean_psnr():
    restored = CLEAN + (RESTORED - CLEAN) * np.float32([1, 2, 3])[:, None, None, None]
    got = value("psnr", CLEAN, restored, mean="pixels")
    together = psnr(CLEAN.astype(float), restored.clip(0, 1))
    assert got == pytest.approx(together, abs=1e-6)
    assert got < value("psnr", CLEAN, restored)


def similarity(clean, restored, **options):
    return structural_similarity(
        clean.astype(float), restored.astype(float), channel_axis=0, **options
    )


@pytest.mark.parametrize("data_range", [1, 2])
def test_ssim_by_scikit_images_defaults(data_range):
    got = value("ssim", CLEAN, RESTORED, window="uniform", range=str(data_range))
    expected = mean(lambda a, b: similarity(a, b, data_range=data_range), CLEAN, CLAMPED)
    assert got == pytest.approx(expected, abs=1e-9)


def test_ssim_on_8_bits_by_the_definition():
    wang = {"gaussian_weights": True, "use_sample_covariance": False, "data_range": 255}
    whole = np.rint(CLEAN * 255)
    expected = mean(lambda a, b: similarity(a, b, **wang), whole, ROUNDED)
    assert value("ssim", CLEAN, RESTORED, output="rounded") == pytest.approx(expected, abs=1e-6)


def test_ssim_with_zeros_beyond_the_edges():
    from scipy.signal import convolve2d

    clean, restored = images(1, count=2)
    line = np.exp(-0.5 * ((np.arange(11) - 5) / 1.5) ** 2)
    window = np.outer(line, line) / line.sum() ** 2

    def ssim(a, b):
        a, b = (255.0 * each[0].astype(float) for each in (a, b))
        ma, mb, aa, bb, ab = (
            convolve2d(field, window, "same") for field in (a, b, a * a, b * b, a * b)
        )
        c1, c2 = 2.55**2, 7.65**2
        upper = (2 * ma * mb + c1) * (2 * (ab - ma * mb) + c2)
        return np.mean(upper / ((ma**2 + mb**2 + c1) * (aa - ma**2 + bb - mb**2 + c2)))

    expected = mean(ssim, clean, restored.clip(0, 1))
    got = value("ssim", clean, restored, window="zeros")
    assert got == pytest.approx(expected, abs=1e-9)


def test_torchmetrics():
    image = pytest.importorskip("torchmetrics.image")
    import torch

    clean, clamped = torch.tensor(CLEAN), torch.tensor(CLAMPED)
    one_by_one = [
        (float(image.StructuralSimilarityIndexMeasure()(b[None], a[None])))
        for a, b in zip(clean, clamped, strict=True)
    ]
    got = value("ssim", CLEAN, RESTORED, **vars(PRESETS["torchmetrics"].convention))
    assert got == pytest.approx(np.mean(one_by_one), abs=1e-5)
    known = image.StructuralSimilarityIndexMeasure(data_range=1.0)
    assert value("ssim", CLEAN, RESTORED, window="mirrored") == pytest.approx(
        float(known(clamped, clean)), abs=1e-5
    )
    for span, choices in (
        (CLEAN.max(), vars(PRESETS["torchmetrics"].convention)),  # from 0 on, up to its version 1.7
        (1.0, {"mean": "pixels"}),
    ):
        ratio = image.PeakSignalNoiseRatio(data_range=float(span))
        for a, b in zip(clean, clamped, strict=True):
            ratio.update(b[None], a[None])
        assert value("psnr", CLEAN, RESTORED, **choices) == pytest.approx(
            float(ratio.compute()), abs=1e-4
        )


def test_parts_of_an_image_are_the_whole(monkeypatch):
    from bench.evaluation import convention_scores

    choices = [{"window": window} for window in CHOICES["window"]]
    whole = [value("ssim", CLEAN, RESTORED, **each) for each in choices]
    monkeypatch.setattr(convention_scores, "_BLOCK", 200)
    parts = [value("ssim", CLEAN, RESTORED, **each) for each in choices]
    assert parts == pytest.approx(whole, abs=1e-12)


def test_images_without_a_value_are_not_counted():
    flat = np.full((1, 1, 20, 20), 0.5, np.float32)
    small = np.zeros((1, 1, 10, 10), np.float32)
    for convention, few in (
        (Convention(range="own"), flat),
        (Convention(border=8), small),
        (Convention(border=4), small),
    ):
        tally = Tally("ssim" if convention.border == 4 else "psnr", convention)
        tally.add(few, few)
        assert tally.images == 0
        assert math.isnan(tally.value())
        clean, restored = images(1, count=2)
        tally.add(clean, restored)
        assert tally.images == 2
        assert math.isfinite(tally.value())


def test_equal_images_have_the_cap():
    assert value("psnr", CLEAN, CLEAN) == 100


@pytest.mark.parametrize("metric", ["psnr", "ssim"])
@pytest.mark.parametrize("rgb", [False, True])
@pytest.mark.parametrize(
    "own", [Convention(), Convention(output="rounded"), Convention(input="clipped")]
)
def test_every_convention_that_applies_is_told_once(metric, rgb, own):
    told = accounts(metric, own, rgb=rgb)
    conventions = [account.convention for account in told]
    assert len(set(conventions)) == len(conventions)
    assert conventions[0] == own.seen_by(metric)
    assert all(account.words and account.who and account.source for account in told)
    assert any(account.convention.colour == "y" for account in told) is rgb
    named = {name for account in told for name in account.preset.split(", ")} - {""}
    coloured = {"basicsr-y", "matlab-y", "sr-y", "qrnn3d"}
    expected = {name for name, preset in PRESETS.items() if metric in preset.metrics}
    assert named == expected - (set() if rgb else coloured)
    # What two conventions call different must be different numbers.
    clean, restored = images(3 if rgb else 1, shape=(48, 50))
    if metric == "psnr":
        restored = clean + 4 * (restored - clean)  # which leaves [0, 1] in the middle too
    scored = [each for each in conventions if each.input == own.input]
    values = [value(metric, clean, restored, **vars(each)) for each in scored]
    assert len({round(each, 9) for each in values}) == len(values)
