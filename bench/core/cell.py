"""A cell: one point of the sweep, frozen, whose key names its result."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from bench.core.dataset import MeasuredSplit
from bench.core.noise import Noise, TrainNoise
from bench.core.protocol import PROTOCOL_VERSION
from bench.core.text import printable, typed_text

#: What parameters may be tuned on.
TuneOn = Literal["clean", "frames", "self"]
#: The default training regime: on the noise that is tested.
MATCHED = "matched"


def canonical_json(value: object) -> str:
    """JSON that is equal for equal values: sorted keys, no spaces.

    Raises:
        ValueError: a number is NaN or infinite.

    >>> canonical_json({"size": 5, "mode": "wrap"})
    '{"mode":"wrap","size":5}'
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def digest(value: object, size: int = 8) -> str:
    """BLAKE2b of a value's canonical JSON, `size` bytes, in hex.

    >>> digest({"size": 5}) == digest({"size": 5}) != digest({"size": 7})
    True
    """
    return hashlib.blake2b(canonical_json(value).encode(), digest_size=size).hexdigest()


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
        limit: number of images, the first of the split; None for all.
        tune: number of validation images to tune on; 0 where nothing is tuned.
        tune_by: the metric that it is tuned by; of one that does not come with bench also the
            digest of its code.
        quantize: outputs are rounded to 8 bits before scoring.
        noise_seeds: of the test noise, not the training seed; with several each image is measured
            under each.
        training, training_fingerprint: the data set, by name and content, that it is fitted
            and tuned on, where that is another one; else empty.
        split: whose images are measured.
        tune_on: what tells how well validation images are restored: their clean images, further
            noisy frames, or themselves.
        tile: pixels a side of the tiles that images are cut into; None where they are not.
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
    noise_seeds: tuple[int, ...] = (0,)
    training: str = ""
    training_fingerprint: str = ""
    split: MeasuredSplit = "test"
    tune_by: str = "psnr"
    tune_on: TuneOn = "clean"
    tile: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """All fields, as JSON can hold them.

        Those of `training`, `split`, `tune_by` and later ones only where they are not the default,
        and a single noise seed as `noise_seed`: so keys stay what they were before there was a
        choice.
        """
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        if not self.training:
            del values["training"], values["training_fingerprint"]
        if self.split == "test":
            del values["split"]
        if self.tune_by == "psnr" or not self.tune:
            del values["tune_by"]
        if self.tune_on == "clean" or not self.tune:
            del values["tune_on"]
        if self.tile is None:
            del values["tile"]
        seeds = list(values.pop("noise_seeds"))
        values |= {"noise_seeds": seeds} if len(seeds) > 1 else {"noise_seed": seeds[0]}
        values["noise"] = self.noise.as_dict()
        values["train"] = self.train.as_dict() if self.train else None
        return values

    @cached_property
    def key(self) -> str:
        """The name of this cell's result: 16 hex digits of all that it depends on."""
        return cell_key(self.as_dict())

    @cached_property
    def fit_key(self) -> str:
        """The name of the fitted model: 16 hex digits of all that it depends on."""
        return digest([PROTOCOL_VERSION, self.fitted_for()])

    def fitted_for(self) -> dict[str, Any]:
        """All that the fitted model depends on: nothing of the test noise and the evaluation."""
        values = self.as_dict()
        for name in (
            "params", "noise", "limit", "tune", "quantize", "noise_seed", "noise_seeds", "split",
            "tune_by", "tune_on", "tile",
        ):  # fmt: skip
            values.pop(name, None)
        if values["train"]:
            del values["train"]["regime"]
        # Of the data only what it was fitted on: a model serves every test set.
        if self.training:
            values["dataset"] = values.pop("training")
            values["fingerprint"] = values.pop("training_fingerprint")
        return values

    @property
    def training_group(self) -> str:
        """What cells have in common whose models differ by training noise and seed alone."""
        values = self.fitted_for()
        del values["train"], values["seed"]
        return digest([PROTOCOL_VERSION, values])

    @property
    def label(self) -> str:
        """The method as tables show it: with the parameters that were typed."""
        return method_label(self.method, self.params, self.train.regime if self.train else "")

    def __str__(self) -> str:
        seed = "" if self.seed is None else f" seed {self.seed}"
        return f"{self.label} at {self.noise}{seed}"


def cell_key(values: Mapping[str, Any], protocol: int = PROTOCOL_VERSION) -> str:
    """The key of the cell that `Cell.as_dict` gives, or that a file of that protocol holds."""
    # What training depends on is given by the parameters and the method's code.
    return digest([protocol, {name: values[name] for name in values if name != "fit_params"}])


#: The method that gives the noisy image itself: the line that every other must beat.
IDENTITY = "identity"
#: `[sigma=estimate]` after a method's name asks for the noise to be estimated from the image, and
#: `[sigma=0.5x]` for it to be told half of its deviation.
ESTIMATED = "sigma"


def told_factor(params: Mapping[str, Any]) -> float:
    """How many times the deviation of the noise a method is told, by its parameters as typed.

    Raises:
        ValueError: `sigma` is neither a word nor such a factor.

    >>> told_factor({"sigma": "0.5x"}), told_factor({"sigma": "estimate"}), told_factor({})
    (0.5, 1.0, 1.0)
    """
    typed = params.get(ESTIMATED, "known")
    if typed in ("known", "estimate"):
        return 1.0
    if not _FACTOR.fullmatch(typed) or not 0 < (factor := float(typed[:-1])) < math.inf:
        raise ValueError(f"{typed!r} is no factor, such as 0.5x")
    return factor


_FACTOR = re.compile(r"(\d+\.?\d*|\.\d+)x", re.ASCII)


def method_label(name: str, params: str, regime: str = "") -> str:
    """A method as tables show it: with its parameters, and its training noise if not matched.

    Args:
        name: the method's.
        params: canonical JSON of the parameters as typed.
        regime: see `TrainNoise`; empty where nothing is trained.

    >>> method_label("median", '{"size":5}')
    'median[size=5]'
    >>> method_label("dae", "{}", "blind")
    'dae[train=blind]'
    """
    items = {
        # The noise of `[train=0.1]` is a text as well, and no parameter.
        key: str(value) if key == "train" else typed_text(value)
        for key, value in json.loads(params).items()
    }
    if regime and regime != MATCHED:
        items["train"] = regime
    typed = ",".join(f"{key}={text}" for key, text in items.items())
    return printable(f"{name}[{typed}]" if typed else name)
