"""The nouns of a benchmark: noise, data set, cell, record, and the errors.

Everything else in this package is a step from one of these to the next; what a method is
stands in `bench.denoiser`. This module imports nothing else of the project, and no
numerical library, so that `bench --help` stays quick.

Arrays of images are float32 of shape (N, C, H, W), C = 1 (grey) or 3 (RGB), clean values
in [0, 1]. Noise levels are in the same unit: sigma 0.1 is 25.5 on the 0-255 scale.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, Protocol

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Array = npt.NDArray[Any]  # float32 (N, C, H, W); the stubs cannot say so

PROTOCOL_VERSION = 1

#: What makes numbers incomparable when it is left unsaid; stored with every run.
CONVENTIONS = {
    "images": "float32 in [0, 1]; noise levels in the same unit",
    "outputs": "clamped to [0, 1] once, before any metric",
    "psnr": "10 log10(1 / MSE) per image, data range 1, capped at 100 dB; tables show the mean "
    "over images of the per-image value",
    "ssim": "Wang et al. 2004: Gaussian window 11x11, sigma 1.5, K1 0.01, K2 0.03, population "
    "covariance, windows wholly inside the image, mean over channels; NaN below 11 pixels a side",
    "noise": "Philox keyed by noise seed, data set, split and the image's position in the split; "
    "one image keeps the same draws at every level",
    "time": "the denoise call alone, after a warm-up batch, the device synchronised",
}


class BenchError(Exception):
    """An error that the user can act on: one line that says what is wrong and what to do."""

    exit_code = 1


class UsageError(BenchError):
    """The command or call cannot be carried out as given."""

    exit_code = 2


class DataError(BenchError):
    """A data set is missing, cannot be downloaded, or is not what it should be."""

    exit_code = 5


class StorageError(BenchError):
    """A run, report or cache folder cannot be read or written."""

    exit_code = 6


class Unsupported(Exception):
    """Raised by a method for what it cannot take (colour, image size); the cell is skipped."""


def nearest(name: str, known: Iterable[str]) -> str:
    """`name` is not among `known`: the tail of the error message, nearest names first."""
    import difflib

    known = list(known)
    folded = {item.casefold(): item for item in known}
    close = [
        folded[item] for item in difflib.get_close_matches(name.casefold(), folded, n=3, cutoff=0.5)
    ]
    if close:
        return f"did you mean {' or '.join(close)}?"
    return f"there is: {', '.join(known)}" if known else "there is none"


def canonical_json(value: object) -> str:
    """JSON that is equal for equal values: sorted keys, no spaces, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def digest(value: object, size: int = 8) -> str:
    """Hex digest (2 `size` characters) of a value's canonical JSON."""
    return hashlib.blake2b(canonical_json(value).encode(), digest_size=size).hexdigest()


def noise_name(kind: str, clip: bool) -> str:
    """A noise as tables name it: `gaussian`, or `gaussian, clipped`."""
    return printable(f"{kind}, clipped" if clip else kind)


def noise_text(name: str, level: float, lowest: float | None = None) -> str:
    """A noise's name and level, or range of levels, as tables show them: `gaussian 0.3`."""
    text = level_text(level)
    return f"{name} {text}" if lowest is None else f"{name} {level_text(lowest)} to {text}"


def level_text(level: float) -> str:
    """A level as tables show it: short, and as 25/255 where the field would write it so."""
    short = f"{level:g}"
    steps = round(level * 255)
    if len(short) > 6 and steps > 0 and math.isclose(level, steps / 255, rel_tol=1e-9):
        return f"{steps}/255"
    return short


def printable(text: str) -> str:
    """Text from outside in one line; what cannot be seen, or written, shows as its code.

    Control characters, those that turn the direction of writing, lone surrogates of file
    names that are not UTF-8, ...
    """
    seen = (
        c if c.isprintable() or c.isspace() else c.encode("unicode_escape").decode() for c in text
    )
    return " ".join("".join(seen).split())


def markdown_text(text: str) -> str:
    """Text from outside, so that Markdown shows it as it is and a table keeps its columns."""
    text = printable(text)
    for character in "\\`*_|<>&~$":  # & begins an entity, ~~ strikes through, $ is mathematics
        text = text.replace(character, f"\\{character}")
    return text.replace("](", "]\\(")  # no links


def markdown_code(text: str) -> str:
    """Text from outside as code, whatever backticks it holds; not for tables."""
    text = printable(text)
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    room = " " if len(fence) > 1 or not text else ""
    return f"{fence}{room}{text}{room}{fence}"


# -- noise ---------------------------------------------------------------------------------


class Draws(Protocol):
    """Random numbers for a batch of images, one a pixel, all of the images' shape.

    Test images have theirs from `bench.noise.ImageDraws`, training images from torch. A noise
    asks for normal or uniform numbers, not for both: they may be made from the same bits.
    """

    def normal(self) -> Any:
        """Standard normal."""

    def uniform(self) -> Any:
        """Uniform in [0, 1]."""

    def poisson(self, rate: Any) -> Any:
        """Poisson counts of that mean, independent of `normal`."""


@dataclass(frozen=True)
class Noise(ABC):
    """A way to corrupt clean images, at one level.

    Attributes:
        level: strength, in the unit that the kind defines.
        clip: limit what methods see to [0, 1], as an 8-bit file would.
        kind: the noise's name.
        highest: of the levels that the kind may have; all are over 0.
        unit: what a level is, as messages and reports say it.
        photons: a level counts photons, so that a higher one is less noise.
    """

    level: float
    clip: bool = False
    kind: ClassVar[str]
    highest: ClassVar[float] = 10.0
    unit: ClassVar[str] = "standard deviation; images lie in [0, 1]"
    photons: ClassVar[bool] = False

    @abstractmethod
    def add(self, clean: Any, draws: Draws) -> Any:
        """Corrupt `clean`; NumPy arrays and torch tensors alike."""

    @abstractmethod
    def std(self, clean: Any) -> Any:
        """Standard deviation of a pixel's noise, given its clean value (before clipping)."""

    def mean(self, clean: Any) -> Any:
        """Mean of a noisy pixel, given its clean value (before clipping)."""
        return clean

    @property
    def sigma(self) -> float:
        """One standard deviation for methods that want a single number, in [0, 1] units.

        The root of the mean variance over clean values spread evenly over [0, 1] (Simpson's
        rule, exact where the variance is a polynomial of them up to the third degree).
        """
        black, grey, white = (float(self.std(value)) for value in (0.0, 0.5, 1.0))
        if black == grey == white:
            return grey
        return ((black**2 + 4 * grey**2 + white**2) / 6) ** 0.5

    def corrupt(self, clean: Any, draws: Draws) -> Any:
        """`add`, then clipping where this noise clips."""
        noisy = self.add(clean, draws)
        return noisy.clip(0, 1) if self.clip else noisy

    @property
    def name(self) -> str:
        """Kind as tables show it."""
        return noise_name(self.kind, self.clip)

    def __str__(self) -> str:
        return noise_text(self.name, self.level)

    def as_dict(self) -> dict[str, Any]:
        """What identifies this noise, for keys and files."""
        return {"kind": self.kind, "level": self.level, "clip": self.clip}


@dataclass(frozen=True)
class TrainNoise:
    """The noise that a method is trained on: of one level, or of levels from a range.

    Attributes:
        regime: how it was asked for: "matched" (the noise that it is tested on), "blind"
            (a range, whatever it is tested on) or a level.
        noise: its kind; its level, of a range the one of most noise.
        lowest: of a range, the level of least noise: each training image gets one drawn evenly
            from between the two.
    """

    regime: str
    noise: Noise
    lowest: float | None = None

    def __str__(self) -> str:
        if self.lowest is None:
            return str(self.noise)
        return noise_text(self.noise.name, self.noise.level, self.lowest)

    def as_dict(self) -> dict[str, Any]:
        """What identifies it, for keys and files."""
        return {"regime": self.regime, "lowest": self.lowest, **self.noise.as_dict()}


# -- data sets -----------------------------------------------------------------------------

Split = Literal["train", "validation", "test"]


class Group(NamedTuple):
    """Images of one shape, each with its position in the full split.

    positions: int64 (N,); images: float32 (N, C, H, W) in [0, 1].
    """

    positions: npt.NDArray[np.int64]
    images: Array


@dataclass(frozen=True)
class Dataset:
    """Splits of clean images, read when asked for.

    Attributes:
        name: as on the command line; part of the key of the test noise.
        fingerprint: digest of the content.
        sizes: number of images in each split.
        read: gives a split's groups, one after the other; several may be of one shape, so that
            not too much is in memory at a time.
        samples: positions in the test split of the handful of images that reports show of
            every method.
        note: why this data set stands in for another, where it does.
        left_out: a line for each file that could not be taken, and why.
        training, training_fingerprint: the data set, by name and content, that training and
            validation images come from; by default this one.
    """

    name: str
    fingerprint: str
    sizes: Mapping[str, int]
    read: Callable[[Split], Iterable[Group]] = field(repr=False)
    samples: tuple[int, ...] = tuple(range(10))
    note: str = ""
    left_out: tuple[str, ...] = ()
    training: str = ""
    training_fingerprint: str = ""

    def __post_init__(self) -> None:
        if not self.training:
            object.__setattr__(self, "training", self.name)
            object.__setattr__(self, "training_fingerprint", self.fingerprint)

    def groups(self, split: Split, limit: int | None = None) -> Iterator[Group]:
        """The groups of `split`, its first `limit` images only where one is given."""
        for group in self.read(split):
            if limit is None:
                yield group
                continue
            wanted = group.positions < limit
            if wanted.all():
                yield group
            elif wanted.any():
                yield Group(group.positions[wanted], group.images[wanted])


# -- cells and records ---------------------------------------------------------------------


@dataclass(frozen=True)
class Cell:
    """One point of the sweep.

    Attributes:
        dataset, fingerprint: the data, by name and content.
        method, params, source: the method, its parameters as typed (canonical JSON), the
            digest of its code.
        fit_params: those of the parameters that training depends on.
        train: the noise trained on; None where nothing is trained.
        noise: the noise tested on.
        seed: the training seed; None where nothing is random.
        recipe: how it is trained, resolved (canonical JSON); None where nothing is.
        limit: the first so many test images; None for all.
        tune: number of validation images to tune on; 0 where nothing is tuned.
        quantize: outputs are rounded to 8 bits before scoring.
        noise_seed: of the test noise; not the training seed.
        training, training_fingerprint: the data that it is fitted and tuned on, by name and
            content, where they are another data set's; else empty.
    """

    dataset: str
    fingerprint: str
    method: str
    params: str
    fit_params: str
    source: str
    train: TrainNoise | None
    noise: Noise
    seed: int | None
    recipe: str | None
    limit: int | None
    tune: int
    quantize: bool
    noise_seed: int = 0
    training: str = ""
    training_fingerprint: str = ""

    def as_dict(self) -> dict[str, Any]:
        """All fields, as JSON can hold them; without those of `training` where they are empty."""
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        if not self.training:
            del values["training"], values["training_fingerprint"]
        values["noise"] = self.noise.as_dict()
        values["train"] = self.train.as_dict() if self.train else None
        return values

    @property
    def key(self) -> str:
        """Names this cell's result: 16 hex digits of all that it depends on."""
        values = self.as_dict()
        del values["fit_params"]  # given by the parameters and the method's code
        return digest([PROTOCOL_VERSION, values])

    @property
    def fit_key(self) -> str:
        """Names the fitted model: the same, less the test noise and the evaluation."""
        return digest([PROTOCOL_VERSION, self.fitted_for()])

    def fitted_for(self) -> dict[str, Any]:
        """All that the fitted model depends on."""
        values = self.as_dict()
        for name in ("params", "noise", "limit", "tune", "quantize", "noise_seed"):
            del values[name]
        if values["train"]:
            del values["train"]["regime"]
        # Of the data only what it was fitted on: a model serves every test set.
        if self.training:
            values["dataset"] = values.pop("training")
            values["fingerprint"] = values.pop("training_fingerprint")
        return values

    @property
    def label(self) -> str:
        """The method as tables show it: with the parameters that were typed."""
        return method_label(self.method, self.params, self.train.regime if self.train else "")

    def __str__(self) -> str:
        seed = "" if self.seed is None else f" seed {self.seed}"
        return f"{self.label} at {self.noise}{seed}"


#: How methods are trained where nothing else is asked for: on the noise they are tested on.
MATCHED = "matched"


def method_label(name: str, params: str, regime: str = "") -> str:
    """`median` and `{"size":5}` as `median[size=5]`; `dae` trained so as `dae[train=blind]`."""
    items = dict(json.loads(params))
    if regime and regime != MATCHED:
        items["train"] = regime
    typed = ",".join(f"{key}={value}" for key, value in items.items())
    return printable(f"{name}[{typed}]" if typed else name)


Status = Literal["done", "failed", "skipped"]


@dataclass
class Record:
    """What one cell gave. A failure is a record too.

    Attributes:
        images: columns of equal length, one entry an image: `image` (position in the split),
            `mse`, `psnr` (dB), `ssim`, `digest` (uint64, of the noisy pixels).
        chosen: the parameters that it ran with.
        chosen_score: mean validation PSNR in dB of the chosen ones; None where nothing was tuned.
        trials: each tried setting with its score.
        fit_seconds, tune_seconds: None where nothing was fitted or tuned.
        images_per_second: of the denoise calls alone.
        parameters: number of learned values; 0 where nothing is learned.
        peak_memory_bytes: peak resident memory of the process while the cell ran.
        conditions: batch size, device and thread count that the times hold for.
        history: rows (epoch, split, term, value) of the training's loss terms.
        samples: lists `image`, `clean`, `noisy`, `restored` for the images that reports show, and
            `deviation` where the method says how uncertain it is.
        calibration: rows (predicted deviation, root mean squared error, pixels), a bin each,
            from the least to the most uncertain; see `metrics.calibration`.
        traceback: of a failure, for whoever mends the method.
    """

    cell: Cell
    status: Status
    reason: str = ""
    images: dict[str, npt.NDArray[Any]] = field(default_factory=dict)
    chosen: dict[str, Any] = field(default_factory=dict)
    chosen_score: float | None = None
    trials: list[tuple[dict[str, Any], float]] = field(default_factory=list)
    fit_seconds: float | None = None
    tune_seconds: float | None = None
    images_per_second: float | None = None
    parameters: int = 0
    peak_memory_bytes: int | None = None
    conditions: dict[str, Any] = field(default_factory=dict)
    history: list[tuple[int, str, str, float]] = field(default_factory=list)
    samples: dict[str, list[Any]] = field(default_factory=dict)
    calibration: list[tuple[float, float, int]] = field(default_factory=list)
    traceback: str = ""


Phase = Literal["start", "fit", "tune", "denoise"]


@dataclass(frozen=True)
class Progress:
    """Where a running cell stands: it starts, or has done `done` of `total` epochs, images, ..."""

    cell: Cell
    phase: Phase
    done: int
    total: int
    unit: str
    loss: float | None = None
