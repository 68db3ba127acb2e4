"""DnCNN: a deep chain of convolutions that predicts the noise."""

import torch
from torch import nn

from bench import TrainedMethod, method
from bench.training import noise_map

# Large convolutions: two threads train it 1.8 times as fast as one, the smaller networks 1.2 times.
FAST = {"batch_size": 16, "schedule": "one-cycle", "patch": 40, "threads": 2}


@method(least={"depth": 2, "width": 1}, reference="Zhang et al. 2017")
class DnCNN(TrainedMethod):
    """Feed-forward denoising network with residual learning and batch normalisation.

    `depth` convolutions of 3 x 3 with `width` channels; it predicts the noise, which is then
    subtracted. The loss is half the squared error, summed over pixels (Zhang et al. 2017,
    eq. 1). With `conditioned` it is given the noise's standard deviation as one more channel.
    An epoch is cut to what two cores of a CPU can do, so that it is undertrained there.
    """

    depth: int = 17
    width: int = 64
    conditioned: bool = False
    any_size = True
    graph_safe = True
    recipes = {
        "quick": {**FAST, "epochs": 4, "images": 1024},
        "default": {**FAST, "epochs": 12, "images": 2048},
        # The paper's budget, for a GPU; the schedule is for Adam.
        "paper": {**FAST, "epochs": 50, "batch_size": 128, "images": 128 * 1600},
    }

    def network(self, image_shape):
        channels = image_shape[0]
        layers = [
            nn.Conv2d(channels + self.conditioned, self.width, 3, padding=1),
            nn.ReLU(),
        ]
        for _ in range(self.depth - 2):
            layers += [
                nn.Conv2d(self.width, self.width, 3, padding=1, bias=False),
                nn.BatchNorm2d(self.width),
                nn.ReLU(),
            ]
        last = nn.Conv2d(self.width, channels, 3, padding=1)
        network = nn.Sequential(*layers, last)
        for layer in network:
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")  # section III.C
        # It begins with no noise found, not with noise of its own that takes long to unlearn.
        nn.init.zeros_(last.weight)
        return network

    def loss(self, network, noisy, clean, noise):
        error = self.restore(network, noisy, noise) - clean
        return {"squared error": 0.5 * error.square().sum() / len(clean)}

    def restore(self, network, noisy, noise):
        seen = torch.cat([noisy, noise_map(noisy, noise)], dim=1) if self.conditioned else noisy
        return noisy - network(seen).float()
