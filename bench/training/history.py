"""The loss history: the mean of each loss term over each epoch."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

#: Rows of a loss history: epoch (from 1), split, term, value per image.
History = list[tuple[int, str, str, float]]
#: Called after each epoch with: epochs done, epochs in all, the training loss per image.
Watcher = Callable[[int, int, float], None]


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
