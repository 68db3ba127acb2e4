"""U-Net: convolutions at three scales, joined by skip connections, that predict the noise."""

import torch

from bench import TrainedMethod, method
from bench.training import SmallUNet, noise_map

FAST = {"batch_size": 64, "lr": 3e-3, "schedule": "one-cycle"}


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
        return SmallUNet(channels + self.conditioned, channels, self.width)

    def loss(self, network, noisy, clean, noise):
        error = self.restore(network, noisy, noise) - clean
        return {"squared error": error.square().sum() / len(clean)}

    def restore(self, network, noisy, noise):
        seen = torch.cat([noisy, noise_map(noisy, noise)], dim=1) if self.conditioned else noisy
        return noisy - network(seen).float()
