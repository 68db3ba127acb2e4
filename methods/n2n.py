"""Noise2Noise: one noisy image of a scene is to be given for another."""

from bench import TrainedMethod, method
from bench.training import SmallUNet

FAST = {"batch_size": 64, "lr": 3e-3, "schedule": "one-cycle"}


@method(
    least={"width": 1},
    reference="Lehtinen et al. 2018",
    supervision="pairs",
)
class N2N(TrainedMethod):
    """A small U-Net that learns from two noisy images of each scene, and from no clean one.

    The loss is the squared error between what it makes of one noisy image (C, H, W) and the
    other, summed over pixels (Lehtinen et al. 2018, eq. 6). Where the noise is independent and of
    mean zero, its minimum is that of the error against the clean image. Where scenes came in
    several frames, it learns from these. It predicts the noise, which is then subtracted, and is
    not told it.
    """

    width: int = 16
    any_size = True
    graph_safe = True
    recipes = {
        "quick": {**FAST, "epochs": 1, "min_updates": 800},
        "default": {**FAST, "epochs": 7, "min_updates": 4000},
        "paper": {**FAST, "epochs": 100},
    }

    def network(self, image_shape):
        channels = image_shape[0]
        return SmallUNet(channels, channels, self.width)

    def loss(self, network, noisy, target, noise):
        error = self.restore(network, noisy, noise) - target
        return {"squared error": error.square().sum() / len(target)}

    def restore(self, network, noisy, noise):
        return noisy - network(noisy).float()
