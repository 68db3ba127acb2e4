"""The outputs of a measured cell before they are finished, from inputs of several conventions.

`restoring` gives what was scored; here outputs are as the method gives them, not clamped, and the
same noise can be handed over clipped, unclipped, or as 8-bit files hold it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bench.core import Cell, Dataset, Restoration
from bench.evaluation import scoring
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
    cell: Cell, denoiser: Any, dataset: Dataset, inputs: Sequence[str]
) -> Iterator[Outputs]:
    """The images of a cell restored again, a batch at a time.

    Args:
        cell: the cell.
        denoiser: its method as it was measured, see `restoring.denoiser_of`.
        dataset: its images.
        inputs: of "unclipped", "clipped" and "8-bit"; the method is told the cell's noise
            whatever it is handed.

    Raises:
        BadOutput: the method gives what no denoiser may give.
    """
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
        # Of images that came noisy it is of their further frames too.
        of = digests(clipped) if cell.noise.clip else batch.digests
        yield Outputs(batch.positions, of, restorations)
