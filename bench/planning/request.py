"""What is typed -> the methods that it asks for, and where torch computes for them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple, TypeVar

from bench.core import (
    ESTIMATED,
    UsageError,
    canonical_json,
    digest,
    method_label,
    told_factor,
)
from bench.noises import training_regime
from bench.planning import notation, sweeps
from bench.planning.checks import MAX_SEEDS
from bench.planning.noise_kinds import by_name
from bench.planning.parameter_files import files_of, with_files
from bench.planning.settings import (
    DEFAULT_METHODS,
    Settings,
)
from bench.plugins.contract import Method
from bench.plugins.kinds import NOISES
from bench.plugins.metric import Metric
from bench.plugins.sources import Registry

P = TypeVar("P", Method, Metric)


class RequestedMethod(NamedTuple):
    """A method as it was asked for: with the parameters typed, and how it is to be trained.

    `regime` and the number of `seeds` are None where the settings' own hold; `trained_on` is what
    it was trained on elsewhere, None where nobody says.
    """

    method: Method
    params: Mapping[str, Any]
    regime: str | None = None
    seeds: int | None = None
    trained_on: tuple[str, ...] | None = ()

    @property
    def files(self) -> dict[str, str]:
        """The files that its parameters name, as typed -> the digest of what they hold."""
        return files_of(self.method, self.params)

    @property
    def fit_params(self) -> dict[str, Any]:
        """Those of the parameters that what it learns depends on."""
        method = self.method
        return {
            name: value
            for name, value in self.params.items()
            if name in method.parameters and name not in method.inference
        }

    def __str__(self) -> str:
        training = {"train": self.regime, "seeds": self.seeds}
        typed = {name: value for name, value in training.items() if value is not None}
        return method_label(self.method.name, canonical_json({**self.params, **typed}))


#: Among methods' names, stands for those of `Registry.classical`.
CLASSICAL = "classical"


def requested_methods(settings: Settings, registry: Registry[Method]) -> dict[str, RequestedMethod]:
    """The methods that the settings ask for, or the default ones, by their text.

    A sweep stands for each of its values; however it is typed, one method with the same parameters
    is measured once.

    Raises:
        UsageError: there is no such method or parameter, a plugin is broken, or a sweep is large.
    """
    typed = sweeps.expanded(settings.methods or (), settings)  # before anything is loaded
    registry.load_given()  # a plugin that was asked for and is broken ends it here
    names: Iterable[str]
    if settings.methods is None:
        # The user's own come early, so that a mistake in them shows before hours of training.
        first, *rest = DEFAULT_METHODS
        names = (first, *registry.given, *rest)
    else:
        names = (
            name
            for text in typed
            for name in (registry.classical if text.strip() == CLASSICAL else (text,))
        )
    requested = (resolve(name, registry) for name in names)
    return {str(each): each for each in requested}


def methods_by_name(requested: Iterable[RequestedMethod]) -> dict[str, Method]:
    """Methods by their names; one that is asked for with several files knows them all."""
    methods: dict[str, Method] = {}
    for method, *_ in requested:
        known = methods.get(method.name, method).contents
        contents = {**known, **method.contents}
        methods[method.name] = dataclasses.replace(method, contents=contents)
    return methods


def torch_device(settings: Settings, methods: Iterable[Method]) -> str:
    """Where torch computes, "cpu" or "cuda"; torch is loaded only where it is needed.

    The workers of a Dask cluster may have a GPU where this machine has none.

    Raises:
        UsageError: a GPU is asked for, and there is none.
    """
    device = settings.device
    if device == "cuda" and settings.dask:
        return device
    if device == "cpu" or (device == "auto" and not any(map(_gains_by_gpu, methods))):
        return "cpu"
    import torch

    if torch.cuda.is_available():
        return "cuda"
    if device == "cuda":
        raise UsageError(
            f"--device cuda: torch {torch.__version__} finds no CUDA device here; use --device cpu"
        )
    return "cpu"


def _gains_by_gpu(method: Method) -> bool:
    """It is no filter that a CPU does as well, for which torch need not be loaded."""
    return method.uses_gpu and not method.classical


def resolve(text: str, registry: Registry[Method]) -> RequestedMethod:
    """The method that a text such as `vae[latent=10,seeds=4]` asks for.

    Raises:
        UsageError: there is no such method or parameter, or it is a sweep of several.
    """
    sweeps.expect_one(text)
    name, params = notation.parse(text)
    method = registry.load(name)
    if method.missing:
        raise UsageError(method.missing)
    regime, seeds = params.pop("train", None), params.pop("seeds", None)
    sigma = None if ESTIMATED in method.parameters else params.pop(ESTIMATED, None)
    for word, value, useful, why in (
        ("train", regime, method.learns, "learns nothing"),
        ("train", regime, method.fits_noise, "learns the same whatever the noise"),
        ("seeds", seeds, method.random, "has nothing random"),
        (ESTIMATED, sigma, method.takes_noise, "is not told the noise"),
    ):
        if value is not None and not useful:
            raise UsageError(f"method {name!r} {why}: leave {word}={value} out")
    if seeds is not None and not (seeds.isdecimal() and 0 < int(seeds) <= MAX_SEEDS):
        raise UsageError(
            f"{name}[seeds={seeds}]: give the number of training seeds, from 1 to {MAX_SEEDS}"
        )
    if wraps := method.declared.wraps:
        method = _with_inner(method, params.get(wraps, method.parameters[wraps]), registry)
    values = notation.typed_params(method, params)
    return RequestedMethod(
        with_files(method, values),
        {**values, **_told(name, sigma)},
        None if regime is None else training_regime(regime, by_name(registry.of(NOISES))),
        None if seeds is None else int(seeds),
        method.trained_on(values),
    )


def _told(name: str, sigma: str | None) -> dict[str, str]:
    """What a method is told of the noise, as a parameter; nothing where that is the truth."""
    if sigma in (None, "known"):
        return {}
    try:
        factor = told_factor({ESTIMATED: sigma})
    except ValueError:
        raise UsageError(
            f"{name}[{ESTIMATED}={sigma}]: write known, estimate, or a factor, as 0.5x"
        ) from None
    if sigma == "estimate":
        return {ESTIMATED: sigma}
    # All its digits, and none of them as a power of ten, which no factor is read from.
    return {ESTIMATED: f"{Decimal(repr(factor)):f}".removesuffix(".0") + "x"}


def _with_inner(method: Method, name: str, registry: Registry[Method]) -> Method:
    """A method that wraps another one: its results depend on that one's code too."""
    inner = registry.without_given().load(name)  # where `get_method` will find it
    if inner.missing:
        raise UsageError(inner.missing)
    if inner.declared.wraps:
        raise UsageError(
            f"{method.name}[{method.declared.wraps}={name}]: {name} wraps another method itself"
        )
    declared = dataclasses.replace(
        method.declared, whole=method.declared.whole or inner.declared.whole
    )
    if inner.family == "pretrained" and not declared.family:  # what it has learned is the other's
        declared = dataclasses.replace(
            declared,
            family=inner.family,
            supervision=inner.supervision,
            trained_on=inner.trained_on({}) or (),
        )
    return dataclasses.replace(
        method,
        source=digest([method.source, inner.source]),
        contents={**method.contents, **inner.contents},
        declared=declared,
    )
