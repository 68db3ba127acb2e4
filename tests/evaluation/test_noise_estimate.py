"""Noise estimated from the image: `[sigma=estimate]`."""

from pathlib import Path

import numpy as np
import pytest
from skimage.data import camera
from skimage.restoration import estimate_sigma as skimage_estimate

from bench import open_run
from bench.core import Unsupported
from bench.core.noise_level import LEAST, estimate_sigma
from bench.evaluation.noise_estimate import Estimating
from bench.noises import Gaussian, make_noise


class Remembers:
    """A denoiser that notes what it was told."""

    def __init__(self):
        self.told = []
        self.device = "cpu"

    def denoise(self, noisy, noise):
        self.told.append(noise)
        return noisy * np.float32(0.5)


def noisy_photographs(sigmas):
    clean = camera()[None, 100:356, 100:356].astype(np.float32) / 255
    rng = np.random.default_rng(0)
    return np.stack(
        [clean + sigma * rng.standard_normal(clean.shape, np.float32) for sigma in sigmas]
    ).astype(np.float32)


def test_each_image_is_taken_for_what_it_shows_itself():
    noisy = noisy_photographs([0.05, 0.1, 0.3])
    inner = Remembers()
    restored = Estimating(inner, 1).denoise(noisy, make_noise("poisson", 30, True))
    np.testing.assert_array_equal(restored, noisy / 2)
    assert [type(noise) for noise in inner.told] == [Gaussian] * 3
    assert [noise.level for noise in inner.told] == pytest.approx([0.05, 0.1, 0.3], rel=0.1)
    assert [noise.level for noise in inner.told] == pytest.approx(
        [skimage_estimate(image[0]) for image in noisy]
    )
    assert all(noise.clip for noise in inner.told)


def test_what_else_is_asked_goes_to_the_method_inside():
    assert Estimating(Remembers(), 1).device == "cpu"


def test_an_even_image_is_told_the_least_and_a_pixel_is_refused():
    assert estimate_sigma(np.full((3, 20, 20), 0.5, np.float32)) == LEAST
    with pytest.raises(Unsupported, match="1x5"):
        estimate_sigma(np.zeros((1, 1, 5), np.float32))


def test_known_and_estimated_stand_side_by_side(bench, without_figures):
    result = bench(
        "run", "--dataset", "digits", "--noise", "0.3", "--limit", "40", "--name", "both",
        "--methods", "tv[strength=0.8],tv[strength=0.8,sigma=estimate]",
    )  # fmt: skip
    assert result.code == 0, result.err
    scores = open_run("results/both").records().groupby("params")["psnr"].mean()
    assert list(scores.index) == [
        '{"sigma":"estimate","strength":0.8}',
        '{"strength":0.8}',
    ]
    assert scores.iloc[0] != scores.iloc[1]
    assert abs(scores.iloc[0] - scores.iloc[1]) < 1.5
    report = bench("report")
    assert report.code == 0
    (page,) = (path.read_text() for path in Path("reports").glob("*/report.md"))
    assert "tv[sigma=estimate,strength=0.8]" in page
    assert "estimates it" in page


def test_asked_of_a_blind_method_or_with_another_word_it_is_refused(fails):
    line = fails("run", "--dataset", "digits", "--methods", "median[sigma=estimate]", code=2)
    assert "'median' is not told the noise: leave sigma=estimate out" in line
    line = fails("run", "--dataset", "digits", "--methods", "nlm[sigma=0.3]", code=2)
    assert "write known, estimate, or a factor" in line
