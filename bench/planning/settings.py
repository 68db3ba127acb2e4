"""The settings of a run: each with its default, its range and its help, here and nowhere else.

The command's options, the keys of a TOML file, the keywords of `bench.run`, the entries of a
manifest and the table in docs/settings.md are made of the fields of `Settings`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import pydantic
from pydantic import AfterValidator, BeforeValidator, ByteSize, Field

from bench.core import (
    IDENTITY,
    MATCHED,
    Dataset,
    Noise,
    Range,
    TuneOn,
    UsageError,
    digest,
    expanded,
)
from bench.core.dataset import MeasuredSplit
from bench.core.tiling import SIDE
from bench.noises import BLIND, Gaussian
from bench.planning import checks, resolution
from bench.planning.typed import Typed, plain

DEFAULT_METHODS = (IDENTITY, "gaussian", "median", "nlm", "wavelet", "dae", "vae")
DEFAULT_METRICS = ("psnr", "ssim", "mse")
#: Without ground truth: where each scene has several noisy frames, and where it has one.
#: uMSE leads: it is unbiased, and of every image; good denoisers' best images have no uPSNR.
FRAMES_METRICS, SINGLE_METRICS = ("umse", "upsnr"), ("sure",)
DEFAULT_NOISE = "0.1,0.3,0.5"
DEVICES = ("auto", "cpu", "cuda")
MAX_JOBS = 1024

#: Validation images to tune on, by preset. `quick` cuts training and tuning, never the test.
TUNING_IMAGES = {"quick": 100, "default": 300, "paper": 300}
PRESETS = tuple(TUNING_IMAGES)


def _as_typed(text: str) -> Any:
    """A default written as users type it; it is validated as what they type is."""
    return text


_LOCAL = Typed(recorded="never")
_Count = Annotated[int, BeforeValidator(checks.index), Field(strict=True, ge=1)]
_Flag = Annotated[bool, Field(strict=True)]


class Settings(pydantic.BaseModel):
    """What a run measures, and how and where it is made; see each field's description.

    Two runs whose `recorded()` settings are equal measure the same. Make one by `checked`, which
    raises one-line errors:

        >>> Settings.checked(noise="0.1,25/255", methods="median,vae").methods
        ('median', 'vae')
        >>> Settings.checked(limit=0)
        Traceback (most recent call last):
        bench.core.errors.UsageError: --limit 0 is out of range: give a number from 1 on
    """

    model_config = pydantic.ConfigDict(
        frozen=True, extra="forbid", arbitrary_types_allowed=True, validate_default=True
    )

    dataset: Annotated[
        str | None,
        BeforeValidator(checks.dataset),
        Typed(shown="that of --plugin, else mnist, or digits without it"),
    ] = Field(None, description="See `bench datasets`; or the path of a folder of images.")
    train_dataset: Annotated[
        str | None,
        BeforeValidator(checks.dataset),
        Typed(shown="--dataset's own", recorded="where set"),
    ] = Field(None, description="Train and tune on this data set's images.")
    range: Annotated[
        Range | None,
        BeforeValidator(checks.value_range),
        Typed(
            metavar="LOW,HIGH",
            recorded="where set",
            shown="0 and the file's white, or 255 of 8 bits, 65535 of 16",
        ),
    ] = Field(
        None,
        description="Stored values of black and white, as 0,4095, of images that do not say it.",
    )
    methods: Annotated[
        tuple[str, ...] | None,
        BeforeValidator(checks.methods),
        Typed(shown=",".join(DEFAULT_METHODS) + " and those of --plugin"),
    ] = Field(
        None,
        description="a,b[param=1|2],…; classical: all that need no torch, extras or other method.",
    )
    plugins: Annotated[
        tuple[Path, ...],
        BeforeValidator(checks.several),
        Typed(name="plugin", recorded="never"),
    ] = Field(
        (),
        description="A plugin's file, or a folder of some; may be repeated.  "
        "[also: $BENCH_PLUGINS]",
    )
    metrics: Annotated[
        tuple[str, ...] | None,
        BeforeValidator(checks.metrics),
        Typed(
            shown=f"{','.join(DEFAULT_METRICS)} (without ground truth {','.join(FRAMES_METRICS)} "
            f"of two frames, {','.join(SINGLE_METRICS)} of one) and those of --plugin",
            recorded="never",
        ),
    ] = Field(None, description="a,b[param=1],… (see `bench metrics`); the first one leads.")
    keep: Annotated[
        Literal["outputs"] | None,
        Typed(metavar="outputs", recorded="never"),
    ] = Field(None, description="Keep all restored images, for metrics to come.")
    noise: Annotated[tuple[Noise, ...], Typed()] = Field(
        _as_typed(DEFAULT_NOISE),
        description="Levels of Gaussian noise, or kinds with levels: gaussian:0.1,0.3;poisson:30 "
        "(see `bench noises`).",
    )
    clip: Annotated[_Flag, Typed()] = Field(
        False, description="Limit noisy images to [0, 1], as an 8-bit file would."
    )
    sigma: Annotated[
        resolution.Sigma,
        BeforeValidator(checks.sigma),
        Typed(metavar="estimate|validation|VALUE", default="estimate", recorded="where set"),
    ] = Field(
        None,
        description="Of noise that came with the images, what methods are told: estimated from "
        "each image, that of the validation images by their clean ones or second frames, or a "
        "standard deviation, as 5/255.",
    )
    train_noise: Annotated[tuple[str, ...], BeforeValidator(checks.regimes), Typed()] = Field(
        _as_typed(MATCHED),
        description="What networks are trained on: matched (the noise tested on), blind (levels "
        "from 0 to the highest tested), a level (0.3, poisson:30), or several of these.",
    )
    seeds: Annotated[tuple[int, ...], BeforeValidator(checks.seeds("--seeds")), Typed()] = Field(
        _as_typed("0"), description="Training seeds, as 0,1,2 or 0-2."
    )
    noise_seeds: Annotated[
        tuple[int, ...],
        BeforeValidator(checks.seeds("--noise-seeds")),
        Typed(recorded="where set", shown="0"),
    ] = Field(
        (0,),
        description="Seeds of the test noise, as 0-4: each image is measured under each draw, and "
        "its error told apart into bias and variance.",
    )
    split: Annotated[MeasuredSplit, Typed(recorded="where set")] = Field(
        "test",
        description="test; or validation, to choose recipes and parameters by: then nothing is "
        "tuned.",
    )
    limit: Annotated[_Count | None, Typed()] = Field(
        None, description="Only the first so many images of the split."
    )
    epochs: Annotated[_Count | None, Typed()] = Field(
        None, description="Training epochs, instead of the preset's."
    )
    batch_size: Annotated[_Count | None, Typed()] = Field(
        None, description="Training images an update, instead of the recipe's."
    )
    preset: Annotated[str, AfterValidator(checks.one_of("preset", PRESETS)), Typed()] = Field(
        "default", description="quick, default or paper: effort."
    )
    tune: Annotated[_Flag, Typed()] = Field(
        True, description="Choose parameters on validation images."
    )
    tune_by: Annotated[str, Typed(recorded="where set")] = Field(
        "psnr", description="The metric that parameters are chosen by."
    )
    tune_on: Annotated[
        TuneOn | None,
        Typed(
            metavar="clean|frames|self",
            recorded="where set",
            shown="clean where there is ground truth, else frames where there are two, else self",
        ),
    ] = Field(
        None,
        description="What tells how well a setting does on validation images: their clean images, "
        "a second noisy frame, or the noisy image itself.",
    )
    quantize: Annotated[_Flag, Typed()] = Field(
        False, description="Round outputs to 8 bits before scoring."
    )
    sealed: Annotated[_Flag, Typed(recorded="where set")] = Field(
        False,
        description="Keep clean test images out of the processes that methods run in; each job "
        "then takes a second process.",
    )
    tile: Annotated[
        int | None,
        BeforeValidator(checks.tile),
        Typed(metavar="SIDE|none", recorded="where set"),
    ] = Field(
        SIDE,
        description="Pixels a side of the overlapping tiles by which methods are given images of "
        "more pixels than two tiles have; none: whole images.",
    )
    device: Annotated[str, AfterValidator(checks.one_of("device", DEVICES)), Typed()] = Field(
        "auto", description="auto, cpu or cuda."
    )
    data_dir: Annotated[
        Path | None, Typed(shown="$BENCH_DATA_DIR, else a cache folder", recorded="never")
    ] = Field(None, description="Folder of the data sets.")
    out: Annotated[Path, _LOCAL] = Field(Path("results"), description="Folder of the runs.")
    name: Annotated[
        str | None,
        AfterValidator(checks.folder_name),
        Typed(shown="data set and a hash of the settings", recorded="never"),
    ] = Field(None, description="The run's name.")
    jobs: Annotated[
        Annotated[int, Field(strict=True, ge=0, le=MAX_JOBS)] | Literal["auto"],
        BeforeValidator(checks.jobs),
        Typed(default="auto", variable="BENCH_JOBS", recorded="never"),
    ] = Field(
        0,
        description="Cells worked on at once, each in a process of its own; auto: as the cores "
        "allow; 0: in this process, unwatched.",
    )
    threads: Annotated[
        Annotated[int, BeforeValidator(checks.index), Field(strict=True, ge=1, le=MAX_JOBS)] | None,
        Typed(recorded="where set", shown="a training's by its recipe, else the cores' share"),
    ] = Field(
        None,
        description="Computing threads of a cell; a trained network's last digits depend on them.",
    )
    dask: Annotated[str | None, Typed(metavar="ADDRESS", recorded="never")] = Field(
        None, description="A Dask scheduler, or local:4 for four workers."
    )
    timeout: Annotated[
        Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)] | None,
        Typed(metavar="SECONDS", recorded="never"),
    ] = Field(None, description="That a cell may take; then it failed.")
    memory_limit: Annotated[
        Annotated[ByteSize, BeforeValidator(checks.size), Field(gt=0)] | None,
        Typed(metavar="SIZE", recorded="never"),
    ] = Field(
        None,
        description="Resident memory that a cell's process may take, as 4GB; then the cell failed.",
    )
    retry_failed: Annotated[_Flag, _LOCAL] = Field(
        False, description="Take up again the cells that failed."
    )
    fresh: Annotated[_Flag, _LOCAL] = Field(False, description="Start over, and train anew.")
    yes: Annotated[_Flag, _LOCAL] = Field(
        False, description="Go ahead with a sweep of parameters of over 1,000 cells."
    )

    @pydantic.model_validator(mode="wrap")
    @classmethod
    def _noises(cls, values: dict[str, Any], handler: Callable[[Any], Self]) -> Self:
        """Noise levels as `Noise`, which knows whether it clips."""
        levels = values.get("noise", DEFAULT_NOISE)
        noise = checks.noises(levels, values.get("clip") is True, values.get("plugins", ()))
        settings = handler({**values, "noise": noise})
        if "noise" not in values:
            settings.model_fields_set.discard("noise")  # it was not typed
        return settings

    @pydantic.model_validator(mode="after")
    def _together(self) -> Self:
        """Refuse settings that exclude each other."""
        if self.dask and self.jobs not in ("auto", 0, 1):
            raise ValueError(
                "--jobs and --dask cannot be given together: the cluster has its workers"
            )
        if (self.timeout or self.memory_limit) and not (self.jobs or self.dask):
            raise ValueError("only a process of its own can be stopped: give --jobs 1 or more")
        if self.sealed and not (self.jobs or self.dask):
            raise ValueError("--sealed needs processes for the methods: give --jobs 1 or more")
        return self

    @classmethod
    def checked(cls, where: str = "", /, **values: Any) -> Self:
        """The settings, `values` instead of defaults.

        Args:
            where: the file that they stand in, for messages; empty for a command or call.
            **values: by the names of the fields.

        Raises:
            UsageError: there is no such setting, or its value is of another type or out of range.
        """
        try:
            return cls(**values)
        except pydantic.ValidationError as error:
            names = {field: name for field, (name, _) in typed_names().items()}
            raise checks.usage_error(error, names, where) from None
        except UsageError as error:
            raise UsageError(f"{where}: {error}" if where else str(error)) from None

    def recorded(self) -> dict[str, Any]:
        """What is measured, as manifests hold it, under the command's names."""
        values = {}
        for field, (name, typed) in typed_names().items():
            value = getattr(self, field)
            default = type(self).model_fields[field].default
            if typed.recorded == "always" or (typed.recorded == "where set" and value != default):
                values[name] = plain(value)
        values["noise"] = [
            noise.level if noise.kind == Gaussian.kind else f"{noise.kind}:{noise.level!r}"
            for noise in self.noise
        ]
        return values

    def resolved(self, dataset: Dataset, methods: Iterable[str]) -> Self:
        """With the data sets' own names, and the methods as they are run."""
        changes: dict[str, Any] = {"dataset": dataset.name, "methods": tuple(methods)}
        if self.train_dataset:
            changes["train_dataset"] = dataset.training
        typed = self.model_fields_set
        drawing = {
            "--clip": self.clip,
            "--noise-seeds": self.noise_seeds != (0,),
            "--train-noise blind": BLIND in self.train_noise,
        }
        changes |= resolution.noise(dataset, self.sigma, "noise" in typed, drawing)
        tune_on = resolution.tuned_on(dataset, self.tune_on, self.tune_by if self.tune else "psnr")
        changes["tune_on"] = None if tune_on == "clean" else tune_on
        return self.model_copy(update=changes)

    @property
    def folder(self) -> Path:
        """The run's folder; where no name is given, equal settings find their own run again."""
        plain = re.sub(r"[^A-Za-z0-9._-]+", "-", str(self.dataset))
        return expanded(self.out) / (self.name or f"{plain}-{digest(self.recorded(), size=4)}")


def typed_names() -> dict[str, tuple[str, Typed]]:
    """Field -> the name of its option and TOML key, and how it is typed."""
    names = {}
    for field, info in Settings.model_fields.items():
        (typed,) = (entry for entry in info.metadata if isinstance(entry, Typed))
        names[field] = (typed.name or field.replace("_", "-"), typed)
    return names
