"""The outputs of a measured cell again: denoised with its stored fit and recorded parameters.

Nothing is trained or tuned. Beside the images that the cell was measured on, the same noise can be
handed over clipped, unclipped, or as 8-bit files hold it.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bench.core import ESTIMATED, Cell, Dataset, Restoration, StorageError
from bench.evaluation import scoring
from bench.evaluation.fitting import Fits
from bench.evaluation.forms import Form
from bench.evaluation.noise_estimate import Estimating
from bench.evaluation.noisy_images import NoisyImages
from bench.noises import digests

if TYPE_CHECKING:
    import numpy.typing as npt


class Outputs(NamedTuple):
    """A batch restored, once for each input that was asked for.

    Attributes:
        positions: int64 (N,), in the split.
        digests: uint64 (N,), of the noisy pixels that the cell was measured on.
        restorations: input -> images; `restored` as the method gave it, not clamped.
    """

    positions: npt.NDArray[np.int64]
    digests: npt.NDArray[np.uint64]
    restorations: Mapping[str, Restoration]


def own_input(cell: Cell) -> str:
    """The input that a cell was measured on, as `conventions.Convention.input` calls it."""
    return "clipped" if cell.noise.clip else "unclipped"


def outputs(
    cell: Cell,
    chosen: Mapping[str, Any],
    form: Form,
    dataset: Dataset,
    fits: Fits,
    inputs: Sequence[str],
) -> Iterator[Outputs]:
    """The images of a cell restored again, a batch at a time.

    Args:
        cell: the cell.
        chosen: the parameters that it ran with.
        form: its method.
        dataset: its images.
        fits: where its model is kept.
        inputs: of "unclipped", "clipped" and "8-bit"; the method is told the cell's noise
            whatever it is handed.

    Raises:
        StorageError: the fitted model is gone.
        BadOutput: the method gives what no denoiser may give.
    """
    denoiser = _denoiser(cell, chosen, form, fits)
    unclipped = dataclasses.replace(cell.noise, clip=False)
    for batch in NoisyImages(dataset, cell.split).batches(unclipped, cell.limit, cell.noise_seeds):
        clipped = batch.noisy.clip(0, 1)
        given = {
            "unclipped": batch.noisy,
            "clipped": clipped,
            "8-bit": np.rint(clipped * 255) / np.float32(255),
        }
        restorations = {}
        for name in inputs:
            restored = scoring.apply(denoiser, given[name].copy(), cell.noise)
            restorations[name] = Restoration(batch.clean, restored, given[name], None, cell.noise)
        yield Outputs(batch.positions, digests(given[own_input(cell)]), restorations)


def _denoiser(cell: Cell, chosen: Mapping[str, Any], form: Form, fits: Fits) -> Any:
    """The method as it was when the cell was measured."""
    parameters = form.method.parameters
    denoiser = form.create({name: chosen[name] for name in parameters if name in chosen})
    if form.method.learns:
        fit = fits.get(cell.fit_key)
        if fit is None:
            raise StorageError(
                f"the model that {cell} was measured with is no longer in the cache of fitted "
                "models, and nothing is trained here: measure it again with --fresh"
            )
        denoiser.load(fit.arrays)
    estimates = ESTIMATED not in parameters and ESTIMATED in json.loads(cell.params)
    return Estimating(denoiser, form.threads) if estimates else denoiser
