"""Ten architectures, small and of random weights, from their files: held to calls of their own."""

import warnings
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import pad, pixel_shuffle, pixel_unshuffle

from bench import Unsupported
from bench.networks import open_network

pytest.importorskip("spandrel", reason="needs spandrel: pip install 'denoise-bench[checkpoint]'")

from spandrel.architectures import (
    GRL,
    DnCNN,
    DRUNet,
    KBNet,
    NAFNet,
    SCUNet,
    SwinIR,
    Uformer,
)

pytestmark = pytest.mark.usefixtures("one_thread")

SIGMA = 0.2


def told(network, images):
    """A call with the noise's level as the last channel."""
    return network(torch.cat([images, torch.full_like(images[:, :1], SIGMA)], 1))


def ffdnet(network, images):
    return pixel_shuffle(told(network, pixel_unshuffle(images, 2)), 2)


def limited(network, images):
    return network(images).clamp(0, 1)


#: Architecture -> how it is made, its channels, the multiple and least of its sides, how it is
#: called, and whether it is told the level.
ARCHITECTURES = {
    "DnCNN": (
        lambda: DnCNN.DnCNN(nc=8, nb=9, act_mode="R"),
        1, (1, 1), lambda network, images: network(images), False,
    ),
    "DnCNN with batch normalisation": (
        lambda: DnCNN.DnCNN(in_nc=3, out_nc=3, nc=8, nb=5),
        3, (1, 1), lambda network, images: network(images), False,
    ),
    "FDnCNN": (
        lambda: DnCNN.DnCNN(in_nc=2, out_nc=1, nc=8, nb=8, act_mode="R", mode="FDnCNN"),
        1, (1, 1), told, True,
    ),
    "FFDNet": (
        lambda: DnCNN.DnCNN(in_nc=13, out_nc=12, nc=8, nb=8, act_mode="R", mode="FDnCNN"),
        3, (2, 1), ffdnet, True,
    ),
    "DRUNet": (
        lambda: DRUNet.DRUNet(in_nc=4, out_nc=3, nc=[4, 8, 8, 8], nb=4),
        3, (8, 1), told, True,
    ),
    "SwinIR": (
        lambda: SwinIR.SwinIR(
            img_size=16, in_chans=1, embed_dim=12, depths=[2], num_heads=[2], window_size=8,
            mlp_ratio=2, upscale=1, upsampler="",
        ),
        1, (1, 16), limited, False,
    ),
    "NAFNet": (
        lambda: NAFNet.NAFNet(width=4, enc_blk_nums=[1, 1], dec_blk_nums=[1, 1]),
        3, (1, 1), limited, False,
    ),
    "SCUNet": (
        lambda: SCUNet.SCUNet(in_nc=1, config=[1] * 7, dim=64),
        1, (1, 40), limited, False,
    ),
    "Uformer": (
        lambda: Uformer.Uformer(img_size=128, embed_dim=4, depths=[1] * 9, num_heads=[1] * 9),
        3, (128, 1), limited, False,
    ),
    "GRL": (
        lambda: GRL.GRL(
            in_channels=1, out_channels=1, embed_dim=12, depths=[2], num_heads_window=[2],
            num_heads_stripe=[2], anchor_window_down_factor=4, stripe_shift=True,
        ),
        1, (1, 1), limited, False,
    ),
    "KBNet": (
        lambda: KBNet.KBNet_s(width=8, middle_blk_num=1, enc_blk_nums=[1], dec_blk_nums=[1]),
        3, (1, 1), limited, False,
    ),
}  # fmt: skip


def made(name):
    """A network of random weights, whose batch normalisation has seen something."""
    with torch.random.fork_rng(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the architectures', about torch
        torch.manual_seed(0)
        network = ARCHITECTURES[name][0]()
        for layer in network.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.running_mean.uniform_(-0.5, 0.5)
                layer.running_var.uniform_(0.5, 2)
    return network.eval()


@pytest.fixture
def saved(tmp_path):
    """Writes weights as authors do: a dictionary within a dictionary."""

    def save(weights, file="network.pth"):
        torch.save({"params": dict(weights)}, tmp_path / file)
        return str(tmp_path / file)

    return save


def reflected(images, multiple, least):
    """Images whose sides are a multiple, and not less; torch reflects up to a side at a time."""
    while True:
        height, width = images.shape[2:]
        high, wide = (
            -(-max(side, least) // multiple) * multiple - side for side in (height, width)
        )
        if not high and not wide:
            return images
        images = pad(images, (0, min(wide, width - 1), 0, min(high, height - 1)), "reflect")


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_it_restores_as_a_call_of_its_own(name, saved):
    network, (_, channels, sides, call, takes_level) = made(name), ARCHITECTURES[name]
    opened = open_network(saved(network.state_dict()))
    assert (opened.name, opened.channels) == (name.split()[0], channels)
    assert opened.takes_level == takes_level
    noisy = np.random.default_rng(0).random((2, channels, 45, 50), np.float32)
    with torch.inference_mode():
        wanted = call(network, reflected(torch.from_numpy(noisy), *sides))[..., :45, :50]
    assert wanted.std() > 1e-3
    given = noisy.copy()
    restored = opened.restore(given, SIGMA)
    np.testing.assert_allclose(restored, wanted.numpy(), atol=1e-5)
    np.testing.assert_array_equal(given, noisy)
    # The level, where it is told one, changes what it gives.
    assert np.array_equal(opened.restore(noisy, 0.5), restored) != takes_level


@pytest.mark.parametrize("name", ["DnCNN", "DRUNet", "NAFNet"])
def test_images_of_other_channels_are_refused(name, saved):
    opened = open_network(saved(made(name).state_dict()))
    other = 4 - opened.channels
    says = {1: "takes grey images .* these have 3", 3: "takes RGB images .* these have 1"}
    with pytest.raises(Unsupported, match=says[opened.channels]):
        opened.restore(np.zeros((1, other, 16, 16), np.float32), SIGMA)


@pytest.mark.parametrize("shape", [(1, 1), (1, 16), (5, 7)], ids=str)
def test_small_images_are_reflected_again_and_again(saved, shape):
    opened = open_network(saved(made("DRUNet").state_dict()))
    noisy = np.random.default_rng(0).random((2, 3, *shape), np.float32)
    restored = opened.restore(noisy, SIGMA)
    assert restored.shape == noisy.shape
    alone = [opened.restore(image[None], SIGMA)[0] for image in noisy]
    np.testing.assert_allclose(restored, alone, atol=1e-6)


def test_many_pixels_go_through_a_network_in_parts(saved, monkeypatch):
    opened = open_network(saved(made("DRUNet").state_dict()))
    noisy = np.random.default_rng(0).random((5, 3, 16, 9), np.float32)
    whole = opened.restore(noisy, SIGMA)
    monkeypatch.setattr("bench.networks.network._PART_PIXELS", 2 * 16 * 16)
    np.testing.assert_allclose(opened.restore(noisy, SIGMA), whole, atol=1e-6)


def test_networks_that_are_not_told_the_level_are_as_spandrel_calls_them(saved):
    """Theirs are padded and limited alike; only the level is not theirs to say."""
    from spandrel import ModelLoader

    file = saved(made("SwinIR").state_dict())
    noisy = np.random.default_rng(1).random((1, 1, 11, 30), np.float32)
    wanted = ModelLoader().load_from_file(file).eval()(torch.from_numpy(noisy))
    np.testing.assert_allclose(open_network(file).restore(noisy, SIGMA), wanted, atol=1e-6)


def test_neither_random_numbers_nor_threads_nor_gradients_are_touched(saved):
    file = saved(made("DRUNet").state_dict())
    before = torch.get_rng_state(), torch.get_num_threads(), torch.is_grad_enabled()
    open_network(file).restore(np.zeros((1, 3, 8, 8), np.float32), SIGMA)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (torch.get_num_threads(), torch.is_grad_enabled()) == before[1:]


def test_a_file_is_read_once_until_it_changes(saved):
    network = made("DnCNN")
    file = saved(network.state_dict())
    first = open_network(file)
    assert open_network(file) is first
    nn.init.zeros_(network.model[-1].weight)
    nn.init.zeros_(network.model[-1].bias)
    saved(network.state_dict())
    noisy = np.random.default_rng(0).random((1, 1, 8, 8), np.float32)
    np.testing.assert_array_equal(open_network(file).restore(noisy, SIGMA), noisy)


@pytest.mark.parametrize("prefix", ["module.", "denoiser.net."])
def test_names_may_all_begin_alike(saved, prefix):
    weights = made("NAFNet").state_dict()
    assert open_network(saved({prefix + key: value for key, value in weights.items()})).channels


# -- what is no denoiser ---------------------------------------------------------------------


def fails(file, match):
    with pytest.raises(Unsupported, match=match) as raised:
        open_network(file)
    assert "\n" not in str(raised.value)


def test_super_resolution_is_refused(saved):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network = SwinIR.SwinIR(
            img_size=16, embed_dim=12, depths=[2], num_heads=[2], window_size=8, upscale=2,
            upsampler="pixelshuffledirect",
        )  # fmt: skip
    fails(saved(network.state_dict()), "SwinIR.* super-resolution: it enlarges images 2 times")


def test_more_channels_in_than_out_are_refused(saved):
    network = DnCNN.DnCNN(in_nc=6, out_nc=3, nc=8, nb=8, act_mode="R", mode="FDnCNN")
    fails(saved(network.state_dict()), "makes 3 channels of 6")


def test_the_nearest_of_an_unknown_architecture_are_named(saved):
    weights = made("NAFNet").state_dict()
    fewer = {key: value for key, value in weights.items() if "beta" not in key}
    fails(saved(fewer), "no architecture that is known .*: nearest are NAFNet or ")


def test_weights_that_do_not_fit_their_architecture_are_refused(saved):
    weights = made("NAFNet").state_dict()
    weights["intro.weight"] = weights["intro.weight"][:, :, :1]
    fails(saved(weights), "has the names of NAFNet, but is none that can be made: .*size mismatch")


def test_networks_over_time_are_refused(saved):
    fails(saved({"conv.weight": torch.zeros(4, 3, 3, 3, 3)}), "for video or volumes")


def test_architectures_that_are_kept_apart_are_named(saved):
    from bench.networks.architectures import _APART

    keys = _APART["Restormer"]
    if find_spec("spandrel_extra_arches"):
        pytest.skip("spandrel-extra-arches is installed")
    fails(saved(dict.fromkeys(keys, torch.zeros(1))), "Restormer.*pip install spandrel-extra-arch")


@pytest.mark.parametrize(
    ("weights", "says"),
    [
        ({}, "no tensors by name"),
        ({"epoch": 3, "loss": 0.1}, "no tensors by name"),
        ({"generator": {"a": torch.zeros(1)}, "optimizer": {"b": torch.zeros(1)}, "epoch": 1},
         "holds generator, optimizer: save one of these alone"),
    ],
    ids=["nothing", "numbers", "several"],
)  # fmt: skip
def test_what_holds_no_network_is_refused(tmp_path, weights, says):
    torch.save(weights, tmp_path / "network.pth")
    fails(str(tmp_path / "network.pth"), says)
