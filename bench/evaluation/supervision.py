"""What a method is handed to learn from: no more than it says that it learns from.

Noisy images are drawn once, so that a method which learns from them alone never sees a second draw
of a scene: fresh noise in each epoch would make it Noise2Noise (Lehtinen et al. 2018).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from bench.core import Dataset, Group, ImagePairs, Noise, Split, Unsupported, estimate_sigma
from bench.datasets.training_images import frames_of, split_array, split_pairs
from bench.noises import Gaussian, Given, ImageDraws

if TYPE_CHECKING:
    from bench.core import Array
    from bench.core.learning import Supervision

#: By what the draws of noisy images to learn from are keyed: none of them is tuned on or measured.
_DRAWN_AS = {"train": "train", "validation": "validation-fit"}


def training_images(
    supervision: Supervision, dataset: Dataset, split: Split, noise: Noise | None
) -> Array | ImagePairs:
    """The images of a split as a method is handed them.

    Args:
        supervision: what it learns from.
        dataset: its training and validation images are used.
        split: "train" or "validation".
        noise: that the method is fitted for; None where what it learns serves every noise.

    Returns:
        Of "clean" the clean images, float32 (N, C, H, W), or pairs with the noisy ones where their
        noise came with them. Of "noisy" and "pairs" no clean ones: noisy images, beside which the
        target is themselves, or a second noisy image of each scene.

    Raises:
        Unsupported: there are none, or no second ones of a scene.
    """
    if supervision == "clean":
        if not isinstance(noise, Given):
            return split_array(dataset, split)
        pairs = split_pairs(dataset, split)
    else:
        assert noise is not None  # its declaration was checked
        of = {"noisy": _once, "pairs": _twice}[supervision]
        pairs = ImagePairs(*of(dataset, split, noise))
    if isinstance(noise, Given) and noise.estimated:  # as in the test
        sigma = [estimate_sigma(image) for image in pairs.noisy]
        pairs = pairs._replace(sigma=np.array(sigma, np.float32))
    return pairs


def told_noise(noise: Noise | None) -> Noise | None:
    """What a method is told in training of the noise that it is fitted for: as in the test."""
    if isinstance(noise, Given) and noise.estimated:
        return Gaussian(1.0)  # its level is each image's own
    return noise


def _once(dataset: Dataset, split: Split, noise: Noise) -> tuple[Array, Array]:
    """Noisy images, one of each scene or all that came, twice: they are their own target."""

    def noisy(group: Group) -> Array:
        if isinstance(noise, Given):
            return frames_of(group, dataset, split).reshape(-1, *group.shape)
        return _drawn(noise, group, dataset, split, "")

    images = split_array(dataset, split, noisy)
    return images, images


def _twice(dataset: Dataset, split: Split, noise: Noise) -> tuple[Array, Array]:
    """Targets and noisy images of the same scenes: two draws, or each frame and the one before."""

    def frames(group: Group, back: int) -> Array:
        came = frames_of(group, dataset, split)
        if came.shape[1] < 2:
            raise Unsupported(
                f"it learns from two noisy images of each scene, and the {split} images of "
                f"{dataset.training} came with one"
            )
        return np.roll(came, back, axis=1).reshape(-1, *group.shape)

    def part(first: bool) -> Callable[[Group], Array]:
        if isinstance(noise, Given):
            return lambda group: frames(group, 0 if first else 1)
        return lambda group: _drawn(noise, group, dataset, split, "" if first else "-second")

    return split_array(dataset, split, part(first=False)), split_array(
        dataset, split, part(first=True)
    )


def _drawn(noise: Noise, group: Group, dataset: Dataset, split: Split, draw: str) -> Array:
    """Clean images of a group under one draw of a noise, the same in every training."""
    key = f"{_DRAWN_AS[split]}{draw}"
    return noise.corrupt(
        group.images, ImageDraws(group.positions, group.shape, dataset.training, key)
    )
