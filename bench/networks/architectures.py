"""The architecture of a network, found from the names of its weights by spandrel.

Of networks that are told the noise's level spandrel itself fixes it, at 15/255: theirs are called
here, as their authors do (Zhang et al. 2017, 2018 and 2021).
"""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import spandrel
import torch
from torch import Tensor
from torch.nn.functional import pixel_shuffle, pixel_unshuffle

from bench.core import Unsupported
from bench.networks.network import Network, Sides

if TYPE_CHECKING:
    from bench.core import Array

_Call = Callable[[Tensor, float], Tensor]
# Architectures that spandrel keeps apart for their licences, by names that only they have.
_APART = {
    "Restormer": ("encoder_level1.0.attn.temperature", "latent.0.attn.temperature"),
    "MPRNet": ("stage1_encoder.encoder_level1.0.CA.conv_du.0.weight", "sam12.conv1.weight"),
    "MIRNetv2": ("body.0.body.0.dau_top.gcnet.conv_mask.weight",),
    "M3SNet": ("middle_blks.0.temperature", "middle.0.0.conv1.weight"),
}
_PACKAGE_APART = "spandrel_extra_arches"


class TorchNetwork(Network):
    """A network that torch computes; `call` takes images and the noise's standard deviation."""

    def __init__(
        self, name: str, channels: int, takes_level: bool, sides: Sides, call: _Call, device: str
    ) -> None:
        super().__init__(name, channels, takes_level, sides)
        self._call, self._device = call, torch.device(device)

    def _apply(self, images: Array, sigma: float) -> Array:
        try:
            with torch.inference_mode():
                restored = self._call(torch.from_numpy(images).to(self._device), sigma)
                return restored.to("cpu", torch.float32).numpy()
        except torch.OutOfMemoryError:
            raise
        except (RuntimeError, ValueError, AssertionError) as error:
            shape = "x".join(map(str, images.shape[1:]))
            reason = _short(error)
            raise Unsupported(
                f"its network ({self.name}) does not take images of {shape}: {reason}"
            ) from error


def network_of(weights: Mapping[str, Any], file: str, device: str = "cpu") -> TorchNetwork:
    """The network that weights are of, on a device.

    Args:
        weights: as `read_weights` gives them.
        file: its name, for errors.
        device: "cpu" or "cuda".

    Raises:
        Unsupported: their architecture is not known, or does not denoise images.
    """
    architecture, state = _detected(_tensors(weights, file), file)
    name = architecture.name
    shapes = {key: tuple(value.shape) for key, value in state.items()}
    try:
        # It is made of random numbers first, which nobody else is to miss.
        with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = architecture.load(dict(state))
    except Exception as error:  # whatever of it does not fit the architecture
        raise Unsupported(
            f"{file} has the names of {name}, but is none that can be made: {_short(error)}"
        ) from error
    if not isinstance(model, spandrel.ImageModelDescriptor):
        raise Unsupported(f"{file} is a network ({name}) that fills holes: it takes a mask")
    if model.scale != 1:
        raise Unsupported(
            f"{file} is a network ({name}) for super-resolution: it enlarges images {model.scale} "
            "times"
        )
    if model.purpose != "Restoration":
        raise Unsupported(f"{file} is a network ({name}) for faces, not for noise")
    return _as_denoiser(model.to(device).eval(), name, shapes, file, device)


def _as_denoiser(
    model: spandrel.ImageModelDescriptor[torch.nn.Module],
    name: str,
    shapes: Mapping[str, tuple[int, ...]],
    file: str,
    device: str,
) -> TorchNetwork:
    """Told the noise's level where its first layer has room for that, else called by spandrel."""
    needs = model.size_requirements
    sides = Sides(needs.multiple_of, max(1, needs.minimum), needs.square)
    first = {"DRUNet": "m_head.weight", "DnCNN": "model.0.weight"}.get(model.architecture.id)
    taken, given = shapes[first][1] if first else model.input_channels, model.output_channels
    takes_level = first is not None and taken == given + 1
    if taken != given and not takes_level:
        raise Unsupported(
            f"{file} is a network ({name}) that makes {given} channels of {taken}: it is not one "
            "that restores images"
        )
    quarters = takes_level and name == "DnCNN" and given in (4, 12)
    if takes_level and name == "DnCNN":
        name = "FFDNet" if quarters else "FDnCNN"
    if quarters:  # it sees each 2 x 2 pixels as four channels
        given, sides = given // 4, Sides(multiple=2)

    def call(images: Tensor, sigma: float) -> Tensor:
        if not first:
            return model(images)
        seen = pixel_unshuffle(images, 2) if quarters else images
        restored = model.model(_with_level(seen, sigma) if takes_level else seen)
        return pixel_shuffle(restored, 2) if quarters else restored

    return TorchNetwork(name, given, takes_level, sides, call, device)


def _with_level(images: Tensor, sigma: float) -> Tensor:
    """Images with the noise's standard deviation as one more channel."""
    return torch.cat([images, torch.full_like(images[:, :1], sigma)], dim=1)


# -- which architecture it is ----------------------------------------------------------------


def _tensors(weights: Mapping[str, Any], file: str) -> dict[str, Tensor]:
    """The network's own, out of what training wrote beside it."""
    state = spandrel.canonicalize_state_dict(dict(weights))
    others = [name for name, value in state.items() if not isinstance(value, Tensor)]
    if others or not state:
        parts = [name for name in others if isinstance(state[name], Mapping)]
        held = f"{', '.join(parts)}: save one of these alone" if parts else "no tensors by name"
        raise Unsupported(f"{file} holds {held}")
    return state


def _detected(
    state: dict[str, Tensor], file: str
) -> tuple[spandrel.Architecture[torch.nn.Module], dict[str, Tensor]]:
    """The architecture, and the weights by the names that it gives them."""
    registry = _registry()
    for named in _without_prefixes(state):
        for support in registry.architectures("detection"):
            if support.detect(named):
                return support.architecture, named
    for name, keys in _APART.items():
        if all(any(own.endswith(key) for own in state) for key in keys):
            raise Unsupported(
                f"{file} is a network ({name}) that spandrel keeps apart for its licence: look at "
                f"that, and pip install {_PACKAGE_APART.replace('_', '-')}"
            )
    if any(value.ndim == 5 for value in state.values()):
        raise Unsupported(f"{file} is a network of three dimensions, for video or volumes")
    near = " or ".join(_nearest(state, registry))
    raise Unsupported(
        f"{file} is of no architecture that is known ({len(state)} tensors, the first "
        f"{next(iter(state))}): nearest {'are' if ' or ' in near else 'is'} {near}; a network of "
        "your own can be exported to ONNX"
    )


def _registry() -> spandrel.ArchRegistry:
    """The architectures of spandrel, and those that it keeps apart where they are installed."""
    registry = spandrel.MAIN_REGISTRY.copy()
    if importlib.util.find_spec(_PACKAGE_APART):
        apart = importlib.import_module(_PACKAGE_APART)
        registry.add(*apart.EXTRA_REGISTRY, ignore_duplicates=True)
    return registry


def _without_prefixes(state: dict[str, Tensor]) -> Iterator[dict[str, Tensor]]:
    """The weights as they are named, and then without what all of their names begin with."""
    while True:
        yield state
        first = {name.partition(".")[0] for name in state}
        if len(first) != 1 or not all("." in name for name in state):
            return
        state = {name.partition(".")[2]: value for name, value in state.items()}


class _Asked(dict[str, Any]):
    """Weights that have every name, and note those that they are asked for."""

    def __contains__(self, name: object) -> bool:
        self[str(name)] = None
        return True


def _nearest(state: Mapping[str, Any], registry: spandrel.ArchRegistry) -> list[str]:
    """The three architectures of whose names for weights most are there."""
    shares = {}
    for support in registry.architectures():
        asked = _Asked()
        try:
            support.detect(asked)
        except Exception:  # it looks into the weights, too
            continue
        shares[support.architecture.name] = len(asked.keys() & state.keys()) / max(1, len(asked))
    return sorted(shares, key=lambda name: -shares[name])[:3]


def _short(error: BaseException) -> str:
    """What an error says, in part."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 200 else f"{text[:200]}…"
