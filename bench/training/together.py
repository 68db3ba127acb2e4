"""Trainings of one dense network and recipe, side by side on one GPU."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from types import ModuleType

import numpy as np
import torch
from torch import Tensor

from bench.training import dense
from bench.training.checkpoints import Checkpoint, Checkpoints, Pace
from bench.training.device import derived_seed, seeded
from bench.training.graphs import Recorded
from bench.training.history import TermMeans, Watcher
from bench.training.loop import Training


class Together:
    """Trainings that share every kernel of an update; each has its own noise, seed and checkpoints.

    Each draws from generators of its own, in the same shapes whatever its company, and no kernel
    mixes two: a training's weights are the same bits alone and in company.

    Args:
        trainings: of the same network and recipe, each with its `dense`, that have come equally
            far.
        kernels: see `dense.kernels`.
    """

    def __init__(self, trainings: Sequence[Training], kernels: ModuleType) -> None:
        self.trainings, self.recipe = trainings, trainings[0].recipe
        self.device, self.at_once = trainings[0].device, trainings[0].at_once
        self.stack = dense.DenseStack(
            kernels,
            [training.dense for training in trainings if training.dense],
            [training.optimiser for training in trainings],
            self.recipe.batch_size,
            self.at_once,
        )
        self._graphs: dict[tuple[int, ...], Recorded] = {}

    def run(
        self,
        images: Tensor,
        held_out: Tensor,
        watches: Sequence[Watcher],
        checkpoints: Sequence[Checkpoints | None],
    ) -> None:
        """Train all to the end of the recipe; the networks then have their best weights.

        Raises:
            FloatingPointError: the loss of one is no longer finite.
        """
        first, count, self._images = self.trainings[0], len(images), images
        held_out = first.validated(images, held_out)
        pace, epochs = Pace(*checkpoints), self.recipe.epochs_for(count)
        ahead = self._prepared(first.done, count)
        while first.done < epochs:
            trained = self._epoch(*ahead)
            ahead = self._prepared(first.done + 1, count)  # while the device works
            validated = [self._validated(training, held_out) for training in self.trainings]
            losses = [
                training.note(*terms)
                for training, *terms in zip(self.trainings, trained, validated, strict=True)
            ]
            pace.save(*(partial(self._checkpoint, training) for training in self.trainings))
            for watch, loss in zip(watches, losses, strict=True):
                watch(first.done, epochs, loss)
        for training in self.trainings:
            training.network.load_state_dict(training.best)

    def _checkpoint(self, training: Training) -> Checkpoint:
        training.optimiser.set_steps(training.done * self.recipe.updates(len(self._images)))
        return training.checkpoint()

    def _prepared(self, done: int, count: int) -> tuple[Tensor, Tensor]:
        """Order (S, images) and rates (U, 2) of the epoch after `done`, on the device."""
        orders = []
        for training in self.trainings:
            training.order_before = training.order.get_state()
            orders.append(training.image_order(count))
        lrs = np.array(self.recipe.learning_rates(done, count))
        updates = done * len(lrs) + np.arange(1, len(lrs) + 1)
        factors = np.stack([lrs / (1 - 0.9**updates), 1 / np.sqrt(1 - 0.999**updates)], axis=1)
        order, rates = torch.stack(orders), torch.from_numpy(factors.astype(np.float32))
        if self.device.type == "cuda":  # a copy from pinned memory is not waited for
            order, rates = order.pin_memory(), rates.pin_memory()
        return order.to(self.device, non_blocking=True), rates.to(self.device, non_blocking=True)

    def _epoch(self, order: Tensor, rates: Tensor) -> list[TermMeans]:
        """One pass over the images; the mean of each training's loss terms over it, unread."""
        size, means = self.recipe.batch_size, [TermMeans() for _ in self.trainings]
        parts = zip(
            torch.split(order, self.at_once * size, dim=1),
            torch.split(rates, self.at_once),
            strict=True,
        )
        for index, part_rates in parts:
            terms = self._part(index, part_rates)
            batches = [len(batch) for batch in torch.split(index[0], size)]
            for mean, rows in zip(means, terms, strict=True):
                mean.add(self.stack.names, rows, batches)
        return means

    def _part(self, index: Tensor, rates: Tensor) -> Tensor:
        """Updates on the images of `index` (S, N): loss terms (S, U, terms) before each."""
        if self.device.type != "cuda":
            return self._updates(index, rates)
        if index.shape not in self._graphs:
            # Once as it is, on a stream of its own, as recording wants it; without effect.
            draws = [training.draws for training in self.trainings]
            before = self.stack.copies(), [generator.get_state() for generator in draws]
            side = torch.cuda.Stream(self.device)  # type: ignore[no-untyped-call]
            side.wait_stream(torch.cuda.current_stream(self.device))
            with torch.cuda.stream(side):
                self._updates(index, rates)
            torch.cuda.current_stream(self.device).wait_stream(side)
            self.stack.restore(before[0])
            for generator, state in zip(draws, before[1], strict=True):
                generator.set_state(state)
            self._graphs[index.shape] = Recorded(self._updates, (index, rates), *draws)
        return self._graphs[index.shape](index, rates)

    def _updates(self, index: Tensor, rates: Tensor) -> Tensor:
        stack, count = self.stack, index.shape[1]
        for i, training in enumerate(self.trainings):
            batch = training.batch(self._images.index_select(0, index[i]), training.draws)
            stack.clean[i, :count].copy_(batch.target.flatten(1))
            stack.noisy[i, :count].copy_(batch.noisy.flatten(1))
            if stack.code_size:
                torch.randn(
                    (count, stack.code_size),
                    generator=training.draws,
                    out=stack.draws[i, :count],
                )
        return stack.update_all(count, rates)

    def _validated(self, training: Training, held_out: Tensor) -> TermMeans:
        """The mean of each loss term over held-out images; codes are drawn alike at each call."""
        with seeded(self.device, derived_seed(training.seed, "validation codes")):
            return training.evaluate(held_out)
