"""Neighbor2Neighbor: two halves of a noisy image, taken at neighbouring pixels, as a pair."""

import torch

from bench import TrainedMethod, Unsupported, method
from bench.training import SmallUNet

FAST = {"batch_size": 64, "lr": 3e-3, "schedule": "one-cycle"}


@method(
    least={"width": 1, "gamma": 0},
    reference="Huang et al. 2021",
    supervision="noisy",
)
class Neighbor2Neighbor(TrainedMethod):
    """A small U-Net that learns from noisy images to give one neighbour for the other.

    Of each cell of 2 x 2 pixels of a noisy image y (C, H, W) two neighbours, drawn at random, go
    into the images g1(y) and g2(y) of half the size. The loss is (Huang et al. 2021, eq. 8 and
    9), summed over their pixels and times 4, |f(g1(y)) - g2(y)|^2 + `gamma` |f(g1(y)) - g2(y) -
    (g1(f(y)) - g2(f(y)))|^2: the second term allows for what of two neighbours differs without
    noise. No gradient goes through f(y). It is not told the noise.
    """

    width: int = 16
    gamma: float = 2.0
    any_size = True
    graph_safe = True
    recipes = {
        "quick": {**FAST, "epochs": 1, "min_updates": 800},
        "default": {**FAST, "epochs": 7, "min_updates": 4000},
        "paper": {**FAST, "epochs": 100},
    }

    def network(self, image_shape):
        channels, *size = image_shape
        if min(size) < 2:
            raise Unsupported("it learns from cells of 2 x 2 pixels: give images that have some")
        return SmallUNet(channels, channels, self.width)

    def loss(self, network, noisy, target, noise):
        # The same pixels in every validation, or the best epoch would be the luckiest.
        draws = None if network.training else torch.Generator(noisy.device).manual_seed(0)
        pairs = chosen(noisy, draws)
        first, second = neighbours(noisy, pairs)
        error = self.restore(network, first, noise) - second
        with torch.no_grad():
            whole_first, whole_second = neighbours(self.restore(network, noisy, noise), pairs)
        uneven = error - (whole_first - whole_second)
        scale = 4 / len(noisy)
        return {
            "squared error": scale * error.square().sum(),
            "regulariser": scale * self.gamma * uneven.square().sum(),
        }

    def restore(self, network, noisy, noise):
        # Not the noise: the regulariser is least where nothing is changed, and that is no start.
        return network(noisy).float()


def chosen(images, draws=None):
    """Of each cell of images (N, C, H, W) two neighbours among its places 0 1 / 2 3.

    Side by side or one above the other, either one first: places, (2, N, 1, cells).

    Args:
        images: the last row or column of an odd side belongs to no cell.
        draws: a generator, or None for torch's own.
    """
    count, _, height, width = images.shape
    size = (count, 1, (height // 2) * (width // 2))
    number = (torch.rand(size, generator=draws, device=images.device) * 8).long()
    # 0 1, 0 2, 1 3 and 2 3, and the same the other way round: computed, since a table would be
    # copied to the device in each update, which no recorded one may do.
    low, high = (number % 4 - 1).clamp_min(0), (number % 4 + 1).clamp_max(3)
    swapped = number >= 4
    return torch.stack([torch.where(swapped, high, low), torch.where(swapped, low, high)])


def neighbours(images, pairs):
    """The two images (N, C, H // 2, W // 2) of those pixels."""
    channels, height, width = images.shape[1:]
    row, column = (torch.arange(side // 2, device=images.device) * 2 for side in (height, width))
    corner = (row[:, None] * width + column[None]).flatten()
    pixels = corner + pairs // 2 * width + pairs % 2
    values = images.flatten(2)
    return [
        values.gather(2, index.expand(-1, channels, -1)).unflatten(2, (height // 2, width // 2))
        for index in pixels
    ]
