"""The restored images of a cell that was measured before: as they were kept, or made again."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bench.core import (
    Cell,
    Dataset,
    Noise,
    Restoration,
    TrainNoise,
    Unsupported,
    UsageError,
    image_digests,
)
from bench.evaluation import scoring
from bench.evaluation.calls import Calls
from bench.evaluation.fitting import Fits
from bench.evaluation.forms import Form
from bench.evaluation.noise_mismatch import informed
from bench.evaluation.noisy_images import NoisyImages, batches
from bench.evaluation.tiles import by_tiles
from bench.metrics.psnr import decibels, psnr
from bench.noises import recalled
from bench.store import KeptOutputs
from bench.store.cell_meta import RecordedCell, RecordedNoise, RecordedTrainNoise

if TYPE_CHECKING:
    import numpy.typing as npt

    from bench.core import Array


class Restored(NamedTuple):
    """Images of a cell.

    positions: int64 (N,), in the split. noise_seed: of their noise. digests: uint64 (N,), of the
    noisy pixels; None where these were not drawn. images: see `Restoration`; of images that were
    kept `noisy` is NaN where it was not asked for.
    """

    positions: npt.NDArray[np.int64]
    noise_seed: int
    digests: npt.NDArray[np.uint64] | None
    images: Restoration


def cell_of(recorded: RecordedCell) -> Cell:
    """The cell that a record is of."""
    values = recorded.as_dict()
    train, noise = recorded.train, recorded.noise
    values["noise"] = noise_of(noise)
    if train:
        values["train"] = TrainNoise(train.regime, noise_of(train), train.lowest)
    seeds = values.pop("noise_seeds", None) or [values.pop("noise_seed", 0)]
    values.pop("noise_seed", None)
    values.setdefault("fit_params", recorded.params)
    return Cell(**{**_LATER, **values, "noise_seeds": tuple(seeds)})


def noise_of(recorded: RecordedNoise | RecordedTrainNoise) -> Noise:
    """The noise that a record is of, whether it can be drawn here or not."""
    return recalled(recorded.kind, recorded.level, recorded.clip, recorded.source)


#: In dB: what the PSNR of an image that is denoised again may differ by. The last bits of
#: a network's output depend on the machine, and on how many images a call was given.
TOLERANCE = 1e-4

#: Fields that early records lack.
_LATER = {"recipe": None, "source": "", "fingerprint": "", "tune": 0, "quantize": False}


def kept(
    cell: Cell,
    outputs: Iterable[KeptOutputs],
    dataset: Dataset,
    needs: Collection[str] = ("clean",),
) -> Iterator[Restored]:
    """The images of a cell whose outputs were kept, beside their clean ones.

    Args:
        cell: what was measured.
        outputs: in the order in which they were restored.
        dataset: that they are of.
        needs: what is to be given of `Restoration`, beside clean images: "noisy", which are then
            drawn again and take longer than all else, and "label".

    Raises:
        ValueError: the outputs are of other images.
    """
    labels = _labels(cell, dataset, needs)
    waiting = _Queue(outputs)
    for batch in _batches(cell, dataset, "noisy" in needs):
        restored = waiting.take(batch.positions, batch.noise_seed)
        of = None if labels is None else labels[batch.positions]
        images = Restoration(batch.clean, restored, batch.noisy, of, cell.noise, batch.frames)
        yield Restored(batch.positions, batch.noise_seed, batch.digests, images)


def _labels(cell: Cell, dataset: Dataset, needs: Collection[str]) -> npt.NDArray[np.int64] | None:
    return dataset.labels(cell.split) if dataset.labels and "label" in needs else None


class _Bare(NamedTuple):
    positions: npt.NDArray[np.int64]
    clean: Array
    noisy: Array
    digests: None
    noise_seed: int
    frames: None = None


def _batches(cell: Cell, dataset: Dataset, with_noisy: bool) -> Iterator[Any]:
    """The batches in which a cell is measured; without noise where nobody asks for it."""
    if with_noisy or dataset.given:  # what came noisy is there, and need not be drawn
        images = NoisyImages(dataset, cell.split)
        yield from images.batches(cell.noise, cell.limit, cell.noise_seeds)
        return
    for group in dataset.groups(cell.split, cell.limit):
        positions, clean = group.positions, group.images
        nothing = np.full((1, 1, 1, 1), np.nan, np.float32)
        for part, seed in itertools.product(batches(len(clean), clean.shape[1:]), cell.noise_seeds):
            noisy = np.broadcast_to(nothing, clean[part].shape)
            yield _Bare(positions[part], clean[part], noisy, None, seed)


class _Queue:
    """Outputs, chunk by chunk, handed out by the batches that they belong to."""

    def __init__(self, outputs: Iterable[KeptOutputs]) -> None:
        self._chunks = iter(outputs)
        self._chunk: KeptOutputs | None = None

    def take(self, positions: npt.NDArray[np.int64], noise_seed: int) -> Array:
        parts, done = [], 0
        while done < len(positions):
            if self._chunk is None or not len(self._chunk.positions):
                self._chunk = next(self._chunks, None)
                if self._chunk is None:
                    raise ValueError("outputs of some images are missing")
            count = min(len(self._chunk.positions), len(positions) - done)
            first, self._chunk = _cut(self._chunk, count)
            if first.noise_seed != noise_seed or not np.array_equal(
                first.positions, positions[done : done + count]
            ):
                raise ValueError("the outputs are of other images, or in another order")
            parts.append(first.images)
            done += count
        return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _cut(chunk: KeptOutputs, count: int) -> tuple[KeptOutputs, KeptOutputs]:
    positions, seed, images = chunk
    return (
        KeptOutputs(positions[:count], seed, images[:count]),
        KeptOutputs(positions[count:], seed, images[count:]),
    )


def again(
    cell: Cell,
    chosen: Mapping[str, Any],
    dataset: Dataset,
    form: Form,
    fits: Fits,
    needs: Collection[str] = ("clean", "noisy"),
) -> Iterator[Restored]:
    """The images of a cell, denoised once more by what was fitted and chosen then.

    Args:
        cell: what was measured.
        chosen: the parameters that it ran with, as its record says.
        dataset: that it was measured on.
        form: of its method.
        fits: where its model is kept; nothing is trained.
        needs: of `Restoration`, whether labels are ("label"), and "perturbed", for which each
            image is denoised twice.

    Raises:
        Unsupported: its model is gone, or the method refuses the images.
        BadOutput: the method gives what no denoiser may give.
    """
    denoiser = denoiser_of(cell, chosen, form, fits)
    labels, calls = _labels(cell, dataset, needs), Calls(form)
    noisy_images = NoisyImages(dataset, cell.split)

    def restored(noisy: Array) -> Array:
        found = scoring.apply(denoiser, noisy, cell.noise)
        return scoring.finish(found, cell.quantize, dataset.range.clamp)

    for batch in noisy_images.batches(cell.noise, cell.limit, cell.noise_seeds):
        probing = "perturbed" in needs
        perturbation = noisy_images.perturbation(batch, cell.noise) if probing else None
        for part in calls.cut(len(batch.noisy)):
            noisy, answer = batch.noisy[part], None
            with calls.timed(len(noisy)):
                finished = restored(noisy.copy())
            if perturbation is not None:
                change = perturbation.only(part)
                answer = change.answered(restored(change.added_to(noisy)))
            images = batch.restored_to(finished, part, labels, cell.noise, answer)
            positions, same = batch.positions[part], batch.digests[part]
            yield Restored(positions, batch.noise_seed, same, images)


def denoiser_of(cell: Cell, chosen: Mapping[str, Any], form: Form, fits: Fits) -> Any:
    """The method as it was measured; raises `Unsupported` where its model is gone."""
    denoiser = by_tiles(fitted_denoiser(cell, chosen, form, fits), form, cell.tile)
    return informed(denoiser, cell, form)


def fitted_denoiser(cell: Cell, chosen: Mapping[str, Any], form: Form, fits: Fits) -> Any:
    """The method with what it learned and what was chosen; raises `Unsupported` likewise."""
    method = form.method
    denoiser = form.create(method.own(chosen), cell.seed)
    if method.learns:
        fit = fits.get(cell.fit_key)
        if fit is None:
            raise Unsupported(
                f"its fitted model is gone from the cache{_where(fits)}: run it again, with "
                "`--keep outputs` for metrics to come"
            )
        denoiser.load(fit.arrays)
    return denoiser


def _where(fits: Fits) -> str:
    folder = getattr(fits, "folder", None)
    return f" {folder}" if folder else ""


class Agreement:
    """Whether images that are denoised again are those that were measured.

    Args:
        columns: of the cell's record.
    """

    def __init__(self, columns: Any) -> None:
        self._columns = columns
        self._row, self._equal = 0, "restored" in columns
        self._furthest = 0.0

    def add(self, part: Restored) -> None:
        """Take up images in the order in which they were measured; raises `UsageError`."""
        rows = slice(self._row, self._row + len(part.positions))
        self._row = rows.stop
        if not (
            np.array_equal(self._columns["image"][rows], part.positions)
            and part.digests is not None
            and np.array_equal(self._columns["digest"][rows], part.digests)
        ):
            raise UsageError("its noisy images are others than those that were measured")
        if self._equal:
            restored = image_digests(part.images.restored)
            self._equal = np.array_equal(self._columns["restored"][rows], restored)
        if self._equal:
            return
        if part.images.clean is None:
            raise UsageError("denoised again it gives other images: run it again")
        distance = np.abs(self._known(rows) - psnr(part.images.clean, part.images.restored))
        self._furthest = max(self._furthest, float(np.nan_to_num(distance, nan=np.inf).max()))

    def _known(self, rows: slice) -> Any:
        """The PSNR that was measured; NaN where it was not, nor the MSE."""
        nothing = np.full(rows.stop - rows.start, np.nan)
        own, mse = (
            self._columns[name][rows] if name in self._columns else nothing
            for name in ("psnr", "mse")
        )
        return np.where(np.isnan(own), decibels(mse), own)

    def verdict(self) -> str:
        """How they agree, in words.

        Raises:
            UsageError: they do not.
        """
        if self._row != len(self._columns["image"]):
            raise UsageError("there are fewer images than were measured")
        if self._equal:
            return "denoised again, to equal images"
        if self._furthest > TOLERANCE:
            by = f"PSNR differs by {self._furthest:.2g} dB"
            by = by if np.isfinite(self._furthest) else "nothing tells by how much"
            raise UsageError(f"denoised again it gives other images ({by}): run it again")
        return f"denoised again, PSNR within {TOLERANCE:g} dB"
