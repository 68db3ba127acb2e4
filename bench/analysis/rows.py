"""The images that cells under one noise have between them: a row each, with its unit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]


class Rows:
    """The rows of images, in the order in which they are first met; `images` are positions."""

    def __init__(self) -> None:
        self.images = self._digests = self._units = np.empty(0, np.int64)
        self._known = np.empty(0, bool)  # of a row, whether a cell knows its unit
        self._index: Any = None

    def __len__(self) -> int:
        return len(self.images)

    @property
    def units(self) -> Array:
        """Of each row its unit: its position where no cell knows of units.

        A row of which none does, beside others, has that of its position, or is one by itself.

        >>> rows = Rows()
        >>> before = {"image": np.array([0, 1, 5]), "digest": np.array([7, 8, 9])}
        >>> rows.of(before), rows.units.tolist()
        (slice(None, 3, None), [0, 1, 5])
        >>> two = {name: numbers[:2] for name, numbers in before.items()}
        >>> rows.of({**two, "unit": np.array([5, 5])}).tolist(), rows.units.tolist()
        ([0, 1], [5, 5, -6])
        """
        known, images = self._known, self.images
        if not known.any():
            return images
        if known.all():
            return self._units
        units = dict(zip(images[known].tolist(), self._units[known].tolist(), strict=True))
        own = min(0, *units.values()) - 1  # below all that are numbered
        others = [units.get(at, own - at) for at in images[~known].tolist()]
        found = self._units.copy()
        found[~known] = others
        return found

    def of(self, columns: Mapping[str, Array]) -> Any:
        """The rows of a cell's images; those not met before become the last.

        Args:
            columns: `image` and `digest`; and `unit`, if the cell knows of units.
        """
        at, units = self._at(columns["image"], columns["digest"]), columns.get("unit")
        if units is not None:
            self._units[at] = np.where(self._known[at], self._units[at], units)
            self._known[at] = True
        return at

    def _at(self, images: Array, digests: Array) -> Any:
        import pandas as pd

        if not len(self):
            self.images, self._digests = images, digests
            self._grow()
        if np.array_equal(self.images, images) and np.array_equal(self._digests, digests):
            return slice(len(images))  # as nearly always: all cells have the same images
        cell = pd.MultiIndex.from_arrays([images, digests])
        if self._index is None or len(self._index) < len(self):
            self._index = pd.MultiIndex.from_arrays([self.images, self._digests])
        new = self._index.get_indexer(cell) < 0
        self.images = np.concatenate([self.images, images[new]])
        self._digests = np.concatenate([self._digests, digests[new]])
        self._grow()
        if new.any():
            self._index = pd.MultiIndex.from_arrays([self.images, self._digests])
        return self._index.get_indexer(cell)

    def _grow(self) -> None:
        more = len(self.images) - len(self._known)
        self._units = np.concatenate([self._units, np.zeros(more, np.int64)])
        self._known = np.concatenate([self._known, np.zeros(more, bool)])
