"""The base class of the methods that torch trains."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from bench.core import Unsupported
from bench.training.batches import evaluated_at_once
from bench.training.checkpoints import Checkpoints
from bench.training.device import convolves, derived_seed, laid_out, memory_needed, seeded
from bench.training.history import History, Watcher
from bench.training.loop import Training
from bench.training.recipe import Recipe

if TYPE_CHECKING:
    from bench.core import Array, Noise


class TrainedMethod:
    """Base of the methods that torch trains; a subclass adds only what is its own.

    A subclass defines `network`, `loss` and `restore`. Annotated attributes of the subclass are
    its parameters. `recipes` gives, for each preset ("quick", "default", "paper"), the fields of
    a `Recipe`. A fully convolutional network sets `any_size = True`.

    >>> from bench import make_noise
    >>> class Filter(TrainedMethod):
    ...     any_size = True
    ...     def network(self, image_shape):
    ...         return nn.Conv2d(image_shape[0], image_shape[0], 3, padding=1)
    ...     def loss(self, network, noisy, clean, noise):
    ...         return {"mse": (network(noisy).float() - clean).square().sum() / len(clean)}
    ...     def restore(self, network, noisy, noise):
    ...         return network(noisy)
    >>> images = np.random.default_rng(0).random((20, 1, 8, 8), np.float32)
    >>> denoiser, noise = Filter(), make_noise("gaussian", 0.1)
    >>> recipe = Recipe(epochs=2, batch_size=8)
    >>> history = denoiser.fit(images[4:], noise, seed=0, validation=images[:4], recipe=recipe)
    >>> [row[:3] for row in history][:2]
    [(1, 'train', 'mse'), (1, 'validation', 'mse')]
    >>> denoiser.denoise(images, noise).shape
    (20, 1, 8, 8)
    """

    recipes: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    #: The network takes images of any size, not only of the training images' size.
    any_size: ClassVar[bool] = False
    #: `loss` does the same work on the device at each call: it keeps no count, decides nothing in
    #: Python by the values of tensors, and reads none. On CUDA updates are then recorded once and
    #: replayed, several times as fast for a small network.
    graph_safe: ClassVar[bool] = False
    #: Where it computes; set by the harness.
    device: ClassVar[str] = "cpu"

    _network: nn.Module
    _image_shape: tuple[int, ...]

    # Defined by a method --------------------------------------------------------------------

    def network(self, image_shape: tuple[int, int, int]) -> nn.Module:
        """The network for images of shape (C, H, W), freshly initialised."""
        raise NotImplementedError

    def loss(
        self, network: nn.Module, noisy: Tensor, clean: Tensor, noise: Noise
    ) -> dict[str, Tensor]:
        """Named scalar terms whose sum is minimised: sums over pixels, means over images.

        Where the method is trained on a range of levels, `noise.level` is a tensor of shape
        (N, 1, 1, 1). A network with convolutions may be run in bfloat16: compute sums in
        float32 (`network(noisy).float()`).
        """
        raise NotImplementedError

    def restore(self, network: nn.Module, noisy: Tensor, noise: Noise) -> Tensor:
        """Restored images, of the shape of `noisy`.

        Where this is random, draw once and share the draw over the batch, so that an image's
        result does not depend on its neighbours. torch is seeded before each call.
        """
        raise NotImplementedError

    def uncertainty(self, network: nn.Module, noisy: Tensor, noise: Noise) -> Tensor:
        """Optional: the predicted standard deviation of each pixel's error, shaped like `noisy`.

        Random as `restore` may be.
        """
        raise NotImplementedError

    # Called by the harness ------------------------------------------------------------------

    def fit(
        self,
        train: Array,
        noise: Noise,
        seed: int,
        *,
        validation: Array,
        recipe: Recipe,
        lowest: float | None = None,
        watch: Watcher = lambda done, total, loss: None,
        checkpoints: Checkpoints | None = None,
    ) -> History:
        """Train on clean images (N, C, H, W); keep the weights of the best validation loss.

        The same seed gives the same weights on one machine: it decides the initial weights,
        the order of the images (drawn on the CPU) and the noise (drawn on the device).

        Args:
            train: clean images, float32 (N, C, H, W).
            noise: the noise to train for.
            seed: the training seed.
            validation: clean images that decide which epoch's weights are kept.
            recipe: epochs, batches, learning rate.
            lowest: if given, each image's noise level is drawn evenly from here to `noise`'s.
            watch: told how far it is, see `Watcher`.
            checkpoints: a training goes on from the last one there, and keeps its own there.

        Returns:
            The loss terms of each epoch, on training and validation images, per image.

        Raises:
            Unsupported: the images are too small for the network.
            FloatingPointError: the loss is no longer finite.
            MemoryError: batches of the recipe's size do not fit.
        """
        device = torch.device(self.device)
        remedy = "give smaller images or another device"
        if recipe.batch_size > 1:
            remedy = f"try --batch-size {recipe.batch_size // 2}"
        with (
            seeded(device, derived_seed(seed, "weights")),
            memory_needed(f"training with batches of {recipe.batch_size}", remedy),
        ):
            self._image_shape = train.shape[1:]
            training = Training(
                self._build(),
                self.loss,
                noise,
                lowest,
                seed,
                recipe,
                any_size=self.any_size,
                graph_safe=self.graph_safe,
            )
            images, held_out = (torch.from_numpy(part).to(device) for part in (train, validation))
            return training.run(images, held_out, watch, checkpoints)

    def denoise(self, noisy: Array, noise: Noise) -> Array:
        """Restore (N, C, H, W) on the device; the result lies on the CPU.

        Raises:
            Unsupported: the network was trained on images of another shape.
            MemoryError: the images do not fit.
        """
        return self._apply(self.restore, noisy, noise)

    def deviation(self, noisy: Array, noise: Noise) -> Array | None:
        """The predicted standard deviation of each pixel's error; None if it gives none."""
        if type(self).uncertainty is TrainedMethod.uncertainty:
            return None
        return self._apply(self.uncertainty, noisy, noise)

    def state(self) -> dict[str, np.ndarray[Any, Any]]:
        """The fitted model as arrays: the image shape and the network's weights."""
        weights = {
            f"network.{name}": value.detach().cpu().numpy()
            for name, value in self._network.state_dict().items()
        }
        return {"image_shape": np.array(self._image_shape), **weights}

    def load(self, arrays: Mapping[str, np.ndarray[Any, Any]]) -> None:
        """Become the fitted model whose arrays `state` gave.

        Raises:
            ValueError: they are of a model with other parameters.
        """
        self._image_shape = tuple(int(side) for side in arrays["image_shape"])
        network = self._build()
        weights = {
            name.removeprefix("network."): torch.from_numpy(np.array(value))
            for name, value in arrays.items()
            if name.startswith("network.")
        }
        own = {name: value.shape for name, value in network.state_dict().items()}
        if own != {name: value.shape for name, value in weights.items()}:
            raise ValueError(
                "these weights were made for other parameters of the method: --fresh trains anew"
            )
        network.load_state_dict(weights)

    def parameter_count(self) -> int:
        """Number of learned values."""
        return sum(parameter.numel() for parameter in self._network.parameters())

    def _apply(
        self, step: Callable[[nn.Module, Tensor, Noise], Tensor], noisy: Array, noise: Noise
    ) -> Array:
        """`restore` or `uncertainty`, on as many images at once as fit a cache."""
        self._check_shape(noisy.shape[1:])
        device = torch.device(self.device)
        network = self._network.eval()
        parts = []
        with (
            torch.inference_mode(),
            memory_needed("denoising", "give smaller images or fewer samples"),
        ):
            images = torch.from_numpy(np.ascontiguousarray(noisy)).to(device)
            for part in torch.split(images, evaluated_at_once(images)):
                with seeded(device, 0):
                    parts.append(step(network, laid_out(part, network), noise).float())
            return torch.cat(parts).contiguous().cpu().numpy()

    def _check_shape(self, shape: tuple[int, ...]) -> None:
        channels, *size = self._image_shape
        if shape[0] != channels or (not self.any_size and list(shape[1:]) != size):
            own, other = ("x".join(map(str, s)) for s in (self._image_shape, shape))
            raise Unsupported(f"it was trained on images of {own} and is given {other}")

    def _build(self) -> nn.Module:
        channels, height, width = self._image_shape
        network = self.network((channels, height, width)).to(self.device)
        if convolves(network):
            network = network.to(memory_format=torch.channels_last)
        self._network = network
        return network
