"""Whether a restored image is still read as what it shows: 1 or 0, of labelled data sets.

The reader is a small network, trained once on the clean training images alone: it has never seen
noise, nor anything restored. A mean is the share of images that are read right. How many of the
clean ones are is the most to be hoped for; on MNIST's clean test images that is 99.6%.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from bench import Unsupported, metric

if TYPE_CHECKING:
    from torch import Tensor, nn

    from bench.core import Array, Labelled, Labels, Values

#: Of training, chosen on MNIST's validation images: images an update, and passes over all of them.
BATCH, EPOCHS = 128, 6
#: Of few images less an update, and more passes: so many updates, or so many passes.
UPDATES, MOST_EPOCHS = 200, 24
#: Of Adam with decoupled weight decay: the highest rate of the one-cycle schedule, and the decay.
RATE, DECAY = 1e-2, 1e-2
#: Pixels by which training images are shifted at random, at most.
SHIFT = 1
#: Filters of the first layer, and the least side of an image that leaves the last one a pixel.
FILTERS, LEAST_SIDE = 32, 20
#: Images that are read at once, always as many, so that an image's neighbours change nothing.
READ_AT_ONCE = 100


@metric(
    better="higher",
    between=(0, 1),
    reference="LeCun, Bottou, Bengio and Haffner 1998; this network is the benchmark's own",
    note="read by a network that has seen clean training images only",
)
class Recognised:
    """1 where a small network, trained on clean training images, reads an image as its label.

    Three convolutions (5x5, 3x3, 3x3) with batch normalisation (Ioffe and Szegedy 2015), the first
    two with max pooling, dropout and a linear layer. Trained on the CPU by cross-entropy with AdamW
    (Loshchilov and Hutter 2019) in one cycle (Smith and Topin 2018), on images shifted by up to a
    pixel. What it learns depends on the images, the seed, the machine and the number of threads.

    Attributes:
        seed: of its first weights, and of all that is random in its training.

    >>> from bench.core import Labelled
    >>> images = np.zeros((20, 1, 20, 20), np.float32)
    >>> images[::2] = 1
    >>> black_or_white = Labelled(images, np.arange(20) % 2)
    >>> reader = Recognised()
    >>> reader.fit(black_or_white, black_or_white)
    >>> reader.measure(images[:3], np.array([0, 1, 1])).tolist()
    [1.0, 1.0, 0.0]
    """

    seed: int = 0

    def fit(
        self,
        train: Labelled,
        validation: Labelled,
        *,
        watch: Callable[[float], None] = lambda share: None,
    ) -> None:
        """Train the network.

        Args:
            train: images, float32 (N, C, H, W) in [0, 1], and labels, int64 (N,), from 0.
            validation: likewise; only development has looked at them.
            watch: told the share of the training that is done.

        Raises:
            Unsupported: the images are too small for the network.
        """
        import torch
        from torch.nn import functional

        images, labels = torch.from_numpy(train.images), torch.from_numpy(train.labels)
        batch = min(BATCH, max(8, len(images) // 8), len(images))
        per_epoch = len(images) // batch
        epochs = min(max(EPOCHS, -(-UPDATES // per_epoch)), MOST_EPOCHS)
        with torch.random.fork_rng(devices=()), torch.enable_grad():
            torch.manual_seed(self.seed)
            network = _network(train.images.shape[1:], int(train.labels.max()) + 1).train()
            adam = torch.optim.AdamW(network.parameters(), RATE, weight_decay=DECAY, fused=True)
            cycle = torch.optim.lr_scheduler.OneCycleLR(
                adam, RATE, epochs=epochs, steps_per_epoch=per_epoch
            )
            for epoch in range(epochs):
                order = torch.randperm(len(images))[: per_epoch * batch].view(per_epoch, batch)
                for update, rows in enumerate(order):
                    watch((epoch * per_epoch + update) / (epochs * per_epoch))
                    read = network(_shifted(images[rows]))
                    adam.zero_grad()
                    loss: Any = functional.cross_entropy(read, labels[rows])
                    loss.backward()
                    adam.step()
                    cycle.step()
        self._network = network.eval()
        self._shape = train.images.shape[1:]

    def measure(self, restored: Array, label: Labels) -> Values:
        """1.0 where the network reads a restored image as its label, else 0.0.

        Args:
            restored: float32 (N, C, H, W) in [0, 1], of the shape that it was trained on.
            label: int64 (N,).

        Returns:
            Float64 (N,).

        Raises:
            Unsupported: the images are of another shape.
        """
        import torch

        if restored.shape[1:] != self._shape:
            trained, given = ("x".join(map(str, s)) for s in (self._shape, restored.shape[1:]))
            raise Unsupported(f"it reads images of {trained}, as it was trained on, not {given}")
        read = np.empty(len(restored), np.int64)
        block = np.zeros((READ_AT_ONCE, *self._shape), np.float32)
        with torch.no_grad():
            for start in range(0, len(restored), READ_AT_ONCE):
                part = restored[start : start + READ_AT_ONCE]
                block[: len(part)] = part
                answers = self._network(_channels_last(torch.from_numpy(block))).argmax(1)
                read[start : start + len(part)] = answers[: len(part)]
        return (read == label).astype(np.float64)

    def state(self) -> dict[str, Any]:
        """The network's values by name, and the images' shape; float32."""
        shape = np.array(self._shape, np.float32)
        learned = {
            name: np.array(value.numpy(), order="C")
            for name, value in _values(self._network).items()
        }
        return {"shape": shape, **learned}

    def load(self, arrays: Mapping[str, Any]) -> None:
        """Take over what `state` gave."""
        import torch

        self._shape = tuple(map(int, arrays["shape"]))
        self._network = _network(self._shape, len(arrays["linear.bias"])).eval()
        with torch.no_grad():
            for name, value in _values(self._network).items():
                value.copy_(torch.tensor(arrays[name]))


def _network(shape: tuple[int, ...], classes: int) -> nn.Sequential:
    """The untrained network for images (C, H, W)."""
    from torch import nn

    channels, *sides = shape
    if min(sides) < LEAST_SIDE:
        raise Unsupported(f"it reads images of {LEAST_SIDE} pixels a side or more")
    left = [((side - 4) // 2 - 2) // 2 - 2 for side in sides]

    def layer(inputs: int, filters: int, side: int, *pool: nn.Module) -> nn.Sequential:
        convolution = nn.Conv2d(inputs, filters, side, bias=False)
        return nn.Sequential(convolution, *pool, nn.BatchNorm2d(filters), nn.ReLU())

    network = nn.Sequential()
    network.add_module("first", layer(channels, FILTERS, 5, nn.MaxPool2d(2)))
    network.add_module("second", layer(FILTERS, 2 * FILTERS, 3, nn.MaxPool2d(2)))
    network.add_module("third", layer(2 * FILTERS, 4 * FILTERS, 3))
    network.add_module("rows", nn.Flatten())
    network.add_module("dropout", nn.Dropout(0.2))
    network.add_module("linear", nn.Linear(4 * FILTERS * left[0] * left[1], classes))
    return _channels_last(network)


def _values(network: nn.Module) -> dict[str, Tensor]:
    """What it learned, by name; not the count of updates, which reading needs no more."""
    return {name: v for name, v in network.state_dict().items() if v.is_floating_point()}


def _channels_last(value: Any) -> Any:
    """A network or images as CPUs compute fastest with them: nearly twice, measured."""
    import torch

    if isinstance(value, torch.nn.Module):
        return value.to(memory_format=torch.channels_last)
    return value.contiguous(memory_format=torch.channels_last)


def _shifted(images: Tensor) -> Tensor:
    """Each image (N, C, H, W) shifted by up to `SHIFT` pixels each way; black comes in."""
    import torch
    from torch.nn.functional import pad

    count, _, height, width = images.shape
    top, left = torch.randint(2 * SHIFT + 1, (2, count))
    rows = (top[:, None] + torch.arange(height))[:, :, None]
    columns = (left[:, None] + torch.arange(width))[:, None, :]
    image = torch.arange(count)[:, None, None]
    shifted = pad(images, (SHIFT,) * 4)[image, :, rows, columns]  # (N, H, W, C)
    return _channels_last(shifted.permute(0, 3, 1, 2))
