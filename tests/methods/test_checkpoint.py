"""`checkpoint`: a network trained here restores the same from its file; levels must be said."""

import importlib.util
import re

import numpy as np
import pytest
import torch
from torch import nn

from bench import Unsupported, get_method, make_noise
from bench.core import UsageError
from bench.noises import Given
from bench.planning.request import resolve
from bench.plugins import sources
from bench.training import Recipe

reason = "needs spandrel: pip install 'denoise-bench[checkpoint]'"
spandrel = pytest.importorskip("spandrel", reason=reason)
pytest.importorskip("onnxruntime", reason=reason)

from spandrel.architectures import DnCNN, DRUNet  # noqa: E402

pytestmark = pytest.mark.usefixtures("one_thread")

NOISE = make_noise("gaussian", 25 / 255)
NOISY = np.random.default_rng(0).random((3, 1, 20, 21), np.float32)


def kair(network):
    """A DnCNN of bench's as its authors publish theirs: names of KAIR, normalisation folded.

    Layer k is model.2k, activations stand between; normalisation goes into the layer before it.
    """
    weights, layers = {}, list(network)
    convolutions = [index for index, layer in enumerate(layers) if isinstance(layer, nn.Conv2d)]
    for count, index in enumerate(convolutions):
        weight, bias = layers[index].weight, layers[index].bias
        after = layers[index + 1] if index + 1 < len(layers) else None
        if isinstance(after, nn.BatchNorm2d):
            scale = after.weight / torch.sqrt(after.running_var + after.eps)
            weight = weight * scale[:, None, None, None]
            bias = after.bias - after.running_mean * scale
        weights[f"model.{2 * count}.weight"] = weight.detach().clone()
        weights[f"model.{2 * count}.bias"] = bias.detach().clone()
    return weights


@pytest.fixture
def dncnn(tmp_path, monkeypatch):
    """The file of a small plain DnCNN; from the folder that it lies in."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = DnCNN.DnCNN(nc=4, nb=9, act_mode="R")
    torch.save(network.state_dict(), tmp_path / "dncnn.pth")
    monkeypatch.chdir(tmp_path)
    return "dncnn.pth"


@pytest.fixture
def drunet(tmp_path, monkeypatch):
    """A small DRUNet; its file lies in the working folder, as drunet.pth."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = DRUNet.DRUNet(in_nc=2, out_nc=1, nc=[4, 4, 4, 4], nb=4)
    torch.save(network.state_dict(), tmp_path / "drunet.pth")
    monkeypatch.chdir(tmp_path)
    return network.eval()


def test_a_network_trained_here_restores_the_same_from_its_file(tmp_path):
    method = sources.load("dncnn").create({"depth": 17, "width": 8})
    clean = np.random.default_rng(1).random((8, 1, 24, 24), np.float32)
    recipe = Recipe(epochs=2, batch_size=4, lr=1e-2)
    method.fit(clean, NOISE, 0, validation=clean[:2], recipe=recipe)
    weights = kair(method._network)
    assert list(weights)[-1] == "model.32.bias"
    torch.save(weights, tmp_path / "dncnn_25.pth")
    opened = get_method("checkpoint", file=tmp_path / "dncnn_25.pth", level="25/255")
    noisy = np.random.default_rng(2).random((3, 1, 30, 33), np.float32)
    restored = method.denoise(noisy, NOISE)
    assert np.abs(restored - noisy).max() > 0.01
    np.testing.assert_allclose(opened.denoise(noisy, NOISE), restored, atol=2e-6)


# -- levels ----------------------------------------------------------------------------------


def test_a_network_that_is_told_the_level_is_told_the_noises(drunet):
    method = get_method("checkpoint", file="drunet.pth")
    noisy = NOISY[..., :16, :16]
    for noise in (make_noise("gaussian", 0.3), make_noise("poisson", 20)):
        level = torch.full((3, 1, 16, 16), noise.sigma)
        with torch.inference_mode():
            wanted = drunet(torch.cat([torch.from_numpy(noisy), level], 1)).numpy()
        np.testing.assert_allclose(method.denoise(noisy, noise), wanted, atol=1e-6)


def test_one_trained_on_clipped_noise_is_told_the_level_that_was_drawn(drunet):
    clipped = make_noise("gaussian", 0.4, clip=True)
    nominal = get_method("checkpoint", file="drunet.pth").denoise(
        NOISY, make_noise("gaussian", 0.4)
    )
    told = get_method("checkpoint", file="drunet.pth", clip=True).denoise(NOISY, clipped)
    np.testing.assert_array_equal(told, nominal)
    untold = get_method("checkpoint", file="drunet.pth").denoise(NOISY, clipped)
    assert not np.array_equal(untold, nominal)


def refuses(match, noise=NOISE, **params):
    with pytest.raises(Unsupported, match=match) as raised:
        get_method("checkpoint", **params).denoise(NOISY, noise)
    assert "\n" not in str(raised.value)


def test_one_for_one_level_must_have_it_said(dncnn, drunet):
    refuses(r"DnCNN\) is not told the noise's level: say .* as level=25/255", file=dncnn)
    refuses(r"DRUNet\) is told .*: leave level out", file="drunet.pth", level=0.1)
    refuses("level=25: write a standard deviation, as 25/255", file=dncnn, level=25)
    refuses("level=high: write", file=dncnn, level="high")
    refuses(r"which network\? checkpoint\[file=PATH\]")


def test_other_levels_are_skipped_or_shown(dncnn):
    at_25 = get_method("checkpoint", file=dncnn, level="25/255").denoise(NOISY, NOISE)
    noise = make_noise("gaussian", 50 / 255)
    why = "was trained for gaussian 25/255, not for gaussian 50/255; mismatch=show"
    refuses(why, noise, file=dncnn, level="25/255")
    refuses(
        "trained for gaussian 0.1, not for poisson 30",
        make_noise("poisson", 30),
        file=dncnn,
        level=0.1,
    )
    for params in ({"level": 25 / 255, "mismatch": "show"}, {"level": "blind"}):
        shown = get_method("checkpoint", file=dncnn, **params).denoise(NOISY, noise)
        np.testing.assert_array_equal(shown, at_25)


def test_what_it_was_trained_on_is_what_is_typed(dncnn):
    def said(text):
        requested = resolve(f"checkpoint[{text}]", sources.Registry())
        return requested.method.trained_on(requested.params)

    assert said(f"file={dncnn},level=25/255") is None
    assert said(f"file={dncnn},level=25/255,trained_on=bsd400 + wed") == (
        "bsd400 gaussian 25/255", "wed gaussian 25/255",
    )  # fmt: skip
    assert said(f"file={dncnn},trained_on=wed") == ("wed",)
    assert said(f"file={dncnn},trained_on=wed,level=blind") == ("wed",)


# -- in a run --------------------------------------------------------------------------------


def run(bench, methods, noise="25/255,50/255", *options):
    arguments = ("--dataset", "digits", "--limit", "2", "--noise", noise)
    return bench("run", *arguments, "--methods", methods, "--out", "runs", *options)


def test_a_run_skips_shows_and_marks(bench, dncnn):
    done = run(
        bench,
        f"identity,checkpoint[file={dncnn},level=25/255],"
        f"checkpoint[file={dncnn},level=25/255,mismatch=show]",
    )
    assert done.code == 3  # a method that was asked for was skipped
    shown = f"checkpoint[file={dncnn},level=25/255,mismatch=show]"
    assert (
        f"{shown}: its network was trained for gaussian 25/255, not for gaussian 50/255" in done.err
    )
    assert "not for gaussian 50/255; mismatch=show measures it all the same" in done.out + done.err


def test_a_workers_process_finds_the_file(bench, dncnn):
    done = run(bench, f"checkpoint[file={dncnn},level=blind]", "0.1", "--jobs", "1")
    assert done.code == 0, done.err
    assert "checkpoint" in done.out


def test_noise_that_is_clipped_otherwise_is_said(dncnn):
    def said(text, noise):
        requested = resolve(f"checkpoint[file={dncnn},{text}]", sources.Registry())
        return requested.method.remark(requested.params, noise)

    clipped = make_noise("gaussian", 25 / 255, clip=True)
    assert "gaussian, clipped 25/255 is clipped; if" in said("level=25/255", clipped)
    assert "trained on clipped noise, and" in said("level=25/255,clip=true", NOISE)
    assert said("level=25/255", NOISE) == said("level=25/255,clip=true", clipped) == ""
    assert said("level=0.3,clip=true", NOISE) == ""  # it is skipped there
    assert said("level=blind,clip=true", Given(0.1)) == ""  # nobody knows


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ("level=25/255", r"which network\? checkpoint\[file=PATH\]"),
        ("file=nowhere.pth", "nowhere.pth.*cannot be read: No such file"),
        (r'file="a\x00b"', r"a\\x00b cannot be read: embedded null byte"),
        (r'file="~\x00b"', r"~\\x00b: no home folder is known"),
        ("file=dncnn.pth,level=25", "level=25: write a standard deviation"),
        ("file=dncnn.pth,level=25/255,sigma=2x", "is told no level: leave sigma=2x out"),
        ("file=dncnn.pth,level=blind,sigma=2x", "is told no level: leave sigma=2x out"),
        ("file=dncnn.pth,mismatch=yes", "mismatch=yes: write skip or show"),
    ],
    ids=["no file", "not there", "no path", "no home", "level", "untold", "blind", "mismatch"],
)
def test_what_cannot_be_is_refused_before_anything_is_computed(fails, dncnn, params, says):
    method = f"checkpoint[{params}]"
    line = fails("run", "--dataset", "digits", "--noise", "0.1", "--methods", method, code=2)
    assert re.search(says, line), line


def test_other_weights_are_another_result(dncnn):
    def source():
        return resolve(f"checkpoint[file={dncnn},level=blind]", sources.Registry()).method.source

    before = source()
    torch.save(DnCNN.DnCNN(nc=4, nb=9, act_mode="R").state_dict(), dncnn)
    assert source() != before


def test_without_its_packages_it_says_what_to_install(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "spandrel" else find(name)
    )
    with pytest.raises(UsageError, match=r"pip install 'denoise-bench\[checkpoint\]'"):
        resolve("checkpoint[file=dncnn.pth]", sources.Registry())
