"""A cell's fitted model: from the cache, or fitted now and kept there."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from bench.core import Cell, Dataset, Fit, Unsupported
from bench.core.process_state import set_back
from bench.evaluation.forms import FitTask, Form
from bench.evaluation.scoring import check_plain
from bench.evaluation.supervision import told_noise, training_images
from bench.noises import Given

if TYPE_CHECKING:
    from bench.training import Checkpoint


_COLOURS = {1: "grey", 3: "RGB"}
#: Models that are fitted at once, at most: a GPU is full with fewer, and so much is lost with it.
_AT_ONCE = 16


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
    waiting: Sequence[Cell] = (),
) -> tuple[Fit, bool]:
    """The cell's model, and whether the cache had it.

    Args:
        form: the cell's method.
        params: the parameters typed.
        cell: what to fit for.
        dataset: its training and validation images are used.
        fits: the cache; a model that was fitted on another device is fitted anew.
        watch: told how many epochs are done, of how many, and the loss; 0 of 0 at first.
        waiting: cells that wait; where the device fits several models at once, the cache gets
            those of them that are this one's but for training noise and seed.

    Raises:
        Unsupported: the method cannot be fitted so, or on such images.
    """
    cached = fits.get(cell.fit_key)
    if cached is not None and cached.device == form.device:
        return cached, True
    watch(0, 0, None)
    cells = [cell, *_companions(form, cell, fits, waiting)]
    noise = cell.train.noise if cell.train else None
    supervision = form.method.supervision
    _check_levels(form, cell)
    train = training_images(supervision, dataset, "train", noise)
    _check_shapes(form, train.shape[1:], dataset, cell)
    denoisers = [form.create(params) for _ in cells]
    unfinished = [_Unfinished(fits, one, form.device, len(cells)) for one in cells]
    tasks = [
        FitTask(
            train,
            one.seed,
            noise=told_noise(one.train.noise if one.train else None),
            validation=lambda: training_images(supervision, dataset, "validation", noise),
            lowest=one.train.lowest if one.train else None,
            recipe=json.loads(one.recipe or "{}"),
            checkpoints=checkpoints,
        )
        for one, checkpoints in zip(cells, unfinished, strict=True)
    ]
    tasks[0] = replace(tasks[0], watch=watch)
    with set_back():
        histories = form.fit_together(denoisers, tasks)
    models = []
    for one, denoiser, kept, history in zip(cells, denoisers, unfinished, histories, strict=True):
        if history is None:
            continue
        by = getattr(denoiser, "fitted_by", {})
        seconds = kept.seconds(by.get("at_once", 1))
        fit = Fit(_state(denoiser), seconds, form.device, history, one.fitted_for(), by)
        fits.put(one.fit_key, fit)
        kept.remove()
        models.append(fit)
    return models[0], False


def _state(denoiser: Any) -> Mapping[str, Any]:
    """What a denoiser learned, checked."""
    state: Mapping[str, Any] = denoiser.state()
    for name, array in state.items():
        check_plain(array, f"state gave, as {name!r},")
    return state


def _companions(form: Form, cell: Cell, fits: Fits, waiting: Sequence[Cell]) -> list[Cell]:
    """Those that wait for models that may be fitted along with the cell's, one for each model."""
    if not (waiting and form.fits_together):
        return []
    models: dict[str, Cell] = {cell.fit_key: cell}
    for other in waiting:
        if len(models) == _AT_ONCE:
            break
        if other.method != cell.method or other.training_group != cell.training_group:
            continue
        if _came_noisy(other) != _came_noisy(cell):
            continue  # they do not train on the same images
        if form.method.supervision != "clean" and other.train != cell.train:
            continue  # nor do these: their noise was drawn before
        if other.fit_key in models:
            continue
        cached = fits.get(other.fit_key)
        if cached is None or cached.device != form.device:
            models[other.fit_key] = other
    return list(models.values())[1:]


def learned_values(denoiser: Any, fit: Fit | None) -> int:
    """Number of values that a denoiser learned; 0 for one that was not fitted."""
    if fit is None:
        return 0
    if hasattr(denoiser, "parameter_count"):
        return int(denoiser.parameter_count())
    return sum(int(np.size(array)) for array in fit.arrays.values())


def _came_noisy(cell: Cell) -> bool:
    """What a cell's method is fitted for is the noise that came with the images."""
    return cell.train is not None and isinstance(cell.train.noise, Given)


def _check_levels(form: Form, cell: Cell) -> None:
    """Refuse to train on a range of levels what is handed images whose noise is drawn once."""
    ranged = cell.train is not None and cell.train.lowest is not None
    if ranged and form.method.supervision != "clean":
        raise Unsupported(
            "it learns from noisy images, each of one noise level: train it on one, as "
            f"{cell.method}[train={cell.noise}]"
        )


def _check_shapes(form: Form, learned: tuple[int, ...], dataset: Dataset, cell: Cell) -> None:
    """Refuse to fit on images of a shape (C, H, W) what will not take those that are measured."""
    if form.any_size and form.any_channels:
        return
    measured = "test" if cell.split == "test" else "images that are measured"
    for group in dataset.groups(cell.split, cell.limit):
        if group.shape[0] != learned[0] and not form.any_channels:
            kinds = (
                _COLOURS.get(shape[0], f"of {shape[0]} channels")
                for shape in (learned, group.shape)
            )
            raise Unsupported(
                "it takes images of as many channels as it is trained on: they are {} in training, "
                "{} in the {}".format(*kinds, measured)
            )
        if group.shape != learned and not form.any_size:
            sides = ("x".join(map(str, shape)) for shape in (learned, group.shape))
            raise Unsupported(
                "it takes images of the size that it is trained on only: {} in training, {} in "
                "the {}".format(*sides, measured)
            )


class _Unfinished:
    """How far a cell's training has come, kept beside the finished models."""

    def __init__(self, fits: Fits, cell: Cell, device: str, at_once: int) -> None:
        self._fits, self._cell, self._device, self._at_once = fits, cell, device, at_once
        self._key = f"{cell.fit_key}-unfinished"
        self._started = time.perf_counter()
        self._before = 0.0

    def seconds(self, at_once: int) -> float:
        """Of the fit so far; of several at once its share."""
        return self._before + (time.perf_counter() - self._started) / at_once

    def load(self) -> Checkpoint | None:
        from bench.training import Checkpoint

        kept = self._fits.get(self._key)
        if kept is None or kept.device != self._device:
            return None
        self._before = kept.seconds
        return Checkpoint(kept.arrays, kept.history)

    def save(self, checkpoint: Checkpoint) -> None:
        seconds = self.seconds(self._at_once)
        about = self._cell.fitted_for()
        self._fits.put(
            self._key, Fit(checkpoint.arrays, seconds, self._device, checkpoint.history, about)
        )

    def remove(self) -> None:
        self._fits.remove(self._key)
