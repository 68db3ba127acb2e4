"""Settings -> cells. Pure: it reads no disk and no clock."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.core import Cell, Dataset, Noise, UsageError, canonical_json, digest, nearest
from bench.denoiser import Method
from bench.noise import parse_noise

DEFAULT_METHODS = ("identity", "gaussian", "median", "nlm", "wavelet", "dae", "vae")
DEFAULT_NOISE = "0.1,0.3,0.5"
DEVICES = ("auto", "cpu", "cuda")
MAX_SEED = 2**31 - 1

#: Validation images to tune on, by preset. `quick` cuts training and tuning, never the test.
TUNING_IMAGES = {"quick": 100, "default": 300, "paper": 300}
PRESETS = tuple(TUNING_IMAGES)


@dataclass(frozen=True)
class Settings:
    """What a run is asked to measure, after defaults; made by `settings`.

    Two runs of equal settings measure the same. `methods` are as typed
    (`median[size=5]`); `limit` and `epochs` are None where the data set's and the preset's
    own hold.
    """

    dataset: str
    methods: tuple[str, ...]
    noise: tuple[Noise, ...]
    seeds: tuple[int, ...]
    limit: int | None
    epochs: int | None
    preset: str
    tune: bool
    quantize: bool
    device: str

    def as_dict(self) -> dict[str, Any]:
        """As manifests hold it, under the command line's names."""
        return {
            "dataset": self.dataset,
            "methods": list(self.methods),
            "noise": [noise.level for noise in self.noise],
            "clip": self.noise[0].clip,
            "seeds": list(self.seeds),
            "limit": self.limit,
            "epochs": self.epochs,
            "preset": self.preset,
            "tune": self.tune,
            "quantize": self.quantize,
            "device": self.device,
        }

    @property
    def default_name(self) -> str:
        """The run's name where none is given: the same settings find their own run again."""
        return f"{self.dataset}-{digest(self.as_dict(), size=4)}"


def settings(
    dataset: str,
    *,
    methods: Iterable[str] = DEFAULT_METHODS,
    noise: str | float | Iterable[str | float] = DEFAULT_NOISE,
    clip: bool = False,
    seeds: Iterable[int] = (0,),
    limit: int | None = None,
    epochs: int | None = None,
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
    limit, epochs = (None if value is None else operator.index(value) for value in (limit, epochs))
    if not methods:
        raise UsageError("no method given: use for example --methods median,vae")
    if not seeds or min(seeds) < 0 or max(seeds) > MAX_SEED:
        raise UsageError(f"seeds are numbers from 0 to {MAX_SEED}: use for example --seeds 0,1,2")
    for name, value in (("limit", limit), ("epochs", epochs)):
        if value is not None and value < 1:
            raise UsageError(f"--{name} {value} is out of range: give a number from 1 on")
    if preset not in PRESETS:
        raise UsageError(f"unknown preset {preset!r}: {nearest(preset, PRESETS)}")
    if device not in DEVICES:
        raise UsageError(f"unknown device {device!r}: {nearest(device, DEVICES)}")
    return Settings(
        dataset=dataset,
        methods=methods,
        noise=tuple(parse_noise(noise, clip)),
        seeds=seeds,
        limit=limit,
        epochs=epochs,
        preset=preset,
        tune=tune,
        quantize=quantize,
        device=device,
    )


def plan(
    settings: Settings, dataset: Dataset, methods: Sequence[tuple[Method, Mapping[str, Any]]]
) -> list[Cell]:
    """The cells of a run, noise by noise: cells that share their noisy images are neighbours.

    Args:
        settings: what to measure.
        dataset: the data set that they name.
        methods: each method with the parameters that the user typed.

    Raises:
        UsageError: a method has no recipe for the preset.
    """
    cells = []
    for noise in settings.noise:
        for method, params in methods:
            for seed in settings.seeds if method.random else (None,):
                cells.append(
                    Cell(
                        dataset=dataset.name,
                        fingerprint=dataset.fingerprint,
                        method=method.name,
                        params=canonical_json(params),
                        source=method.source,
                        train=noise if method.learns else None,
                        noise=noise,
                        seed=seed,
                        recipe=_recipe(method, settings, dataset),
                        limit=settings.limit,
                        tune=_tuning_images(method, params, settings, dataset),
                        quantize=settings.quantize,
                    )
                )
    return cells


def _tuning_images(
    method: Method, params: Mapping[str, Any], settings: Settings, dataset: Dataset
) -> int:
    """Validation images to tune on; 0 where no parameter is left to tune."""
    if not settings.tune or set(method.tune) <= set(params):
        return 0
    return min(TUNING_IMAGES[settings.preset], dataset.sizes["validation"])


def _recipe(method: Method, settings: Settings, dataset: Dataset) -> str | None:
    """The preset's recipe with its number of epochs decided."""
    if method.recipes is None:
        return None
    if settings.preset not in method.recipes:
        raise UsageError(
            f"method {method.name!r} has no recipe for the preset {settings.preset!r}: "
            f"{nearest(settings.preset, method.recipes)}"
        )
    recipe = dict(method.recipes[settings.preset])
    updates = -(-dataset.sizes["train"] // recipe["batch_size"])
    enough = -(-recipe.pop("min_updates", 0) // updates)
    recipe["epochs"] = settings.epochs or max(recipe["epochs"], enough)
    return canonical_json(recipe)
