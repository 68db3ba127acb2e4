"""A network in ONNX, which onnxruntime computes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime
import torch

from bench.core import Unsupported, system_reason
from bench.networks.network import Network

if TYPE_CHECKING:
    from bench.core import Array

_PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
# Channels that images may have, and with the noise's level as one more.
_CHANNELS, _WITH_LEVEL = (1, 3), (2, 4)


class OnnxNetwork(Network):
    """A model of one or two inputs: images (N, C, H, W), and the noise's standard deviation.

    The second input is that for each image, or a map of it; without one, and with one channel more
    than images have, the map is the last channel.
    """

    def __init__(self, session: Any, file: str) -> None:
        self._session = session
        inputs = session.get_inputs()
        if not 1 <= len(inputs) <= 2:
            raise Unsupported(f"{file} takes {len(inputs)} inputs: give images, and a noise level")
        if other := [each.name for each in inputs if each.type != "tensor(float)"]:
            raise Unsupported(f"{file}: its input {other[0]} is not of float32")
        self._images, *self._levels = inputs
        if len(self._images.shape) != 4:
            what = "for video or volumes" if len(self._images.shape) == 5 else "not for images"
            raise Unsupported(
                f"{file} takes arrays of {len(self._images.shape)} axes: it is {what}"
            )
        channels = self._fixed(1)
        self._maps = not self._levels and channels in _WITH_LEVEL
        if channels not in (None, *_CHANNELS, *(_WITH_LEVEL if self._maps else ())):
            raise Unsupported(f"{file} takes {channels} channels, which come second: 1 or 3")
        if channels is not None and self._maps:
            channels -= 1
        super().__init__("ONNX", channels, bool(self._levels) or self._maps)

    @classmethod
    def of_file(cls, path: Path, device: str = "cpu") -> OnnxNetwork:
        """The model of a file, on a device.

        Raises:
            Unsupported: it is damaged, is no model of images, or cannot be computed there.
        """
        provider = _PROVIDERS[device]
        if provider not in onnxruntime.get_available_providers():
            raise Unsupported(
                f"{path.name}: onnxruntime finds no GPU here: pip install onnxruntime-gpu, or give "
                "--device cpu"
            )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()  # as many as the method may use
        options.inter_op_num_threads = 1
        # Threads that spin while they wait slow down what runs beside them.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 4
        try:
            # As bytes: a model whose weights lie in another file, which has no digest, is refused.
            model = path.read_bytes()
            session = onnxruntime.InferenceSession(model, options, providers=[provider])
        except (OSError, MemoryError) as error:
            reason = system_reason(error) or "not enough memory"
            raise Unsupported(f"{path.name} cannot be read: {reason}") from error
        except Exception as error:  # of a class of its own for each kind of trouble
            reason = " ".join(str(error).split())
            if "external" in reason.lower():
                raise Unsupported(
                    f"{path.name} has its weights in another file: save it as one, "
                    "onnx.save_model(onnx.load(NAME), NEW)"
                ) from error
            raise Unsupported(
                f"{path.name} is no ONNX model, or damaged: {reason[:200]}"
            ) from error
        if session.get_providers()[0] != provider:  # where it cannot, it takes the other one
            raise Unsupported(
                f"{path.name}: onnxruntime cannot compute on the GPU here: --device cpu"
            )
        return cls(session, path.name)

    def _apply(self, images: Array, sigma: float) -> Array:
        for axis, side in ((2, "high"), (3, "wide")):
            if (fixed := self._fixed(axis)) not in (None, images.shape[axis]):
                raise Unsupported(
                    f"its network (ONNX) takes images {fixed} pixels {side} only; these have "
                    f"{images.shape[axis]}: export it with dynamic axes"
                )
        at_once = self._fixed(0) or len(images)
        if len(images) % at_once:
            raise Unsupported(
                f"its network (ONNX) takes {at_once} images at once only: export it with dynamic "
                "axes"
            )
        parts = np.split(images, len(images) // at_once)
        return np.concatenate([self._run(part, sigma) for part in parts])

    def _run(self, images: Array, sigma: float) -> Array:
        inputs = {self._images.name: images}
        if self._maps:
            level = np.full_like(images[:, :1], sigma)
            inputs[self._images.name] = np.concatenate([images, level], axis=1)
        for level in self._levels:
            inputs[level.name] = np.full(_level_shape(level.shape, images.shape), sigma, np.float32)
        try:
            restored = self._session.run(None, inputs)[0]
        except Exception as error:  # of a class of its own for each kind of trouble
            shape = "x".join(map(str, images.shape[1:]))
            reason = " ".join(str(error).split())[:200]
            raise Unsupported(
                f"its network (ONNX) does not take images of {shape}: {reason}"
            ) from error
        return np.asarray(restored, dtype=np.float32)

    def _fixed(self, axis: int) -> int | None:
        """The length of an axis of images, where it is no other."""
        length = self._images.shape[axis]
        return length if isinstance(length, int) else None


def _level_shape(declared: list[Any], images: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of the noise levels: as declared, and where that is open as the images are."""
    count, _, *sides = images
    open_ends = (count, 1, *sides)[: len(declared)]
    return tuple(
        known if isinstance(known, int) else length
        for known, length in zip(declared, open_ends, strict=True)
    )
