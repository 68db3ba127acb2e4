"""Which model is meant by a method and a noise: of a run, of the cache of fits, or a filter."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.core import (
    MATCHED,
    PROTOCOL_VERSION,
    Noise,
    Unsupported,
    UsageError,
    canonical_json,
    digest,
)
from bench.core.text import noise_name, noise_text
from bench.evaluation.cell_search import cells_of
from bench.evaluation.forms import Form
from bench.evaluation.restoring import cell_of, fitted_denoiser
from bench.execution.provenance import form_again
from bench.noises import BLIND, Gaussian, Given, MakeNoise, make_noise, training_noise
from bench.planning.request import RequestedMethod
from bench.plugins.contract import Method
from bench.plugins.sources import Registry
from bench.store import FitCache, Run
from bench.store.cell_meta import CellMeta

#: Levels are equal within rounding to the digits that people type.
_EQUAL = 1e-4


@dataclass(frozen=True)
class Model:
    """A method that is ready to denoise.

    Attributes:
        label: the method as it was typed, or as the run has it.
        parameters: that it denoises with.
        origin: where they, and what it learned, come from, in words.
        form: of its method.
        denoiser: the method.
        trained: the noise that it was trained on, or that its parameters were tuned for, in words;
            empty where there is none.
    """

    label: str
    parameters: Mapping[str, Any]
    origin: str
    form: Form
    denoiser: Any
    trained: str = ""


@dataclass(frozen=True)
class Candidate:
    """A model that there is, before it is loaded.

    Attributes:
        name: what tells it from others, in words.
        kind, level: of the noise that it is for; an empty kind serves every noise.
        lowest: of a model for a range of levels, the other end of it.
        fit: the key of what it learned; empty where it learned nothing.
        load: makes the model.
    """

    name: str
    kind: str
    level: float
    lowest: float | None
    fit: str
    load: Callable[[], Model] = field(repr=False)

    def equals(self, noise: Noise) -> bool:
        """It is for just that noise."""
        close = math.isclose(self.level, noise.level, rel_tol=_EQUAL)
        return self.kind == noise.kind and close and self.lowest is None

    def covers(self, noise: Noise) -> bool:
        """That noise is within what it is for."""
        if self.kind in ("", Given.kind):
            return True
        if self.kind != noise.kind or self.lowest is None:
            return False
        low, high = sorted((self.lowest, self.level))
        return low <= noise.level <= high * (1 + _EQUAL)

    @property
    def noise(self) -> str:
        """What it is for, in words."""
        return noise_text(self.kind, self.level, self.lowest) if self.kind else "every noise"


class Models:
    """The models that a method's name may mean, of which the noise says which one.

    Args:
        candidates: one or more.
        where: they are, in words.
        choice: how one of several is chosen, in words.
    """

    def __init__(self, candidates: Sequence[Candidate], where: str, choice: str) -> None:
        self._candidates, self._where, self._choice = candidates, where, choice
        self._loaded: dict[Candidate, Model] = {}

    def distance(self, noise: Noise) -> float:
        """By which factor a level is off what the nearest model is for; 1 within it."""
        if any(one.equals(noise) or one.covers(noise) for one in self._candidates):
            return 1.0
        levels = [one.level for one in self._candidates if one.kind == noise.kind and one.level]
        return min((max(x / noise.level, noise.level / x) for x in levels), default=1.0)

    @property
    def depends(self) -> bool:
        """Whether it depends on the noise which one is taken."""
        return any(candidate.kind not in ("", Given.kind) for candidate in self._candidates)

    def of(self, noise: Noise, estimated: bool = False) -> Model:
        """The model for a noise.

        Args:
            noise: of the images.
            estimated: its level is; then the model of the nearest level is taken where none is for
                just that one.

        Raises:
            UsageError: there is none, or there are several.
        """
        candidates = self._candidates
        found = (
            [one for one in candidates if one.equals(noise)]
            or _nearest([one for one in candidates if one.covers(noise)], noise)
            or (_nearest([one for one in candidates if one.kind == noise.kind], noise) * estimated)
        )
        if not found:
            there = ", ".join(dict.fromkeys(one.noise for one in candidates))
            raise UsageError(f"{self._where} is for {noise}: there is {there}")
        if len(found) > 1:
            names = "; ".join(one.name for one in found)
            raise UsageError(f"{self._where} is not one alone: {names}; {self._choice}")
        (chosen,) = found
        if chosen not in self._loaded:
            self._loaded = {chosen: chosen.load()}  # one at a time is in memory
        return self._loaded[chosen]


def _nearest(candidates: list[Candidate], noise: Noise) -> list[Candidate]:
    """Those whose level is the nearest; of one model at several levels one."""

    def distance(one: Candidate) -> float:
        if not one.level or not noise.level:
            return 0.0
        return round(abs(math.log(one.level / noise.level)), 6)

    least = min(map(distance, candidates), default=0.0)
    near = [one for one in candidates if distance(one) == least]
    return near[:1] if len({one.fit for one in near}) == 1 and near[0].fit else near


# Filters -------------------------------------------------------------------------------------


def filter_models(requested: RequestedMethod, form: Form) -> Models:
    """A method that learns nothing, at the parameters that were typed or else its defaults."""
    method = requested.method
    typed = method.own(requested.params)
    usual = {k: v for k, v in method.parameters.items() if k not in typed}
    values = ", ".join(f"{name}={value}" for name, value in usual.items())
    origin = f"at the default {values}" if usual else "as typed" if typed else "without parameters"

    def load() -> Model:
        parameters = {**method.parameters, **typed}
        return Model(str(requested), parameters, origin, form, form.create(typed))

    return Models([Candidate(str(requested), "", 0.0, None, "", load)], method.name, "")


# Of the cache --------------------------------------------------------------------------------


def cached_models(
    requested: RequestedMethod,
    form: Form,
    fits: FitCache,
    key: str = "",
    make: MakeNoise = make_noise,
) -> Models:
    """The fitted models of a method, with its code and parameters as they are now.

    Args:
        requested: the method, with its parameters and how it was trained.
        form: of it.
        fits: the cache.
        key: the beginning of one model's key; empty for any.
        make: makes the noise that `[train=…]` asks for, of its kind and level.

    Raises:
        UsageError: there is none.
    """
    method = requested.method
    wanted = canonical_json(requested.fit_params)
    candidates, others = [], set()
    for fit_key, about in fits.descriptions():
        if about.get("method") != method.name or digest([PROTOCOL_VERSION, about]) != fit_key:
            continue  # of another method, or no finished model
        if about["source"] != method.source:
            others.add("with other code")
        elif about["fit_params"] != wanted:
            others.add(f"with the parameters {about['fit_params']}")
        elif fit_key.startswith(key):
            if _trained_so(about["train"], requested.regime, make):
                candidates.append(_cached(requested, form, fits, fit_key, about))
            else:
                others.add(f"trained on {_trained_on(about['train'])}")
    if not candidates:
        also = f" (there are some {', '.join(sorted(others))})" if others else ""
        which = f"{requested} of the key {key}" if key else str(requested)
        raise UsageError(
            f"no fitted model of {which} is in the cache {fits.folder}{also}: train one by `bench "
            f"run --methods {requested}`, or name a run that did, by --from RUN"
        )
    where = f"no fitted model of {requested} in the cache"
    return Models(candidates, where, "choose by --fit KEY, or name a run by --from RUN")


def _trained_so(train: Mapping[str, Any] | None, regime: str | None, make: MakeNoise) -> bool:
    """Whether a model was trained as `[train=…]` asks for."""
    if regime is None or train is None:
        return True
    if regime in (MATCHED, BLIND):
        return (train["lowest"] is not None) == (regime == BLIND)
    wanted = training_noise(regime, Gaussian(1.0), make).as_dict()
    level = wanted.pop("level")
    alike = all(train.get(name, "") == value for name, value in wanted.items())
    return alike and train["lowest"] is None and math.isclose(level, train["level"])


def _trained_on(train: Mapping[str, Any]) -> str:
    """The noise of a model's training, in words."""
    if train["kind"] == Given.kind:
        return "the noise that came with its images"
    return noise_text(noise_name(train["kind"], train["clip"]), train["level"], train["lowest"])


def _cached(
    requested: RequestedMethod, form: Form, fits: FitCache, key: str, about: Mapping[str, Any]
) -> Candidate:
    train = about["train"] or {"kind": "", "level": 0.0, "lowest": None}
    seed = "" if about["seed"] is None else f", seed {about['seed']}"
    noise = _trained_on(train) if train["kind"] else ""
    name = f"{key} ({f'{noise} on ' if noise else ''}{about['dataset']}{seed})"

    def load() -> Model:
        fit = fits.get(key)
        if fit is None:
            raise UsageError(f"the fitted model {key} cannot be read: train it again")
        typed = requested.method.own(requested.params)
        denoiser = form.create(typed)
        denoiser.load(fit.arrays)
        parameters = {**requested.method.parameters, **typed}
        return Model(str(requested), parameters, f"fitted model {name}", form, denoiser, noise)

    return Candidate(name, train["kind"], train["level"], train["lowest"], key, load)


# Of a run ------------------------------------------------------------------------------------


def run_models(
    run: Run, method: str, registry: Registry[Method], device: str, seed: int | None
) -> Models:
    """The cells of a method in a run, each with its model and its tuned parameters.

    Args:
        run: that they belong to.
        method: as the run has it: `median`, `vae[latent=10]`.
        registry: of the methods.
        device: where they compute; see `form_again`.
        seed: of training, where the run has several.

    Raises:
        UsageError: there is none, or it was not done.
    """
    metas = cells_of(run, method)
    done = [meta for meta in metas if meta.status == "done"]
    if not done:
        raise UsageError(f"{method} was {metas[0].status} in {run.path}: {metas[0].reason}")
    seeds = sorted({meta.cell.seed for meta in done if meta.cell.seed is not None})
    if seed is not None:
        done = [meta for meta in done if meta.cell.seed == seed]
        if not done:
            there = f"there is {', '.join(map(str, seeds))}" if seeds else "it has none"
            raise UsageError(f"{method} has no seed {seed} in {run.path}: {there}")
    candidates = [_of_cell(run, meta, registry, device) for meta in done]
    choice = f"choose a seed, as --seed {seeds[0]}" if seeds else "choose one"
    return Models(candidates, f"no cell of {method} in {run.path}", choice)


def _of_cell(run: Run, meta: CellMeta, registry: Registry[Method], device: str) -> Candidate:
    cell = cell_of(meta.cell)
    seed = "" if cell.seed is None else f", seed {cell.seed}"
    noise: Noise = cell.noise
    kind, level, lowest = noise.kind, noise.level, None
    if cell.train and cell.train.lowest is not None:
        kind, level, lowest = cell.train.noise.kind, cell.train.noise.level, cell.train.lowest
    elif cell.train is None and not cell.tune:  # nothing of it depends on the noise
        kind = ""

    def load() -> Model:
        form = form_again(cell, meta, registry, device)
        try:
            denoiser = fitted_denoiser(cell, meta.chosen, form, FitCache())
        except Unsupported as error:
            raise UsageError(f"{cell} of {run.path}: {error}") from error
        what = "trained" if cell.train else "tuned" if cell.tune else "measured"
        trained = noise_text(kind, level, lowest) if kind else ""
        where = "with the noise that came with its images" if kind == Given.kind else f"at {noise}"
        origin = f"as {what} {where}{seed} in {run.path}"
        return Model(cell.label, meta.chosen, origin, form, denoiser, trained)

    fit = cell.fit_key if cell.recipe is not None or cell.train else ""
    return Candidate(f"{noise}{seed}", kind, level, lowest, fit, load)
