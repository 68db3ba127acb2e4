"""What a cell gives: its progress, its fitted model, its record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from bench.core.cell import Cell

if TYPE_CHECKING:
    import numpy.typing as npt

Status = Literal["done", "failed", "skipped"]


@dataclass
class Record:
    """What one cell gave. A failure is a record too.

    Attributes:
        images: columns of equal length, one entry an image: `image` (position in the split), a
            column a metric under its label, as `psnr`; `digest` (uint64, of the noisy pixels) and
            `restored` (uint64, of the pixels that are scored). Where a cell has
            several noise seeds, an entry an image and seed, with `noise_seed` and, of the image
            over all seeds, `bias2` and `variance` (`evaluation.replicates`).
        unmeasured: metric -> why it has no column.
        reason: why it failed or was skipped.
        chosen: the parameters that it ran with.
        chosen_score: their mean on validation images, of the metric that they were tuned by, or as
            estimated; None where nothing was tuned.
        estimate: what told that mean where clean images did not, of `ESTIMATED_SCALES`; else "".
        regret: by how many dB of mean PSNR the chosen parameters restore validation images less
            well than the best that were tried; None where they were chosen by clean images, or
            there are none.
        trials: the parameters that were tried, each with that mean.
        failed_trials: those that gave no score, each with what went wrong.
        at_edge: of the tuned parameters, those whose chosen value is the "smallest" or "largest"
            that may be tried, though it could go on: a better one may lie beyond.
        fit_seconds, tune_seconds: None where nothing was fitted or tuned.
        images_per_second: of the denoise call alone, the median one.
        milliseconds_per_megapixel: likewise, of calls with a single image; None where there was
            none, as of a method that takes batches only.
        multiply_adds: of one image (`conditions["image_shape"]`), by torch's products and
            convolutions; None of filters, and of what computes without torch.
        parameters: number of learned values; 0 where nothing is learned.
        memory_growth_bytes: of the process within a denoise call, the most; None where that is not
            measured, as on a GPU.
        peak_device_bytes: that torch had allocated on a GPU within a denoise call, the most.
        conditions: what the times hold for, see `store.cell_meta.Conditions`, and how the model was
            fitted.
        history: rows (epoch, split, term, value) of the training's loss terms.
        samples: lists `image`, `clean`, `noisy`, `restored` for the images that reports show, and
            `deviation` where the method says how uncertain it is.
        calibration: rows (predicted deviation, root mean squared error, pixels), a bin each,
            from the least to the most uncertain; see `analysis.calibration`.
        traceback: of a failure, for whoever mends the method.
    """

    cell: Cell
    status: Status
    reason: str = ""
    images: dict[str, npt.NDArray[Any]] = field(default_factory=dict)
    unmeasured: dict[str, str] = field(default_factory=dict)
    chosen: dict[str, Any] = field(default_factory=dict)
    chosen_score: float | None = None
    estimate: str = ""
    regret: float | None = None
    trials: list[tuple[dict[str, Any], float]] = field(default_factory=list)
    failed_trials: list[tuple[dict[str, Any], str]] = field(default_factory=list)
    at_edge: dict[str, str] = field(default_factory=dict)
    fit_seconds: float | None = None
    tune_seconds: float | None = None
    images_per_second: float | None = None
    milliseconds_per_megapixel: float | None = None
    multiply_adds: int | None = None
    parameters: int = 0
    memory_growth_bytes: int | None = None
    peak_device_bytes: int | None = None
    conditions: dict[str, Any] = field(default_factory=dict)
    history: list[tuple[int, str, str, float]] = field(default_factory=list)
    samples: dict[str, list[Any]] = field(default_factory=dict)
    calibration: list[tuple[float, float, int]] = field(default_factory=list)
    traceback: str = ""


@dataclass(frozen=True)
class Fit:
    """A fitted model, as the cache holds it.

    Attributes:
        arrays: the learned values by name, as the method's `load` takes them.
        seconds: that fitting took.
        device: on which it was fitted, "cpu" or "cuda".
        history: rows (epoch, split, term, value) of its loss terms.
        about: what it was fitted for: method, parameters, data, noise, seed, recipe.
        fitted_by: what computed it, where that is not torch alone, and how many were fitted at
            once; `seconds` is then its share.
    """

    arrays: Mapping[str, Any]
    seconds: float
    device: str
    history: list[tuple[int, str, str, float]] = field(default_factory=list)
    about: Mapping[str, Any] = field(default_factory=dict)
    fitted_by: Mapping[str, Any] = field(default_factory=dict)


Phase = Literal["start", "fit", "tune", "denoise"]


@dataclass(frozen=True)
class Progress:
    """How far a running cell is.

    Attributes:
        done, total, unit: 3.4 of 20 epochs, say; 0 and empty where nothing is counted.
        loss: of the last epoch, where one has been trained.
    """

    cell: Cell
    phase: Phase
    done: float
    total: int
    unit: str
    loss: float | None = None
