"""The noise estimated from the image itself, for methods that would be told it."""

from __future__ import annotations

import json
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
    return ESTIMATED not in method.parameters and ESTIMATED in json.loads(cell.params)


class Estimating:
    """A denoiser that is told, of each image, Gaussian noise of the deviation estimated from it.

    All else that the harness asks of a denoiser goes to the one inside.
    """

    def __init__(self, denoiser: Any, threads: int) -> None:
        self._denoiser: Denoiser = denoiser
        self._threads = threads

    def __getattr__(self, name: str) -> Any:
        return getattr(self._denoiser, name)

    def denoise(self, noisy: Array, noise: Noise) -> Array:
        """Each image by itself, (N, C, H, W)."""

        def restored(images: Array) -> Array:
            noises = [Gaussian(estimate_sigma(image), noise.clip) for image in images]
            return np.concatenate(
                [
                    self._denoiser.denoise(images[i : i + 1], estimated)
                    for i, estimated in enumerate(noises)
                ]
            )

        return np.concatenate(in_threads(restored, self._threads, noisy))
