"""Settings -> cells. Pure: it reads no disk and no clock."""

from __future__ import annotations

import itertools
import operator
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from bench.core import (
    MATCHED,
    Cell,
    Dataset,
    Noise,
    TrainNoise,
    UsageError,
    canonical_json,
    digest,
    method_label,
    nearest,
)
from bench.denoiser import Method
from bench.noise import BLIND, parse_noise, training_noise, training_regime

DEFAULT_METHODS = ("identity", "gaussian", "median", "nlm", "wavelet", "dae", "vae")
#: Among methods' names, stands for those of `Registry.classical`.
CLASSICAL = "classical"
DEFAULT_NOISE = "0.1,0.3,0.5"
DEVICES = ("auto", "cpu", "cuda")
MAX_SEED = 2**31 - 1
#: Seeds that `[seeds=...]` may ask for: far above any use.
MAX_SEEDS = 1000

#: Validation images to tune on, by preset. `quick` cuts training and tuning, never the test.
TUNING_IMAGES = {"quick": 100, "default": 300, "paper": 300}
PRESETS = tuple(TUNING_IMAGES)


@dataclass(frozen=True)
class Settings:
    """What a run is asked to measure, after defaults; made by `settings`.

    Two runs of equal settings measure the same. `methods` are as typed
    (`median[size=5]`); `train_noise` are the regimes of those that learn and do not say their
    own; `train_dataset`, `limit`, `epochs` and `batch_size` are None where the data set's and
    the preset's own hold.
    """

    dataset: str
    train_dataset: str | None
    methods: tuple[str, ...]
    noise: tuple[Noise, ...]
    train_noise: tuple[str, ...]
    seeds: tuple[int, ...]
    limit: int | None
    epochs: int | None
    batch_size: int | None
    preset: str
    tune: bool
    quantize: bool
    device: str

    def as_dict(self) -> dict[str, Any]:
        """As manifests hold it, under the command line's names."""
        return {
            "dataset": self.dataset,
            **({"train-dataset": self.train_dataset} if self.train_dataset else {}),
            "methods": list(self.methods),
            "noise": [
                noise.level if noise.kind == "gaussian" else f"{noise.kind}:{noise.level!r}"
                for noise in self.noise
            ],
            "clip": self.noise[0].clip,
            "train-noise": list(self.train_noise),
            "seeds": list(self.seeds),
            "limit": self.limit,
            "epochs": self.epochs,
            "batch-size": self.batch_size,
            "preset": self.preset,
            "tune": self.tune,
            "quantize": self.quantize,
            "device": self.device,
        }

    @property
    def default_name(self) -> str:
        """The run's name where none is given: the same settings find their own run again."""
        name = re.sub(r"[^A-Za-z0-9._-]+", "-", self.dataset)
        return f"{name}-{digest(self.as_dict(), size=4)}"


def settings(
    dataset: str,
    *,
    train_dataset: str | None = None,
    methods: Iterable[str] = DEFAULT_METHODS,
    noise: str | float | Iterable[str | float] = DEFAULT_NOISE,
    clip: bool = False,
    train_noise: str | float | Iterable[str | float] = MATCHED,
    seeds: Iterable[int] = (0,),
    limit: int | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    preset: str = "default",
    tune: bool = True,
    quantize: bool = False,
    device: str = "auto",
) -> Settings:
    """Checked settings.

    Raises:
        UsageError: a value that is out of its range.
    """
    methods = tuple(dict.fromkeys(methods))
    seeds = tuple(dict.fromkeys(map(operator.index, seeds)))
    limit, epochs, batch_size = (
        None if value is None else operator.index(value) for value in (limit, epochs, batch_size)
    )
    if isinstance(train_noise, str):
        train_noise = train_noise.split(",")
    elif not isinstance(train_noise, Iterable):
        train_noise = [train_noise]
    regimes = tuple(dict.fromkeys(training_regime(text) for text in train_noise))
    if not regimes:
        raise UsageError("no training noise given: use for example --train-noise matched,blind")
    if not methods:
        raise UsageError("no method given: use for example --methods median,vae")
    if not seeds or min(seeds) < 0 or max(seeds) > MAX_SEED:
        raise UsageError(f"seeds are numbers from 0 to {MAX_SEED}: use for example --seeds 0,1,2")
    for name, value in (("limit", limit), ("epochs", epochs), ("batch-size", batch_size)):
        if value is not None and value < 1:
            raise UsageError(f"--{name} {value} is out of range: give a number from 1 on")
    if preset not in PRESETS:
        raise UsageError(f"unknown preset {preset!r}: {nearest(preset, PRESETS)}")
    if device not in DEVICES:
        raise UsageError(f"unknown device {device!r}: {nearest(device, DEVICES)}")
    return Settings(
        dataset=dataset,
        train_dataset=train_dataset,
        methods=methods,
        noise=tuple(parse_noise(noise, clip)),
        train_noise=regimes,
        seeds=seeds,
        limit=limit,
        epochs=epochs,
        batch_size=batch_size,
        preset=preset,
        tune=tune,
        quantize=quantize,
        device=device,
    )


class Asked(NamedTuple):
    """A method as it was asked for: with the parameters typed, and how it is to be trained.

    `regime` and the number of `seeds` are None where the settings' own hold.
    """

    method: Method
    params: Mapping[str, Any]
    regime: str | None = None
    seeds: int | None = None

    def __str__(self) -> str:
        training = {"train": self.regime, "seeds": self.seeds}
        typed = {name: value for name, value in training.items() if value is not None}
        return method_label(self.method.name, canonical_json({**self.params, **typed}))


def plan(settings: Settings, dataset: Dataset, methods: Iterable[Asked]) -> list[Cell]:
    """The cells of a run, noise by noise: cells that share their noisy images are neighbours.

    Args:
        settings: what to measure.
        dataset: the data set that they name.
        methods: those that they name.

    Raises:
        UsageError: a method has no recipe for the preset.
    """
    cells = []
    for noise, asked in itertools.product(settings.noise, methods):
        method, params = asked.method, asked.params
        regimes = (asked.regime,) if asked.regime else settings.train_noise
        seeds = settings.seeds if asked.seeds is None else range(asked.seeds)
        trained = [_trained_on(regime, noise, settings.noise) for regime in regimes]
        for train, seed in itertools.product(
            trained if method.fits_noise else [None], seeds if method.random else [None]
        ):
            cells.append(
                Cell(
                    dataset=dataset.name,
                    fingerprint=dataset.fingerprint,
                    method=method.name,
                    params=canonical_json(params),
                    fit_params=canonical_json(
                        {
                            name: value
                            for name, value in params.items()
                            if name in method.parameters and name not in method.inference
                        }
                    ),
                    source=method.source,
                    train=train,
                    noise=noise,
                    seed=seed,
                    recipe=_recipe(method, settings),
                    limit=settings.limit,
                    tune=_tuning_images(method, params, settings, dataset),
                    quantize=settings.quantize,
                    **_training_data(dataset, method),
                )
            )
    return list(dict.fromkeys(cells))  # a regime may have been asked for in two ways


def _trained_on(regime: str, noise: Noise, tested: Iterable[Noise]) -> TrainNoise:
    """What a method of that regime is trained on when it is tested on `noise`."""
    if regime == MATCHED:
        return TrainNoise(regime, noise)
    if regime == BLIND:
        same = [other for other in tested if other.kind == noise.kind]
        if noise.photons:  # without noise there would be no end of them
            fewest = min(same, key=lambda other: other.level)
            return TrainNoise(regime, fewest, lowest=10 * max(other.level for other in same))
        return TrainNoise(regime, max(same, key=lambda other: other.level), lowest=0.0)
    return TrainNoise(regime, training_noise(regime, noise))


def _training_data(dataset: Dataset, method: Method) -> dict[str, Any]:
    """The cell's fields that name another data set's training images, where it needs them."""
    own = dataset.training_fingerprint == dataset.fingerprint
    if own or not (method.learns or method.tune):
        return {}
    return {"training": dataset.training, "training_fingerprint": dataset.training_fingerprint}


def _tuning_images(
    method: Method, params: Mapping[str, Any], settings: Settings, dataset: Dataset
) -> int:
    """Validation images to tune on; 0 where no parameter is left to tune."""
    if not settings.tune or set(method.tune) <= set(params):
        return 0
    wanted = TUNING_IMAGES[settings.preset]
    return min(wanted, dataset.sizes["validation"] or wanted)  # of none, the runner will say so


def _recipe(method: Method, settings: Settings) -> str | None:
    """The preset's recipe with what the user asked for; epochs that were typed are kept to."""
    if method.recipes is None:
        return None
    if settings.preset not in method.recipes:
        raise UsageError(
            f"method {method.name!r} has no recipe for the preset {settings.preset!r}: "
            f"{nearest(settings.preset, method.recipes)}"
        )
    recipe = dict(method.recipes[settings.preset])
    recipe["batch_size"] = settings.batch_size or recipe["batch_size"]
    if settings.epochs:
        recipe["epochs"] = settings.epochs
        recipe.pop("min_updates", None)
    return canonical_json(recipe)
