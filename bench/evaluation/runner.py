"""Cells -> records: fit, tune, denoise, score. A generator; it knows no disk and no screen."""

from __future__ import annotations

import json
import sys
import time
import traceback
from collections.abc import Callable, Generator, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from bench.analysis.calibration import calibration
from bench.core import (
    Cell,
    DataError,
    Dataset,
    Fit,
    Phase,
    Progress,
    Record,
    StorageError,
    Unsupported,
)
from bench.datasets.training_images import split_array
from bench.evaluation import scoring, tuning
from bench.evaluation.memory import PeakMemory
from bench.evaluation.noise_estimate import Estimating
from bench.evaluation.noisy_images import Batch, NoisyImages
from bench.plugins.contract import ESTIMATED, Method

if TYPE_CHECKING:
    from bench.core import Array
    from bench.training import Checkpoint

# Uncertainty costs many passes, and so many images say enough of it.
_CALIBRATION_IMAGES = 1000
# A function needs but a few images to warm up; what runs on a device wants the true batch.
_WARM_UP_IMAGES = 16


class Fits(Protocol):
    """Where fitted models are kept, under their cell's `fit_key`."""

    def get(self, key: str) -> Fit | None:
        """The model of that key, if it is there."""

    def put(self, key: str, fit: Fit) -> None:
        """Keep a model."""

    def remove(self, key: str) -> None:
        """Forget a model."""


def run_cells(
    cells: Iterable[Cell],
    dataset: Dataset,
    methods: Mapping[str, Method],
    fits: Fits,
    *,
    device: str = "cpu",
    threads: int = 1,
    watch: Callable[[Progress], None] = lambda progress: None,
) -> Generator[Record]:
    """One record a cell, in order.

    A method that raises, or gives what no denoiser may give, makes a failed record; one
    that raises `Unsupported` a skipped one. The sweep goes on either way.

    Raises:
        DataError, StorageError: what no method is to blame for ends the sweep.
    """
    test = NoisyImages(dataset)
    for cell in cells:
        watch(Progress(cell, "start", 0, 0, ""))
        work = _Work(cell, dataset, methods[cell.method], fits, device, threads, watch)
        try:
            with PeakMemory() as memory:
                record = work.run(test)
            record.peak_memory_bytes = memory.peak
        except (DataError, StorageError):
            raise
        except Unsupported as error:
            record = Record(cell, "skipped", reason=_one_line(error))
        except (KeyboardInterrupt, GeneratorExit):
            raise
        except BaseException as error:
            reason = explain(error, work.method)
            record = Record(cell, "failed", reason=reason, traceback=traceback.format_exc())
        yield record


class _Work:
    """One cell being worked on."""

    def __init__(
        self,
        cell: Cell,
        dataset: Dataset,
        method: Method,
        fits: Fits,
        device: str,
        threads: int,
        watch: Callable[[Progress], None],
    ) -> None:
        self.cell, self.dataset, self.method, self.fits = cell, dataset, method, fits
        self.device = device if method.uses_torch else "cpu"
        self.threads, self.watch = threads, watch
        self.reused = False
        typed = json.loads(cell.params)
        self.typed: dict[str, Any] = {k: v for k, v in typed.items() if k in method.parameters}
        self.estimates = typed.get(ESTIMATED) if ESTIMATED not in method.parameters else None

    def run(self, test: NoisyImages) -> Record:
        record = Record(self.cell, "done")
        fit = self._fit() if self.method.learns else None
        if fit is not None:
            record.fit_seconds, record.history = fit.seconds, fit.history
        tuned: dict[str, Any] = {}
        if self.cell.tune:
            started = time.perf_counter()
            record.trials = self._tune(fit)
            record.tune_seconds = time.perf_counter() - started
            tuned, record.chosen_score = tuning.best(record.trials)
        record.chosen = {**self.method.parameters, **json.loads(self.cell.params), **tuned}
        denoiser = self._make(tuned, fit)
        record.parameters = _count(denoiser, fit)
        self._denoise(denoiser, test, record)
        return record

    def _make(self, tuned: dict[str, Any], fit: Fit | None) -> Any:
        denoiser = self.method.create({**self.typed, **tuned}, self.threads)
        if self.method.uses_torch:
            denoiser.device = self.device
        if fit is not None:
            denoiser.load(fit.arrays)
        return Estimating(denoiser, self.threads) if self.estimates else denoiser

    def _fit(self) -> Fit:
        """The cached model, if it was fitted on such a device, or one fitted now."""
        cell = self.cell
        known = self.fits.get(cell.fit_key)
        if known is not None and known.device == self.device:
            self.reused = True
            return known
        train = self._training_images()
        denoiser = self._make({}, None)
        history = []
        started = time.perf_counter()
        if cell.train is None:
            denoiser.fit(train, cell.seed)
        elif self.method.uses_torch:
            from bench.training import Recipe

            assert cell.recipe is not None
            unfinished = _Unfinished(self.fits, cell, self.device)
            history = denoiser.fit(
                train,
                cell.train.noise,
                cell.seed,
                validation=split_array(self.dataset, "validation"),
                recipe=Recipe(**json.loads(cell.recipe)),
                lowest=cell.train.lowest,
                watch=lambda done, total, loss: self._tell("fit", done, total, "epochs", loss),
                checkpoints=unfinished,
            )
            started -= unfinished.seconds_before
        elif cell.train.lowest is not None:
            raise Unsupported("only methods that torch trains can be trained on a range of levels")
        else:
            denoiser.fit(train, cell.train.noise, cell.seed)
        seconds = time.perf_counter() - started
        fit = Fit(denoiser.state(), seconds, self.device, history, cell.fitted_for())
        self.fits.put(cell.fit_key, fit)
        if self.method.uses_torch:
            unfinished.remove()
        return fit

    def _training_images(self) -> Array:
        """The training images, if what is learned from them will fit the test images."""
        train = split_array(self.dataset, "train")
        if self.method.uses_torch and not self.method.target.any_size:  # type: ignore[attr-defined]
            first = next(self.dataset.groups("test", 1)).images
            if first.shape[1:] != train.shape[1:]:
                learned, tested = ("x".join(map(str, i.shape[1:])) for i in (train, first))
                raise Unsupported(
                    f"it takes images of the size that it is trained on only: {learned} in "
                    f"training, {tested} in the test"
                )
        return train

    def _tune(self, fit: Fit | None) -> tuning.Trials:
        if not self.dataset.sizes["validation"]:
            raise Unsupported(
                f"{self.dataset.name} has no validation images to tune it on: name a set that has "
                "with --train-dataset, or give --no-tune"
            )
        return tuning.tune(
            self.method,
            self.typed,
            lambda params: self._make(params, fit),
            self.cell.noise,
            self.dataset,
            images=self.cell.tune,
            quantize=self.cell.quantize,
            noise_seed=self.cell.noise_seed,
            watch=lambda done, total: self._tell("tune", done, total, "settings"),
        )

    def _denoise(self, denoiser: Any, test: NoisyImages, record: Record) -> None:
        """Every test image: restored, timed, scored."""
        cell = self.cell
        clock = self._clock()
        total = test.count(cell.limit)
        wanted = _sample_positions(self.dataset, total)
        columns: dict[str, list[Any]] = {name: [] for name in ("image", "digest")}
        samples: dict[int, dict[str, Array]] = {}
        predicted: list[Array] = []
        errors: list[Array] = []
        seconds, done, largest = 0.0, 0, 0
        for batch in test.batches(cell.noise, cell.limit, cell.noise_seed):
            noisy = batch.noisy.copy()  # a method that writes into its input harms only itself
            if done == 0:
                few = len(noisy) if self.method.uses_torch else _WARM_UP_IMAGES
                scoring.apply(denoiser, noisy[:few].copy(), cell.noise)
            started = clock()
            restored = denoiser.denoise(noisy, cell.noise)
            seconds += clock() - started
            restored = scoring.check(restored, noisy.shape)
            scoring.check_input(noisy, batch.noisy)
            restored = scoring.finish(restored, cell.quantize)
            columns["image"].append(batch.positions)
            columns["digest"].append(batch.digests)
            for name, values in scoring.score(batch.clean, restored, self.threads).items():
                columns.setdefault(name, []).append(values)
            certain = np.flatnonzero(batch.positions < _CALIBRATION_IMAGES)
            deviation = self._deviation(denoiser, batch.noisy[certain])
            if deviation is not None:
                predicted.append(deviation)
                errors.append(restored[certain] - batch.clean[certain])
            samples |= self._samples(denoiser, batch, restored, wanted)
            done, largest = done + len(noisy), max(largest, len(noisy))
            self._tell("denoise", done, total, "images")
        record.images = {name: np.concatenate(parts) for name, parts in columns.items()}
        record.images_per_second = done / seconds
        record.conditions = {
            "batch_size": largest,
            "device": self.device,
            "threads": self._threads_used(),
            "fit_reused": self.reused,
        }
        cases = [position for position in _cases(record.images) if position not in samples]
        samples |= self._again(denoiser, test, cases)
        kept = [position for position in (*wanted, *cases) if position in samples]
        record.samples = {"image": kept}
        for name in samples[kept[0]] if kept else ():
            record.samples[name] = [samples[position][name] for position in kept]
        if predicted:
            record.calibration = calibration(_flat(predicted), _flat(errors))

    def _samples(
        self, denoiser: Any, batch: Batch, restored: Array, wanted: list[int]
    ) -> dict[int, dict[str, Array]]:
        """What reports show of the batch's images at the wanted positions."""
        rows = np.flatnonzero(np.isin(batch.positions, wanted))
        shown = {"clean": batch.clean, "noisy": batch.noisy, "restored": restored}
        shown = {name: images[rows] for name, images in shown.items()}
        deviation = self._deviation(denoiser, shown["noisy"])
        if deviation is not None:
            shown["deviation"] = deviation
        return {
            int(position): {name: images[index] for name, images in shown.items()}
            for index, position in enumerate(batch.positions[rows])
        }

    def _again(
        self, denoiser: Any, test: NoisyImages, positions: list[int]
    ) -> dict[int, dict[str, Array]]:
        """The samples of images of which only the scoring told that they are wanted.

        They are restored once more, since all outputs at once may not fit into memory.
        """
        cell = self.cell
        samples: dict[int, dict[str, Array]] = {}
        for batch in test.batches(cell.noise, cell.limit, cell.noise_seed):
            if len(samples) == len(positions):
                break
            rows = np.isin(batch.positions, positions)
            if rows.any():
                few = batch.only(rows)
                restored = scoring.apply(denoiser, few.noisy.copy(), cell.noise)
                restored = scoring.finish(restored, cell.quantize)
                samples |= self._samples(denoiser, few, restored, positions)
        return samples

    def _deviation(self, denoiser: Any, noisy: Array) -> Array | None:
        """The standard deviation that the method predicts for each pixel, if it does."""
        if not self.method.uses_torch or not len(noisy):
            return None
        deviation = denoiser.deviation(noisy, self.cell.noise)
        if deviation is None:
            return None
        deviation = scoring.check(deviation, noisy.shape, "uncertainty")
        if (deviation < 0).any():
            raise scoring.BadOutput("uncertainty returned negative values")
        return deviation

    def _clock(self) -> Callable[[], float]:
        if not self.device.startswith("cuda"):
            return time.perf_counter
        from bench.training import synchronised_clock

        return lambda: synchronised_clock(self.device)

    def _threads_used(self) -> int:
        if not self.method.uses_torch:
            return self.threads if self.method.threads else 1
        import torch

        return torch.get_num_threads()

    def _tell(
        self, phase: Phase, done: int, total: int, unit: str, loss: float | None = None
    ) -> None:
        self.watch(Progress(self.cell, phase, done, total, unit, loss))


class _Unfinished:
    """How far a cell's fit has come, kept beside the finished ones."""

    def __init__(self, fits: Fits, cell: Cell, device: str) -> None:
        self._fits, self._cell, self._device = fits, cell, device
        self._key = f"{cell.fit_key}-unfinished"
        self._started = time.perf_counter()
        self.seconds_before = 0.0

    def load(self) -> Checkpoint | None:
        from bench.training import Checkpoint

        known = self._fits.get(self._key)
        if known is None or known.device != self._device:
            return None
        self.seconds_before = known.seconds
        return Checkpoint(known.arrays, known.history)

    def save(self, checkpoint: Checkpoint) -> None:
        seconds = self.seconds_before + time.perf_counter() - self._started
        about = self._cell.fitted_for()
        self._fits.put(
            self._key, Fit(checkpoint.arrays, seconds, self._device, checkpoint.history, about)
        )

    def remove(self) -> None:
        self._fits.remove(self._key)


def _flat(parts: list[Array]) -> Array:
    return np.concatenate([part.ravel() for part in parts])


def _sample_positions(dataset: Dataset, images: int) -> list[int]:
    """The positions to show; under a small limit, the first few instead."""
    inside = [position for position in dataset.samples if position < images]
    return inside if len(inside) == len(dataset.samples) else list(range(min(10, images)))


def _cases(images: Mapping[str, Any]) -> list[int]:
    """The positions of the images with the lowest, the median and the highest PSNR."""
    order = np.argsort(images["psnr"], kind="stable")
    return [int(images["image"][order[place]]) for place in (0, (len(order) - 1) // 2, -1)]


def _count(denoiser: Any, fit: Fit | None) -> int:
    """Number of learned values."""
    if fit is None:
        return 0
    if hasattr(denoiser, "parameter_count"):
        return int(denoiser.parameter_count())
    return sum(int(np.size(array)) for array in fit.arrays.values())


def _one_line(error: BaseException) -> str:
    try:
        return " ".join(str(error).split()) or type(error).__name__
    except Exception:  # a method's own exception may be broken too
        return "(it cannot say why)"


def explain(error: BaseException, method: Method) -> str:
    """What went wrong, in one line, with the line of the method's file where it did."""
    if isinstance(error, scoring.BadOutput):
        return _one_line(error)
    file = sys.modules[method.target.__module__].__file__
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == file]
    place = f" ({Path(str(file)).name}, line {lines[-1]})" if lines else ""
    return f"{type(error).__name__}: {_one_line(error)}{place}"
