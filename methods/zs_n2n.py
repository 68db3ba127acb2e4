"""Zero-Shot Noise2Noise: a tiny network that learns from the image it restores, and no other."""

import numpy as np
import torch
from torch import nn
from torch.nn.functional import conv2d, mse_loss

from bench import Unsupported, method

LEARNING_RATE = 1e-3


@method(
    least={"width": 1, "updates": 1},
    reference="Mansour and Heckel 2023",
    family="trained",
    whole=True,
)
def zs_n2n(noisy, *, seed, device, width=48, updates=2000):
    """A network of two 3 x 3 convolutions and one of 1 x 1, trained anew on each image.

    Means over the two diagonals of each cell of 2 x 2 pixels make of a noisy image (C, H, W) two
    of half the size, D1(y) and D2(y), with independent noise. The loss (Mansour and Heckel 2023,
    eq. 4 to 6) is, with f(y) = y less what the network gives and both ways round, the mean
    squared error between f(D1(y)) and D2(y) plus that between f(D1(y)) and D1(f(y)). Adam makes
    so many `updates`, at 1e-3 and from the middle on at half of it. It is not told the noise.
    """
    if min(noisy.shape[-2:]) < 2:
        raise Unsupported("it learns from cells of 2 x 2 pixels: give images that have some")
    images = torch.from_numpy(np.ascontiguousarray(noisy)).to(device)
    restored = [restore(image[None], seed, width, updates) for image in images]
    return torch.cat(restored).cpu().numpy()


def restore(image, seed, width, updates):
    """One image (1, C, H, W); its result depends on the seed and on no other image."""
    devices = [image.device] if image.is_cuda else []
    with torch.random.fork_rng(devices), torch.enable_grad():
        torch.manual_seed(seed)
        network = tiny_network(image.shape[1], width)
        network = network.to(image.device, memory_format=torch.channels_last)
        adam = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)
        falling = torch.optim.lr_scheduler.StepLR(adam, max(1, updates // 2), gamma=0.5)
        for _ in range(updates):
            adam.zero_grad()
            loss(network, image).backward()
            adam.step()
            falling.step()
    with torch.no_grad():
        return image - network(image)


def tiny_network(channels, width):
    """What predicts the noise."""
    return nn.Sequential(
        nn.Conv2d(channels, width, 3, padding=1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(width, width, 3, padding=1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(width, channels, 1),
    )


def halves(images):
    """Of images (N, C, H, W) the means over both diagonals of each cell, (N, C, H // 2, W // 2)."""
    first = torch.tensor([[0.0, 0.5], [0.5, 0.0]], device=images.device)
    channels = images.shape[1]
    return [
        conv2d(images, kernel.expand(channels, 1, 2, 2), stride=2, groups=channels)
        for kernel in (first, 0.5 - first)
    ]


def loss(network, image):
    """The residual loss plus the consistency loss."""
    first, second = halves(image)
    restored_first, restored_second = (half - network(half) for half in (first, second))
    whole_first, whole_second = halves(image - network(image))
    residual = mse_loss(restored_first, second) + mse_loss(restored_second, first)
    consistency = mse_loss(restored_first, whole_first) + mse_loss(restored_second, whole_second)
    return (residual + consistency) / 2
