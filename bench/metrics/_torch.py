"""Images for the metrics of libraries on torch: few at a time, without gradients, on the CPU."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.metrics._blocks import blocks

if TYPE_CHECKING:
    from bench.core import Array, Values


def by_torch(
    measure: Callable[[Any, Any], Any],
    clean: Array,
    restored: Array,
    *,
    least: int,
    pixels: int,
    double: bool = True,
    three: bool = False,
) -> Values:
    """What a function of torch tensors gives for each image.

    Args:
        measure: of tensors clean, restored (N, C, H, W), a value an image.
        clean: float32 (N, C, H, W), data range 1.
        restored: of the same shape.
        least: the shortest side that it takes.
        pixels: that it is given at a time, or one image: what it computes of them takes much
            memory.
        double: it is given float64, not float32.
        three: it takes three channels, and grey images are repeated to them.

    Returns:
        Float64 (N,); NaN where a side is shorter than `least`, where images have neither one nor
        three channels, and where it gave no finite number.
    """
    import torch

    values = np.full(len(clean), np.nan)
    if min(clean.shape[2:]) < least or clean.shape[1] not in (1, 3):
        return values
    kind = torch.float64 if double else torch.float32
    repeats = 3 if three and clean.shape[1] == 1 else 1
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the library's, about itself
        for block in blocks(clean, pixels):
            x, y = (
                torch.tensor(images[block], dtype=kind).repeat(1, repeats, 1, 1)
                for images in (clean, restored)
            )
            values[block] = measure(x, y).reshape(-1).numpy()
    return np.where(np.isfinite(values), values, np.nan)


def flat(images: Array) -> Any:
    """Which images of (N, C, H, W) have the same value in all pixels of each channel."""
    return (images == images[:, :, :1, :1]).all(axis=(1, 2, 3))
