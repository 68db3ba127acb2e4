"""What several networks need."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import pad

if TYPE_CHECKING:
    from bench.core import Noise


def noise_map(images: Tensor, noise: Noise) -> Tensor:
    """The noise's standard deviation as a channel (N, 1, H, W), for networks that are told it.

    Zhang et al. 2018 (FFDNet), section III.A. Of a noise whose deviation depends on the clean
    value, that at 0.5.
    """
    return torch.zeros_like(images[:, :1]) + noise.std(0.5)


def padded(images: Tensor, multiple: int) -> Tensor:
    """Images whose sides are divisible: their last row and column repeated until they are."""
    below, right = (-side % multiple for side in images.shape[-2:])
    return pad(images, (0, right, 0, below), mode="replicate") if below or right else images
