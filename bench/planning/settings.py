"""What a run is asked to measure, after defaults and checks."""

from __future__ import annotations

import operator
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from bench.core import IDENTITY, MATCHED, Noise, UsageError, digest, nearest
from bench.noises import parse_noise, training_regime

DEFAULT_METHODS = (IDENTITY, "gaussian", "median", "nlm", "wavelet", "dae", "vae")
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
