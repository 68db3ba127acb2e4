"""Batches: the order of the training images, and the noise drawn for them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from bench.core import ImagePairs

if TYPE_CHECKING:
    from bench.core import Array, Noise

#: Pixels that a forward pass takes at once where nothing is learned: 250 of MNIST's images in a
#: CPU's cache; a GPU wants more.
EVALUATED_PIXELS = {"cpu": 250 * 28 * 28, "cuda": 2**22}


class Batch(NamedTuple):
    """The input of a loss: noisy images, their targets (clean ones as a rule), and the noise."""

    noisy: Tensor
    target: Tensor
    noise: Noise

    def split(self, size: int) -> Iterator[Batch]:
        """The same in parts of `size` images."""
        parts = zip(torch.split(self.noisy, size), torch.split(self.target, size), strict=True)
        level: Any = self.noise.level  # a number, or a tensor of each image's own
        if not isinstance(level, Tensor):
            return (Batch(noisy, target, self.noise) for noisy, target in parts)
        levels: tuple[Any, ...] = torch.split(level, size)
        return (
            Batch(noisy, target, dataclasses.replace(self.noise, level=part))
            for (noisy, target), part in zip(parts, levels, strict=True)
        )


def corrupted(
    clean: Tensor, noise: Noise, lowest: float | None, generator: torch.Generator
) -> Batch:
    """The images with noise drawn for them on their device.

    Args:
        clean: images (N, C, H, W).
        noise: what to draw.
        lowest: if given, each image's level is drawn evenly from here to that of `noise`; the
            batch's `noise.level` then has shape (N, 1, 1, 1).
        generator: on the images' device.
    """
    if lowest is not None:
        shares = torch.rand(len(clean), 1, 1, 1, generator=generator, device=clean.device)
        levels: Any = lowest + (noise.level - lowest) * shares
        noise = dataclasses.replace(noise, level=levels)
    return Batch(noise.corrupt(clean, TorchDraws(clean, generator)), clean, noise)


def stacked(images: Array | ImagePairs) -> Tensor:
    """Training images as one tensor, in which a pair is an image of more channels.

    So that whatever chooses, cuts or turns images does the same to both of a pair. Behind the
    target's channels come the noisy ones, and the deviation told of each pair, where there is one.
    """
    if not isinstance(images, ImagePairs):
        return torch.from_numpy(images)
    parts = [images.target, images.noisy]
    if images.sigma is not None:
        one_channel = images.noisy[:, :1]
        parts.append(np.broadcast_to(images.sigma[:, None, None, None], one_channel.shape))
    return torch.from_numpy(np.concatenate(parts, axis=1, dtype=np.float32))


def parted(pairs: Tensor, noise: Noise) -> Batch:
    """What `stacked` put on one another.

    Args:
        pairs: of targets and noisy images (N, 2 C, H, W), or (N, 2 C + 1, H, W).
        noise: between them, whose level is replaced by that of each pair, where there is one.
    """
    channels = pairs.shape[1] // 2
    target, noisy = pairs[:, :channels], pairs[:, channels : 2 * channels]
    if pairs.shape[1] % 2:
        levels: Any = pairs[:, -1:, :1, :1]
        noise = dataclasses.replace(noise, level=levels)
    return Batch(noisy.contiguous(), target.contiguous(), noise)


def image_order(count: int, length: int, generator: torch.Generator) -> Tensor:
    """`length` of `count` indices in random order; each comes again only after all others."""
    rounds = [torch.randperm(count, generator=generator) for _ in range(-(-length // count))]
    return torch.cat(rounds)[:length]


def evaluated_at_once(images: Tensor) -> int:
    """Images of (N, C, H, W) that go through a network at once where nothing is learned."""
    pixels = EVALUATED_PIXELS["cuda" if images.is_cuda else "cpu"]
    return max(1, pixels // (images.shape[-2] * images.shape[-1]))


class TorchDraws:
    """Random numbers for a batch of training images, on their device; see `core.Draws`.

    Args:
        like: images of their shape and device.
        generator: on that device.
    """

    def __init__(self, like: Tensor, generator: torch.Generator) -> None:
        self._like, self._generator = like, generator
        self._made: dict[tuple[str, int], Tensor] = {}

    def normal(self, field: int = 0) -> Tensor:
        """Standard normal."""
        return self._kept("normal", field, torch.randn)

    def uniform(self, field: int = 0) -> Tensor:
        """Uniform in [0, 1)."""
        return self._kept("uniform", field, torch.rand)

    def gamma(self, shape: float | Tensor) -> Tensor:
        """Gamma numbers of that shape and of mean 1."""
        like = self._like
        shapes = torch.zeros_like(like) + shape
        return torch._standard_gamma(shapes, generator=self._generator) / shapes

    def poisson(self, rate: Tensor) -> Tensor:
        """Poisson counts of that mean."""
        return torch.poisson(rate, generator=self._generator)

    def _kept(self, name: str, field: int, draw: Any) -> Tensor:
        """The same call gives the same numbers."""
        if (name, field) not in self._made:
            like = self._like
            self._made[name, field] = draw(
                like.shape, generator=self._generator, device=like.device
            )
        return self._made[name, field]
