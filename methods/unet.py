"""U-Net: convolutions at three scales, joined by skip connections, that predict the noise."""

import torch
from torch import nn
from torch.nn.functional import max_pool2d

from bench import TrainedMethod, method
from bench.training import noise_map, padded

FAST = {"batch_size": 64, "lr": 3e-3, "schedule": "one-cycle"}


class Block(nn.Sequential):
    """Two 3 x 3 convolutions, each followed by a ReLU."""

    def __init__(self, channels_in, channels_out):
        super().__init__(
            nn.Conv2d(channels_in, channels_out, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(channels_out, channels_out, 3, padding=1),
            nn.ReLU(),
        )


class Network(nn.Module):
    """Down by two max-poolings, up by two transposed convolutions; sides divisible by 4."""

    def __init__(self, channels_in, channels_out, width):
        super().__init__()
        self.down1 = Block(channels_in, width)
        self.down2 = Block(width, 2 * width)
        self.bottom = Block(2 * width, 4 * width)
        self.grow2 = nn.ConvTranspose2d(4 * width, 2 * width, 2, stride=2)
        self.up2 = Block(4 * width, 2 * width)
        self.grow1 = nn.ConvTranspose2d(2 * width, width, 2, stride=2)
        self.up1 = Block(2 * width, width)
        self.last = nn.Conv2d(width, channels_out, 1)

    def forward(self, images):
        fine = self.down1(images)
        middle = self.down2(max_pool2d(fine, 2))
        features = self.bottom(max_pool2d(middle, 2))
        features = self.up2(torch.cat([self.grow2(features), middle], dim=1))
        features = self.up1(torch.cat([self.grow1(features), fine], dim=1))
        return self.last(features)


@method(
    least={"width": 1},
    reference="Ronneberger et al. 2015; residual learning: Zhang et al. 2017",
)
class UNet(TrainedMethod):
    """A small U-Net that predicts the noise, which is then subtracted.

    The loss is the squared error against the clean image, summed over pixels. With
    `conditioned` it is given the noise's standard deviation as one more channel (Zhang et al.
    2018, FFDNet).
    """

    width: int = 16
    conditioned: bool = False
    any_size = True
    graph_safe = True
    recipes = {
        "quick": {**FAST, "epochs": 3, "min_updates": 1500},
        "default": {**FAST, "epochs": 7, "min_updates": 4000},
        "paper": {**FAST, "epochs": 100},
    }

    def network(self, image_shape):
        channels = image_shape[0]
        return Network(channels + self.conditioned, channels, self.width)

    def loss(self, network, noisy, clean, noise):
        error = self.restore(network, noisy, noise) - clean
        return {"squared error": error.square().sum() / len(clean)}

    def restore(self, network, noisy, noise):
        seen = torch.cat([noisy, noise_map(noisy, noise)], dim=1) if self.conditioned else noisy
        height, width = noisy.shape[-2:]
        return noisy - network(padded(seen, 4))[..., :height, :width].float()
