"""Training images as one array, whatever their shapes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bench.core import Dataset, Labelled, Split, Unsupported

if TYPE_CHECKING:
    from bench.core import Array

#: Most pixels a side of the tiles that images of several shapes are cut into: as the field's
#: training images have (Train400).
TILE = 180


def split_array(dataset: Dataset, split: Split) -> Array:
    """The images of a split as one array, float32 (N, C, H, W).

    Images of several shapes are cut into square tiles that cover them, side by side, the last
    of a row or column shifted inwards. A tile is as large as `TILE` and the least side allow.

    Raises:
        Unsupported: there are none, or grey and RGB ones.

    >>> from bench.datasets import data_folder, load
    >>> split_array(load("digits", data_folder()), "train").shape
    (1197, 1, 28, 28)
    """
    images = [group.images for group in dataset.groups(split)]
    if not images:
        raise Unsupported(
            f"{dataset.name} has no {split} images to learn from: name a set that has with "
            "--train-dataset"
        )
    if len({part.shape[1] for part in images}) > 1:
        raise Unsupported(f"the {split} images of {dataset.training} are grey and RGB: give one")
    if len({part.shape[1:] for part in images}) > 1:
        side = min(TILE, *(size for part in images for size in part.shape[2:]))
        images = [tile for part in images for tile in _tiles(part, side)]
    return np.concatenate(images) if len(images) > 1 else images[0]


def labelled_split(dataset: Dataset, split: Split) -> Labelled:
    """The images of a split with their labels.

    Raises:
        Unsupported: they have none, there are no images, or images of several shapes.
        DataError: the labels' file is missing or damaged.

    >>> from bench.datasets import data_folder, load
    >>> images, labels = labelled_split(load("digits", data_folder()), "train")
    >>> images.shape, labels[:5].tolist()
    ((1197, 1, 28, 28), [0, 1, 2, 3, 4])
    """
    if dataset.labels is None:
        raise Unsupported(f"{dataset.name} has no labels")
    groups = list(dataset.groups(split))
    if len({group.shape for group in groups}) != 1:
        raise Unsupported(f"the labelled {split} images of {dataset.name} are not of one shape")
    positions = np.concatenate([group.positions for group in groups])
    images = np.concatenate([group.images for group in groups])
    return Labelled(images, dataset.labels(split)[positions])


def _tiles(images: Array, side: int) -> list[Array]:
    """Images (N, C, H, W) as arrays (N, C, side, side) that cover them."""
    tops, lefts = (_starts(size, side) for size in images.shape[2:])
    return [images[..., top : top + side, left : left + side] for top in tops for left in lefts]


def _starts(size: int, side: int) -> list[int]:
    """Where tiles begin along an axis."""
    return sorted({min(start, size - side) for start in range(0, size, side)})
