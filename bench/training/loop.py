"""The loop: batches, noise, updates, the loss history, checkpoints, the best weights.

The training images live on the device as one tensor and the noise is drawn there, so a batch
is an index and a few kernels, not a loader with workers.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from bench.training.adam import Adam
from bench.training.device import laid_out, stream, training_precision
from bench.training.graphs import Recorded
from bench.training.patches import Patches

if TYPE_CHECKING:
    from bench.core import Noise

#: Told about training: epochs done, epochs in all, the training loss.
Watcher = Callable[[int, int, float], None]
#: Rows of a loss history: epoch (from 1), split, term, value per image.
History = list[tuple[int, str, str, float]]
Arrays = dict[str, np.ndarray[Any, Any]]
#: A method's loss: network, noisy, clean, noise -> named terms.
Loss = Callable[[nn.Module, Tensor, Tensor, "Noise"], dict[str, Tensor]]

#: Pixels that a forward pass takes at once where nothing has to be learned: 250 of MNIST's images
#: in a CPU's cache; a GPU wants more.
EVALUATED_PIXELS = {"cpu": 250 * 28 * 28, "cuda": 2**22}
# Training images that are gathered and get their noise at once, whatever the batches: a small
# batch's share of such work is mostly its calls.
_GATHERED = 1024
# Writing checkpoints may take so large a share of the time.
_CHECKPOINT_SHARE = 0.05


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    Attributes:
        epochs: passes over the training images, each with fresh noise.
        batch_size: images an update.
        lr: Adam's learning rate; of a schedule, its peak.
        schedule: "constant", or "one-cycle" (Smith and Topin 2018): up over the first tenth
            of the updates, then down along a cosine.
        images: so many training images an epoch, drawn anew for each: where all would be too
            many for the budget (the validation images are cut in the same proportion), or where
            there are too few and each is taken several times.
        patch: of larger images, a network that takes any size is trained on random patches of
            so many pixels a side, turned and mirrored at random; as many of them count as an
            image as cover it.
        min_updates: training images too few for so many updates in `epochs` passes get more.
    """

    epochs: int
    batch_size: int
    lr: float = 1e-3
    schedule: str = "constant"
    images: int | None = None
    patch: int = 48
    min_updates: int = 0


class Checkpoint(NamedTuple):
    """A training after an epoch: all that it takes to go on, and the history so far."""

    arrays: Mapping[str, np.ndarray[Any, Any]]
    history: History


class Checkpoints(Protocol):
    """Where checkpoints of one training are kept."""

    def load(self) -> Checkpoint | None:
        """The last one, if there is one."""

    def save(self, checkpoint: Checkpoint) -> None:
        """Keep one in place of the last."""


class Training:
    """One training under way: the optimiser, the random numbers, the best weights so far.

    All that it depends on is in its state, so that a training that goes on from a checkpoint
    gives the same weights, bit for bit, as one that was never interrupted.

    Args:
        network: on its device, freshly initialised.
        loss: named terms, each a sum over pixels and a mean over images.
        noise: of the training images.
        lowest: if given, each image's level is drawn evenly from here to that of `noise`.
        seed: of the order of the images and of the noise.
        recipe: how.
        any_size: the network takes images of any size, patches of the training images too.
        graph_safe: see `TrainedMethod.graph_safe`.
    """

    def __init__(
        self,
        network: nn.Module,
        loss: Loss,
        noise: Noise,
        lowest: float | None,
        seed: int,
        recipe: Recipe,
        any_size: bool = False,
        graph_safe: bool = False,
    ) -> None:
        self.network, self.loss, self.recipe = network, loss, recipe
        self.any_size, self.graph_safe = any_size, graph_safe
        self.cuts: Patches | None = None
        self.noise, self.lowest, self.seed = noise, lowest, seed
        self.device = next(network.parameters()).device
        self.order = torch.Generator().manual_seed(stream(seed, "order"))
        self.draws = torch.Generator(self.device).manual_seed(stream(seed, "noise"))
        self.optimiser = Adam(network)
        self.history: History = []
        self.done = 0
        self.best: dict[str, Tensor] = {}
        self.best_loss = math.inf
        self._names: list[str] = []
        self._graphs: dict[tuple[int, ...], Recorded] = {}

    def run(
        self,
        images: Tensor,
        held_out: Tensor,
        watch: Watcher,
        checkpoints: Checkpoints | None = None,
    ) -> History:
        """Train to the end of the recipe; the network then has the best weights.

        Raises:
            FloatingPointError: the loss is no longer finite.
        """
        known = checkpoints.load() if checkpoints else None
        if known is not None:
            self._set_state(known)
        self.cuts = Patches.of(images, self.recipe.patch) if self.any_size else None
        if self.recipe.images is not None:
            share = min(1.0, self.recipe.images / self._count(images))
            held_out = held_out[: math.ceil(share * len(held_out))]
        saved, cost = time.monotonic(), 0.0
        epochs = self.epochs(images)
        while self.done < epochs:
            terms = {"train": self._epoch(images), "validation": self._evaluate(held_out)}
            totals = {split: sum(values.values()) for split, values in terms.items()}
            self.done += 1
            if not all(map(math.isfinite, totals.values())):
                raise FloatingPointError(
                    f"the loss is no longer finite in epoch {self.done} (lr {self.recipe.lr:g}): "
                    "lower the learning rate"
                )
            for split, values in terms.items():
                self.history += [(self.done, split, term, value) for term, value in values.items()]
            if totals["validation"] < self.best_loss:
                self.best_loss = totals["validation"]
                weights = self.network.state_dict()
                self.best = {name: value.detach().clone() for name, value in weights.items()}
            now = time.monotonic()
            if checkpoints and now - saved >= cost / _CHECKPOINT_SHARE:
                checkpoints.save(Checkpoint(self._state(), list(self.history)))
                saved = time.monotonic()
                cost = saved - now
            watch(self.done, epochs, totals["train"])
        self.network.load_state_dict(self.best)
        return self.history

    def epochs(self, images: Tensor) -> int:
        """How many make the recipe's updates."""
        enough = math.ceil(self.recipe.min_updates / self._batches(images))
        return max(self.recipe.epochs, enough)

    def _batches(self, images: Tensor) -> int:
        """Updates of an epoch."""
        return math.ceil((self.recipe.images or self._count(images)) / self.recipe.batch_size)

    def _count(self, images: Tensor) -> int:
        """Number of training images, or of patches that cover them."""
        return len(images) * (self.cuts.each if self.cuts else 1)

    # An epoch -------------------------------------------------------------------------------

    def _epoch(self, images: Tensor) -> dict[str, float]:
        """One pass over the images; the mean of each loss term over it."""
        recipe, size = self.recipe, self.recipe.batch_size
        count = self._count(images)
        wanted = recipe.images or count
        rounds = [torch.randperm(count, generator=self.order) for _ in range(-(-wanted // count))]
        order = torch.cat(rounds)[:wanted] % len(images)
        updates = self._batches(images)
        schedule, first = recipe.schedule, self.done * updates
        total = self.epochs(images) * updates
        rates = [recipe.lr * _rate(schedule, first + i, total) for i in range(updates)]
        # Kernels of CUDA take a learning rate in float32 only.
        precision = torch.float32 if self.device.type == "cuda" else torch.float64
        at_once = max(1, _GATHERED // size)  # batches
        parts = zip(
            torch.split(order.to(self.device), at_once * size),
            torch.split(torch.tensor(rates, dtype=precision).to(self.device), at_once),
            strict=True,
        )
        sums = _Means()
        self.network.train()
        for index, lrs in parts:
            if self.cuts is None:
                clean = images.index_select(0, index)
            else:
                clean = self.cuts(images, index, self.order)
            terms = self._updates(clean, lrs)
            sums.add(self._names, terms, [len(batch) for batch in torch.split(index, size)])
        return sums.values()

    def _updates(self, clean: Tensor, lrs: Tensor) -> Tensor:
        """An update for each batch of these images and each learning rate; see `_each_update`."""
        if self.device.type != "cuda" or not self.graph_safe:
            return self._each_update(clean, lrs)
        if clean.shape not in self._graphs:
            # Once as it is, on a stream of its own, as recording wants it; without effect.
            before = Checkpoint(self._state(), self.history)
            side = torch.cuda.Stream(self.device)  # type: ignore[no-untyped-call]
            side.wait_stream(torch.cuda.current_stream(self.device))
            with torch.cuda.stream(side):
                self._each_update(clean, lrs)
            torch.cuda.current_stream(self.device).wait_stream(side)
            self._set_state(before)
            self._graphs[clean.shape] = Recorded(self._each_update, (clean, lrs), self.draws)
            self.optimiser.clear()
        return self._graphs[clean.shape](clean, lrs)

    def _each_update(self, clean: Tensor, lrs: Tensor) -> Tensor:
        """The loss terms (updates, terms) before each update."""
        rows = []
        batches = self._corrupted(clean, self.draws).split(self.recipe.batch_size)
        for batch, lr in zip(batches, lrs, strict=True):
            terms = self._terms(batch)
            self.optimiser.clear()
            sum(terms.values()).backward()  # type: ignore[union-attr]
            self.optimiser.step(lr)
            self._names = list(terms)
            rows.append(torch.stack([value.detach() for value in terms.values()]))
        return torch.stack(rows)

    def _evaluate(self, images: Tensor) -> dict[str, float]:
        """The mean of each loss term, on the same noisy images whenever it is asked."""
        draws = torch.Generator(self.device).manual_seed(stream(self.seed, "validation"))
        sums = _Means()
        self.network.eval()
        with torch.no_grad():
            for clean in torch.split(images, evaluated_at_once(images)):
                terms = self._terms(self._corrupted(clean, draws))
                sums.add(list(terms), torch.stack(list(terms.values()))[None], [len(clean)])
        return sums.values()

    def _corrupted(self, clean: Tensor, generator: torch.Generator) -> _Batch:
        """The images with noise drawn for them."""
        noise = self.noise
        if self.lowest is not None:
            shares = torch.rand(len(clean), 1, 1, 1, generator=generator, device=self.device)
            levels: Any = self.lowest + (noise.level - self.lowest) * shares
            noise = dataclasses.replace(noise, level=levels)
        draws = _TorchDraws(clean, generator)
        return _Batch(laid_out(noise.corrupt(clean, draws), self.network), clean, noise)

    def _terms(self, batch: _Batch) -> dict[str, Tensor]:
        """The loss terms of a batch."""
        with training_precision(self.network, self.device):
            terms = self.loss(self.network, *batch)
        if not isinstance(terms, dict):
            raise TypeError('loss() gives no dictionary of named terms: return {"loss": ...}')
        return terms

    # Checkpoints ----------------------------------------------------------------------------

    def _state(self) -> Arrays:
        """All that the rest of the training depends on."""
        tensors = {
            **{f"network.{name}": value for name, value in self.network.state_dict().items()},
            **{f"best.{name}": value for name, value in self.best.items()},
            "best_loss": torch.tensor(self.best_loss, dtype=torch.float64),
            "done": torch.tensor(self.done),
            "random.order": self.order.get_state(),
            "random.draws": self.draws.get_state(),
            "random.torch": torch.get_rng_state(),
        }
        if self.device.type == "cuda":
            tensors["random.cuda"] = torch.cuda.get_rng_state(self.device)
        tensors |= {f"optimiser.{name}": value for name, value in self.optimiser.state().items()}
        return {name: value.detach().cpu().numpy() for name, value in tensors.items()}

    def _set_state(self, checkpoint: Checkpoint) -> None:
        tensors = {k: torch.from_numpy(np.array(v)) for k, v in checkpoint.arrays.items()}

        def below(prefix: str) -> dict[str, Tensor]:
            return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}

        self.network.load_state_dict(below("network."))
        self.best = {name: value.to(self.device) for name, value in below("best.").items()}
        self.best_loss, self.done = float(tensors["best_loss"]), int(tensors["done"])
        self.order.set_state(tensors["random.order"])
        self.draws.set_state(tensors["random.draws"])
        torch.set_rng_state(tensors["random.torch"])
        if self.device.type == "cuda":
            torch.cuda.set_rng_state(tensors["random.cuda"], self.device)
        self.optimiser.set_state(below("optimiser."))
        self.history = list(checkpoint.history)


def evaluated_at_once(images: Tensor) -> int:
    """So many images of (N, C, H, W) go through a network at once where nothing is learned."""
    pixels = EVALUATED_PIXELS["cuda" if images.is_cuda else "cpu"]
    return max(1, pixels // (images.shape[-2] * images.shape[-1]))


class _Batch(NamedTuple):
    """What a loss is given: noisy and clean images, and the noise between them."""

    noisy: Tensor
    clean: Tensor
    noise: Noise

    def split(self, size: int) -> Iterator[_Batch]:
        """The same in parts of so many images."""
        parts = zip(torch.split(self.noisy, size), torch.split(self.clean, size), strict=True)
        if not isinstance(self.noise.level, Tensor):
            return (_Batch(noisy, clean, self.noise) for noisy, clean in parts)
        return (
            _Batch(noisy, clean, dataclasses.replace(self.noise, level=level))
            for (noisy, clean), level in zip(parts, self.noise.level.split(size), strict=True)
        )


class _TorchDraws:
    """Random numbers for a batch of training images, on their device; see `core.Draws`."""

    def __init__(self, like: Tensor, generator: torch.Generator) -> None:
        self._like, self._generator = like, generator

    def normal(self) -> Tensor:
        like = self._like
        return torch.randn(like.shape, generator=self._generator, device=like.device)

    def uniform(self) -> Tensor:
        like = self._like
        return torch.rand(like.shape, generator=self._generator, device=like.device)

    def poisson(self, rate: Tensor) -> Tensor:
        return torch.poisson(rate, generator=self._generator)


class _Means:
    """Means of loss terms over batches; nothing is read from the device before the end."""

    def __init__(self) -> None:
        self._rows: list[Tensor] = []
        self._images: list[int] = []
        self._names: list[str] = []

    def add(self, names: list[str], rows: Tensor, images: list[int]) -> None:
        """Terms (batches, names), and the images of each batch."""
        self._names = names
        self._rows.append(rows)
        self._images += images

    def values(self) -> dict[str, float]:
        weights = torch.tensor(self._images, dtype=torch.float64) / sum(self._images)
        means = weights @ torch.cat(self._rows).cpu().double()
        return dict(zip(self._names, means.tolist(), strict=True))


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
