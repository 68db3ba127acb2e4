"""The noise estimated from the image itself, for methods that would be told it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.core import ESTIMATED, estimate_sigma, in_threads
from bench.noises import Gaussian, Given

if TYPE_CHECKING:
    from bench.core import Array, Cell, Noise
    from bench.plugins.contract import Denoiser, Method


def is_estimated(cell: Cell, method: Method) -> bool:
    """Whether a cell's method is told what is estimated from each image.

    Where that was typed (`[sigma=estimate]`), or the noise came with the images and nobody said
    how much there is.
    """
    if isinstance(cell.noise, Given) and cell.noise.estimated:
        return method.takes_noise
    params = json.loads(cell.params)
    return ESTIMATED not in method.parameters and params.get(ESTIMATED) == "estimate"


class Estimating:
    """A denoiser that is told, of each image, Gaussian noise of the deviation estimated from it.

    All else that the harness asks of a denoiser goes to the one inside.

    Args:
        denoiser: the one inside.
        threads: that images are handled in.
        factor: how many times that deviation it is told.
    """

    def __init__(self, denoiser: Any, threads: int, factor: float = 1.0) -> None:
        self._denoiser: Denoiser = denoiser
        self._threads, self._factor = threads, factor

    def __getattr__(self, name: str) -> Any:
        return getattr(self._denoiser, name)

    def denoise(self, noisy: Array, noise: Noise) -> Array:
        """Each image by itself, (N, C, H, W)."""
        return np.concatenate(
            in_threads(
                lambda images: np.concatenate(self._each(self._denoiser.denoise, images, noise)),
                self._threads,
                noisy,
            )
        )

    def deviation(self, noisy: Array, noise: Noise) -> Array | None:
        """What it predicts of its errors, told no more than when it denoises; None if nothing."""
        inner: Any = self._denoiser
        parts = self._each(inner.deviation, noisy, noise)
        return None if any(part is None for part in parts) else np.concatenate(parts)

    def _each(self, call: Callable[[Array, Noise], Any], images: Array, noise: Noise) -> list[Any]:
        """What a call gives of each image, told the noise estimated from it."""
        return [
            call(images[i : i + 1], Gaussian(self._factor * estimate_sigma(image), noise.clip))
            for i, image in enumerate(images)
        ]
