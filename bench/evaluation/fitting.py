"""A cell's fitted model: from the cache, or fitted now and kept there."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from bench.core import Cell, Dataset, Fit, Unsupported
from bench.datasets.training_images import split_array
from bench.evaluation.forms import FitTask, Form

if TYPE_CHECKING:
    from bench.core import Array
    from bench.training import Checkpoint


class Fits(Protocol):
    """Where fitted models are kept, under their cell's `fit_key`."""

    def get(self, key: str) -> Fit | None:
        """The model of that key, if it is there."""

    def put(self, key: str, fit: Fit) -> None:
        """Keep a model."""

    def remove(self, key: str) -> None:
        """Forget a model, if it is there."""


def fitted(
    form: Form,
    params: Mapping[str, Any],
    cell: Cell,
    dataset: Dataset,
    fits: Fits,
    watch: Callable[[float, int, float | None], None],
) -> tuple[Fit, bool]:
    """The cell's model, and whether the cache had it.

    Args:
        form: the cell's method.
        params: the parameters typed.
        cell: what to fit for.
        dataset: its training and validation images are used.
        fits: the cache; a model that was fitted on another device is fitted anew.
        watch: told how many epochs are done, of how many, and the loss; 0 of 0 at first.

    Raises:
        Unsupported: the method cannot be fitted so, or on such images.
    """
    cached = fits.get(cell.fit_key)
    if cached is not None and cached.device == form.device:
        return cached, True
    watch(0, 0, None)
    train = _training_images(form, dataset)
    denoiser = form.create(params)
    unfinished = _Unfinished(fits, cell, form.device)
    started = time.perf_counter()
    history = form.fit(
        denoiser,
        FitTask(
            train,
            cell.seed,
            noise=cell.train.noise if cell.train else None,
            validation=lambda: split_array(dataset, "validation"),
            lowest=cell.train.lowest if cell.train else None,
            recipe=json.loads(cell.recipe or "{}"),
            watch=watch,
            checkpoints=unfinished,
        ),
    )
    seconds = unfinished.seconds_before + time.perf_counter() - started
    fit = Fit(denoiser.state(), seconds, form.device, history, cell.fitted_for())
    fits.put(cell.fit_key, fit)
    unfinished.remove()
    return fit, False


def learned_values(denoiser: Any, fit: Fit | None) -> int:
    """Number of values that a denoiser learned; 0 for one that was not fitted."""
    if fit is None:
        return 0
    if hasattr(denoiser, "parameter_count"):
        return int(denoiser.parameter_count())
    return sum(int(np.size(array)) for array in fit.arrays.values())


def _training_images(form: Form, dataset: Dataset) -> Array:
    """The training images, if what is learned from them will fit the test images."""
    train = split_array(dataset, "train")
    if not form.any_size:
        first = next(dataset.groups("test", 1)).images
        if first.shape[1:] != train.shape[1:]:
            learned, tested = ("x".join(map(str, i.shape[1:])) for i in (train, first))
            raise Unsupported(
                f"it takes images of the size that it is trained on only: {learned} in "
                f"training, {tested} in the test"
            )
    return train


class _Unfinished:
    """How far a cell's training has come, kept beside the finished models."""

    def __init__(self, fits: Fits, cell: Cell, device: str) -> None:
        self._fits, self._cell, self._device = fits, cell, device
        self._key = f"{cell.fit_key}-unfinished"
        self._started = time.perf_counter()
        self.seconds_before = 0.0

    def load(self) -> Checkpoint | None:
        from bench.training import Checkpoint

        kept = self._fits.get(self._key)
        if kept is None or kept.device != self._device:
            return None
        self.seconds_before = kept.seconds
        return Checkpoint(kept.arrays, kept.history)

    def save(self, checkpoint: Checkpoint) -> None:
        seconds = self.seconds_before + time.perf_counter() - self._started
        about = self._cell.fitted_for()
        self._fits.put(
            self._key, Fit(checkpoint.arrays, seconds, self._device, checkpoint.history, about)
        )

    def remove(self) -> None:
        self._fits.remove(self._key)
