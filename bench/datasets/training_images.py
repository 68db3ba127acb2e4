"""Training images as one array, whatever their shapes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bench.core import Dataset, ImagePairs, Labelled, Split, Unsupported

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
    return _as_one([group.images for group in dataset.groups(split)], dataset, split)


def split_pairs(dataset: Dataset, split: Split) -> ImagePairs:
    """The clean images of a split with their noisy ones, each frame of a scene being a pair.

    Cut as by `split_array`, both at the same places.

    Raises:
        Unsupported: see there; or the noise did not come with these images.

    >>> import numpy as np
    >>> from bench.core import Dataset, Group
    >>> scenes = Group(np.arange(3), np.zeros((3, 1, 8, 8)), np.ones((3, 2, 1, 8, 8)))
    >>> data = Dataset("toy", "", {"train": 3}, lambda split: [scenes], frames=2)
    >>> split_pairs(data, "train").noisy.shape
    (6, 1, 8, 8)
    """
    clean, noisy = [], []
    for group in dataset.groups(split):
        if group.frames is None:
            raise Unsupported(
                f"the {split} images of {dataset.training} are clean ones, and the noise came with "
                f"those of {dataset.name}: say which noise to draw, as --train-noise gaussian:0.05"
            )
        clean.append(np.repeat(group.images, group.frames.shape[1], axis=0))
        noisy.append(group.frames.reshape(-1, *group.shape))
    return ImagePairs(*(_as_one(parts, dataset, split) for parts in (clean, noisy)))


def _as_one(images: list[Array], dataset: Dataset, split: Split) -> Array:
    """Images of several shapes as one array, see `split_array`."""
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
