"""The images that are measured, under noise, by batches; what the next cell needs is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bench.core import Dataset, Noise, Perturbed, Restoration
from bench.evaluation.perturbation import Perturbation
from bench.noises import ImageDraws, digests

if TYPE_CHECKING:
    import numpy.typing as npt

    from bench.core import Array, Labels, MeasuredSplit

#: By what a split's draws are keyed: tuning has drawn noise for validation images already.
_DRAWN_AS = {"test": "test", "validation": "validation-measured"}
# Images are kept for the next cell up to this many values (128 MiB an array).
_KEPT_VALUES = 1 << 25


class Drawn(NamedTuple):
    """Images with what will corrupt them: random numbers, or the noisy frames that came along."""

    positions: npt.NDArray[np.int64]
    clean: Array | None
    draws: ImageDraws | Array

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the images, (N, C, H, W)."""
        if self.clean is not None:
            return self.clean.shape
        count, _, *shape = self.draws.shape
        return (count, *shape)

    @property
    def values(self) -> int:
        """In memory, of the images or of all their noisy frames."""
        of = self if isinstance(self.draws, ImageDraws) else self.draws
        return int(np.prod(of.shape))


class Batch(NamedTuple):
    """Clean and noisy images, their positions, the digests of the noisy ones, their noise seed.

    `clean` is None where there is no ground truth; `frames` are further noisy images of the same
    scenes, (N, F, C, H, W), None where there are none. The digests are of these too, since metrics
    may hold what is restored to them.
    """

    positions: npt.NDArray[np.int64]
    clean: Array | None
    noisy: Array
    digests: npt.NDArray[np.uint64]
    noise_seed: int
    frames: Array | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the images, (N, C, H, W)."""
        return self.noisy.shape

    @property
    def values(self) -> int:
        """In memory, of the noisy images and of their further frames."""
        return self.noisy.size + (0 if self.frames is None else self.frames.size)

    def restored_to(
        self,
        restored: Array,
        rows: Any,
        labels: Labels | None,
        noise: Noise,
        perturbed: Perturbed | None = None,
    ) -> Restoration:
        """What metrics are given of some of its images.

        Args:
            restored: of those that `rows` chooses, float32 (N, C, H, W), finished.
            rows: a mask, a slice or indices.
            labels: of all images of the split, by position.
            noise: that methods were told.
            perturbed: of those images, where it was asked for.
        """
        return Restoration(
            None if self.clean is None else self.clean[rows],
            restored,
            self.noisy[rows],
            None if labels is None else labels[self.positions[rows]],
            noise,
            None if self.frames is None else self.frames[rows],
            perturbed,
        )


class NoisyImages:
    """A split, corrupted. What the next cell will ask for again is kept."""

    def __init__(self, dataset: Dataset, split: MeasuredSplit = "test") -> None:
        self._dataset, self._split = dataset, split
        self._name = dataset.name if split == "test" else dataset.training
        self._drawn, self._corrupted = _Kept(), _Kept()

    def count(self, limit: int | None) -> int:
        """Number of images under a limit."""
        size = self._dataset.sizes[self._split]
        return size if limit is None else min(limit, size)

    def sample_positions(self, limit: int | None) -> list[int]:
        """Positions of the images to show; under a small limit, of the first few instead."""
        count = self.count(limit)
        samples = self._dataset.samples if self._split == "test" else ()
        inside = [position for position in samples if position < count]
        if inside and len(inside) == len(samples):
            return inside
        return list(range(min(10, count)))

    def perturbation(self, batch: Batch, noise: Noise) -> Perturbation:
        """How the batch's images are changed a little, for metrics that ask for it."""
        split = f"{_DRAWN_AS[self._split]}-probe"
        shape, seed = batch.shape[1:], batch.noise_seed
        return Perturbation.of(ImageDraws(batch.positions, shape, self._name, split, seed), noise)

    def batches(
        self, noise: Noise, limit: int | None, seeds: tuple[int, ...] = (0,)
    ) -> Iterator[Batch]:
        """The first `limit` images under `noise`: of each batch one after the other of its draws.

        So that all that is restored of an image comes together, and can be summed up. Of images
        that came noisy nothing is drawn.
        """
        data, name = self._dataset, self._name

        def draw() -> Iterator[Drawn]:
            for group in data.groups(self._split, limit):
                shape = group.shape
                frames = () if group.frames is None else group.frames.shape[1:2]
                for part in batches(len(group.positions), (*frames, *shape)):
                    few = group.only(part)
                    if few.frames is not None:
                        yield Drawn(few.positions, few.clean, few.frames)
                        continue
                    for seed in seeds:
                        draws = ImageDraws(few.positions, shape, name, _DRAWN_AS[self._split], seed)
                        yield Drawn(few.positions, few.images, draws)

        def corrupt() -> Iterator[Batch]:
            # All levels share the draws, all methods at one level the noisy images.
            for positions, clean, draws in self._drawn((limit, seeds), draw):
                if not isinstance(draws, ImageDraws):
                    noisy, others = np.ascontiguousarray(draws[:, 0]), draws[:, 1:]
                    frames = others if others.shape[1] else None
                    of = digests(noisy if frames is None else draws)
                    yield Batch(positions, clean, noisy, of, seeds[0], frames)
                    continue
                noisy = noise.corrupt(clean, draws)
                yield Batch(positions, clean, noisy, digests(noisy), draws.seed)

        yield from self._corrupted((noise, limit, seeds), corrupt)


def batches(images: int, image_shape: tuple[int, ...]) -> list[slice]:
    """A group cut into batches of about a million pixels: 1,337 digits, 6 photographs.

    Args:
        images: in the group.
        image_shape: (C, H, W), or (F, C, H, W) where each comes as so many noisy frames.

    >>> batches(3, (1, 1024, 512)), batches(3, (4, 1, 1024, 512))[0]
    ([slice(0, 2, None), slice(2, 4, None)], slice(0, 1, None))
    """
    step = max(1, (1 << 20) // int(np.prod(image_shape)))
    return [slice(start, start + step) for start in range(0, images, step)]


class _Kept:
    """The sequence made last, kept for whoever asks for the same, if it is small enough.

    And if its images are of one shape: of a data set with several, one at a time is in memory.
    """

    def __init__(self) -> None:
        self._key: Any = None
        self._items: list[Any] = []

    def __call__(self, key: Any, make: Callable[[], Iterator[Any]]) -> Iterator[Any]:
        if key == self._key:
            yield from self._items
            return
        self._key, self._items = None, []
        items: list[Any] = []
        values, shapes = 0, set()
        for item in make():
            values += item.values
            shapes.add(item.shape[1:])
            items.append(item)
            if values > _KEPT_VALUES or len(shapes) > 1:
                items.clear()
            yield item
        if items:
            self._key, self._items = key, items
