"""Settings -> cells. Pure: it reads no disk and no clock."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from typing import Any

from bench.core import (
    MATCHED,
    Cell,
    Dataset,
    Noise,
    TrainNoise,
    TuneOn,
    Unsupported,
    UsageError,
    canonical_json,
    nearest,
)
from bench.core.tiling import bound
from bench.noises import BLIND, Given, MakeNoise, doubts, make_noise, training_noise
from bench.planning.request import RequestedMethod
from bench.planning.settings import TUNING_IMAGES, Settings
from bench.plugins.contract import Method


def plan(
    settings: Settings,
    dataset: Dataset,
    methods: Iterable[RequestedMethod],
    tuned_by: str = "",
    make: MakeNoise = make_noise,
) -> list[Cell]:
    """The cells of a run, noise by noise: cells that share their noisy images are neighbours.

    Args:
        settings: what to measure.
        dataset: the data set that they name.
        methods: those that they name.
        tuned_by: the metric that parameters are chosen by, as cells name it; with others' code
            its digest is part of that. By default the settings' own.
        make: makes a training noise of its kind and level.

    Raises:
        UsageError: a method has no recipe for the preset; there are no images to measure, or a
            method would be tuned on them.
    """
    if not dataset.sizes[settings.split]:
        raise UsageError(f"{dataset.name} has no {settings.split} images")
    cells = []
    for noise, requested in itertools.product(settings.noise, methods):
        method, params = requested.method, requested.params
        regimes = (requested.regime,) if requested.regime else settings.train_noise
        seeds = settings.seeds if requested.seeds is None else range(requested.seeds)
        tune_on = _tuned_on(method, settings, dataset)
        trained = [_trained_on(regime, noise, settings.noise, make) for regime in regimes]
        for train, seed in itertools.product(
            trained if method.fits_noise else [None], seeds if method.random else [None]
        ):
            cells.append(
                Cell(
                    dataset=dataset.name,
                    fingerprint=dataset.fingerprint,
                    method=method.name,
                    params=canonical_json(params),
                    fit_params=canonical_json(requested.fit_params),
                    source=method.source,
                    train=train,
                    noise=noise,
                    seed=seed,
                    recipe=_recipe(method, settings),
                    limit=settings.limit,
                    tune=_tuning_images(method, params, settings, dataset),
                    # A metric needs clean images; estimates of the error are all of the PSNR.
                    tune_by=(tuned_by or settings.tune_by) if tune_on == "clean" else "psnr",
                    tune_on=tune_on,
                    tile=_tile(method, settings, dataset),
                    quantize=settings.quantize,
                    noise_seeds=settings.noise_seeds,
                    split=settings.split,
                    **_training_data(dataset, method),
                )
            )
    _refuse_tuned(settings, cells)
    return list(dict.fromkeys(cells))  # a regime may have been asked for in two ways


def _refuse_tuned(settings: Settings, cells: Iterable[Cell]) -> None:
    """Refuse to tune on the images that are measured."""
    if settings.split == "validation" and (
        tuned := dict.fromkeys(cell.label for cell in cells if cell.tune)
    ):
        raise UsageError(
            f"{', '.join(tuned)} would be tuned on the validation images that are measured: type "
            "the parameters to be compared, as nlm[h=0.8], or give --no-tune"
        )


def notes(
    settings: Settings,
    dataset: Dataset,
    methods: Iterable[RequestedMethod],
    cells: Iterable[Cell],
    said: Iterable[str] = (),
) -> list[str]:
    """What readers of the numbers should know of the plan, a sentence each.

    Of the images and of the levels what is hardly meant so, which methods run at their defaults for
    want of validation images, what methods say themselves (`said`), and that large images are cut.
    """
    methods, cells = list(methods), list(cells)
    noises = {noise: None for cell in cells for noise in _noises(cell)}
    learned = dataset.training_warnings if any(one.method.learns for one in methods) else ()
    untuned = _untuned(settings, dataset, methods)
    return [*dataset.warnings, *learned, *doubts(noises), *untuned, *said, *_cut(cells)]


def remarks(methods: Iterable[RequestedMethod], cells: Iterable[Cell]) -> list[str]:
    """What methods say of themselves where they are measured on these noises, each once.

    It runs their code, so it is to be asked for while that is loaded.

    Raises:
        UsageError: a method says that its parameters cannot be, or fails to say anything.
    """
    noises = dict.fromkeys(cell.noise for cell in cells)
    said: dict[str, None] = {}
    for requested, noise in itertools.product(methods, noises):
        try:
            remark = requested.method.remark(requested.params, noise)
        except Unsupported as error:
            raise UsageError(f"{requested}: {error}") from error
        if remark:
            said[f"{requested}: {remark}"] = None
    return list(said)


def _noises(cell: Cell) -> tuple[Noise, ...]:
    return (cell.noise, cell.train.noise) if cell.train else (cell.noise,)


def _untuned(
    settings: Settings, dataset: Dataset, methods: Iterable[RequestedMethod]
) -> tuple[str, ...]:
    """A line that names the methods which run at their defaults for want of validation images."""
    if dataset.tunable or not settings.tune:
        return ()
    at_defaults = [
        method.name
        for method, params, *_ in methods
        if not set(method.declared.tune) <= set(params) and _has_images(dataset, method)
    ]
    if not at_defaults:
        return ()
    named = ", ".join(dict.fromkeys(at_defaults))
    images = dataset.other or dataset
    if images.sizes.get("validation"):
        return (
            f"the validation images of {images.name} do not have the noise of {dataset.name}, "
            f"so these run at their defaults: {named}",
        )
    where = images.validated_by or "--train-dataset names a set that has some"
    if images.given and not images.validated_by:
        where = "a folder `val` beside `test` holds them, or `validation = 20` in dataset.toml"
    return (
        f"{images.name} has no validation images to tune on, so these run at their defaults: "
        f"{named}; {where}",
    )


def _cut(cells: Iterable[Cell]) -> list[str]:
    """A line that says how large images are given to methods, where there may be any."""
    return [
        f"methods that take any size are given images of over {bound(side):,} pixels in "
        f"overlapping tiles of {side}x{side}"
        for side in dict.fromkeys(cell.tile for cell in cells)
        if side is not None
    ]


def _has_images(dataset: Dataset, method: Method) -> bool:
    """There are images to learn from; without them a method is skipped, which says so itself."""
    needed = {"function": (), "fitted": ("train",), "trained": ("train", "validation")}
    return all(dataset.sizes.get(split) for split in needed[method.form])


def _trained_on(regime: str, noise: Noise, tested: Iterable[Noise], make: MakeNoise) -> TrainNoise:
    """What a method of that regime is trained on when it is tested on `noise`."""
    if regime == MATCHED:
        return TrainNoise(regime, noise)
    if regime == BLIND and isinstance(noise, Given):
        raise UsageError(
            "train=blind: the noise came with the images, and has no range of levels to train on"
        )
    if regime == BLIND:
        same = [other for other in tested if other.kind == noise.kind]
        if noise.photons:  # without noise there would be no end of them
            fewest = min(same, key=lambda other: other.level)
            return TrainNoise(regime, fewest, lowest=10 * max(other.level for other in same))
        return TrainNoise(regime, max(same, key=lambda other: other.level), lowest=0.0)
    return TrainNoise(regime, training_noise(regime, noise, make))


def _training_data(dataset: Dataset, method: Method) -> dict[str, Any]:
    """The cell's fields that name another data set's training images, where it needs them."""
    own = dataset.training_fingerprint == dataset.fingerprint
    if own or not (method.learns or method.declared.tune):
        return {}
    return {"training": dataset.training, "training_fingerprint": dataset.training_fingerprint}


def _tuning_images(
    method: Method, params: Mapping[str, Any], settings: Settings, dataset: Dataset
) -> int:
    """Validation images to tune on; 0 where no parameter is left to tune, or there are none."""
    if not (settings.tune and dataset.tunable) or set(method.declared.tune) <= set(params):
        return 0
    return min(TUNING_IMAGES[settings.preset], dataset.sizes["validation"])


def _tuned_on(method: Method, settings: Settings, dataset: Dataset) -> TuneOn:
    """As the settings say; what learns without clean images is not tuned on them either."""
    asked = settings.tune_on or "clean"
    if asked != "clean" or not method.learns or method.supervision not in ("noisy", "pairs"):
        return asked
    frames = (dataset.other or dataset).frames != 1
    return "frames" if frames and method.supervision == "pairs" else "self"


def _tile(method: Method, settings: Settings, dataset: Dataset) -> int | None:
    """A tile's pixels a side; None where no image is over the bound, or it is seen whole."""
    side = settings.tile
    if side is None or method.declared.whole or dataset.largest_pixels <= bound(side):
        return None
    return side


def _recipe(method: Method, settings: Settings) -> str | None:
    """The preset's recipe with what the user asked for; epochs that were typed are kept to."""
    if method.recipes is None:
        return None
    if settings.preset not in method.recipes:
        raise UsageError(
            f"method {method.name!r} has no recipe for the preset {settings.preset!r}: "
            f"{nearest(settings.preset, method.recipes)}"
        )
    recipe: dict[str, Any] = {"threads": 1, **method.recipes[settings.preset]}
    recipe["batch_size"] = settings.batch_size or recipe["batch_size"]
    if settings.threads:
        recipe["threads"] = settings.threads
    if settings.epochs:
        recipe["epochs"] = settings.epochs
        recipe.pop("min_updates", None)
    return canonical_json(recipe)
