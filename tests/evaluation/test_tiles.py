"""Large images by overlapping tiles: what comes of it is what comes of the whole image."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from skimage.data import camera

from bench import TrainedMethod, datasets, get_method, open_run
from bench.core import Dataset, Unsupported
from bench.core.tiling import GRID, LEAST, OVERLAP, SIDE, bound, spans
from bench.evaluation.forms import form_of
from bench.evaluation.multiply_adds import multiply_adds
from bench.evaluation.noise_estimate import Estimating
from bench.evaluation.scoring import BadOutput
from bench.evaluation.tiles import Tiled, by_tiles
from bench.noises import make_noise
from bench.planning.cells import notes, plan
from bench.planning.request import resolve
from bench.planning.settings import Settings
from bench.plugins.sources import Registry, load

NOISE = make_noise("gaussian", 0.1)


def photograph(height=512, width=512):
    """A clean and a noisy image, (1, 1, H, W)."""
    clean = camera()[:height, :width].astype(np.float32)[None, None] / 255
    rng = np.random.default_rng(0)
    return clean, clean + NOISE.level * rng.standard_normal(clean.shape, np.float32)


def untrained(name, channels=1):
    """A network with the weights that it begins with, and a last layer that does something."""
    denoiser = get_method(name)
    torch.manual_seed(0)
    network = denoiser.network((channels, 64, 64))
    with torch.no_grad():
        for weights in network.parameters():
            weights.normal_(0, 0.05)
    state = {f"network.{key}": value.numpy() for key, value in network.state_dict().items()}
    denoiser.load({"image_shape": np.array([channels, 64, 64]), **state})
    return denoiser


class Counts:
    """A denoiser that notes what it is given."""

    def __init__(self):
        self.shapes, self.told = [], []

    def denoise(self, noisy, noise):
        self.shapes.append(noisy.shape)
        self.told.append(noise)
        return noisy * np.float32(0.5)


@given(st.integers(1, 5000), st.integers(LEAST, 1200))
def test_tiles_cover_an_axis_once_and_keep_away_from_where_it_is_cut(length, side):
    cut = spans(length, side)
    kept = np.concatenate([np.arange(length)[span.kept] for span in cut])
    np.testing.assert_array_equal(kept, np.arange(length))
    for number, span in enumerate(cut):
        assert span.seen.start % GRID == 0
        assert span.seen.stop <= length
        assert span.seen.stop - span.seen.start <= side
        if number:
            assert span.kept.start - span.seen.start >= OVERLAP // 2
        if number < len(cut) - 1:
            assert span.seen.stop - span.seen.start == side
            assert span.seen.stop - span.kept.stop >= OVERLAP // 2


@settings(max_examples=15, deadline=None)
@given(st.integers(200, 700), st.integers(200, 700), st.sampled_from(["gaussian", "median"]))
def test_of_a_method_that_sees_no_further_tiles_give_the_whole(height, width, name):
    noisy = np.random.default_rng(height).random((1, 2, height, width), np.float32)
    denoiser = get_method(name)
    tiled = Tiled(denoiser, LEAST, at_once=3).denoise(noisy, NOISE)
    np.testing.assert_array_equal(tiled, denoiser.denoise(noisy, NOISE))


@pytest.mark.parametrize("name", ["nlm", "bilateral", "wiener", "wavelet", "lmmse", "unet", "hvae"])
def test_methods_give_by_tiles_what_they_give_of_the_whole(name, one_thread):
    clean, noisy = photograph(390, 501)
    denoiser = untrained(name) if name in ("unet", "hvae") else get_method(name)
    if name == "lmmse":
        denoiser.fit(clean, 0)
    whole = denoiser.denoise(noisy, NOISE)
    assert np.abs(whole - noisy).max() > 0.01
    np.testing.assert_allclose(Tiled(denoiser, 256).denoise(noisy, NOISE), whole, atol=2e-6)


@pytest.mark.parametrize("text", ["nlm", "tv", "wavelet", "wavelet[rule=bayes]"])
def test_seams_are_not_seen(text):
    """Also by a method that takes its thresholds from all that it sees, here a quarter of it."""
    requested = resolve(text, Registry())
    denoiser = requested.method.create(dict(requested.params))
    clean, noisy = photograph()
    whole = denoiser.denoise(noisy, NOISE)
    tiled = Tiled(denoiser, 256).denoise(noisy, NOISE)
    cuts = np.array([span.kept.start for span in spans(512, 256)][1:])
    assert len(cuts)
    near = np.isin(np.arange(512), cuts[:, None] + np.arange(-3, 3))
    near = near[:, None] | near[None]
    for where in (near, ~near):
        worse, error = ((x - clean)[..., where] for x in (tiled, whole))
        assert np.square(worse).mean() <= 1.01 * np.square(error).mean()
    for axis in (-2, -1):  # the step over a seam, beside those around it
        jump, usual = (
            _steps(x, cuts - 1, axis) / _steps(x, _beside(cuts), axis) for x in (tiled, whole)
        )
        assert jump <= 1.03 * usual


def _beside(cuts):
    return (cuts[:, None] - 1 + np.r_[-9:-1, 2:10]).ravel()


def _steps(images, at, axis):
    return np.abs(np.take(np.diff(images, axis=axis), at, axis)).mean()


@pytest.mark.parametrize("at_once", [1, 3])
def test_no_call_is_given_more_than_its_tiles(at_once):
    inner, noisy = Counts(), np.random.default_rng(0).random((2, 3, 900, 700), np.float32)
    restored = Tiled(inner, 300, at_once).denoise(noisy, NOISE)
    np.testing.assert_array_equal(restored, noisy / 2)
    assert len(inner.shapes) > 10
    assert max(shape[0] for shape in inner.shapes) == at_once
    assert all(shape[2] * shape[3] <= 300 * 300 for shape in inner.shapes)


def test_images_up_to_the_bound_are_given_whole_and_all_at_once():
    inner, noisy = Counts(), np.zeros((4, 1, 256, 512), np.float32)
    assert bound(256) == 256 * 512
    Tiled(inner, 256).denoise(noisy, NOISE)
    assert inner.shapes == [noisy.shape]


def test_estimated_noise_is_that_of_the_whole_image():
    inner = Counts()
    _, noisy = photograph()
    Estimating(Tiled(inner, 256), 1).denoise(noisy, NOISE)
    assert len(inner.told) > 4
    assert len(set(inner.told)) == 1


class Sure(TrainedMethod):
    """A network that predicts how far it is off."""

    any_size = True

    def network(self, image_shape):
        return torch.nn.Conv2d(image_shape[0], image_shape[0], 3, padding=1)

    def restore(self, network, noisy, noise):
        return network(noisy)

    def uncertainty(self, network, noisy, noise):
        return network(noisy).abs()


def test_deviation_and_multiply_adds_are_of_the_tiles_too():
    denoiser = Sure()
    torch.manual_seed(0)
    weights = denoiser.network((1, 8, 8)).state_dict()
    state = {f"network.{key}": value.numpy() for key, value in weights.items()}
    denoiser.load({"image_shape": np.array([1, 8, 8]), **state})
    _, noisy = photograph()
    tiled = Tiled(denoiser, 256)
    np.testing.assert_allclose(
        tiled.deviation(noisy, NOISE), denoiser.deviation(noisy, NOISE), atol=1e-6
    )
    assert multiply_adds(lambda: tiled.denoise(noisy, NOISE)) == 9 * sum(
        (rows.seen.stop - rows.seen.start) * (columns.seen.stop - columns.seen.start)
        for rows in spans(512, 256)
        for columns in spans(512, 256)
    )
    assert Tiled(untrained("unet"), 256).deviation(noisy, NOISE) is None
    assert tiled.parameter_count() == 10


def test_what_a_tile_may_not_be_is_said_of_the_tile():
    class Refuses:
        def denoise(self, noisy, noise):
            raise Unsupported("only squares of 10 pixels")

    class Wrong:
        def denoise(self, noisy, noise):
            return noisy[..., :1]

    noisy = np.zeros((1, 1, 400, 500), np.float32)
    with pytest.raises(Unsupported, match=r"of 10 pixels .*a tile of .* 400x500: --tile none"):
        Tiled(Refuses(), 256).denoise(noisy, NOISE)
    with pytest.raises(BadOutput, match="shape"):
        Tiled(Wrong(), 256).denoise(noisy, NOISE)


def cell_of(method, largest, **settings):
    data = Dataset("toy", "0", {"test": 1, "validation": 0}, lambda split: [], largest=largest)
    checked = Settings.checked(noise=0.1, **settings)
    (cell,) = plan(checked, data, [resolve(method, Registry())])
    return cell


def test_cells_name_the_tile_where_an_image_may_be_over_the_bound_only():
    small, large = cell_of("median", bound(SIDE)), cell_of("median", bound(SIDE) + 1)
    assert small.tile is None
    assert "tile" not in small.as_dict()
    assert large.tile == large.as_dict()["tile"] == SIDE
    assert large.key != small.key == cell_of("median", 0, tile=300).key
    assert cell_of("median", 2**26, tile=None).key == small.key
    assert cell_of("unet", 2**26).fit_key == cell_of("unet", 0).fit_key


def test_tiles_are_decided_by_pixels_not_by_values(tmp_path):
    image = np.zeros((260, 600, 3), np.uint8)
    Image.fromarray(image).save(tmp_path / "a.png")
    folder = datasets.load(f"folder:{tmp_path}", tmp_path)
    checked = Settings.checked(noise=0.1, tile=300, tune=False)
    for data in (folder, datasets.Dataset([image])):
        assert data.largest > bound(300) > data.largest_pixels == 260 * 600
        cells = plan(checked, data, [resolve("median", Registry())])
        assert [cell.tile for cell in cells] == [None]
        assert not any("tiles" in note for note in notes(checked, data, [], cells))


def test_methods_of_one_size_and_those_that_see_all_are_not_given_tiles(plugins):
    plugins("sees_all", "@method(whole=True)\ndef sees_all(noisy):\n    return noisy\n")
    assert cell_of("sees-all", 2**26).tile is None
    for name in ("dae", "sees-all"):
        denoiser = get_method(name)
        assert by_tiles(denoiser, form_of(load(name)), SIDE) is denoiser
    assert isinstance(by_tiles(get_method("nlm"), form_of(load("nlm")), SIDE), Tiled)


def test_a_run_by_tiles_says_so_and_is_scored_again_by_tiles(tmp_path, bench):
    _, noisy = photograph()
    for number, image in enumerate((noisy, noisy[..., ::-1])):
        path = tmp_path / "photographs" / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray((image.clip(0, 1) * 255).astype(np.uint8)[0, 0]).save(path)
    options = ("--methods", "wavelet", "--no-tune", "--noise", "0.1", "--name", "r")
    done = bench("run", "--dataset", f"folder:{path.parent}", "--tile", "256", *options)
    assert done.code == 0, done.err
    run = open_run("results/r")
    assert any("tiles of 256x256" in note for note in run.manifest.notes)
    (cell,) = [meta.cell for meta in run.metadata()]
    assert cell.tile == 256
    again = ("--metrics", "mae", "--dataset", f"folder:{path.parent}")
    assert bench("score", "results/r", *again).code == 0
    assert "mae" in open_run("results/r").records().columns
