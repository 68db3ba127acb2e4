"""Noise2Void: pixels are predicted from their surroundings in noisy images alone."""

import torch

from bench import TrainedMethod, Unsupported, method
from bench.training import SmallUNet

FAST = {"batch_size": 64, "lr": 3e-3, "schedule": "one-cycle"}


@method(
    least={"width": 1, "spacing": 2, "radius": 1},
    reference="Krull et al. 2019",
    supervision="noisy",
)
class N2V(TrainedMethod):
    """A small U-Net that learns from noisy images to predict a pixel from those around it.

    Of each noisy image (C, H, W) one pixel of every box of `spacing` x `spacing`, drawn at random
    (stratified sampling), is replaced by a neighbour that lies up to `radius` rows and columns
    away, never by itself. The loss is the squared error between the network's output and the
    noisy image at those pixels alone (Krull et al. 2019, eq. 8 and section 3.4), times the
    pixels of an image. Since the noise of a pixel tells nothing of its neighbours', the least
    error is that of the clean image's expectation. It is not told the noise.
    """

    width: int = 16
    spacing: int = 4
    radius: int = 2
    any_size = True
    graph_safe = True
    recipes = {
        "quick": {**FAST, "epochs": 1, "min_updates": 800},
        "default": {**FAST, "epochs": 7, "min_updates": 4000},
        "paper": {**FAST, "epochs": 100},
    }

    def network(self, image_shape):
        channels, height, width = image_shape
        if height * width == 1:
            raise Unsupported("a pixel is predicted from those around it: there are none")
        return SmallUNet(channels, channels, self.width)

    def loss(self, network, noisy, target, noise):
        # The same pixels in every validation, or the best epoch would be the luckiest.
        draws = None if network.training else torch.Generator(noisy.device).manual_seed(0)
        hidden, shown = self._pixels(noisy, draws)
        values = noisy.flatten(2)
        seen = values.scatter(2, hidden, values.gather(2, shown)).view(noisy.shape)
        restored = self.restore(network, seen, noise).flatten(2).gather(2, hidden)
        error = restored - target.flatten(2).gather(2, hidden)
        return {"squared error": error.square().mean() * noisy[0].numel()}

    def restore(self, network, noisy, noise):
        return network(noisy).float()

    def _pixels(self, images, draws):
        """Indices of the pixels to hide, and of those shown in their places, (N, C, boxes)."""
        count, channels, height, width = images.shape

        def drawn(boxes):
            return torch.rand(count, 1, *boxes, generator=draws, device=images.device)

        tops, lefts = (
            torch.arange(0, side, self.spacing, device=images.device) for side in (height, width)
        )
        boxes = len(tops), len(lefts)
        tops, lefts = tops[:, None], lefts[None]
        row = tops + (drawn(boxes) * (height - tops).clamp_max(self.spacing)).long()
        column = lefts + (drawn(boxes) * (width - lefts).clamp_max(self.spacing)).long()

        # In images of few pixels, no further than to their other end.
        most_below, most_right = (min(self.radius, side - 1) for side in (height, width))
        columns = 2 * most_right + 1
        places = (2 * most_below + 1) * columns
        place = (drawn(boxes) * (places - 1)).long()
        place += place >= places // 2  # never the pixel itself
        below, right = place // columns - most_below, place % columns - most_right
        hidden = row * width + column
        shown = _inside(row, below, height) * width + _inside(column, right, width)
        return (index.flatten(2).expand(-1, channels, -1) for index in (hidden, shown))


def _inside(start, step, size):
    """Where a step leads to, on the other side where that lies outside the image."""
    there = start + step
    return torch.where((there < 0) | (there >= size), start - step, there).clamp(0, size - 1)
