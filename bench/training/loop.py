"""The training loop: updates, evaluation, and the choice of the best weights.

The training images live on the device as one tensor and the noise is drawn there, so a batch
is an index and a few kernels, not a loader with workers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from bench.training.adam import Adam
from bench.training.batches import Batch, corrupted, evaluated_at_once, image_order, parted
from bench.training.checkpoints import Arrays, Checkpoint, Checkpoints, Pace
from bench.training.dense import Dense
from bench.training.device import derived_seed, laid_out, training_precision
from bench.training.graphs import Recorded
from bench.training.history import History, Teller, TermMeans, Watcher
from bench.training.losses import checked_terms
from bench.training.patches import Patches
from bench.training.recipe import Recipe

if TYPE_CHECKING:
    from bench.core import Noise

#: A method's loss: network, noisy, target, noise -> named terms.
Loss = Callable[[nn.Module, Tensor, Tensor, "Noise"], dict[str, Tensor]]

# Training images that are gathered and get their noise at once, whatever the batches: a small
# batch's share of such work is mostly its calls.
_GATHERED = 1024


class Training:
    """One training under way: the optimiser, the random numbers, the best weights so far.

    All that it depends on is in its state, so that a training that goes on from a checkpoint
    gives the same weights, bit for bit, as one that was never interrupted.

    Args:
        network: on its device, freshly initialised.
        loss: named terms, each a sum over pixels and a mean over images.
        noise: of the training images; drawn for them, unless these are `pairs`.
        lowest: if given, each image's level is drawn evenly from here to that of `noise`.
        seed: of the order of the images and of the noise.
        recipe: epochs, batches, learning rate.
        any_size: the network takes images of any size, patches of the training images too.
        graph_safe, bfloat16, dense: see `TrainedMethod`.
        pairs: images are pairs of targets and noisy ones, as `stacked` gives them.
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
        bfloat16: bool = False,
        dense: Dense | None = None,
        pairs: bool = False,
    ) -> None:
        self.network, self.loss, self.recipe = network, loss, recipe
        self.any_size, self.graph_safe = any_size, graph_safe
        self.bfloat16, self.dense, self.pairs = bfloat16, dense, pairs
        self.patches: Patches | None = None
        self.noise, self.lowest, self.seed = noise, lowest, seed
        self.device = next(network.parameters()).device
        self.order = torch.Generator().manual_seed(derived_seed(seed, "order"))
        self.draws = torch.Generator(self.device).manual_seed(derived_seed(seed, "noise"))
        self.optimiser = Adam(network)
        #: Of `order`, before the next epoch's was drawn, where that was done ahead.
        self.order_before: Tensor | None = None
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
        self.resume(checkpoints)
        self.patches = Patches.of(images, self.recipe.patch) if self.any_size else None
        held_out = self.validated(images, held_out)
        pace = Pace(checkpoints)
        epochs = self.recipe.epochs_for(self._count(images))
        teller = Teller(watch, epochs, self.done)
        while self.done < epochs:
            trained = self._epoch(images, teller.part)
            loss = self.note(trained, self.evaluate(held_out))
            pace.save(self.checkpoint)
            teller.epoch(loss)
        self.network.load_state_dict(self.best)
        return self.history

    def resume(self, checkpoints: Checkpoints | None) -> None:
        """Go on from the last checkpoint, if there is one."""
        last = checkpoints.load() if checkpoints else None
        if last is not None:
            self._set_state(last)

    def validated(self, images: Tensor, held_out: Tensor) -> Tensor:
        """The held-out images that an epoch is validated on: cut as the training images are."""
        if self.recipe.images is None:
            return held_out
        share = min(1.0, self.recipe.images / self._count(images))
        return held_out[: math.ceil(share * len(held_out))]

    def note(self, trained: TermMeans, validated: TermMeans) -> float:
        """Add an epoch to the history, keep the weights if best; the training loss.

        Raises:
            FloatingPointError: the loss is no longer finite.
        """
        self.done += 1
        terms = {"train": trained.values(), "validation": validated.values()}
        totals = {split: sum(values.values()) for split, values in terms.items()}
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
        return totals["train"]

    def _count(self, images: Tensor) -> int:
        """Number of training images, or of patches that cover them."""
        return len(images) * (self.patches.per_image if self.patches else 1)

    # An epoch -------------------------------------------------------------------------------

    def _epoch(self, images: Tensor, tell: Callable[[float], None]) -> TermMeans:
        """One pass over the images; the mean of each loss term over it.

        Args:
            images: all training images.
            tell: told the share of the pass that is done.
        """
        size, count, at_once = self.recipe.batch_size, self._count(images), self.at_once
        order = self.image_order(count) % len(images)
        parts = zip(
            torch.split(order.to(self.device), at_once * size),
            torch.split(self._learning_rates(count), at_once),
            strict=True,
        )
        means = TermMeans()
        self.network.train()
        for part, (index, lrs) in enumerate(parts, start=1):
            if self.patches is None:
                clean = images.index_select(0, index)
            else:
                clean = self.patches(images, index, self.order)
            terms = self._updates(clean, lrs)
            means.add(self._names, terms, [len(batch) for batch in torch.split(index, size)])
            tell(part * at_once * size / len(order))
        return means

    @property
    def at_once(self) -> int:
        """Batches that are gathered and get their noise at once."""
        return max(1, _GATHERED // self.recipe.batch_size)

    def image_order(self, count: int) -> Tensor:
        """Indices of the next epoch's images, out of `count`."""
        return image_order(count, self.recipe.images or count, self.order)

    def _learning_rates(self, count: int) -> Tensor:
        """Of each update of the next epoch over `count` images, on the device."""
        rates = self.recipe.learning_rates(self.done, count)
        # Kernels of CUDA take a learning rate in float32 only.
        precision = torch.float32 if self.device.type == "cuda" else torch.float64
        return torch.tensor(rates, dtype=precision).to(self.device)

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
        batches = self.batch(clean, self.draws).split(self.recipe.batch_size)
        for batch, lr in zip(batches, lrs, strict=True):
            terms = self._terms(batch, self._names)
            total: Any = sum(terms.values())
            if not total.requires_grad:
                raise ValueError("loss() gives what does not depend on the network's weights")
            self.optimiser.clear()
            total.backward()
            self.optimiser.step(lr)
            self._names = list(terms)
            rows.append(torch.stack([value.detach() for value in terms.values()]))
        return torch.stack(rows)

    def evaluate(self, images: Tensor) -> TermMeans:
        """The mean of each loss term over held-out images; each call draws the same noise."""
        seed = derived_seed(self.seed, "validation")
        draws = torch.Generator(self.device).manual_seed(seed)
        means, names = TermMeans(), list[str]()
        self.network.eval()
        with torch.no_grad():
            for clean in torch.split(images, evaluated_at_once(images)):
                terms = self._terms(self.batch(clean, draws), names)
                names = list(terms)
                means.add(names, torch.stack(list(terms.values()))[None], [len(clean)])
        return means

    def batch(self, images: Tensor, generator: torch.Generator) -> Batch:
        """Images with their noise, in memory as the network's kernels want them."""
        if self.pairs:
            batch = parted(images, self.noise)
        else:
            batch = corrupted(images, self.noise, self.lowest, generator)
        return batch._replace(noisy=laid_out(batch.noisy, self.network))

    def _terms(self, batch: Batch, before: Sequence[str] = ()) -> dict[str, Tensor]:
        """The loss terms of a batch, of the names that were given before."""
        with training_precision(self.network, self.device) if self.bfloat16 else nullcontext():
            return checked_terms(self.loss(self.network, *batch), self.device, before)

    # Checkpoints ----------------------------------------------------------------------------

    def checkpoint(self) -> Checkpoint:
        """All that it takes to go on from here."""
        return Checkpoint(self._state(), list(self.history))

    def _state(self) -> Arrays:
        """All that the rest of the training depends on."""
        tensors = {
            **{f"network.{name}": value for name, value in self.network.state_dict().items()},
            **{f"best.{name}": value for name, value in self.best.items()},
            "best_loss": torch.tensor(self.best_loss, dtype=torch.float64),
            "done": torch.tensor(self.done),
            "random.order": self.order.get_state()
            if self.order_before is None
            else self.order_before,
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
