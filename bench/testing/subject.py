"""What a method is tried on: small images, and what it learned from some."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.core import Dataset, Group, ImagePairs, Noise, Split, Unsupported
from bench.evaluation import scoring
from bench.evaluation.forms import FitTask, form_of
from bench.evaluation.runner import explain
from bench.evaluation.supervision import training_images
from bench.noises import KINDS, Given, ImageDraws, make_noise
from bench.plugins.contract import Method
from bench.plugins.sources import Source

if TYPE_CHECKING:
    from bench.core import Array

TRAINING_IMAGES = 32
#: A method is tried under the first of these noises that it does not refuse.
NOISES = tuple(make_noise(kind, 30.0 if noise.photons else 0.2) for kind, noise in KINDS.items())
#: And on images of the first of these shapes.
SHAPES = ((1, 28, 28), (3, 28, 28), (1, 64, 64), (3, 64, 64), (1, 128, 128), (3, 128, 128))


class Subject:
    """A method with what the checks try it on; what was fitted is kept.

    Args:
        method: the method.
        source: where it comes from.
        typed: parameters that it is tried with, instead of their defaults.
    """

    def __init__(
        self, method: Method, source: Source[Method], typed: Mapping[str, Any] | None = None
    ) -> None:
        self.method, self.source, self.typed = method, source, dict(typed or {})
        self._fitted: dict[Any, Mapping[str, Any]] = {}
        self.noise, self.shape = next(filter(self._takes, self._trials()), (NOISES[0], SHAPES[0]))

    @staticmethod
    def _trials() -> Iterator[tuple[Noise, tuple[int, ...]]]:
        """Noises and shapes that methods are made for; Gaussian noise and shapes in turn first."""
        return itertools.product(NOISES, SHAPES)

    def _takes(self, trial: tuple[Noise, tuple[int, ...]]) -> bool:
        """Whether the method does not refuse such images under that noise; it may fail at them."""
        self.noise, shape = trial
        try:
            self.make(shape).denoise(self.noisy(2, shape), self.noise)
        except Unsupported:
            return False
        except (Exception, SystemExit):
            return True  # the checks will tell
        return True

    def images(self, count: int = 5, shape: tuple[int, ...] | None = None, seed: int = 0) -> Array:
        """Smooth clean images with edges, float32 (count, *shape)."""
        return clean_images(count, shape or self.shape, seed)

    def noisy(self, *arguments: Any, **options: Any) -> Array:
        """Such images under `noise`."""
        return corrupted(self.images(*arguments, **options), self.noise)

    def state(
        self, shape: tuple[int, ...] | None = None, seed: int = 0, fresh: bool = False
    ) -> Mapping[str, Any]:
        """What `fit` learns from a few images of that shape."""
        shape = shape or self.shape
        if fresh:
            return self.fitted(shape, seed).state()
        if (shape, seed) not in self._fitted:
            self._fitted[shape, seed] = self.fitted(shape, seed).state()
        return self._fitted[shape, seed]

    def fitted(self, shape: tuple[int, ...] | None = None, seed: int = 0, **params: Any) -> Any:
        """A denoiser just fitted, that never went through `state` and `load`."""
        data = self.scenes(shape or self.shape)
        return self.fitted_on(data, seed, **params)

    def fitted_on(self, data: Dataset, seed: int = 0, **params: Any) -> Any:
        """A denoiser just fitted on what its method may see of a data set that `scenes` gave."""
        form = form_of(self.method)
        denoiser = form.create({**self.typed, **params})
        clean = self.method.supervision in ("clean", "none")

        def images(split: Split) -> Array | ImagePairs:
            came = None if clean else Given(self.noise.sigma)
            return training_images("clean" if clean else self.method.supervision, data, split, came)

        recipe = {"epochs": 1, "batch_size": 8}
        task = FitTask(
            images("train"), seed, self.noise, lambda: images("validation"), recipe=recipe
        )
        form.fit(denoiser, task)
        return denoiser

    def scenes(self, shape: tuple[int, ...], behind: int | None = None) -> Dataset:
        """Training and validation images, of each a clean one and two noisy ones.

        Args:
            shape: of an image.
            behind: of which other images the clean ones are, where these do not belong to the
                noisy ones.
        """

        def groups(split: Split) -> list[Group]:
            count, seed = (TRAINING_IMAGES, 2) if split == "train" else (8, 3)
            clean = self.images(count, shape, seed)
            frames = np.stack([corrupted(clean, self.noise, draw) for draw in range(2)], axis=1)
            if behind is not None:
                clean = self.images(count, shape, behind)
            return [Group(np.arange(count), clean, frames)]

        sizes = {"train": TRAINING_IMAGES, "validation": 8}
        return Dataset("scenes", "", sizes, groups, frames=2)

    def create(self, threads: int = 1, **params: Any) -> Any:
        """A denoiser with such parameters, not fitted."""
        return self.method.create({**self.typed, **params}, threads)

    def explain(self, error: BaseException) -> str:
        """What went wrong, in one line, with the line of its file where it did."""
        return explain(error, self.method)

    def make(self, shape: tuple[int, ...] | None = None, **params: Any) -> Any:
        """A denoiser with such parameters, fitted on images of that shape if it learns."""
        denoiser = self.create(**params)
        if self.method.learns:
            denoiser.load(self.state(shape))
        return denoiser

    def restore(self, noisy: Array, denoiser: Any = None) -> Array:
        """The denoiser's result for a copy of `noisy`, found to be one that may be given."""
        denoiser = denoiser or self.make(noisy.shape[1:])
        return scoring.apply(denoiser, noisy.copy(), self.noise)


def clean_images(count: int, shape: tuple[int, ...], seed: int = 0) -> Array:
    """Smooth clean images with edges, float32 (count, *shape)."""
    height, width = shape[1:]
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    images = np.empty((count, *shape), np.float32)
    for image in images.reshape(-1, height, width):
        a, b, c = rng.uniform(-0.4, 0.4, 3)
        image[:] = 0.5 + 0.5 * np.sin(a * y + b * x + 9 * c)
        top, left = rng.integers(0, height), rng.integers(0, width)
        image[top : top + height // 2, left : left + width // 2] = rng.uniform()
    return images


def corrupted(clean: Array, noise: Noise, seed: int = 0) -> Array:
    """Clean images under a noise."""
    draws = ImageDraws(np.arange(len(clean)), clean.shape[1:], "conformance", "test", seed)
    return noise.corrupt(clean, draws)
