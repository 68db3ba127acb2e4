"""LPIPS and DISTS: their formulas on networks of random weights, and weights that are not there."""

import importlib
from types import SimpleNamespace
from urllib.error import URLError

import numpy as np
import pytest
import torch
from torch import nn
from torchvision.models.vgg import cfgs, make_layers

from bench import Unsupported, metrics
from bench.metrics import _backbones

torchmetrics = pytest.importorskip("torchmetrics")


@pytest.fixture(autouse=True)
def fresh():
    """No network of another test's weights."""
    modules = [importlib.import_module(f"bench.metrics.{name}") for name in ("lpips", "dists")]
    for module in modules:
        module._network.cache_clear()
    _backbones._MISSING.clear()
    yield
    for module in modules:
        module._network.cache_clear()


def alexnet(weights=None):
    convolutions = [(3, 64, 11, 4, 2), (64, 192, 5, 1, 2), (192, 384, 3, 1, 1),
                    (384, 256, 3, 1, 1), (256, 256, 3, 1, 1)]  # fmt: skip
    layers = []
    for index, sizes in enumerate(convolutions):
        layers += [nn.Conv2d(*sizes), nn.ReLU()]
        if index in (0, 1, 4):
            layers.append(nn.MaxPool2d(3, 2))
    return SimpleNamespace(features=nn.Sequential(*layers))


def vgg16(weights=None):
    return SimpleNamespace(features=make_layers(cfgs["D"], batch_norm=False))


@pytest.fixture
def random_weights(monkeypatch):
    """Backbones as torchvision makes them, but untrained."""
    made = {}

    def maker(name, make):
        def remembered(weights=None):
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(0)
                made[name] = make()
            return made[name]

        return remembered

    monkeypatch.setattr("torchvision.models.alexnet", maker("alex", alexnet))
    monkeypatch.setattr("torchvision.models.vgg16", maker("vgg", vgg16))
    monkeypatch.setattr("torchmetrics.functional.image.dists.vgg16", maker("vgg", vgg16))
    return made


def pair(shape, images=3):
    rng = np.random.default_rng(0)
    clean = rng.random((images, *shape), np.float32)
    noisy = clean + 0.1 * rng.standard_normal(clean.shape, np.float32)
    return clean, np.clip(noisy, 0, 1)


def layers(features, images, taps):
    """Float64 outputs of the layers at `taps`."""
    images = torch.from_numpy(images).double().expand(-1, 3, -1, -1)
    outputs = []
    with torch.no_grad():
        for index, layer in enumerate(features.double()[: taps[-1] + 1]):
            images = layer(images)
            if index in taps:
                outputs.append(images)
    return outputs


@pytest.mark.parametrize(
    ("net", "taps", "shape"),
    [("alex", (1, 4, 7, 9, 11), (1, 31, 44)), ("vgg", (3, 8, 15, 22, 29), (3, 28, 33))],
)
def test_lpips_is_its_papers_formula(random_weights, net, taps, shape):
    clean, noisy = pair(shape)
    ours = metrics.lpips(clean, noisy, net=net)
    assert metrics.lpips(clean, clean, net=net).tolist() == [0, 0, 0]
    shift = np.array([-0.030, -0.088, -0.188], np.float32)[:, None, None]
    scale = np.array([0.458, 0.448, 0.450], np.float32)[:, None, None]
    features = random_weights[net].features
    x, y = (layers(features, (2 * z - 1 - shift) / scale, taps) for z in (clean, noisy))
    home = importlib.import_module("torchmetrics.functional.image.lpips").__file__
    linear = torch.load(home.replace("lpips.py", f"lpips_models/{net}.pth"), map_location="cpu")
    expected = 0.0
    for index, (a, b) in enumerate(zip(x, y, strict=True)):
        a, b = (z / torch.sqrt(1e-8 + (z**2).sum(1, keepdim=True)) for z in (a, b))
        weight = linear[f"lin{index}.model.1.weight"].double()
        expected += (weight * (a - b) ** 2).sum(1).mean((1, 2)).numpy()
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-5)


def test_dists_is_its_papers_formula(random_weights):
    clean, noisy = pair((1, 33, 40))
    ours = metrics.dists(clean, noisy)
    network = importlib.import_module("bench.metrics.dists")._network().double()
    x, y = (
        network.forward_once(torch.from_numpy(z).double().expand(-1, 3, -1, -1))
        for z in (clean, noisy)
    )
    alpha, beta = network.alpha.flatten(), network.beta.flatten()
    channels = [a.shape[1] for a in x]
    parts = zip(x, y, alpha.split(channels), beta.split(channels), strict=True)
    similar = 0.0
    for a, b, structure, texture in parts:
        ma, mb = a.mean((2, 3)), b.mean((2, 3))
        va, vb = a.var((2, 3), correction=0), b.var((2, 3), correction=0)
        shared = (a * b).mean((2, 3)) - ma * mb
        similar += (structure * (2 * ma * mb + 1e-6) / (ma**2 + mb**2 + 1e-6)).sum(1)
        similar += (texture * (2 * shared + 1e-6) / (va + vb + 1e-6)).sum(1)
    expected = 1 - similar / (alpha.sum() + beta.sum())
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", ["lpips", "dists"])
def test_grey_is_repeated_neighbours_do_not_matter_and_torch_stays_as_it_was(random_weights, name):
    metric = getattr(metrics, name)
    clean, noisy = pair((1, 32, 35))
    state = torch.get_rng_state()
    values = metric(clean, noisy)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.is_grad_enabled()
    colour = metric(clean.repeat(3, axis=1), noisy.repeat(3, axis=1))
    np.testing.assert_allclose(values, colour, rtol=0, atol=1e-6)
    alone = [metric(clean[[i]], noisy[[i]])[0] for i in range(3)]
    np.testing.assert_allclose(values, alone, rtol=0, atol=1e-6)


def test_images_that_the_networks_cannot_take_have_nan(random_weights):
    for clean, noisy in (pair((1, 30, 40)), pair((2, 40, 40))):
        assert np.isnan(metrics.lpips(clean, noisy)).all()
    assert np.isfinite(metrics.lpips(*pair((1, 16, 16)), net="vgg")).all()
    for shape in ((1, 15, 20), (4, 20, 20)):
        assert np.isnan(metrics.lpips(*pair(shape), net="vgg")).all()
        assert np.isnan(metrics.dists(*pair(shape))).all()


def test_another_net_is_refused():
    with pytest.raises(Unsupported, match="net=resnet: write alex or vgg"):
        metrics.lpips(*pair((1, 32, 32)), net="resnet")


def test_weights_that_cannot_be_had_are_named_with_their_place(monkeypatch, tmp_path):
    def offline(*args, **kwargs):
        raise URLError("no network")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("torch.hub.download_url_to_file", offline)
    file = "alexnet-owt-7be5be79.pth"
    place = tmp_path / "hub" / "checkpoints" / file
    with pytest.raises(Unsupported, match="cannot be downloaded") as refused:
        metrics.lpips(*pair((1, 32, 32)))
    assert f"put https://download.pytorch.org/models/{file} at {place}" in str(refused.value)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(b"cut short")
    with pytest.raises(Unsupported, match="cannot be read") as refused:
        metrics.lpips(*pair((1, 32, 32)))
    assert str(place) in str(refused.value)
