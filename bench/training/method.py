"""The base class of the methods that torch trains."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from bench.core import ImagePairs, Unsupported
from bench.training import dense
from bench.training.batches import evaluated_at_once, stacked
from bench.training.checkpoints import Checkpoints
from bench.training.device import convolves, derived_seed, laid_out, memory_needed, seeded
from bench.training.history import History, Watcher
from bench.training.loop import Training
from bench.training.recipe import Recipe
from bench.training.together import Together

if TYPE_CHECKING:
    from bench.core import Array, Noise

    Images = Array | ImagePairs


class TrainedMethod:
    """Base of the methods that torch trains; a subclass adds only what is its own.

    A subclass defines `network`, `loss` and `restore`. Its annotated attributes are its parameters.
    `recipes` gives, for each preset ("quick", "default", "paper"), the fields of a `Recipe`. A
    fully convolutional network sets `any_size = True`.

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
    #: Python by tensors' values, and reads none. CUDA then replays updates, far faster.
    graph_safe: ClassVar[bool] = False
    #: It trains in bfloat16, where the device gains by it: a test on validation images, such as
    #: tests/speed/quality.py, found no loss. `loss` computes sums in float32.
    bfloat16: ClassVar[bool] = True
    #: Where it computes; set by the harness.
    device: ClassVar[str] = "cpu"

    #: What its updates were computed by, where that is not torch alone; set by fitting it.
    fitted_by: Mapping[str, Any] = {}

    _network: nn.Module
    _image_shape: tuple[int, ...]

    # Defined by a method --------------------------------------------------------------------

    def network(self, image_shape: tuple[int, int, int]) -> nn.Module:
        """The network for images of shape (C, H, W), freshly initialised."""
        raise NotImplementedError

    def loss(
        self, network: nn.Module, noisy: Tensor, target: Tensor, noise: Noise
    ) -> dict[str, Tensor]:
        """Named scalar terms whose sum is minimised: sums over pixels, means over images.

        The target is the clean image; with `supervision="pairs"` another noisy one of the scene,
        with "noisy" the noisy image itself, the same in every epoch.
        Where the method is trained on a range of levels, `noise.level` is a tensor of shape
        (N, 1, 1, 1). The network may be run in bfloat16 (see `bfloat16`): compute sums in
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

    def dense(self, network: nn.Module) -> dense.Dense | None:
        """Optional: the network as dense layers with a loss that a GPU has kernels for.

        It then trains there several times as fast, and several trainings at once.
        """
        return None

    # Called by the harness ------------------------------------------------------------------

    def fit(
        self,
        train: Images,
        noise: Noise,
        seed: int,
        *,
        validation: Images,
        recipe: Recipe,
        lowest: float | None = None,
        watch: Watcher = lambda done, total, loss: None,
        checkpoints: Checkpoints | None = None,
    ) -> History:
        """Train on images, or pairs of them; keep the weights of the best validation loss.

        The same seed gives the same weights on one machine: it decides the initial weights,
        the order of the images (drawn on the CPU) and the noise (drawn on the device).

        Args:
            train: clean images, float32 (N, C, H, W), for which noise is drawn anew in each epoch;
                or noisy ones with their targets.
            noise: the noise to train for; of pairs what the method is told.
            seed: the training seed.
            validation: by which the epoch is chosen whose weights are kept.
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
        half = recipe.batch_size // 2
        remedy = f"try --batch-size {half}" if half else "give smaller images or another device"
        with (
            seeded(device, derived_seed(seed, "weights")),
            memory_needed(f"training with batches of {recipe.batch_size}", remedy),
        ):
            shape, pairs = train.shape[1:], isinstance(train, ImagePairs)
            training = self.start(shape, noise, lowest, seed, recipe, pairs)
            images, held_out = (stacked(part).to(device) for part in (train, validation))
            fused = dense.kernels(device) if training.dense else None
            if fused:
                training.resume(checkpoints)
                Together([training], fused).run(images, held_out, [watch], [checkpoints])
                self.fitted_by = {"kernels": "triton", "at_once": 1}
                return training.history
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
        own = type(self).uncertainty is not TrainedMethod.uncertainty
        return self._apply(self.uncertainty, noisy, noise) if own else None

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
                    given: object = step(network, laid_out(part, network), noise)
                if not isinstance(given, Tensor):
                    raise TypeError(f"{step.__name__}() gives {type(given).__name__}, not a tensor")
                parts.append(given.float())
            return torch.cat(parts).contiguous().cpu().numpy()

    def _check_shape(self, shape: tuple[int, ...]) -> None:
        channels, *size = self._image_shape
        if shape[0] != channels or (not self.any_size and list(shape[1:]) != size):
            own, other = ("x".join(map(str, s)) for s in (self._image_shape, shape))
            raise Unsupported(f"it was trained on images of {own} and is given {other}")

    def start(
        self,
        image_shape: tuple[int, ...],
        noise: Noise,
        lowest: float | None,
        seed: int,
        recipe: Recipe,
        pairs: bool = False,
    ) -> Training:
        """A training of a fresh network, its weights from torch's global generator."""
        self._image_shape = image_shape
        network = self._build()
        return Training(
            network,
            self.loss,
            noise,
            lowest,
            seed,
            recipe,
            any_size=self.any_size,
            graph_safe=self.graph_safe,
            bfloat16=self.bfloat16,
            dense=self.dense(network),
            pairs=pairs,
        )

    def _build(self) -> nn.Module:
        channels, height, width = self._image_shape
        given: object = self.network((channels, height, width))
        if not isinstance(given, nn.Module):
            raise TypeError(f"network() gives {type(given).__name__}, not a torch.nn.Module")
        if not any(weights.requires_grad for weights in given.parameters()):
            raise ValueError("network() gives a network without weights to train")
        network = given.to(self.device)
        if convolves(network):
            network = network.to(memory_format=torch.channels_last)
        self._network = network
        return network


class Learner(NamedTuple):
    """One of several trainings at once; see `TrainedMethod.fit`."""

    method: TrainedMethod
    noise: Noise
    seed: int
    lowest: float | None = None
    watch: Watcher = lambda done, total, loss: None
    checkpoints: Checkpoints | None = None

    def start(self, train: Images, recipe: Recipe) -> Training:
        """Its training, from its last checkpoint."""
        shape, pairs = train.shape[1:], isinstance(train, ImagePairs)
        with seeded(torch.device(self.method.device), derived_seed(self.seed, "weights")):
            training = self.method.start(shape, self.noise, self.lowest, self.seed, recipe, pairs)
        training.resume(self.checkpoints)
        return training


def fit_together(
    learners: Sequence[Learner], train: Images, *, validation: Images, recipe: Recipe
) -> list[History | None]:
    """Fit methods that differ in noise level and seed alone, at once where the device gains by it.

    Each gets the weights, bit for bit, that it would get alone.

    Args:
        learners: what is to be fitted.
        train: see `TrainedMethod.fit`.
        validation: see there.
        recipe: see there.

    Returns:
        The history of each; None for those that were left out. The first one never is.

    Raises:
        Exception: as `TrainedMethod.fit` does, for the first one.
    """
    device = torch.device(learners[0].method.device)
    fused = dense.kernels(device) if len(learners) > 1 else None
    if fused:
        trainings = [learner.start(train, recipe) for learner in learners]
        # Those that were interrupted elsewhere train by themselves.
        at = [i for i, training in enumerate(trainings) if training.done == trainings[0].done]
        if trainings[0].dense and len(at) > 1:
            images, held_out = (stacked(part).to(device) for part in (train, validation))
            chosen = [learners[i] for i in at]
            together = Together([trainings[i] for i in at], fused)
            try:
                watches, kept = zip(*((one.watch, one.checkpoints) for one in chosen), strict=True)
                together.run(images, held_out, watches, kept)
            except FloatingPointError:
                pass  # of any of them: the first trains by itself
            else:
                for one in chosen:
                    one.method.fitted_by = {"kernels": "triton", "at_once": len(at)}
                return [t.history if i in at else None for i, t in enumerate(trainings)]
    method, noise, seed, lowest, watch, checkpoints = learners[0]
    history = method.fit(
        train,
        noise,
        seed,
        validation=validation,
        recipe=recipe,
        lowest=lowest,
        watch=watch,
        checkpoints=checkpoints,
    )
    return [history, *[None] * (len(learners) - 1)]
