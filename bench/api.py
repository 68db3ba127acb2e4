"""Puts the parts together: a run from settings to records on disk, as the command does it."""

from __future__ import annotations

import dataclasses
import os
import re
import sys
import warnings
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from bench import datasets, environment, plan, runner, spec, store
from bench.core import (
    CONVENTIONS,
    MATCHED,
    PROTOCOL_VERSION,
    Cell,
    Progress,
    Record,
    UsageError,
    digest,
)
from bench.denoiser import Method
from bench.estimate import ESTIMATED
from bench.noise import training_regime
from bench.registry import Registry, load


class Listener(Protocol):
    """Told how a run goes on."""

    def started(self, run: store.Run, cells: list[Cell], waiting: list[Cell]) -> None:
        """The run is planned; those of its cells that have no result yet are `waiting`."""

    def progress(self, progress: Progress) -> None:
        """A cell goes on."""

    def recorded(self, record: Record) -> None:
        """A cell is finished, and its result is on disk."""

    def warned(self, text: str) -> None:
        """Something is not as it should be, and the run goes on."""


def run(
    dataset: str | None = None,
    *,
    train_dataset: str | None = None,
    methods: str | Iterable[str] | None = None,
    plugins: Iterable[str | os.PathLike[str]] = (),
    noise: str | float | Iterable[str | float] = plan.DEFAULT_NOISE,
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
    data_dir: str | os.PathLike[str] | None = None,
    out: str | os.PathLike[str] = "results",
    name: str | None = None,
    fresh: bool = False,
    command: str | None = None,
    listener: Listener | None = None,
) -> store.Run:
    """Measure denoising methods, as `bench run` does, and keep the results on disk.

    A run that was interrupted goes on with its first unfinished cell.

    Args:
        dataset: by name; None for MNIST, or `digits` where MNIST cannot be had.
        train_dataset: the data set whose training and validation images are used instead of
            those of `dataset`.
        methods: names, with parameters where wanted: `["median[size=5]", "vae"]`; "classical" for
            all built-in ones that do without torch, extras and other methods; None for
            `bench.plan.DEFAULT_METHODS` and those of `plugins`.
        plugins: files and folders that hold more methods.
        noise: levels of Gaussian noise in [0, 1] units, as numbers or text (`25/255`), or of
            other kinds: `"gaussian:0.1,0.3;poisson:30"` (see `bench.noise.KINDS`).
        clip: limit noisy images to [0, 1].
        train_noise: how methods that learn are trained: "matched" (on the noise that they are
            tested on), "blind" (on levels from 0 to the highest tested), or a level, or
            several of these. A method's own, as in `dae[train=blind]`, goes before it.
        seeds: training seeds of the methods in which something is random. A method's own
            number of them, as in `vae[seeds=4]` (0 to 3), goes before it.
        limit: only the first so many test images.
        epochs: instead of the preset's.
        batch_size: training images an update, instead of the recipe's.
        preset: "quick", "default" or "paper": how long methods are trained and tuned.
        tune: choose untyped parameters on validation images.
        quantize: round outputs to 8 bits before scoring.
        device: "auto", "cpu" or "cuda", for the methods that torch trains.
        data_dir: folder of the data sets.
        out: folder of the runs.
        name: of this run in it; by default the data set and a hash of the settings.
        fresh: start over, and train anew what earlier runs have trained.
        command: what the manifest is to say made it.
        listener: told how it goes on.

    Returns:
        The run; `run.records()` has a row an image.

    Raises:
        UsageError, DataError, StorageError: one line each, see `bench.core`.
    """
    registry = Registry(plugins)
    for given in registry.given:
        registry.load(given)  # a plugin that was asked for and is broken ends it here
    if methods is None:
        # The user's own come early, so that a mistake in them shows before hours of training.
        first, *rest = plan.DEFAULT_METHODS
        names = [first, *registry.given, *rest]
    else:
        names = spec.split_list(methods) if isinstance(methods, str) else list(methods)
        names = [
            name
            for given in names
            for name in (registry.classical if given.strip() == plan.CLASSICAL else [given])
        ]
    # However it is typed, one method with the same parameters is measured once.
    chosen = {str(asked): asked for asked in (_resolve(text, registry) for text in names)}
    methods_used = {asked.method.name: asked.method for asked in chosen.values()}
    noise, train_noise = _repeatable(noise), _repeatable(train_noise)
    seeds = list(seeds)
    folder = datasets.data_folder(data_dir)
    # Settings are checked before anything is downloaded.
    values: dict[str, Any] = {
        "methods": chosen,
        "noise": noise,
        "clip": clip,
        "train_noise": train_noise,
        "seeds": seeds,
        "limit": limit,
        "epochs": epochs,
        "batch_size": batch_size,
        "preset": preset,
        "tune": tune,
        "quantize": quantize,
        "device": device,
    }
    plan.settings(dataset or "mnist", **values)
    torch_device = _device(device, [asked.method for asked in chosen.values()])
    data = datasets.load(dataset, folder) if dataset else datasets.load_default(folder)
    if train_dataset:
        data = datasets.with_training(data, datasets.load(train_dataset, folder))
        values["train_dataset"] = data.training
    settings = plan.settings(data.name, **values)
    cells = plan.plan(settings, data, chosen.values())
    manifest = {
        "protocol": PROTOCOL_VERSION,
        "conventions": _conventions(quantize),
        "settings": settings.as_dict(),
        "dataset": {
            "name": data.name,
            "fingerprint": data.fingerprint,
            "sizes": dict(data.sizes),
            "note": data.note,
            "left_out": list(data.left_out),
            "training": data.training,
            "training_fingerprint": data.training_fingerprint,
        },
        "methods": {
            method.name: {
                "summary": method.summary,
                "reference": method.reference,
                "origin": method.origin,
                "told_noise": method.told,
                "learns": method.learns,
            }
            for method in methods_used.values()
        },
        "cells": [cell.key for cell in cells],
        "device": torch_device,
        "threads": environment.usable_cpus(),
        "command": command or f"bench.run({data.name!r}, ...)",
        **environment.describe(torch_device),
        "started": _now(),
        "ended": None,
    }
    result = store.start_run(
        Path(out).expanduser() / _folder_name(name or settings.default_name),
        manifest,
        fresh=fresh,
    )
    finished = result.finished()
    waiting = [cell for cell in cells if cell.key not in finished]
    warn = listener.warned if listener else warnings.warn
    for line in data.left_out:
        warn(line)
    if listener:
        listener.started(result, cells, waiting)
    if not waiting:
        return result
    fits = store.FitCache(fresh=fresh, warn=warn)
    if any(method.learns for method in methods_used.values()):
        fits.check()
    records = runner.run_cells(
        waiting,
        data,
        methods_used,
        fits,
        device=torch_device,
        threads=environment.usable_cpus(),
        watch=listener.progress if listener else lambda progress: None,
    )
    for record in records:
        result.write(record)
        if listener:
            listener.recorded(record)
    result.update_manifest(ended=_now())
    return result


def get_method(name: str, **params: Any) -> Any:
    """A method by name with parameters set: `get_method("median", size=5).denoise(noisy, noise)`.

    A method that learns comes unfitted.

    Raises:
        UsageError: there is no such method or parameter.
    """
    method = load(name)
    if method.missing:
        raise UsageError(method.missing)
    return method.create(spec.typed_params(method, {k: str(v) for k, v in params.items()}))


def _conventions(quantize: bool) -> dict[str, str]:
    rounded = "; then rounded to 8 bits" if quantize else ""
    return {**CONVENTIONS, "outputs": CONVENTIONS["outputs"] + rounded}


def _repeatable(levels: Any) -> Any:
    """Levels that can be gone through twice."""
    return list(levels) if isinstance(levels, Iterable) and not isinstance(levels, str) else levels


def _resolve(text: str, registry: Registry) -> plan.Asked:
    name, params = spec.parse(text)
    method = registry.load(name)
    if method.missing:
        raise UsageError(method.missing)
    regime, seeds = params.pop("train", None), params.pop("seeds", None)
    sigma = None if ESTIMATED in method.parameters else params.pop(ESTIMATED, None)
    for word, value, useful, why in (
        ("train", regime, method.learns, "learns nothing"),
        ("train", regime, method.fits_noise, "learns the same whatever the noise"),
        ("seeds", seeds, method.random, "has nothing random"),
        (ESTIMATED, sigma, method.told, "is not told the noise"),
    ):
        if value is not None and not useful:
            raise UsageError(f"method {name!r} {why}: leave {word}={value} out")
    if seeds is not None and not (seeds.isdecimal() and 0 < int(seeds) <= plan.MAX_SEEDS):
        raise UsageError(
            f"{name}[seeds={seeds}]: give the number of training seeds, from 1 to {plan.MAX_SEEDS}"
        )
    if method.wraps:
        method = _with_inner(method, params.get(method.wraps, method.parameters[method.wraps]))
    if sigma not in (None, "known", "estimate"):
        raise UsageError(f"{name}[{ESTIMATED}={sigma}]: write known or estimate")
    estimated = {ESTIMATED: sigma} if sigma == "estimate" else {}
    return plan.Asked(
        method,
        {**spec.typed_params(method, params), **estimated},
        None if regime is None else training_regime(regime),
        None if seeds is None else int(seeds),
    )


def _with_inner(method: Method, name: str) -> Method:
    """A method that wraps another one: its results depend on that one's code too."""
    inner = load(name)  # where `get_method` will find it
    if inner.missing:
        raise UsageError(inner.missing)
    if inner.wraps:
        raise UsageError(
            f"{method.name}[{method.wraps}={name}]: {name} wraps another method itself"
        )
    return dataclasses.replace(method, source=digest([method.source, inner.source]))


def _device(asked: str, methods: list[Method]) -> str:
    """Where torch computes; torch is loaded only where it is needed."""
    if asked == "cpu" or (asked == "auto" and not any(method.uses_torch for method in methods)):
        return "cpu"
    import torch

    if torch.cuda.is_available():
        return "cuda"
    if asked == "cuda":
        raise UsageError(
            f"--device cuda: torch {torch.__version__} finds no CUDA device here; use --device cpu"
        )
    return "cpu"


def _folder_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise UsageError(
            f"--name {name!r} is no folder's name: use letters, digits, '.', '_' and '-'"
        )
    return name


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def command_line() -> str:
    """The command that this process was started with, as a shell would take it."""
    import shlex

    return shlex.join(["bench", *sys.argv[1:]])
