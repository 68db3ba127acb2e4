"""The training loop that every torch method shares.

A method says what its network, loss and restoration are. Device, seeds, noise, batches,
optimiser, schedule, loss history and the choice of the best weights belong to this module.
The training images live on the device as one tensor and the noise is drawn there, so a batch
is an index and a few kernels, not a loader with workers.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from bench.core import Unsupported

if TYPE_CHECKING:
    from bench.core import Array, Noise

#: Told about training: epochs done, epochs in all, the training loss.
Watcher = Callable[[int, int, float], None]
#: Rows of a loss history: epoch (from 1), split, term, value per image.
History = list[tuple[int, str, str, float]]

# Images a forward pass takes at once where nothing has to be learned.
_EVALUATION_BATCH = 1000


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    Attributes:
        epochs: passes over the training images, each with fresh noise.
        batch_size: images an update.
        lr: Adam's learning rate; of a schedule, its peak.
        schedule: "constant", or "one-cycle" (Smith and Topin 2018): up over the first tenth
            of the updates, then down along a cosine.
    """

    epochs: int
    batch_size: int
    lr: float = 1e-3
    schedule: str = "constant"


class TrainedMethod:
    """Base of the methods that torch trains; a subclass adds only what is its own.

    Annotated attributes of the subclass are its parameters. `recipes` gives, for each preset
    ("quick", "default", "paper"), the fields of a `Recipe`, and optionally `min_updates`:
    data sets with so few images that the recipe's epochs make fewer updates get more epochs.
    A fully convolutional one says `any_size = True`.
    """

    recipes: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    #: The network takes images of any size, not only of the one that it was trained on.
    any_size: ClassVar[bool] = False
    #: Where it computes; set by the harness.
    device: ClassVar[str] = "cpu"

    _network: nn.Module
    _image_shape: tuple[int, ...]

    # What a method says ---------------------------------------------------------------------

    def network(self, image_shape: tuple[int, int, int]) -> nn.Module:
        """The network for images of shape (C, H, W), freshly initialised."""
        raise NotImplementedError

    def loss(
        self, network: nn.Module, noisy: Tensor, clean: Tensor, noise: Noise
    ) -> dict[str, Tensor]:
        """Named scalar terms whose sum is minimised: sums over pixels, means over images."""
        raise NotImplementedError

    def restore(self, network: nn.Module, noisy: Tensor, noise: Noise) -> Tensor:
        """Restored images, of the shape of `noisy`.

        Where this is random, draw once and share the draw over the batch, so that an image's
        result does not depend on its neighbours. torch is seeded before each call.
        """
        raise NotImplementedError

    # What the harness does with it ----------------------------------------------------------

    def fit(
        self,
        train: Array,
        noise: Noise,
        seed: int,
        *,
        validation: Array,
        recipe: Recipe,
        watch: Watcher = lambda done, total, loss: None,
    ) -> History:
        """Train on clean images (N, C, H, W); keep the weights of the best validation loss.

        The same seed gives the same weights on one machine: it decides the initial weights,
        the order of the images (drawn on the CPU) and the noise (drawn on the device).

        Returns:
            The loss terms of each epoch, on training and validation images, per image.

        Raises:
            FloatingPointError: the loss is no longer finite.
        """
        device = torch.device(self.device)
        with _seeded(device, _stream(seed, "weights")):
            self._image_shape = train.shape[1:]
            network = self._build().train()
            run = _Training(self, network, noise, seed, recipe, len(train))
            images = torch.from_numpy(train).to(device)
            held_out = torch.from_numpy(validation).to(device)
            history: History = []
            best, best_loss = None, float("inf")
            for epoch in range(1, recipe.epochs + 1):
                terms = {"train": run.epoch(images), "validation": run.evaluate(held_out)}
                totals = {split: sum(values.values()) for split, values in terms.items()}
                if not all(np.isfinite(total) for total in totals.values()):
                    raise FloatingPointError(
                        f"the loss is no longer finite in epoch {epoch} (lr {recipe.lr:g}): "
                        "lower the learning rate"
                    )
                for split, values in terms.items():
                    history += [(epoch, split, term, value) for term, value in values.items()]
                if totals["validation"] < best_loss:
                    best_loss = totals["validation"]
                    best = {k: v.detach().clone() for k, v in network.state_dict().items()}
                watch(epoch, recipe.epochs, totals["train"])
            if best is not None:
                network.load_state_dict(best)
        return history

    def denoise(self, noisy: Array, noise: Noise) -> Array:
        """Restore (N, C, H, W) on the device; the result lies on the CPU.

        Raises:
            Unsupported: the network was trained on images of another shape.
        """
        self._check_shape(noisy.shape[1:])
        device = torch.device(self.device)
        self._network.eval()
        with _seeded(device, 0), torch.inference_mode():
            images = torch.from_numpy(np.ascontiguousarray(noisy)).to(device)
            restored = self.restore(self._network, images, noise)
        return restored.cpu().numpy()

    def state(self) -> dict[str, np.ndarray[Any, Any]]:
        """The fitted model as arrays."""
        weights = {
            f"network.{name}": value.detach().cpu().numpy()
            for name, value in self._network.state_dict().items()
        }
        return {"image_shape": np.array(self._image_shape), **weights}

    def load(self, arrays: Mapping[str, np.ndarray[Any, Any]]) -> None:
        """Take a fitted model's arrays back."""
        self._image_shape = tuple(int(side) for side in arrays["image_shape"])
        network = self._build()
        network.load_state_dict(
            {
                name.removeprefix("network."): torch.from_numpy(np.array(value))
                for name, value in arrays.items()
                if name.startswith("network.")
            }
        )

    def parameter_count(self) -> int:
        """Number of learned values."""
        return sum(parameter.numel() for parameter in self._network.parameters())

    def _check_shape(self, shape: tuple[int, ...]) -> None:
        channels, *size = self._image_shape
        if shape[0] != channels or (not self.any_size and list(shape[1:]) != size):
            trained, given = ("x".join(map(str, s)) for s in (self._image_shape, shape))
            raise Unsupported(f"it was trained on images of {trained} and is given {given}")

    def _build(self) -> nn.Module:
        channels, height, width = self._image_shape
        self._network = self.network((channels, height, width)).to(self.device)
        return self._network


class _Training:
    """One training under way: the optimiser, its schedule and the random numbers."""

    def __init__(
        self,
        method: TrainedMethod,
        network: nn.Module,
        noise: Noise,
        seed: int,
        recipe: Recipe,
        images: int,
    ) -> None:
        self.method, self.network, self.noise, self.recipe = method, network, noise, recipe
        self.seed = seed
        self.device = torch.device(method.device)
        self.order = torch.Generator().manual_seed(_stream(seed, "order"))
        self.draws = torch.Generator(self.device).manual_seed(_stream(seed, "noise"))
        self.optimiser = torch.optim.Adam(network.parameters(), lr=recipe.lr, fused=True)
        updates = recipe.epochs * -(-images // recipe.batch_size)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(
            self.optimiser, lambda update: _rate(recipe.schedule, update, updates)
        )

    def epoch(self, images: Tensor) -> dict[str, float]:
        """One pass over the images; the mean of each loss term over it."""
        sums: dict[str, Tensor] = {}
        order = torch.randperm(len(images), generator=self.order).to(self.device)
        for index in torch.split(order, self.recipe.batch_size):
            clean = images[index]
            noisy = self.noise.corrupt(clean, self._draw(clean, self.draws))
            terms = self._loss(noisy, clean)
            self.optimiser.zero_grad(set_to_none=True)
            torch.stack(list(terms.values())).sum().backward()  # type: ignore[no-untyped-call]
            self.optimiser.step()
            self.schedule.step()
            _accumulate(sums, terms, len(clean))
        return {term: float(value) / len(images) for term, value in sums.items()}

    def evaluate(self, images: Tensor) -> dict[str, float]:
        """The mean of each loss term, under the same noise whenever it is asked."""
        sums: dict[str, Tensor] = {}
        draws = torch.Generator(self.device).manual_seed(_stream(self.seed, "validation"))
        self.network.eval()
        with torch.no_grad():
            for clean in torch.split(images, _EVALUATION_BATCH):
                noisy = self.noise.corrupt(clean, self._draw(clean, draws))
                terms = self._loss(noisy, clean)
                _accumulate(sums, terms, len(clean))
        self.network.train()
        return {term: float(value) / len(images) for term, value in sums.items()}

    def _loss(self, noisy: Tensor, clean: Tensor) -> dict[str, Tensor]:
        terms = self.method.loss(self.network, noisy, clean, self.noise)
        if not isinstance(terms, dict):
            raise TypeError('loss() gives no dictionary of named terms: return {"loss": ...}')
        return terms

    def _draw(self, clean: Tensor, generator: torch.Generator) -> Tensor:
        make = torch.randn if self.noise.draws == "normal" else torch.rand
        return make(clean.shape, generator=generator, device=self.device)


def _rate(schedule: str, update: int, updates: int) -> float:
    """The learning rate of an update, from 0 on, as a share of the recipe's."""
    if schedule == "constant":
        return 1.0
    if schedule != "one-cycle":
        raise ValueError(f"unknown schedule {schedule!r}: use constant or one-cycle")
    passed, rising = (update + 0.5) / updates, 0.1
    if passed < rising:
        return passed / rising
    return 0.5 * (1 + math.cos(math.pi * (passed - rising) / (1 - rising)))


def _stream(seed: int, purpose: str) -> int:
    """A seed for each purpose, so that no two purposes or training seeds share a stream."""
    return int.from_bytes(hashlib.blake2b(f"{seed}/{purpose}".encode(), digest_size=7).digest())


def _accumulate(sums: dict[str, Tensor], terms: Mapping[str, Tensor], images: int) -> None:
    for term, value in terms.items():
        value = value.detach().double() * images
        sums[term] = sums[term] + value if term in sums else value


@contextlib.contextmanager
def _seeded(device: torch.device, seed: int) -> Iterator[None]:
    """Torch's own generators seeded within, and as they were afterwards."""
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield


def synchronised_clock(device: str) -> float:
    """Seconds on a clock, once the device has done all that it was given."""
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    return time.perf_counter()
