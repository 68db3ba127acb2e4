"""Inputs of networks: the noise as a channel, sides that can be halved."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import pad

if TYPE_CHECKING:
    from bench.core import Noise


def noise_map(images: Tensor, noise: Noise) -> Tensor:
    """The noise's standard deviation as a channel, for networks conditioned on it.

    Zhang et al. 2018 (FFDNet), section III.A.

    >>> from bench import make_noise
    >>> channel = noise_map(torch.rand(2, 3, 8, 8), make_noise("gaussian", 0.25))
    >>> tuple(channel.shape), channel.unique().tolist()
    ((2, 1, 8, 8), [0.25])

    Args:
        images: (N, C, H, W).
        noise: where its deviation depends on the clean value, the one at 0.5 is taken.

    Returns:
        (N, 1, H, W), in [0, 1] units.
    """
    return torch.zeros_like(images[:, :1]) + noise.std(0.5)


def padded(images: Tensor, multiple: int) -> Tensor:
    """Images (N, C, H, W) with sides divisible by `multiple`.

    The last row and column are repeated until they are.

    >>> tuple(padded(torch.rand(2, 1, 30, 28), 4).shape)
    (2, 1, 32, 28)
    """
    below, right = (-side % multiple for side in images.shape[-2:])
    return pad(images, (0, right, 0, below), mode="replicate") if below or right else images
