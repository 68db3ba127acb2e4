"""Images in memory: arrays, tensors and PIL images come back restored, as what they came as."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.core import Unsupported, UsageError
from bench.datasets.formats import UnusableImage
from bench.datasets.formats.axes import Layout, layout_of
from bench.datasets.items import as_array
from bench.denoising import files

if TYPE_CHECKING:
    from bench.core import Array
    from bench.denoising.meaning import Stated
    from bench.denoising.restorer import Denoiser


def in_memory(images: Any) -> bool:
    """Whether it is an array, a tensor or a PIL image."""
    return isinstance(images, np.ndarray) or _is_tensor(images) or _is_pil(images)


def denoise_array(
    images: Any, out: Any, said: Stated, work: Denoiser, warn: Callable[[str], None]
) -> Any:
    """Stored values restored, of the shape and type that they came in.

    Args:
        images: see `in_memory`.
        out: folder to write to, which there is none of.
        said: what its values mean.
        work: restores an image.
        warn: called with a line for what is hardly meant so.

    Raises:
        UsageError: it is no image, or cannot be restored.
    """
    if out is not None:
        raise UsageError("out= is of files; what an array becomes is returned")
    try:
        given = as_array(images)
        layout = layout_of(given.shape)
    except UnusableImage as error:
        why = str(error).replace("save it as", "give it as")
        raise UsageError(f"what is to be denoised: {why}") from error
    if layout.note:
        warn(layout.note)
    kind = given.dtype
    if kind.kind not in "uif" or not np.isfinite(given).all():
        raise UsageError(f"images are finite numbers, as uint8, uint16 or float32, not {kind}")
    meaning = files.check_values(given, said, warn)
    flat = _pages(given, layout)
    result = np.empty(flat.shape, kind)
    lines: dict[str, None] = {}
    for noisy, restored_to in zip(flat, result, strict=True):
        try:
            scaled = meaning.scaled(noisy)
            if meaning.clamp:
                files.check_near(scaled, meaning)
            restored, model, noise = work(scaled)
        except Unsupported as error:
            raise UsageError(str(error)) from error
        files.to_stored(restored, meaning, kind, restored_to)
        lines.update(dict.fromkeys(work.doubts(scaled, model, noise)))
    for line in lines:
        warn(line)
    last = layout.channels == -1
    shaped = np.moveaxis(result, 1, -1) if last else result
    return _as_given(np.ascontiguousarray(shaped).reshape(given.shape), images)


def _pages(given: Array, layout: Layout) -> Array:
    """Images (N, C, H, W)."""
    if layout.channels == -1:
        given = np.moveaxis(given, -1, -3)
    return given.reshape(layout.pages, *layout.shape)


def _as_given(restored: Array, images: Any) -> Any:
    """A tensor of a tensor, on its device, and a PIL image of one."""
    if _is_tensor(images):
        import torch

        return torch.from_numpy(restored).to(images)
    if _is_pil(images):
        from PIL import Image

        return Image.fromarray(restored)
    return restored


def _is_tensor(images: Any) -> bool:
    return hasattr(images, "detach") and hasattr(images, "cpu")


def _is_pil(images: Any) -> bool:
    return hasattr(images, "mode") and hasattr(images, "getbands")
