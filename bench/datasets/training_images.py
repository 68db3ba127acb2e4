"""Training images as one array, whatever their shapes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from bench.core import Dataset, Group, ImagePairs, Labelled, Split, Unsupported

if TYPE_CHECKING:
    from bench.core import Array

#: Most pixels a side of the tiles that images of several shapes are cut into: as the field's
#: training images have (Train400).
TILE = 180


def split_array(
    dataset: Dataset, split: Split, part: Callable[[Group], Array] = lambda group: group.images
) -> Array:
    """The images of a split as one array, float32 (N, C, H, W): the clean ones, or a part of each.

    Args:
        dataset: the data set.
        split: whose images.
        part: gives those of a group, float32 (N, C, H, W).

    Images of several shapes are cut into square tiles that cover them, side by side, the last
    of a row or column shifted inwards. A tile is as large as `TILE` and the least side allow.

    Raises:
        Unsupported: there are none, or grey and RGB ones.

    >>> from bench.datasets import data_folder, load
    >>> split_array(load("digits", data_folder()), "train").shape
    (1197, 1, 28, 28)
    """
    return _as_one([part(group) for group in dataset.groups(split)], dataset, split)


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

    def clean(group: Group) -> Array:
        return np.repeat(group.images, frames_of(group, dataset, split).shape[1], axis=0)

    def noisy(group: Group) -> Array:
        return frames_of(group, dataset, split).reshape(-1, *group.shape)

    return ImagePairs(split_array(dataset, split, clean), split_array(dataset, split, noisy))


def frames_of(group: Group, dataset: Dataset, split: Split) -> Array:
    """The noisy images that came with a group's scenes, float32 (N, F, C, H, W).

    Raises:
        Unsupported: none came.
    """
    if group.frames is None:
        raise Unsupported(
            f"the {split} images of {dataset.training} are clean ones, and the noise came with "
            f"those of {dataset.name}: say which noise to draw, as --train-noise gaussian:0.05"
        )
    return group.frames


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
