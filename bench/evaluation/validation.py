"""Validation images under a noise, and how well a denoiser restores them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bench.core import ESTIMATED_SCALES, Restoration, Unsupported
from bench.evaluation.error_estimates import (
    ErrorEstimate,
    Frames,
    Noisy,
    error_estimate,
    estimated_psnr,
)
from bench.evaluation.measurements import apart, own
from bench.evaluation.noisy_images import batches
from bench.evaluation.scoring import apply, finish
from bench.metrics.psnr import psnr
from bench.noises import ImageDraws
from bench.plugins.metric import BadValues, Measure

if TYPE_CHECKING:
    from bench.core import Array, Dataset, Group, Noise, Scale, TuneOn, Values
    from bench.evaluation.calls import Calls
    from bench.plugins.contract import Denoiser

#: By what draws for tuning are keyed: none of them is ever measured.
_TUNING = "validation"


_Watch = Callable[[float], None]


class Score(NamedTuple):
    """How well a denoiser does: by what it is tuned on, and its mean PSNR where that is another."""

    value: float
    psnr: float | None = None


class _Images(NamedTuple):
    """Of one shape: clean ones, where there are some, and noisy ones."""

    clean: Array | None
    noisy: Noisy


class Validation:
    """Validation images under a noise, and how well they are restored.

    Args:
        noise: what a method is tuned for.
        dataset: its validation split is used.
        images: the first so many of them.
        quantize: as for the test images.
        noise_seed: as for the test images; the split is another, and so are the draws.
        calls: cuts the images into calls.
        measure: the metric that tells how well, where clean images do.
        tune_on: what tells how well: clean images, further noisy frames or the images themselves.

    Attributes:
        scale: how scores are read.
        estimate: what told them, by its name, where clean images did not; else "".

    Raises:
        Unsupported: the images lack what is needed.
    """

    def __init__(
        self,
        noise: Noise,
        dataset: Dataset,
        *,
        images: int,
        quantize: bool,
        noise_seed: int,
        calls: Calls,
        measure: Measure,
        tune_on: TuneOn = "clean",
    ) -> None:
        self._noise, self._quantize, self._calls = noise, quantize, calls
        self._clamp = dataset.range.clamp
        self._measure, self._estimate = measure, error_estimate(tune_on, noise)
        self.estimate = self._estimate.name if self._estimate else ""
        self.scale: Scale = ESTIMATED_SCALES[self.estimate] if self._estimate else measure.scale
        self._images = [
            self._of(group, dataset, noise_seed) for group in dataset.groups("validation", images)
        ]
        self._count = sum(len(images.noisy.noisy) for images in self._images)
        if self._estimate:
            self._variances = np.concatenate(
                [self._estimate.variances(images.noisy) for images in self._images]
            )
            self._pixels = np.concatenate(
                [np.full(len(of.noisy.noisy), of.noisy.noisy[0].size) for of in self._images]
            )

    def score(self, denoiser: Denoiser, watch: _Watch = lambda share: None) -> Score:
        """The mean over the images; of a metric over those where it is defined.

        Args:
            denoiser: what restores them.
            watch: told which share of the images is restored, but not the last.

        Raises:
            BadValues: the metric gives what no metric may give, or is defined nowhere.
        """
        if self._estimate:
            return self._estimated(self._estimate, denoiser, watch)
        scores: list[Any] = []
        for clean, (noisy, *_) in self._parts(watch):
            restored = self._restored(denoiser, noisy)
            images = Restoration(clean, restored, noisy, None, self._noise)
            with apart(self._measure):
                scores.append(self._measure(own(self._measure, images)))
        values = np.concatenate(scores)
        values = values[~np.isnan(values)]
        if not len(values):
            raise BadValues(f"{self._measure.metric.name} is defined for no validation image")
        return Score(float(values.mean()))

    def _estimated(self, estimate: ErrorEstimate, denoiser: Denoiser, watch: _Watch) -> Score:
        """By errors that are estimated, and by the true ones where these are known."""

        def restore(noisy: Array) -> Array:
            return self._restored(denoiser, noisy)

        errors: list[Values] = []
        psnrs: list[Values] = []
        for clean, noisy in self._parts(watch):
            estimated, restored = estimate.errors(restore, noisy)
            errors.append(estimated)
            if clean is not None:
                psnrs.append(psnr(clean, restore(noisy.noisy) if restored is None else restored))
        value = estimated_psnr(np.concatenate(errors), self._variances, self._pixels)
        return Score(value, float(np.concatenate(psnrs).mean()) if psnrs else None)

    def _restored(self, denoiser: Denoiser, noisy: Array) -> Array:
        """As it is scored."""
        given = noisy.copy()
        with self._calls.timed(len(given)):
            restored = apply(denoiser, given, self._noise)
        return finish(restored, self._quantize, self._clamp)

    def _parts(self, watch: _Watch) -> Iterator[_Images]:
        """As many images as a call is to have, one part after the other."""
        seen = 0
        for clean, noisy in self._images:
            for batch in batches(len(noisy.noisy), noisy.noisy.shape[1:]):
                some = None if clean is None else clean[batch]
                few = noisy.only(batch)
                for part in self._calls.cut(len(few.noisy)):
                    yield _Images(None if some is None else some[part], few.only(part))
                    seen += len(few.noisy[part])
                    if seen < self._count:
                        watch(seen / self._count)

    def _of(self, group: Group, dataset: Dataset, seed: int) -> _Images:
        """The images of a group, under the noise where they came without."""

        def draws(drawn_for: str) -> ImageDraws:
            return ImageDraws(group.positions, group.shape, dataset.training, drawn_for, seed)

        further: Array | None = None
        if not dataset.given:
            noisy = self._noise.corrupt(group.images, draws(_TUNING))
            if isinstance(self._estimate, Frames):
                further = self._noise.corrupt(group.images, draws(f"{_TUNING}-frame"))[:, None]
        elif group.frames is not None:
            noisy = np.ascontiguousarray(group.frames[:, 0])
            further = group.frames[:, 1:] if group.frames.shape[1] > 1 else None
        else:
            raise Unsupported(f"the validation images of {dataset.training} came without noise")
        changed = (
            self._estimate.changed(noisy, draws(f"{_TUNING}-again")) if self._estimate else None
        )
        return _Images(group.clean, Noisy(noisy, further, changed))
