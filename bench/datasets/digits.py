"""`digits`: scikit-learn's 1,797 handwritten digits, for trying things out without a download.

8x8 pixels, enlarged to 28x28 by cubic interpolation; training = the first 1,197, validation =
the next 200, test = the last 400.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bench.core import Dataset, Group, Split

if TYPE_CHECKING:
    from bench.core import Array, Labels


def _enlarged_digits() -> Array:
    """Float32 (1797, 1, 28, 28) in [0, 1]."""
    # Both are slow to import, and no other data set needs them.
    from scipy.ndimage import zoom
    from sklearn.datasets import load_digits

    small = load_digits().images.astype(np.float64) / 16.0
    # grid_mode: pixels are areas, so that the enlarged image covers what the small one did.
    large = zoom(small, (1, 3.5, 3.5), order=3, mode="nearest", grid_mode=True)
    return np.clip(large, 0, 1).astype(np.float32)[:, None]


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
