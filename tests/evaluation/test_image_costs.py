"""What an image costs: its time alone by a clock of our own, its multiply-adds by hand."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

import bench
from bench.core import Cell, Record
from bench.evaluation.denoising import Denoising
from bench.evaluation.exam import NoisyBatch
from bench.evaluation.forms import form_of
from bench.evaluation.kept_images import KeptImages
from bench.evaluation.multiply_adds import multiply_adds
from bench.evaluation.timing import Call, Timing
from bench.noises import make_noise
from bench.plugins import sources
from bench.training import Recipe

HEIGHT, WIDTH = 20, 30


class Clock:
    """Seconds that only a denoiser's calls add to."""

    now = 0.0

    def __call__(self):
        return self.now


class Exam:
    """Noisy images without scores."""

    shown = ()

    def __init__(self, images, perturbed=False):
        self.total, self._perturbed = images, perturbed
        self._noisy = np.zeros((images, 1, HEIGHT, WIDTH), np.float32)

    def batches(self):
        perturbed = self._noisy + 1 if self._perturbed else None
        yield NoisyBatch(np.arange(self.total), self._noisy, 0, perturbed)

    def add(self, part, restored, deviation, perturbed=None):
        pass

    def cases(self):
        return []

    def complete(self, record):
        pass


def cell(method="median"):
    return Cell(
        dataset="toy", fingerprint="", method=method, params="{}", fit_params="{}", source="",
        train=None, noise=make_noise("gaussian", 0.1), seed=None, recipe=None, limit=None, tune=0,
        quantize=False,
    )  # fmt: skip


@pytest.fixture
def measured(monkeypatch):
    """The record of a denoiser: its calls take so long by the clock, and none by the real one."""

    def measure(seconds, images=64, method="median", slow=False, denoise=None, perturbed=False):
        clock, sizes = Clock(), []

        def restore(noisy, noise):
            sizes.append(len(noisy))
            clock.now += seconds(len(noisy))
            return denoise(noisy) if denoise else noisy.copy()

        form = form_of(sources.load(method))
        monkeypatch.setattr(type(form), "clock", lambda self: clock())
        record = Record(cell(method), "done")
        kept = KeptImages(SimpleNamespace(folder=None), record.cell, "cpu")
        monkeypatch.setattr(kept, "get", lambda names: None)
        monkeypatch.setattr(kept, "add", lambda *args: None)
        denoiser = SimpleNamespace(denoise=restore, deviation=lambda noisy, noise: None)
        denoising = Denoising(denoiser, form, Exam(images, perturbed), record, kept)
        if slow:
            monkeypatch.setattr(type(denoising._calls), "slow", property(lambda self: True))
        denoising.run(lambda done, total: None)
        return record, sizes

    return measure


def test_an_image_alone_is_timed_by_calls_with_one(measured):
    record, sizes = measured(lambda images: 0.001 + 0.0001 * images)
    assert record.images_per_second == pytest.approx(64 / 0.0074)
    assert record.milliseconds_per_megapixel == pytest.approx(1.1 / (HEIGHT * WIDTH / 1e6))
    assert record.conditions["batch_size"] == 64
    assert record.conditions["image_shape"] == [1, HEIGHT, WIDTH]
    assert sizes[-3:] == [1] * 3
    assert sizes[-4] > 1
    assert record.multiply_adds is None
    assert record.peak_device_bytes is None


def test_what_metrics_have_denoised_once_more_is_not_timed(measured):
    def seconds(images):
        return 0.001 + 0.0001 * images

    plain, sizes = measured(seconds)
    twice, more = measured(seconds, perturbed=True)
    assert sum(more) == sum(sizes) + 64
    assert twice.images_per_second == plain.images_per_second
    assert twice.milliseconds_per_megapixel == plain.milliseconds_per_megapixel


def test_what_takes_long_is_called_with_an_image_once_more_only(measured):
    record, sizes = measured(lambda images: 0.9 * images)
    alone = len(sizes) - 1 - sizes[::-1].index(max(sizes))
    assert sizes[alone + 1 :] == [1]
    assert record.milliseconds_per_megapixel == pytest.approx(900 / (HEIGHT * WIDTH / 1e6))


@pytest.mark.parametrize(("images", "counted"), [(7, None), (21, HEIGHT * WIDTH * WIDTH)])
def test_where_images_came_alone_anyway_they_are_the_calls_that_count(measured, images, counted):
    record, sizes = measured(
        lambda number: 5.0 * number, images, "unet", slow=True,
        denoise=lambda noisy: (torch.from_numpy(noisy) @ torch.eye(WIDTH)).numpy(),
    )  # fmt: skip
    more = counted is not None  # a call of a seventh of the time is too much, of a 21st is not
    warm_up = 2
    assert sizes[warm_up:] == [1] * (images + more)
    assert record.milliseconds_per_megapixel == pytest.approx(5000 / (HEIGHT * WIDTH / 1e6))
    assert record.multiply_adds == counted


def test_what_takes_no_single_image_has_no_figure_and_does_not_fail(measured):
    def batches_only(noisy):
        if len(noisy) == 1 and calls["many"]:
            raise ValueError("give me two")
        calls["many"] += len(noisy) > 1
        return noisy.copy()

    calls = {"many": 0}
    record, _ = measured(lambda images: 0.001, denoise=batches_only)
    assert record.images_per_second == pytest.approx(64000)
    assert record.milliseconds_per_megapixel is None


def test_networks_of_known_size_are_counted_by_hand():
    convolve, dense = nn.Conv2d(3, 8, 5, padding=2, stride=2), nn.Linear(8 * 10 * 15, 7)
    image = torch.zeros(1, 3, HEIGHT, WIDTH)
    by_hand = (10 * 15) * 8 * (3 * 5 * 5) + (8 * 10 * 15) * 7
    with torch.inference_mode():
        assert multiply_adds(lambda: dense(convolve(image).relu().flatten(1))) == by_hand
        grouped = nn.Conv2d(8, 8, 3, groups=8, padding=1)
        image = torch.zeros(1, 8, HEIGHT, WIDTH)
        assert multiply_adds(lambda: grouped(image)) == HEIGHT * WIDTH * 8 * 9
    assert multiply_adds(lambda: torch.ones(5) * 2) is None
    assert multiply_adds(lambda: np.ones((5, 5)) @ np.ones((5, 5))) is None


@pytest.mark.parametrize("name", ["vae", "cvae", "unet", "hvae", "dncnn"])
def test_methods_are_counted_as_torchs_own_counter_counts_them(name):
    from torch.utils.flop_counter import FlopCounterMode

    denoiser = sources.load(name).create({})
    noise = make_noise("gaussian", 0.3)
    denoiser.start((1, 16, 16), noise, None, 0, Recipe(epochs=1, batch_size=4))
    noisy = np.zeros((1, 1, 16, 16), np.float32)
    with FlopCounterMode(display=False) as counter:
        denoiser.denoise(noisy, noise)
    counted = multiply_adds(lambda: denoiser.denoise(noisy, noise))
    assert 2 * counted == counter.get_total_flops() > 0
    assert counted > denoiser.parameter_count() / 4


def test_the_time_of_an_image_is_the_median_of_calls_with_one():
    timing = Timing()
    timing.count(Call(images=8, pixels=100, seconds=1.0))
    assert timing.milliseconds_per_megapixel is None
    for seconds in (3.0, 1.0, 2.0):
        timing.count(Call(images=1, pixels=1_000_000, seconds=seconds))
    assert timing.milliseconds_per_megapixel == 2000


PRODUCT = """
import torch

@method()
def product(noisy):
    \"\"\"A product of each image with a matrix.\"\"\"
    images = torch.from_numpy(noisy)
    return (images @ torch.eye(images.shape[-1])).numpy()
"""


def test_a_run_keeps_the_costs_of_what_torch_computes_and_of_filters(plugins, tmp_path):
    plugins("product", PRODUCT)
    run = bench.run(
        "digits", methods=["identity", "product"], noise=0.3, limit=30, out=tmp_path, jobs=0
    )
    cells = bench.open_run(run.path).cells().set_index("method")
    assert cells["multiply_adds"].fillna(-1).to_dict() == {"identity": -1, "product": 28**3}
    assert (cells["milliseconds_per_megapixel"] > 0).all()
    assert cells["peak_device_bytes"].isna().all()
