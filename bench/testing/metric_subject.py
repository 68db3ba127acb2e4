"""What a metric is tried on: small images with restorations of them, and what it learned."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bench.core import Perturbed, Restoration, Unsupported
from bench.evaluation.runner import explain
from bench.noises import make_noise
from bench.plugins.metric import BadValues, Measure, Metric
from bench.plugins.sources import Source
from bench.testing.subject import clean_images, corrupted

if TYPE_CHECKING:
    from bench.core import Array, Noise, Values

#: A metric is tried on images of the first of these shapes that it has a number for.
SHAPES = ((1, 28, 28), (3, 28, 28), (1, 64, 64), (3, 64, 64), (1, 192, 192), (3, 192, 192))
#: And under the first of these noises.
NOISES = (make_noise("gaussian", 0.2), make_noise("poisson", 30))
#: Deviation of the errors that restored images have, where nothing else is said.
ERROR = 0.1
#: By how much noisy images are perturbed.
_STEP = 0.02
_LABELS = 10
_TRAINING_IMAGES, _VALIDATION_IMAGES = 100, 20


class _Labelled(NamedTuple):
    """What a metric learns from."""

    images: Array
    labels: Any


class MetricSubject:
    """A metric with what the checks try it on; what was fitted is kept.

    Args:
        metric: the metric.
        source: where it comes from.
        typed: parameters that it is tried with, instead of their defaults.
    """

    def __init__(
        self, metric: Metric, source: Source[Metric], typed: Mapping[str, Any] | None = None
    ) -> None:
        self.metric, self.source, self.typed = metric, source, dict(typed or {})
        self._states: dict[tuple[int, ...], Mapping[str, Any]] = {}
        trials = itertools.product(NOISES, SHAPES)
        self.noise, self.shape = next(filter(self._has_numbers, trials), (NOISES[0], SHAPES[0]))

    def _has_numbers(self, trial: tuple[Noise, tuple[int, ...]]) -> bool:
        """Whether there are numbers for such images; it may fail at them."""
        self.noise, shape = trial
        try:
            return not np.isnan(self.values(self.images(2, shape))).all()
        except Unsupported:
            return False
        except (Exception, SystemExit):
            return True  # the checks will tell

    @property
    def higher(self) -> bool:
        """More is better."""
        return self.metric.declared.better == "higher"

    @property
    def compares(self) -> bool:
        """It compares with clean images."""
        return "clean" in self.metric.needs

    def images(
        self,
        count: int = 5,
        shape: tuple[int, ...] | None = None,
        seed: int = 0,
        error: float = ERROR,
    ) -> Restoration:
        """Clean images with restored ones, which still have noise of such a deviation.

        And with two further noisy frames, and with what a denoiser makes of perturbed images that
        lets a third of a perturbation through.
        """
        clean, labels = _labelled(count, shape or self.shape, seed)
        draw = np.random.default_rng(seed + 1)
        left = clean + np.float32(error) * draw.normal(0, 1, clean.shape).astype(np.float32)
        probe = draw.choice(np.array([-1, 1], np.float32), clean.shape)
        moved = (left + np.float32(_STEP / 3) * probe).clip(0, 1)
        noisy, *frames = (corrupted(clean, self.noise, number) for number in range(3))
        return Restoration(
            clean, left.clip(0, 1), noisy, labels, self.noise, np.stack(frames, axis=1),
            Perturbed(probe, _STEP, moved),
        )  # fmt: skip

    def learner(self, shape: tuple[int, ...] | None = None) -> Any:
        """Of a metric that learns: an object just fitted on images of that shape."""
        learner = self.metric.target(**self.typed)
        shape = shape or self.shape
        learner.fit(
            _Labelled(*_labelled(_TRAINING_IMAGES, shape, seed=2)),
            _Labelled(*_labelled(_VALIDATION_IMAGES, shape, seed=3)),
        )
        return learner

    def state(self, shape: tuple[int, ...] | None = None) -> Mapping[str, Any]:
        """What it learns from images of that shape; empty if it learns nothing."""
        shape = shape or self.shape
        if self.metric.learns and shape not in self._states:
            self._states[shape] = self.learner(shape).state()
        return self._states.get(shape, {})

    def measure(self, shape: tuple[int, ...] | None = None, *, checked: bool = True) -> Measure:
        """The metric, fitted on images of that shape if it learns.

        Args:
            shape: of its training images.
            checked: its values must lie where it says that they do.
        """
        metric = self.metric
        if not checked:
            anywhere = dataclasses.replace(metric.declared, between=(-math.inf, math.inf))
            metric = dataclasses.replace(metric, declared=anywhere)
        measure = metric.create(self.typed)
        if metric.learns:
            measure.learner.load(self.state(shape))
        return measure

    def values(self, images: Restoration, measure: Measure | None = None) -> Values:
        """Its numbers of copies of images, found to be such that may be given."""
        measure = measure or self.measure(images.truth.shape[1:])
        return measure(images.copied())

    def explain(self, error: BaseException) -> str:
        """What went wrong, in one line, with the line of its file where it did."""
        plugin: Any = self.metric
        return str(error) if isinstance(error, BadValues) else explain(error, plugin)


def _labelled(count: int, shape: tuple[int, ...], seed: int) -> tuple[Array, Any]:
    """Clean images with their labels: where a bright bar lies."""
    images = clean_images(count, shape, seed)
    labels = np.arange(count) % _LABELS
    height = shape[1]
    for image, label in zip(images, labels, strict=True):
        top = label * height // _LABELS
        image[:, top : top + max(1, height // _LABELS)] = 1
    return images, labels
