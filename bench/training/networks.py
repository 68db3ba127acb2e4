"""Inputs of networks, and the network that several methods share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.functional import max_pool2d, pad

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


class _Block(nn.Sequential):
    """Two 3 x 3 convolutions, each followed by a ReLU."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__(
            nn.Conv2d(channels_in, channels_out, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(channels_out, channels_out, 3, padding=1),
            nn.ReLU(),
        )


class SmallUNet(nn.Module):
    """A U-Net of three scales: down by two max-poolings, up by two transposed convolutions.

    Ronneberger et al. 2015, with borders padded by zeros. Methods that differ only in what they
    learn from share it.

    >>> tuple(SmallUNet(1, 1, width=4)(torch.rand(2, 1, 9, 14)).shape)
    (2, 1, 9, 14)

    Args:
        channels_in: of the images, and of what a method adds to them.
        channels_out: of the result, which has the size of the images.
        width: channels at the finest scale; twice and four times as many at the others.
    """

    def __init__(self, channels_in: int, channels_out: int, width: int) -> None:
        super().__init__()
        self.down1 = _Block(channels_in, width)
        self.down2 = _Block(width, 2 * width)
        self.bottom = _Block(2 * width, 4 * width)
        self.grow2 = nn.ConvTranspose2d(4 * width, 2 * width, 2, stride=2)
        self.up2 = _Block(4 * width, 2 * width)
        self.grow1 = nn.ConvTranspose2d(2 * width, width, 2, stride=2)
        self.up1 = _Block(2 * width, width)
        self.last = nn.Conv2d(width, channels_out, 1)

    def forward(self, images: Tensor) -> Tensor:
        """Images (N, channels_in, H, W) in, (N, channels_out, H, W) out."""
        height, width = images.shape[-2:]
        fine = self.down1(padded(images, 4))
        middle = self.down2(max_pool2d(fine, 2))
        features = self.bottom(max_pool2d(middle, 2))
        features = self.up2(torch.cat([self.grow2(features), middle], dim=1))
        features = self.up1(torch.cat([self.grow1(features), fine], dim=1))
        restored: Tensor = self.last(features)
        return restored[..., :height, :width]
