"""Any denoiser of the deepinv library, with weights that are what their name says."""

import difflib
import functools
import inspect
import tomllib
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bench import Unsupported, method
from bench.networks import (
    differs,
    downloaded,
    expect_said,
    file_stamp,
    named_sets,
    read_weights,
    shows,
    trained_level,
)

# Images that go through a network at once.
BATCH = 32
# What models call the number of an image's channels.
CHANNELS = ("in_channels", "out_channels", "img_channels", "in_chans", "in_nc", "channels")
# What a mistyped option may have meant, beside the model's own.
OWN = ("model", "weights", "file", "level", "mismatch", "trained_on")
# What `options` may not say: it has a parameter of its own, or the images do.
TAKEN = ("self", "device", "pretrained", "pretrained_noise_level", *CHANNELS)
# Models whose weights serve one noise, or all: they look at no sigma.
UNTOLD = ("AutoEncoder", "DnCNN", "MPRNet", "PromptIR", "Restormer", "SCUNet", "SwinIR", "UNet")
# Sides of images are made whole multiples of it, by repeating the last pixels.
MULTIPLE = {"FFDNet": 2}
# What models raise of arguments or images that they do not take.
FAILURES = (
    ArithmeticError, AssertionError, AttributeError, ImportError, LookupError, RuntimeError,
    TypeError, ValueError,
)  # fmt: skip
# Weights stand under one of these, in some files.
WRAPPERS = ("params_ema", "params", "state_dict")


class Weights(NamedTuple):
    """Published weights, as `deepinv.toml` describes them."""

    grey: str = ""
    rgb: str = ""
    levels: tuple[float, float] | None = None
    trained_on: tuple[str, ...] | None = None
    rgb_options: Mapping[str, object] = {}

    @property
    def learned_from(self):
        """`trained_on` with the levels behind each."""
        if self.trained_on is None or self.levels is None:
            return self.trained_on
        low, high = self.levels
        noise = f"gaussian {high:g}/255" if low == high else f"gaussian {low:g}-{high:g}/255"
        return tuple(f"{name} {noise}" for name in self.trained_on)


#: model -> name of weights -> what they are; the first is the one by default.
PUBLISHED = {
    model: {name: Weights(**described) for name, described in weights.items()}
    for model, weights in tomllib.loads(
        Path(__file__).with_suffix(".toml").read_text("utf-8")
    ).items()
}


def learned_from(params):
    """What the weights that are asked for were trained on; nothing without weights."""
    if params["file"]:
        return named_sets(params["trained_on"], params["level"])
    known = PUBLISHED.get(params["model"], {})
    if not known:
        return ()
    if params["weights"]:
        chosen = known.get(params["weights"])
        return chosen and chosen.learned_from
    if params["model"] == "SwinIR":  # each level by its own
        return tuple(name for one in known.values() for name in one.learned_from)
    return next(iter(known.values())).learned_from


def remark(params, noise):
    """Where noise is not what the weights were trained for, and is measured all the same."""
    if params["model"] in UNTOLD and params.get("sigma", "").endswith("x"):
        raise Unsupported(f"{params['model']} is told no level: leave sigma={params['sigma']} out")
    _, why = _asked_for(params, noise)
    return f"its weights {why}" if why and shows(params["mismatch"]) else ""


@method(
    family="pretrained",
    supervision="clean",
    trained_on=learned_from,
    files=("file",),
    data=("deepinv.toml",),
    remark=remark,
    reference="Tachella et al. 2025, and of each model its own",
    requires=("deepinv", "torch"),
)
def deepinv(
    noisy, noise, *, device, model="DRUNet", weights="", file="", level=None, mismatch="skip",
    trained_on="", **options,
):  # fmt: skip
    """The denoiser `deepinv.models.MODEL` with published weights or a file's, told sigma.

    `weights` names those that it has published; SwinIR takes those for the level by itself. `file`
    is the path of others: of a model that looks at no sigma `level` says for which they were
    trained, as 25/255, or `blind` for all, and `trained_on` on what, with a + between data sets. At
    other noise a model is skipped, or with `mismatch=show` measured. Every further parameter is
    given to the model, as in `model=DnCNN,file=mine.pth,depth=17`.
    """
    import torch

    _check_model(model)
    if not (file or model in PUBLISHED or level is None):
        options, level = {**options, "level": level}, None  # of a wavelet transform
    typed = {"model": model, "weights": weights, "file": file, "level": level}
    name, why = _asked_for({**typed, "mismatch": mismatch, "trained_on": trained_on}, noise)
    if why and not shows(mismatch):
        raise Unsupported(f"the weights {name} of {model} {why}; mismatch=show measures it anyway")
    channels = noisy.shape[1]
    source, built = None, options
    if file:
        if not (path := Path(file).expanduser()).is_file():
            raise Unsupported(f"there is no file {file}")
        source = path, file_stamp(path)
    elif name:
        chosen = PUBLISHED[model][name]
        address = _address(model, name, chosen, channels)
        built = {**(chosen.rgb_options if channels == 3 else {}), **options}
        _arguments(model, channels, built.items())  # refuses before anything is downloaded
        path = downloaded(address)
        source = path, file_stamp(path)

    arguments = (model, channels, device, tuple(sorted(built.items())))
    parts = []
    with torch.no_grad(), warnings.catch_warnings(), torch.random.fork_rng():
        warnings.simplefilter("ignore")  # of the library's, about itself
        # Filters go by the batch's own convergence, or on from the last image: one by one, anew.
        at_once = BATCH if source and model not in ("DScCP", "EPLLDenoiser") else 1
        for part in torch.split(torch.from_numpy(np.ascontiguousarray(noisy)), at_once):
            torch.manual_seed(0)  # DScCP draws a beginning
            network = _with_weights(source, *arguments) if source else _without(*arguments)
            restored = _restored(network, model, part.to(device), noise.sigma, channels, options)
            parts.append(restored.to("cpu", torch.float32).numpy())
    return np.concatenate(parts)


def _asked_for(params, noise):
    """Name of the weights that are asked for, and why they do not serve a noise; empty if so."""
    model, weights, level = params["model"], params["weights"], params["level"]
    shown = shows(params["mismatch"])
    if params["file"]:
        if weights:
            raise Unsupported(f"weights={weights} or file={params['file']}, not both")
        expect_said(level, model, told=model not in UNTOLD)
        trained = trained_level(level)
        levels = trained and (255 * trained, 255 * trained)
        return Path(params["file"]).name, _why(model, levels, noise)
    known = PUBLISHED.get(model, {})
    if weights and weights not in known:
        there = f"there is {', '.join(known)}" if known else "none are known"
        raise Unsupported(f"{model} has no weights {weights!r}: {there}")
    if (known and level is not None) or params["trained_on"]:
        raise Unsupported("level and trained_on are said of a file: leave them out, or add file=")
    if not known:
        return "", ""
    # A model with weights for each of several levels takes those for this one.
    fitting = [
        name
        for name, one in known.items()
        if one.levels and one.levels[0] == one.levels[1] and not _why(model, one.levels, noise)
    ]
    name = weights or (fitting or [*known])[0]
    why = _why(model, known[name].levels, noise)
    if why and not weights and len(known) > 1 and shown:
        raise Unsupported(f"which weights, {', '.join(known)}? {model} has none for {noise}")
    return name, why


def _address(model, name, chosen, channels):
    """Where the file of published weights for images of so many channels lies."""
    address = {1: chosen.grey, 3: chosen.rgb}.get(channels, "")
    if not address:
        colours = [word for word, there in (("grey", chosen.grey), ("RGB", chosen.rgb)) if there]
        raise Unsupported(
            f"the weights {name} of {model} are for {' and '.join(colours)} images, not for "
            f"{channels} channel{'s' * (channels > 1)}"
        )
    return address


def _why(model, levels, noise):
    """How noise differs from what weights were trained for; empty where it does not."""
    if levels is None:
        return ""
    why = differs(noise, levels[0] / 255, levels[1] / 255, told=model not in UNTOLD)
    return why and f"were {why}"


def _check_model(model):
    """That the library has a denoiser of that name."""
    import deepinv.models as models

    known = {
        name
        for name, value in vars(models).items()
        if inspect.isclass(value) and issubclass(value, models.Denoiser)
    }
    known = known - {"Denoiser"} | {"GSDRUNet"}  # a function that makes one
    if model not in known:
        near = difflib.get_close_matches(model, known, n=3, cutoff=0.5) or sorted(known)
        raise Unsupported(f"deepinv has no denoiser {model!r}: there is {', '.join(near)}")


def _without(model, channels, device, options):
    """A model that needs no weights, made anew."""
    network = _made(model, channels, device, _arguments(model, channels, options))
    if next(network.parameters(), None) is not None:
        raise Unsupported(
            f"{model} has to learn, and of its weights none are known that denoise: give your own "
            "as file=PATH"
        )
    return network


@functools.lru_cache(maxsize=1)
def _with_weights(source, model, channels, device, options):
    """A model with the weights of a file, which is given with its stamp."""
    path, _ = source
    network = _made(model, channels, device, _arguments(model, channels, options))
    found = read_weights(path)
    for wrapper in WRAPPERS:
        found = found[wrapper] if isinstance(found.get(wrapper), Mapping) else found
    holder = network.PatchGMM if model == "EPLLDenoiser" else network
    try:
        lacking, further = holder.load_state_dict(found, strict=False)
    except RuntimeError as error:  # of other shapes
        raise Unsupported(f"{path.name} does not fit {model}: {_short(error)}") from error
    # What RAM has beside its published weights begins as 1.
    lacking = [name for name in lacking if (model, name) != ("RAM", "fact_realign")]
    if lacking or (further and model != "RAM"):
        names = ", ".join(map(str, (lacking or further)[:3]))
        raise Unsupported(
            f"{path.name} does not fit {model} as it is made here: it "
            f"{'lacks' if lacking else 'has besides'} {names}"
        )
    return network


def _arguments(model, channels, options):
    """What a model for images of so many channels is made with; without its own weights."""
    import deepinv.models as models

    make = getattr(models, model)
    taken = inspect.signature(make).parameters
    forward = getattr(make, "forward", None)  # a function makes one, too
    called = inspect.signature(forward).parameters if forward else {}
    open_ended = any(one.kind is one.VAR_KEYWORD for one in taken.values())
    for name, _ in options:
        documented = open_ended and f"``{name}``" in (make.__doc__ or "")
        if name in TAKEN or not (name in taken or name in called or documented):
            near = difflib.get_close_matches(name, {*taken, *called, *OWN} - {*TAKEN, "kwargs"})
            hint = f": did you mean {' or '.join(near)}?" if near else ""
            raise Unsupported(f"{model} takes no parameter {name!r}{hint}")
    arguments = {name: value for name, value in options if name in taken or name not in called}
    for name in CHANNELS:
        if name in taken and isinstance(taken[name].default, int):
            arguments[name] = channels
    return arguments | ({"pretrained": None} if "pretrained" in taken else {})


def _made(model, channels, device, arguments):
    """The model, without weights."""
    import deepinv.models as models

    try:
        return getattr(models, model)(**arguments).eval().to(device)
    except FAILURES as error:
        raise Unsupported(
            f"{model} cannot be made for {channels} channel{'s' * (channels > 1)}: {_short(error)}"
        ) from error


def _restored(network, model, noisy, sigma, channels, options):
    """What a model makes of images, padded as it needs."""
    import torch

    height, width = noisy.shape[2:]
    multiple = MULTIPLE.get(model, 1)
    padding = (0, -width % multiple, 0, -height % multiple)
    padded = torch.nn.functional.pad(noisy, padding, mode="replicate") if any(padding) else noisy
    called = inspect.signature(network.forward).parameters
    told = {} if model in UNTOLD else {"sigma" if "sigma" in called else [*called][1]: sigma}
    told |= {name: value for name, value in options.items() if name in called}
    try:
        return network(padded, **told)[..., :height, :width]
    except torch.OutOfMemoryError:
        raise
    except FAILURES as error:
        raise Unsupported(
            f"{model} does not take images of {channels}x{height}x{width}: {_short(error)}"
        ) from error


def _short(error):
    """An error in one line."""
    return " ".join(str(error).split())[:300]
