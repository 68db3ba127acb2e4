"""The images of a cell: restored and timed; what is made of them is scored by an exam."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.core import SAMPLE_SIDE, Record, middle
from bench.core.process_state import set_back
from bench.evaluation import scoring
from bench.evaluation.calls import Calls
from bench.evaluation.exam import Exam, NoisyBatch, chosen
from bench.evaluation.forms import Form
from bench.evaluation.kept_images import KeptImages
from bench.evaluation.memory import release
from bench.evaluation.multiply_adds import multiply_adds
from bench.evaluation.timing import Call, Timing

if TYPE_CHECKING:
    from bench.core import Array

# Uncertainty costs many passes, and so many images say enough of it, or so many values.
_CALIBRATION_IMAGES, _CALIBRATION_VALUES = 1000, 1 << 25
# Calls that a spread of their times needs, and seconds that more of them may take for it.
_CALLS, _REPEATING = 5, 0.5
# The same of calls with a single image.
_CALLS_ALONE, _REPEATING_ALONE = 3, 0.05
# Share of all calls' time that one more may take, where it takes over a second.
_SPARE = 0.1


class Denoising:
    """A denoiser at work on the images of a cell.

    Args:
        denoiser: with its parameters set, and fitted.
        form: its method.
        exam: gives the noisy images, and scores them.
        record: of the cell; it is filled in.
        kept: where a slow method's images are kept until the record is whole.
    """

    def __init__(
        self, denoiser: Any, form: Form, exam: Exam, record: Record, kept: KeptImages
    ) -> None:
        self._denoiser, self._form, self._exam, self._record = denoiser, form, exam, record
        self._calls, self._kept = Calls(form), kept
        self._timing = Timing(form.clock, form.device)
        self._cell = record.cell
        self._calibrating_on = 0

    def run(self, watch: Callable[[int, int], None]) -> None:
        """Restore every image and note what came of it.

        Args:
            watch: told the images restored and in all, at first 0 of 0; not of each that was
                kept, since these take no time.

        Raises:
            BadOutput: the denoiser gives what no denoiser may give.
        """
        exam, total = self._exam, self._exam.total
        done = told = 0
        largest: NoisyBatch | None = None
        watch(0, 0)
        for batch in exam.batches():
            begun = self._warm_up(batch) if done == 0 else None
            for part in self._calls.cut(len(batch.noisy), len(begun[0]) if begun else 0):
                images = batch.only(part)
                kept = None if begun else self._kept.get(images.names)
                if kept is None and (done == 0 or told < done):
                    watch(done, total)
                restored, perturbed = self._restored(images, begun, kept)
                begun = None
                exam.add(images, restored, self._calibrating(images), perturbed)
                self._show(images, restored, exam.shown)
                done += len(images.noisy)
                if largest is None or len(images.noisy) > len(largest.noisy):
                    largest = images
                del restored, perturbed  # or they are in memory while the next ones are made
                if kept is None:
                    watch(done, total)
                    told = done
        self._restore_again([case for case in exam.cases() if case not in exam.shown])
        if largest is not None:
            self._note_costs(largest)
        exam.complete(self._record)  # which brings clean images, after the method's last call

    def _warm_up(self, batch: NoisyBatch) -> tuple[Array, Call] | None:
        """Call it on some of the first images, which tells too whether it is slow.

        Returns:
            What a call of over a second gave and took: its images are not denoised again.
        """
        first = batch.only(slice(self._form.images_at_once))
        count = len(first.noisy)
        kept = self._kept.get(first.names)
        if kept is not None:  # it was called before an interruption
            self._calls.took(count, kept[1])
            return None
        for most in (count, self._form.warm_up):
            part = next(self._calls.cut(len(batch.noisy[:most])))
            restored, call = self._called(batch.only(part))
            if self._calls.long and self._calls.serves(len(restored), len(batch.noisy)):
                return restored, call
            del restored  # or it is in memory while the next one is made
        release()
        return None

    def _restored(
        self, batch: NoisyBatch, begun: tuple[Array, Call] | None, kept: tuple[Array, float] | None
    ) -> tuple[Array, Array | None]:
        """The batch restored, now or before an interruption; and its perturbed images, untimed."""
        count = len(batch.noisy)
        if kept is not None:
            images, seconds = kept
            call = Call(count, _pixels(batch), seconds=seconds)
            restored, perturbed = images[:count], images[count:]
        else:
            restored, call = begun or self._called(batch)
            perturbed = restored[:0]
            if batch.perturbed is not None:
                again = batch.perturbed.copy()
                perturbed = scoring.apply(self._denoiser, again, self._cell.noise)
            if self._calls.slow:
                self._kept.add(batch.names, np.concatenate([restored, perturbed]), call.seconds)
        self._timing.count(call)
        return restored, None if batch.perturbed is None else perturbed

    def _called(self, batch: NoisyBatch) -> tuple[Array, Call]:
        """The batch restored, and what the call alone took."""
        noisy = batch.noisy.copy()  # a method that writes into its input harms only itself
        with (
            set_back(),
            self._calls.timed(len(noisy)),
            self._timing.call(len(noisy), _pixels(batch)) as call,
        ):
            restored = self._denoiser.denoise(noisy, self._cell.noise)
        restored = scoring.check(restored, noisy.shape)
        scoring.check_input(noisy, batch.noisy)
        return restored, call

    def _note_costs(self, batch: NoisyBatch) -> None:
        """Note what the calls took; where there were few, after some more with the batch."""
        each = self._timing.quartiles[1] * len(batch.noisy)
        for _ in range(min(_CALLS - len(self._timing), int(_REPEATING / max(each, 1e-9)))):
            self._timing.count(self._called(batch)[1])
        self._record.images_per_second = self._timing.images_per_second
        if self._form.device == "cpu":
            self._record.memory_growth_bytes = self._timing.memory_growth
        self._record.peak_device_bytes = self._timing.device_memory
        self._note_costs_of_one(batch.only(slice(1)), len(batch.noisy))
        self._record.conditions = {
            "batch_size": len(batch.noisy),
            "image_shape": list(batch.noisy.shape[1:]),
            "device": self._form.device,
            "threads": self._form.threads_used,
            **self._timing.conditions(),
        }

    def _note_costs_of_one(self, image: NoisyBatch, batch_size: int) -> None:
        """Note what one image takes: by the calls with one, or by a few more if all had several.

        What restored batches may not take a single image, and then has no such figure.
        """
        alone, record = self._timing, self._record
        if self._form.uses_torch and self._is_spare(batch_size):
            with contextlib.suppress(Exception):
                # Before what is timed: torch prepares for the shape of a batch.
                record.multiply_adds = multiply_adds(lambda: self._called(image))
        if batch_size > 1 and self._is_spare(batch_size):
            with contextlib.suppress(Exception):
                alone = self._timed_alone(image)
        record.milliseconds_per_megapixel = alone.milliseconds_per_megapixel

    def _is_spare(self, batch_size: int) -> bool:
        """Whether a call with an image takes little, at least beside all that the cell's took."""
        each = self._timing.quartiles[1] * batch_size
        return not self._calls.slow or each < _SPARE * self._timing.seconds

    def _timed_alone(self, image: NoisyBatch) -> Timing:
        """A few calls with an image, or one of what takes long."""
        alone = Timing(self._form.clock)
        while alone.seconds < _REPEATING_ALONE and len(alone) < _CALLS_ALONE:
            alone.count(self._called(image)[1])
        return alone

    def _first_draws(self, batch: NoisyBatch, wanted: Any) -> Any:
        """Where wanted images are under their first draw: samples and calibration are of that."""
        return chosen(wanted & (batch.noise_seed == self._cell.noise_seeds[0]))

    def _show(self, batch: NoisyBatch, restored: Array, positions: list[int]) -> int:
        """Show those of the images that are at such positions; how many they are."""
        rows = self._first_draws(batch, np.isin(batch.positions, positions))
        few = batch.only(rows)
        if len(few.noisy):
            deviation = self._deviation(few.noisy)
            if deviation is not None:
                deviation = middle(deviation, SAMPLE_SIDE)
            self._exam.show(few, restored[rows], deviation)
        return len(few.noisy)

    def _calibrating(self, batch: NoisyBatch) -> Array | None:
        """How sure the method is of the batch's images, of which calibration takes the first."""
        if self._calibrating_on > _CALIBRATION_VALUES:
            return None
        first = self._first_draws(batch, batch.positions < _CALIBRATION_IMAGES)
        deviation = self._deviation(batch.noisy[first])
        if deviation is not None:
            deviation = middle(deviation, SAMPLE_SIDE)
            self._calibrating_on += deviation.size
        return deviation

    def _restore_again(self, positions: list[int]) -> None:
        """Show images of which only the scores say that they are to be shown.

        They are restored once more, since all outputs at once may not fit into memory.
        """
        left = len(positions)
        for batch in self._exam.batches() if left else ():
            few = batch.only(self._first_draws(batch, np.isin(batch.positions, positions)))
            if len(few.noisy):
                restored = scoring.apply(self._denoiser, few.noisy.copy(), self._cell.noise)
                left -= self._show(few, restored, positions)
            if not left:
                break

    def _deviation(self, noisy: Array) -> Array | None:
        """The standard deviation that the method predicts for each pixel, if it does."""
        if not len(noisy):
            return None
        with set_back():
            deviation = self._form.deviation(self._denoiser, noisy, self._cell.noise)
        if deviation is None:
            return None
        deviation = scoring.check(deviation, noisy.shape, "uncertainty")
        if (deviation < 0).any():
            raise scoring.BadOutput("uncertainty returned negative values")
        return deviation


def _pixels(batch: NoisyBatch) -> int:
    """Of each of its images."""
    height, width = batch.noisy.shape[2:]
    return int(height * width)
