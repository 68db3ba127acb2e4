"""`digits`: scikit-learn's 1,797 handwritten digits, for trying things out without a download.

8x8 pixels, enlarged to 28x28 by cubic interpolation; training = the first 1,197, validation =
the next 200, test = the last 400.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bench.core import Dataset, Group, Split

if TYPE_CHECKING:
    from bench.core import Array, Labels


def _digits() -> Array:
    """Float64 (1797, 8, 8) in [0, 1], in steps of 1/16."""
    # The file that sklearn.datasets.load_digits reads: to import scikit-learn takes longer than
    # most runs of these images.
    package = find_spec("sklearn")
    assert package is not None
    assert package.origin is not None
    table = np.loadtxt(Path(package.origin).parent / "datasets/data/digits.csv.gz", delimiter=",")
    return table[:, :-1].reshape(-1, 8, 8) / 16  # the last column is the digit


def _enlarged_digits() -> Array:
    """Float32 (1797, 1, 28, 28) in [0, 1]."""
    from scipy.ndimage import zoom  # slow to import, and few other data sets need it

    # Interpolation is linear: what it makes of unit vectors is what it makes of any row of pixels.
    # grid_mode: pixels are areas, so that the enlarged image covers what the small one did.
    units = [zoom(unit, 3.5, order=3, mode="nearest", grid_mode=True) for unit in np.eye(8)]

    def enlarge(rows: Array) -> Array:
        """(8, ...) to (28, ...)."""
        # No matrix product: its last bits, and with them the fingerprint, vary among processors.
        return np.stack(
            [sum(weight * row for weight, row in zip(weights, rows, strict=True))
             for weights in zip(*units, strict=True)]
        )  # fmt: skip

    small = np.ascontiguousarray(_digits().transpose(1, 2, 0))  # images last: their sums are quick
    large = enlarge(enlarge(small).swapaxes(0, 1)).transpose(2, 1, 0)
    return np.clip(large, 0, 1).astype(np.float32, order="C")[:, None]


def open_digits(folder: Path) -> Dataset:
    """The digits; `folder` plays no part.

    >>> open_digits(Path()).fingerprint
    'd24de3e4d2959991'
    """
    images = _enlarged_digits()
    cuts: dict[Split, slice] = {
        "train": slice(0, 1197),
        "validation": slice(1197, 1397),
        "test": slice(1397, 1797),
    }

    def read(split: Split) -> Iterator[Group]:
        part = images[cuts[split]]
        yield Group(np.arange(len(part)), part)

    def labels(split: Split) -> Labels:
        from sklearn.datasets import load_digits

        return load_digits().target[cuts[split]].astype(np.int64)

    fingerprint = hashlib.sha256(images.tobytes()).hexdigest()[:16]
    sizes: dict[str, int] = {split: cut.stop - cut.start for split, cut in cuts.items()}
    return Dataset("digits", fingerprint, sizes, read, labels=labels)
