"""The restored images of a cell whose method is slow, kept until the cell is done."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.core import Cell, Fit
from bench.evaluation.fitting import Fits

if TYPE_CHECKING:
    from bench.core import Array

#: Seconds of work that an interruption may cost, and bytes that wait in memory to be written.
_EVERY, _WAITING = 10.0, 1 << 27


class KeptImages:
    """What an interrupted cell goes on from, beside the fitted models and in files of their form.

    Each holds the images of some seconds, in the order in which they were restored.

    Args:
        fits: where they are kept.
        cell: all that the images depend on is in its key.
        device: where it computes.
    """

    def __init__(self, fits: Fits, cell: Cell, device: str) -> None:
        self._fits, self._cell, self._device = fits, cell, device
        self._read, self._written = 0, 0
        self._chunk: Fit | None = None
        self._new: dict[str, Array] = {}
        self._seconds, self._saved = 0.0, time.monotonic()

    def get(self, names: Sequence[str]) -> tuple[Array, float] | None:
        """The restored images of these names, and the seconds that they took."""
        while self._chunk is None or names[0] not in self._chunk.arrays:
            chunk = self._fits.get(self._key(self._read))
            if chunk is None or chunk.device != self._device:
                return None
            self._chunk, self._read = chunk, self._read + 1
        arrays = self._chunk.arrays
        if not set(names) <= set(arrays):
            return None
        share = len(names) / len(arrays)
        return np.stack([arrays[name] for name in names]), self._chunk.seconds * share

    def add(self, names: Sequence[str], restored: Array, seconds: float) -> None:
        """Keep restored images, and the seconds that they took."""
        self._new |= dict(zip(names, restored, strict=True))
        self._seconds += seconds
        waiting = sum(image.nbytes for image in self._new.values())
        if time.monotonic() - self._saved > _EVERY or waiting > _WAITING:
            self.save()

    def save(self) -> None:
        """Write what is not written yet."""
        if self._new:
            about: dict[str, Any] = {"restored": self._cell.as_dict()}
            number = max(self._read, self._written)
            fit = Fit(self._new, self._seconds, self._device, about=about)
            self._fits.put(self._key(number), fit)
            self._written = number + 1
        self._new, self._seconds, self._saved = {}, 0.0, time.monotonic()

    def remove(self) -> None:
        """The cell is done."""
        for number in range(max(self._read, self._written)):
            self._fits.remove(self._key(number))

    def _key(self, number: int) -> str:
        return f"{self._cell.key}-restored-{number}"
