"""The method `deepinv`: what it loads is what its name says, and serves the noise."""

import pickle
import warnings
from importlib.util import find_spec
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
import torch

from bench import Unsupported, get_method, make_noise, open_run
from bench.datasets.known_sets import relation
from bench.planning import request
from bench.plugins import sources

ROOT = Path(__file__).parent.parent.parent
if find_spec("deepinv") is None:
    reason = "needs deepinv: pip install 'denoise-bench[deepinv]'"
    pytest.skip(reason, allow_module_level=True)
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import deepinv.models

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.usefixtures("one_thread")]

METHOD = sources.load("deepinv")
PUBLISHED = METHOD.target.__globals__["PUBLISHED"]
NOISE = make_noise("gaussian", 25 / 255)
ROWS = [(model, name) for model, weights in PUBLISHED.items() for name in weights]


def images(count=1, channels=1, height=16, width=16):
    rng = np.random.default_rng(0)
    return rng.random((count, channels, height, width), np.float32)


def deepinv_of(noisy, noise=NOISE, **params):
    return METHOD.target(noisy, noise, device="cpu", **params)


def saved(path, model, **options):
    """A file of random weights of a small model, and the model."""
    torch.manual_seed(1)
    network = getattr(deepinv.models, model)(pretrained=None, **options).eval()
    torch.save(network.state_dict(), path)
    return str(path), network


# -- published weights -----------------------------------------------------------------------


class Asked(Exception):
    """The library asks for the file of an address."""


@pytest.mark.parametrize(
    ("model", "name", "channels"),
    [
        (model, name, channels)
        for model, name in ROWS
        for channels, there in ((1, PUBLISHED[model][name].grey), (3, PUBLISHED[model][name].rgb))
        # Those of DPIR the library only documents; SwinIR's three are told apart below.
        if there and name not in ("dpir", "sigma15", "sigma50")
    ],
)
def test_weights_lie_where_the_library_itself_has_them(model, name, channels, monkeypatch):
    described = PUBLISHED[model][name]
    expected = {1: described.grey, 3: described.rgb}[channels]

    def ask(url, **_):
        raise Asked(url.partition("?")[0])

    for module in vars(deepinv.models).values():
        if getattr(module, "load_state_dict_from_url", None):
            monkeypatch.setattr(module, "load_state_dict_from_url", ask)
    monkeypatch.setattr(deepinv.optim.epll, "load_state_dict_from_url", ask)
    for layer in (torch.nn.Conv2d, torch.nn.ConvTranspose2d, torch.nn.Linear):
        monkeypatch.setattr(layer, "reset_parameters", lambda self: None)
    monkeypatch.setattr(deepinv.models.swinir, "trunc_normal_", lambda *_, **__: None)
    monkeypatch.setattr(deepinv.models.drunet, "weights_init_drunet", lambda layer: None)
    arguments = METHOD.target.__globals__["_arguments"](model, channels, ())
    arguments |= described.rgb_options if channels == 3 else {}
    arguments["pretrained"] = {
        "DnCNN": "download_lipschitz" if "lipschitz" in name else "download",
        "Restormer": "denoising_real" if name == "real" else "denoising",
        "RAM": True,
    }.get(model, "download")
    if model == "SwinIR":
        arguments["pretrained_noise_level"] = int(name.removeprefix("sigma"))
    with pytest.raises(Asked) as asked:
        getattr(deepinv.models, model)(**arguments)
    assert str(asked.value) == expected


def test_the_documentation_names_every_file():
    page = (ROOT / "docs" / "deepinv.md").read_text("utf-8")
    for model, name in ROWS:
        described = PUBLISHED[model][name]
        for address in filter(None, (described.grey, described.rgb)):
            assert address.rpartition("/")[2] in page, address
        assert f"| `{name}` |" in page


@pytest.mark.parametrize(
    ("params", "noise", "channels", "message"),
    [
        ({"model": "DnCNN"}, NOISE, 1, "sigma2 of DnCNN were trained for gaussian 2/255, not"),
        ({"model": "SwinIR"}, make_noise("gaussian", 30 / 255), 1, "15/255, not for gaussian 30"),
        ({"model": "SwinIR", "weights": "sigma50"}, NOISE, 3, "50/255, not for gaussian 25/255"),
        ({"model": "SwinIR"}, make_noise("poisson", 30), 1, "gaussian 15/255, not for poisson 30"),
        ({"model": "Restormer"}, make_noise("gaussian", 0.3), 1, "gaussian 0 to 50/255, not for"),
        ({"model": "DRUNet", "weights": "dpir"}, make_noise("gaussian", 0.3), 1, "0 to 50/255"),
        ({"model": "FFDNet"}, make_noise("gaussian", 0.4), 3, "0 to 75/255, not for gaussian 0.4"),
        ({"model": "SCUNet"}, NOISE, 1, "real of SCUNet are for RGB images, not for 1 channel"),
        ({"model": "DScCP"}, NOISE, 1, "for RGB images, not for 1 channel"),
        ({"model": "DRUNet"}, NOISE, 2, "for grey and RGB images, not for 2 channels"),
        ({"model": "DRUNet", "weights": "dpri"}, NOISE, 1, "there is finetuned, dpir"),
        ({"model": "TVDenoiser", "weights": "best"}, NOISE, 1, "no weights .best.: none are known"),
        ({"model": "TVDenoiser", "level": 2}, NOISE, 1, "takes no parameter 'level'"),
        ({"model": "UNet"}, NOISE, 1, "has to learn, and of its weights none are known"),
        ({"model": "DRUnet"}, NOISE, 1, "there is DRUNet"),
        ({"model": "SwinIR", "mismatch": "hide"}, NOISE, 1, "write skip or show"),
        ({"model": "SwinIR", "level": "15/255"}, NOISE, 1, "are said of a file"),
        ({"modle": "SwinIR"}, NOISE, 1, "no parameter 'modle': did you mean model"),
        ({"model": "DnCNN", "pretrained": "download", "mismatch": "show", "weights": "sigma2"},
         NOISE, 1, "takes no parameter 'pretrained'"),
        ({"model": "EquivariantDenoiser"}, NOISE, 1, "cannot be made for 1 channel"),
    ],
)  # fmt: skip
def test_what_does_not_serve_is_refused(params, noise, channels, message):
    with pytest.raises(Unsupported, match=message) as refused:
        deepinv_of(images(channels=channels), noise, **params)
    assert "\n" not in str(refused.value)


def test_a_model_that_is_told_no_level_is_told_no_wrong_one():
    with pytest.raises(Unsupported, match=r"^DnCNN is told no level: leave sigma=0\.5x out$"):
        METHOD.remark({"model": "DnCNN", "sigma": "0.5x"}, NOISE)
    assert METHOD.remark({"model": "DRUNet", "sigma": "0.5x"}, NOISE) == ""


def test_weights_that_cannot_be_downloaded_say_where_to_put_them(monkeypatch, tmp_path):
    def offline(url, *_, **__):
        raise URLError("no network")

    monkeypatch.setattr(torch.hub, "download_url_to_file", offline)
    monkeypatch.setenv("BENCH_CACHE_DIR", str(tmp_path))
    file = "dncnn_sigma2_gray.pth"
    with pytest.raises(Unsupported, match=f"{file} .*no network.* put that file at .*/{file}$"):
        deepinv_of(images(), make_noise("gaussian", 2 / 255), model="DnCNN")


@pytest.mark.parametrize("channels", [1, 3])
def test_downloaded_weights_are_those_for_the_level_and_the_channels(
    channels, monkeypatch, tmp_path
):
    asked = []

    def download(url, file, **_):
        asked.append(url)
        grey = "gray" in url
        options = {"n_conv_layers": 15, "nf": 64} if grey else {"n_conv_layers": 12, "nf": 96}
        saved(file, "FFDNet", img_channels=1 if grey else 3, **options)

    monkeypatch.setattr(torch.hub, "download_url_to_file", download)
    monkeypatch.setenv("BENCH_CACHE_DIR", str(tmp_path))
    noisy = images(2, channels, 15, 9)
    restored = deepinv_of(noisy, model="FFDNet")
    _, network = saved(
        tmp_path / "again.pth", "FFDNet", img_channels=channels,
        **(PUBLISHED["FFDNet"]["original"].rgb_options if channels == 3 else {}),
    )  # fmt: skip
    padded = np.pad(noisy, ((0, 0), (0, 0), (0, 1), (0, 1)), mode="edge")
    with torch.no_grad():
        expected = network(torch.from_numpy(padded), NOISE.sigma).numpy()[..., :15, :9]
    np.testing.assert_allclose(restored, expected, atol=1e-6)
    deepinv_of(noisy, model="FFDNet")
    assert len(asked) == 1


def test_swinir_takes_the_weights_for_the_level(monkeypatch, tmp_path):
    asked = []

    def offline(url, *_, **__):
        asked.append(url.rpartition("_")[2])
        raise URLError("no network")

    monkeypatch.setattr(torch.hub, "download_url_to_file", offline)
    monkeypatch.setenv("BENCH_CACHE_DIR", str(tmp_path))
    for level in (15, 25, 50):
        with pytest.raises(Unsupported, match="cannot be downloaded"):
            deepinv_of(images(), make_noise("gaussian", level / 255), model="SwinIR")
    between = make_noise("gaussian", 30 / 255)
    with pytest.raises(Unsupported, match="which weights, sigma15, sigma25, sigma50"):
        deepinv_of(images(), between, model="SwinIR", mismatch="show")
    with pytest.raises(Unsupported, match="cannot be downloaded"):
        deepinv_of(images(), between, model="SwinIR", mismatch="show", weights="sigma25")
    assert asked == [f"noise{level}.pth" for level in (15, 25, 50, 25)]


# -- weights of a file -----------------------------------------------------------------------

SMALL = {
    "DRUNet": {"nb": 1, "nc": (4, 4, 4, 4)},
    "GSDRUNet": {"nb": 1, "nc": (4, 4, 4, 4)},
    "FFDNet": {"n_conv_layers": 3, "nf": 4},
    "DnCNN": {"depth": 3, "nf": 4},
    "SwinIR": {"embed_dim": 4, "depths": (1,), "num_heads": (2,), "img_size": 16},
    "Restormer": {
        "dim": 4, "num_blocks": (1, 1, 1, 1), "heads": (1, 1, 1, 1), "num_refinement_blocks": 1,
    },
    "SCUNet": {"config": (1,) * 7, "dim": 64},
    "DScCP": {"depth": 2, "n_channels_per_layer": 4},
    "EPLLDenoiser": {"n_components": 2, "patch_size": 3},
}  # fmt: skip
CHANNELS = {
    "DRUNet": ("in_channels", "out_channels"),
    "GSDRUNet": ("in_channels", "out_channels"),
    "FFDNet": ("img_channels",),
    "DnCNN": ("in_channels", "out_channels"),
    "SwinIR": ("in_chans",),
    "Restormer": ("in_channels", "out_channels"),
    "SCUNet": ("in_nc",),
    "EPLLDenoiser": ("channels",),
}
BLIND = ("DnCNN", "SwinIR", "Restormer", "SCUNet")


@pytest.mark.parametrize(
    ("model", "channels"),
    [
        (model, channels)
        for model in SMALL
        for channels in ((3,) if model in ("DScCP", "SCUNet") else (1, 3))
    ],
)
def test_a_models_weights_restore_as_the_library_does(model, channels, tmp_path):
    options = dict.fromkeys(CHANNELS.get(model, ()), channels)
    file, network = saved(tmp_path / "w.pth", model, **SMALL[model], **options)
    if model == "EPLLDenoiser":
        torch.save(network.PatchGMM.state_dict(), file)
    noisy = images(2, channels, 32, 32)
    restored = deepinv_of(
        noisy, model=model, file=file, **SMALL[model],
        **({"level": "25/255"} if model in BLIND else {}),
    )  # fmt: skip
    with torch.no_grad():
        expected = network(torch.from_numpy(noisy), NOISE.sigma).numpy()
    # What power iteration DScCP ends with depends on where it begins.
    np.testing.assert_allclose(restored, expected, atol=1e-2 if model == "DScCP" else 1e-5)
    alone = deepinv_of(
        noisy[1:], model=model, file=file, **SMALL[model],
        **({"level": "blind"} if model in BLIND else {}),
    )  # fmt: skip
    np.testing.assert_allclose(alone, restored[1:], atol=1e-6)


def test_a_networks_level_is_held_to_unless_it_is_to_be_shown(tmp_path):
    file, _ = saved(tmp_path / "w.pth", "DnCNN", in_channels=1, out_channels=1, depth=3, nf=4)
    params = {"model": "DnCNN", "file": file, "depth": 3, "nf": 4}
    with pytest.raises(Unsupported, match="say for which it was trained"):
        deepinv_of(images(), **params)
    with pytest.raises(
        Unsupported,
        match=r"w\.pth of DnCNN were trained for gaussian 15/255, not for .* 25/255; mismatch=show",
    ):
        deepinv_of(images(), level="15/255", **params)
    with pytest.raises(Unsupported, match="level=lots: write a standard deviation"):
        deepinv_of(images(), level="lots", **params)
    shown = deepinv_of(images(), level="15/255", mismatch="show", **params)
    np.testing.assert_array_equal(shown, deepinv_of(images(), level=25 / 255, **params))
    typed = {**params, "level": "15/255"}
    assert METHOD.remark(typed, NOISE) == ""
    marked = METHOD.remark({**typed, "mismatch": "show"}, NOISE)
    assert marked == "its weights were trained for gaussian 15/255, not for gaussian 25/255"
    file, _ = saved(tmp_path / "f.pth", "FFDNet", n_conv_layers=3, nf=4)
    with pytest.raises(Unsupported, match="is told the noise's level: leave level out"):
        deepinv_of(images(), model="FFDNet", file=file, level="25/255", n_conv_layers=3, nf=4)


def test_a_file_that_does_not_fit_or_holds_code_is_refused(tmp_path):
    file, _ = saved(tmp_path / "w.pth", "DnCNN", in_channels=1, out_channels=1, depth=3, nf=4)
    params = {"model": "DnCNN", "file": file, "level": "blind", "nf": 4}
    with pytest.raises(Unsupported, match=r"w.pth does not fit DnCNN .* lacks conv_list"):
        deepinv_of(images(), **params)
    with pytest.raises(Unsupported, match=r"has besides conv_list"):
        deepinv_of(images(), depth=2, **params)
    with pytest.raises(Unsupported, match=r"w.pth does not fit DnCNN: .*size mismatch"):
        deepinv_of(images(channels=3), depth=3, **params)
    bad = tmp_path / "bad.pth"
    bad.write_bytes(pickle.dumps({"x": Path}))
    with pytest.raises(Unsupported, match=r"holds code|no checkpoint"):
        deepinv_of(images(), **{**params, "file": str(bad)})


def test_other_contents_of_a_file_are_other_results(tmp_path):
    file, _ = saved(tmp_path / "w.pth", "DnCNN", in_channels=1, out_channels=1, depth=3, nf=4)
    text = f"deepinv[model=DnCNN,file={file},level=blind,depth=3,nf=4]"

    def source():
        return request.resolve(text, sources.Registry()).method.source

    before, restored = source(), get_method("deepinv", **_typed(text)).denoise(images(), NOISE)
    _, other = saved(tmp_path / "w.pth", "DnCNN", in_channels=1, out_channels=1, depth=3, nf=4)
    assert source() == before
    torch.save({name: 2 * value for name, value in other.state_dict().items()}, file)
    assert source() != before
    assert np.any(get_method("deepinv", **_typed(text)).denoise(images(), NOISE) != restored)


def _typed(text):
    inside = text.partition("[")[2].rstrip("]").split(",")
    return dict(item.split("=") for item in inside)


# -- without weights -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "options"),
    [
        ("TVDenoiser", {"n_it_max": 20}), ("MedianFilter", {}),
        ("MedianFilter", {"kernel_size": 3}), ("BilateralFilter", {"sigma_d": 2.0}),
        ("WaveletDenoiser", {"level": 2}),
    ],
)  # fmt: skip
def test_models_and_their_arguments_are_what_the_library_gives(model, options):
    if model == "WaveletDenoiser":
        pytest.importorskip("ptwt")
    noisy = images(3)
    restored = get_method("deepinv", model=model, **options).denoise(noisy, NOISE)
    called = {"sigma_d": options["sigma_d"]} if "sigma_d" in options else {}
    made = {name: value for name, value in options.items() if name not in called}
    for image, ours in zip(noisy, restored, strict=True):
        network = getattr(deepinv.models, model)(**made)
        theirs = network(torch.from_numpy(image[None]), NOISE.sigma, **called)
        np.testing.assert_array_equal(ours, theirs[0].numpy())


def test_an_image_is_restored_the_same_whatever_came_before_it():
    """The library's TVDenoiser begins where the last image of that shape ended."""
    noisy = images(3, height=20)
    together = deepinv_of(noisy, model="TVDenoiser", n_it_max=5)
    alone = deepinv_of(noisy[2:], model="TVDenoiser", n_it_max=5)
    np.testing.assert_array_equal(together[2:], alone)


def test_what_a_model_does_not_take_is_said_in_one_line():
    with pytest.raises(Unsupported, match="'kernel_sise': did you mean kernel_size"):
        deepinv_of(images(), model="MedianFilter", kernel_sise=3)
    with pytest.raises(Unsupported, match="SwinIR takes no parameter 'made_up'"):
        # Its constructor takes any name, and drops what it does not know.
        deepinv_of(images(), model="SwinIR", file=__file__, level="blind", made_up=3)


# -- what it learned from --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "names"),
    [
        ({"model": "SwinIR", "weights": "sigma15"}, ("dfwb gaussian 15/255",)),
        ({"model": "SwinIR"}, ("dfwb gaussian 15/255", "dfwb gaussian 50/255")),
        ({"model": "DnCNN"}, ("imagenet gaussian 2/255",)),
        ({"model": "EPLLDenoiser"}, ("bsd500",)),
        ({"model": "Restormer"}, ("dfwb gaussian 0-50/255",)),
        ({"model": "DnCNN", "file": "x", "trained_on": "mine + b", "level": "9/255"},
         ("mine gaussian 9/255", "b gaussian 9/255")),
        ({"model": "DnCNN", "file": "x", "trained_on": "mine", "level": "blind"}, ("mine",)),
    ],
)  # fmt: skip
def test_what_weights_learned_from_is_known(params, names):
    assert set(names) <= set(METHOD.trained_on(params))


@pytest.mark.parametrize(("model", "name"), ROWS)
def test_the_sets_that_weights_learned_from_are_known_ones(model, name):
    """Else nobody could say whether they share images with those measured."""
    for learned in METHOD.trained_on({"model": model, "weights": name}) or ():
        assert relation(learned, "bsd68") == ("shared" if model == "EPLLDenoiser" else "apart")


def test_unknown_is_not_nothing():
    assert METHOD.trained_on({"model": "SCUNet"}) is None
    assert METHOD.trained_on({"model": "DnCNN", "file": "x"}) is None
    assert METHOD.trained_on({"model": "DnCNN", "weights": "made up"}) is None
    assert METHOD.trained_on({"model": "TVDenoiser"}) == ()


# -- end to end ------------------------------------------------------------------------------


def test_a_run_skips_what_does_not_serve_and_measures_the_rest(bench, tmp_path):
    file, _ = saved(tmp_path / "w.pth", "DnCNN", in_channels=1, out_channels=1, depth=3, nf=4)
    done = bench(
        "run", "--dataset", "digits", "--limit", 2, "--no-tune", "--noise", "15/255,25/255",
        "--methods",
        f"deepinv[model=DnCNN,file={file},level=25/255,depth=3,nf=4],"
        "deepinv[model=MedianFilter,kernel_size=3]",
        "--out", tmp_path, "--name", "r",
    )  # fmt: skip
    assert "trained for gaussian 25/255, not for gaussian 15/255" in done.out + done.err
    cells = open_run(tmp_path / "r").cells()
    assert sorted(cells["status"]) == ["done", "done", "done", "skipped"]
