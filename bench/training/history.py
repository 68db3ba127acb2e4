"""The loss history: the mean of each loss term over each epoch."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from torch import Tensor

#: Rows of a loss history: epoch (from 1), split, term, value per image.
History = list[tuple[int, str, str, float]]
#: Called at first, after each epoch and now and then within one, with: epochs done, with the share
#: of the one under way; epochs in all; the last one's training loss per image, or None.
Watcher = Callable[[float, int, float | None], None]
# Seconds between two words of an epoch's parts.
_WITHIN_EPOCH = 0.25


class Teller:
    """Tells a training's watcher how far it is; parts of an epoch at most a few times a second.

    On a GPU, which works on what it was given before, the parts told run ahead of it.
    """

    def __init__(self, watch: Watcher, epochs: int, done: int) -> None:
        self._watch, self._epochs, self._done = watch, epochs, done
        self._loss: float | None = None
        self._last = time.monotonic()
        watch(done, epochs, None)

    def part(self, share: float) -> None:
        """Such a share of the epoch's images is done."""
        if share < 1 and time.monotonic() - self._last > _WITHIN_EPOCH:
            self._tell(self._done + share)

    def epoch(self, loss: float) -> None:
        """An epoch is done, with that training loss per image."""
        self._done, self._loss = self._done + 1, loss
        self._tell(self._done)

    def _tell(self, done: float) -> None:
        self._watch(done, self._epochs, self._loss)
        self._last = time.monotonic()


class TermMeans:
    """Means of loss terms over batches; nothing is read from the device before the end."""

    def __init__(self) -> None:
        self._rows: list[Tensor] = []
        self._images: list[int] = []
        self._names: list[str] = []

    def add(self, names: list[str], rows: Tensor, images: list[int]) -> None:
        """Add terms (batches, names), and the number of images of each batch."""
        self._names = names
        self._rows.append(rows)
        self._images += images

    def values(self) -> dict[str, float]:
        """The mean of each term over all images."""
        weights = torch.tensor(self._images, dtype=torch.float64) / sum(self._images)
        means = weights @ torch.cat(self._rows).cpu().double()
        return dict(zip(self._names, means.tolist(), strict=True))
