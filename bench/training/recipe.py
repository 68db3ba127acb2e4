"""The recipe of a training: epochs, batches, learning rate."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    A method's presets give these fields (`TrainedMethod.recipes`).

    >>> Recipe(epochs=20, batch_size=256, lr=4e-3, schedule="one-cycle").updates(55_000)
    215
    >>> Recipe(epochs=20, batch_size=256, min_updates=1500).epochs_for(1_000)
    375

    Attributes:
        epochs: passes over the training images, each with fresh noise.
        batch_size: images per update.
        lr: Adam's learning rate; of a schedule, its peak.
        schedule: "constant", or "one-cycle" (Smith and Topin 2018): up over the first tenth
            of the updates, then down along a cosine.
        images: training images per epoch, drawn anew for each epoch: where all would be too
            many for the budget (the validation images are cut in the same proportion), or where
            there are too few and each is taken several times. None: all of them, once.
        patch: side in pixels of the random patches, turned and mirrored at random, on which a
            network that takes any size is trained where images are larger; an image counts as
            many times as it takes patches to cover it.
        threads: of the processor, that a training computes with. Sums over a batch are shared out
            among them, so the weights' last digits depend on it; that is why it is of the recipe
            and not of the machine.
        min_updates: updates of the whole training at least: where `epochs` passes over few
            images make fewer, there are more epochs.
    """

    epochs: int
    batch_size: int
    lr: float = 1e-3
    schedule: str = "constant"
    images: int | None = None
    patch: int = 48
    min_updates: int = 0
    threads: int = 1

    def updates(self, count: int) -> int:
        """Updates per epoch over `count` training images."""
        return math.ceil((self.images or count) / self.batch_size)

    def epochs_for(self, count: int) -> int:
        """Epochs over `count` training images: `epochs`, or as many as reach `min_updates`."""
        return max(self.epochs, math.ceil(self.min_updates / self.updates(count)))

    def learning_rates(self, done: int, count: int) -> list[float]:
        """Of each update of the epoch after `done` epochs over `count` training images."""
        updates = self.updates(count)
        total = self.epochs_for(count) * updates
        return [self.learning_rate(done * updates + i, total) for i in range(updates)]

    def learning_rate(self, update: int, updates: int) -> float:
        """The learning rate of an update, counted from 0, out of all `updates`.

        Raises:
            ValueError: the schedule is unknown.
        """
        if self.schedule == "constant":
            return self.lr
        if self.schedule != "one-cycle":
            raise ValueError(f"unknown schedule {self.schedule!r}: use constant or one-cycle")
        passed, rising = (update + 0.5) / updates, 0.1
        if passed < rising:
            return self.lr * (passed / rising)
        return self.lr * (0.5 * (1 + math.cos(math.pi * (passed - rising) / (1 - rising))))
