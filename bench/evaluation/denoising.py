"""The images of a cell: restored, timed and scored, and those that reports show."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.analysis.calibration import calibration
from bench.core import SAMPLE_SIDE, Record, middle
from bench.evaluation import scoring
from bench.evaluation.calls import Calls
from bench.evaluation.forms import Form
from bench.evaluation.kept_images import KeptImages
from bench.evaluation.memory import release
from bench.evaluation.noisy_images import Batch, NoisyImages
from bench.evaluation.replicates import Replicates
from bench.evaluation.timing import Call, Timing

if TYPE_CHECKING:
    from bench.core import Array

# Uncertainty costs many passes, and so many images say enough of it, or so many values.
_CALIBRATION_IMAGES, _CALIBRATION_VALUES = 1000, 1 << 25
# Calls that a spread of their times needs, and seconds that more of them may take for it.
_CALLS, _REPEATING = 5, 0.5

#: Of one image, or of the middle of a large one: "clean", "noisy", "restored" and, where there is
#: one, "deviation".
Sample = dict[str, "Array"]


class Denoising:
    """A denoiser at work on the images of a cell.

    Args:
        denoiser: with its parameters set, and fitted.
        form: its method.
        images: those of the cell's split.
        record: of the cell; it is filled in.
        kept: where a slow method's images are kept until the record is whole.
    """

    def __init__(
        self, denoiser: Any, form: Form, images: NoisyImages, record: Record, kept: KeptImages
    ) -> None:
        self._denoiser, self._form, self._images, self._record = denoiser, form, images, record
        self._calls, self._kept = Calls(form), kept
        self._timing = Timing(form.clock)
        self._cell = record.cell
        self._columns: dict[str, list[Any]] = {"image": [], "digest": []}
        self._deviations: list[Array] = []
        self._errors: list[Array] = []
        self._draws = len(self._cell.noise_seeds)
        self._replicates: Replicates

    def run(self, watch: Callable[[int, int], None]) -> None:
        """Restore every image and note what came of it.

        Args:
            watch: told the images restored and in all, at first 0 of 0; not of each that was
                kept, since these take no time.

        Raises:
            BadOutput: the denoiser gives what no denoiser may give.
        """
        cell, record = self._cell, self._record
        total = self._images.count(cell.limit) * self._draws
        shown = self._images.sample_positions(cell.limit)
        samples: dict[int, Sample] = {}
        done = told = 0
        largest: Batch | None = None
        watch(0, 0)
        for batch in self._images.batches(cell.noise, cell.limit, cell.noise_seeds):
            begun = self._warm_up(batch) if done == 0 else None
            if self._draws > 1 and self._is_first_draw(batch):
                self._replicates = Replicates(batch.clean, self._draws)
            for part in self._calls.cut(len(batch.noisy), len(begun[0]) if begun else 0):
                images = batch.only(part)
                kept = None if begun else self._kept.get(images.names)
                if kept is None and (done == 0 or told < done):
                    watch(done, total)
                restored = self._restored(images, begun, kept)
                begun = None
                self._score(images, restored)
                if self._draws > 1:
                    self._replicates.add(part, restored)
                samples |= self._samples(images, restored, shown)
                done += len(restored)
                if largest is None or len(restored) > len(largest.noisy):
                    largest = images
                if kept is None:
                    watch(done, total)
                    told = done
            if self._draws > 1 and batch.noise_seed == cell.noise_seeds[-1]:
                for name, values in self._replicates.columns().items():
                    self._columns.setdefault(name, []).append(np.tile(values, self._draws))
        record.images = {name: np.concatenate(parts) for name, parts in self._columns.items()}
        cases = [position for position in self._cases() if position not in samples]
        samples |= self._restored_again(cases)
        sampled = [position for position in (*shown, *cases) if position in samples]
        record.samples = {"image": sampled}
        for name in samples[sampled[0]] if sampled else ():
            record.samples[name] = [samples[position][name] for position in sampled]
        if self._deviations:
            record.calibration = calibration(_flat(self._deviations), _flat(self._errors))
        if largest is not None:
            self._note_costs(largest)

    def _warm_up(self, batch: Batch) -> tuple[Array, Call] | None:
        """Call it on some of the first images, which tells too whether it is slow.

        Returns:
            What a call of over a second gave and took: its images are not denoised again.
        """
        first = batch.names[: self._form.images_at_once]
        kept = self._kept.get(first)
        if kept is not None:  # it was called before an interruption
            self._calls.took(len(first), kept[1])
            return None
        for most in (len(first), self._form.warm_up):
            part = next(self._calls.cut(len(batch.noisy[:most])))
            restored, call = self._called(batch.only(part))
            if self._calls.long and self._calls.serves(len(restored), len(batch.noisy)):
                return restored, call
            del restored  # or it is in memory while the next one is made
        release()
        return None

    def _restored(
        self, batch: Batch, begun: tuple[Array, Call] | None, kept: tuple[Array, float] | None
    ) -> Array:
        """The batch restored and ready to be scored, now or before an interruption."""
        if kept is not None:
            restored, seconds = kept
            call = Call(len(restored), seconds=seconds)
        else:
            restored, call = begun or self._called(batch)
            if self._calls.slow:
                self._kept.add(batch.names, restored, call.seconds)
        self._timing.count(call)
        return scoring.finish(restored, self._cell.quantize)

    def _called(self, batch: Batch) -> tuple[Array, Call]:
        """The batch restored, and what the call alone took."""
        noisy = batch.noisy.copy()  # a method that writes into its input harms only itself
        with self._calls.timed(len(noisy)), self._timing.call(len(noisy)) as call:
            restored = self._denoiser.denoise(noisy, self._cell.noise)
        restored = scoring.check(restored, noisy.shape)
        scoring.check_input(noisy, batch.noisy)
        return restored, call

    def _note_costs(self, batch: Batch) -> None:
        """Note what the calls took; where there were few, after some more with the batch."""
        each = self._timing.quartiles[1] * len(batch.noisy)
        for _ in range(min(_CALLS - len(self._timing), int(_REPEATING / max(each, 1e-9)))):
            self._timing.count(self._called(batch)[1])
        self._record.images_per_second = self._timing.images_per_second
        if self._form.device == "cpu":
            self._record.memory_growth_bytes = self._timing.memory_growth
        self._record.conditions = {
            "batch_size": len(batch.noisy),
            "device": self._form.device,
            "threads": self._form.threads_used,
            **self._timing.conditions(),
        }

    def _score(self, batch: Batch, restored: Array) -> None:
        """Note each image's metrics and, of the first ones, how sure the method is of it."""
        self._columns["image"].append(batch.positions)
        self._columns["digest"].append(batch.digests)
        if self._draws > 1:
            seeds = np.full(len(restored), batch.noise_seed)
            self._columns.setdefault("noise_seed", []).append(seeds)
        for name, values in scoring.score(batch.clean, restored, self._form.threads).items():
            self._columns.setdefault(name, []).append(values)
        first = np.flatnonzero((batch.positions < _CALIBRATION_IMAGES) & self._is_first_draw(batch))
        if sum(errors.size for errors in self._errors) > _CALIBRATION_VALUES:
            return
        deviation = self._deviation(batch.noisy[first])
        if deviation is not None:
            restored, clean = (middle(images, SAMPLE_SIDE) for images in (restored, batch.clean))
            self._deviations.append(middle(deviation, SAMPLE_SIDE).copy())
            self._errors.append(restored[first] - clean[first])

    def _samples(self, batch: Batch, restored: Array, positions: list[int]) -> dict[int, Sample]:
        """Position -> sample, of the batch's images at these positions, under their first draw."""
        rows = np.flatnonzero(np.isin(batch.positions, positions) & self._is_first_draw(batch))
        columns = {"clean": batch.clean, "noisy": batch.noisy, "restored": restored}
        columns = {name: middle(images, SAMPLE_SIDE)[rows] for name, images in columns.items()}
        deviation = self._deviation(batch.noisy[rows])
        if deviation is not None:
            columns["deviation"] = middle(deviation, SAMPLE_SIDE).copy()
        return {
            int(position): {name: images[index] for name, images in columns.items()}
            for index, position in enumerate(batch.positions[rows])
        }

    def _restored_again(self, positions: list[int]) -> dict[int, Sample]:
        """The samples of images of which only the scores say that they are to be shown.

        They are restored once more, since all outputs at once may not fit into memory.
        """
        cell = self._cell
        samples: dict[int, Sample] = {}
        for batch in self._images.batches(cell.noise, cell.limit, cell.noise_seeds):
            if len(samples) == len(positions):
                break
            rows = np.isin(batch.positions, positions) & self._is_first_draw(batch)
            if rows.any():
                few = batch.only(rows)
                restored = scoring.apply(self._denoiser, few.noisy.copy(), cell.noise)
                restored = scoring.finish(restored, cell.quantize)
                samples |= self._samples(few, restored, positions)
        return samples

    def _is_first_draw(self, batch: Batch) -> bool:
        """Samples and calibration are of the first draw of noise."""
        return batch.noise_seed == self._cell.noise_seeds[0]

    def _cases(self) -> list[int]:
        """The positions of the images with the lowest, the median and the highest PSNR."""
        images = self._record.images
        if self._draws > 1:
            first = images["noise_seed"] == self._cell.noise_seeds[0]
            images = {name: images[name][first] for name in ("image", "psnr")}
        order = np.argsort(images["psnr"], kind="stable")
        return [int(images["image"][order[rank]]) for rank in (0, (len(order) - 1) // 2, -1)]

    def _deviation(self, noisy: Array) -> Array | None:
        """The standard deviation that the method predicts for each pixel, if it does."""
        if not len(noisy):
            return None
        deviation = self._form.deviation(self._denoiser, noisy, self._cell.noise)
        if deviation is None:
            return None
        deviation = scoring.check(deviation, noisy.shape, "uncertainty")
        if (deviation < 0).any():
            raise scoring.BadOutput("uncertainty returned negative values")
        return deviation


def _flat(parts: list[Array]) -> Array:
    return np.concatenate([part.ravel() for part in parts])
