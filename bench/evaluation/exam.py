"""What of a cell needs its clean images: scores, samples, calibration.

A denoiser's side of a cell (`denoising`) asks an exam for noisy images and hands back what it made
of them, so that clean ones may lie in another process, see `examiner`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from bench.analysis.calibration import calibration
from bench.core import SAMPLE_SIDE, Cell, Dataset, Record, image_digests, middle
from bench.evaluation import scoring
from bench.evaluation.measurements import Measurements, Measures, need
from bench.evaluation.noisy_images import Batch, NoisyImages
from bench.evaluation.perturbation import Perturbation
from bench.evaluation.replicates import Replicates

if TYPE_CHECKING:
    import numpy.typing as npt

    from bench.core import Array

#: Of one image, or of the middle of a large one: "clean" and "deviation", where there are such,
#: "noisy" and "restored".
Sample = dict[str, "Array"]


class NoisyBatch(NamedTuple):
    """Noisy images, float32 (N, C, H, W), their positions in the split, their noise seed.

    And, where a metric asks for it, the same changed a little, to be denoised too.
    """

    positions: npt.NDArray[np.int64]
    noisy: Array
    noise_seed: int
    perturbed: Array | None = None

    def only(self, rows: npt.NDArray[Any] | slice) -> NoisyBatch:
        """The images that a mask, a slice or indices choose."""
        perturbed = None if self.perturbed is None else self.perturbed[rows]
        return NoisyBatch(self.positions[rows], self.noisy[rows], self.noise_seed, perturbed)

    @property
    def names(self) -> list[str]:
        """Of each noisy image, and then of each perturbed one."""
        names = [f"{position}-{self.noise_seed}" for position in self.positions]
        return names if self.perturbed is None else names + [f"{name}-perturbed" for name in names]


def chosen(mask: npt.NDArray[np.bool_]) -> slice | npt.NDArray[np.intp]:
    """Where a mask is true: as a slice, which copies no image, if these are neighbours.

    >>> chosen(np.array([False, True, True])), chosen(np.array([True, False, True])).tolist()
    (slice(1, 3, None), [0, 2])
    """
    rows = np.flatnonzero(mask)
    if len(rows) and rows[-1] - rows[0] + 1 == len(rows):
        return slice(int(rows[0]), int(rows[-1]) + 1)
    return rows


class Exam(Protocol):
    """A cell's images and their scores.

    Attributes:
        total: images that are to be restored, under every noise seed.
        shown: positions of the images that reports show.
    """

    total: int
    shown: list[int]

    def batches(self) -> Iterator[NoisyBatch]:
        """The noisy images; of each batch one after the other of its draws."""

    def add(
        self,
        part: NoisyBatch,
        restored: Array,
        deviation: Array | None,
        perturbed: Array | None = None,
    ) -> None:
        """Score images of the batch that was given last.

        Args:
            part: what was denoised.
            restored: what became of it.
            deviation: of the first ones, how sure the method is.
            perturbed: what became of the perturbed ones, where the batch has such.
        """

    def show(self, part: NoisyBatch, restored: Array, deviation: Array | None) -> None:
        """Keep images of the batch that was given last, to be shown."""

    def cases(self) -> list[int]:
        """Positions of the images that do worst, in the middle and best, once all are scored."""

    def complete(self, record: Record) -> None:
        """Put scores, samples and calibration into the record, and keep the outputs to be kept."""

    def abandon(self) -> None:
        """Keep nothing: the cell came to no end."""


class Outputs(Protocol):
    """Where all restored images of a cell are kept, see `store.OutputsWriter`."""

    def add(self, positions: npt.NDArray[np.int64], noise_seed: int, images: Array) -> None:
        """Keep images, float32 (N, C, H, W), as they are scored."""

    def commit(self) -> None:
        """They are all there."""

    def discard(self) -> None:
        """None of them is to be kept."""


class LocalExaminer:
    """Exams in the process that denoises; cells of one noise that follow each other share images.

    Args:
        dataset: of the cells.
        measures: the metrics that cells are scored by.
        keep: gives what keeps a cell's outputs; None where they are not kept.
    """

    def __init__(
        self,
        dataset: Dataset,
        measures: Measures,
        keep: Callable[[Cell], Outputs] | None = None,
    ) -> None:
        self._dataset, self._measures, self._keep = dataset, measures, keep
        self._splits: dict[str, NoisyImages] = {}

    def exam(self, cell: Cell, threads: int) -> LocalExam:
        """A cell's exam, whose scoring may use so many threads."""
        images = self._splits.setdefault(cell.split, NoisyImages(self._dataset, cell.split))
        outputs = self._keep(cell) if self._keep else None
        labels = None
        if self._dataset.labels and need(self._measures, "label"):
            labels = self._dataset.labels(cell.split)
        measurements = Measurements(self._measures, threads)
        return LocalExam(images, cell, self._dataset, measurements, labels, outputs)


class LocalExam:
    """An exam in the process that denoises.

    Args:
        images: those of the cell's split.
        cell: what is measured.
        dataset: that they are of.
        measurements: the metrics, of which the first one leads.
        labels: of the split's images by position, where they have some.
        outputs: keeps what is restored.
    """

    def __init__(
        self,
        images: NoisyImages,
        cell: Cell,
        dataset: Dataset,
        measurements: Measurements,
        labels: npt.NDArray[np.int64] | None = None,
        outputs: Outputs | None = None,
    ) -> None:
        self._images, self.cell, self._measurements = images, cell, measurements
        self._labels, self._outputs = labels, outputs
        self._clamp = dataset.range.clamp
        self._units = dataset.units(cell.split) if dataset.units else None
        self._draws = len(cell.noise_seeds)
        self.total = images.count(cell.limit) * self._draws
        self.shown = images.sample_positions(cell.limit)
        self._batch: Batch
        self._perturbation: Perturbation
        self._columns: dict[str, list[Any]] = {"image": [], "digest": [], "restored": []}
        self._samples: dict[int, Sample] = {}
        self._cases: list[int] = []
        self._deviations: list[Array] = []
        self._errors: list[Array] = []
        self._replicates: Replicates

    def batches(self) -> Iterator[NoisyBatch]:
        """See `Exam`."""
        cell = self.cell
        for batch in self._images.batches(cell.noise, cell.limit, cell.noise_seeds):
            self._batch = batch
            moved = None
            if self._measurements.need("perturbed"):
                self._perturbation = self._images.perturbation(batch, cell.noise)
                moved = self._perturbation.added_to(batch.noisy)
            yield NoisyBatch(batch.positions, batch.noisy, batch.noise_seed, moved)

    def add(
        self,
        part: NoisyBatch,
        restored: Array,
        deviation: Array | None,
        perturbed: Array | None = None,
    ) -> None:
        """See `Exam`."""
        rows, finished = self._rows(part), self._finished(restored)
        positions = self._batch.positions[rows]
        self._columns["image"].append(positions)
        if self._units is not None:
            self._columns.setdefault("unit", []).append(self._units[positions])
        self._columns["digest"].append(self._batch.digests[rows])
        self._columns["restored"].append(image_digests(finished))
        if self._outputs:
            self._outputs.add(positions, part.noise_seed, finished)
        answer = None
        if perturbed is not None:
            answer = self._perturbation.only(rows).answered(self._finished(perturbed))
        images = self._batch.restored_to(finished, rows, self._labels, self.cell.noise, answer)
        self._measurements.add(images)
        if deviation is not None and images.clean is not None:
            error = finished[: len(deviation)] - images.clean[: len(deviation)]
            self._deviations.append(middle(deviation, SAMPLE_SIDE).copy())
            self._errors.append(middle(error, SAMPLE_SIDE).copy())
        if self._draws > 1:
            self._add_draw(np.isin(self._batch.positions, positions), finished)

    def show(self, part: NoisyBatch, restored: Array, deviation: Array | None) -> None:
        """See `Exam`."""
        rows, finished = self._rows(part), self._finished(middle(restored, SAMPLE_SIDE))
        clean = None if self._batch.clean is None else self._batch.clean[rows]
        noisy = self._batch.noisy[rows]
        for index, position in enumerate(self._batch.positions[rows]):
            sample = {} if clean is None else {"clean": clean[index]}
            sample |= {"noisy": noisy[index], "restored": finished[index]}
            if deviation is not None:
                sample["deviation"] = deviation[index]
            self._samples[int(position)] = {
                name: middle(image, SAMPLE_SIDE).copy() for name, image in sample.items()
            }

    def cases(self) -> list[int]:
        """See `Exam`."""
        leading = self._measurements.leading()
        if leading is None:
            return []
        images, (values, scale) = self._rows_of_record(), leading
        known = ~np.isnan(values)
        if self._draws > 1:
            known &= images["noise_seed"] == self.cell.noise_seeds[0]
        positions, values = images["image"][known], values[known]
        order = np.argsort(values if scale.higher else -values, kind="stable")
        ranks = (0, (len(order) - 1) // 2, -1) if len(order) else ()
        self._cases = [int(positions[order[rank]]) for rank in ranks]
        return self._cases

    def complete(self, record: Record) -> None:
        """See `Exam`."""
        if self._outputs:
            self._outputs.commit()
        record.images = {**self._rows_of_record(), **self._measurements.columns()}
        record.unmeasured = dict(self._measurements.unmeasured)
        positions = dict.fromkeys([*self.shown, *self._cases])
        sampled = [position for position in positions if position in self._samples]
        record.samples = {"image": sampled}
        for name in self._samples[sampled[0]] if sampled else ():
            record.samples[name] = [self._samples[position][name] for position in sampled]
        if self._deviations:
            record.calibration = calibration(_flat(self._deviations), _flat(self._errors))

    def abandon(self) -> None:
        """See `Exam`."""
        if self._outputs:
            self._outputs.discard()

    def _rows_of_record(self) -> dict[str, npt.NDArray[Any]]:
        return {name: np.concatenate(parts) for name, parts in self._columns.items()}

    def _rows(self, part: NoisyBatch) -> slice | npt.NDArray[np.intp]:
        """Where in the batch that was given last these images are."""
        return chosen(np.isin(self._batch.positions, part.positions))

    def _finished(self, restored: Array) -> Array:
        return scoring.finish(restored, self.cell.quantize, self._clamp)

    def _add_draw(self, there: npt.NDArray[np.bool_], finished: Array) -> None:
        """Sum up what is restored of an image under each draw."""
        rows = np.flatnonzero(there)
        seeds, seed = self.cell.noise_seeds, self._batch.noise_seed
        self._columns.setdefault("noise_seed", []).append(np.full(len(rows), seed))
        assert self._batch.clean is not None  # what came noisy is drawn once
        if seed == seeds[0] and rows[0] == 0:
            self._replicates = Replicates(self._batch.clean, self._draws)
        self._replicates.add(slice(rows[0], rows[-1] + 1), finished)
        if seed == seeds[-1] and rows[-1] + 1 == len(self._batch.positions):
            for name, values in self._replicates.columns().items():
                self._columns.setdefault(name, []).append(np.tile(values, self._draws))


def _flat(parts: list[Array]) -> Array:
    return np.concatenate([part.ravel() for part in parts])
