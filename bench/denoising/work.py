"""Images denoised: files into a folder, with a word on what was done to each; or arrays."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench import store
from bench.core import (
    ESTIMATED,
    Noise,
    Range,
    Unsupported,
    UsageError,
    estimate_sigma,
    expanded,
    shown,
)
from bench.core.tiling import SIDE
from bench.denoising import files
from bench.denoising.models import Model, Models, cached_models, filter_models, run_models
from bench.denoising.record import NAME, DenoisedFile, Record
from bench.evaluation import runner, scoring
from bench.evaluation.blame import ends_the_sweep
from bench.evaluation.forms import form_of
from bench.evaluation.tiles import by_tiles
from bench.execution.environment import usable_cpus
from bench.noises import Gaussian
from bench.planning.noise_kinds import requested_kinds
from bench.planning.request import resolve, torch_device
from bench.planning.settings import Settings
from bench.plugins.sources import Registry

if TYPE_CHECKING:
    from bench.core import Array

#: A level that is estimated, and one that a model is for, are near within this factor.
_NEAR = 1.25
ESTIMATE = "estimate"
#: What a method is given that asks for no noise.
_NONE = Gaussian(1.0)


class _Denoiser:
    """A method at work on images, one after the other.

    Args:
        models: those that it may be by.
        noise: of the images; None to estimate it from each.
        tile: pixels a side of the tiles that large images are cut into; None for none.
    """

    def __init__(self, models: Models, noise: Noise | None, tile: int | None) -> None:
        self._models, self._noise, self._tile = models, noise, tile
        self._asks = True  # it is told the noise, or which model it is depends on it
        if noise is not None:
            models.of(noise)  # or it would be refused once for each image
        elif not models.depends:
            self._asks = models.of(_NONE).form.method.takes_noise

    def __call__(self, noisy: Array) -> tuple[Array, Model, Noise]:
        """An image (C, H, W) in [0, 1] restored, by what, and the noise that was taken for it.

        Raises:
            Unsupported: the method does not take it.
            UsageError: there is no model for its noise; or the method fails on it.
        """
        estimated = self._noise is None
        noise = self._noise or (Gaussian(estimate_sigma(noisy)) if self._asks else _NONE)
        model = self._models.of(noise, estimated)
        denoiser = by_tiles(model.denoiser, model.form, self._tile)
        try:
            with model.form.computing():
                restored = scoring.apply(denoiser, noisy[None], noise)[0]
        except Unsupported:
            raise
        except Exception as error:
            if ends_the_sweep(error, model.form.method):
                raise
            why = runner.explain(error, model.form.method)
            raise UsageError(f"{model.label} fails on it: {why}") from error
        return restored, model, noise

    def words(self, noise: Noise) -> str:
        """The noise that was taken for an image's."""
        if self._noise is not None:
            return str(noise)
        return f"{noise} (estimated)" if self._asks else "noise not told"

    def doubt(self, model: Model, noise: Noise) -> str:
        """A line where what was estimated is far from what the model is for."""
        if self._noise is not None:
            return ""
        far = self._models.distance(noise)
        if far <= _NEAR:
            return ""
        return f"the noise is estimated as {noise}, and the model is for {model.trained}"


def denoise(
    images: Any,
    method: str,
    *,
    noise: str | float = ESTIMATE,
    out: str | os.PathLike[str] | None = None,
    run: store.Run | str | os.PathLike[str] | None = None,
    seed: int | None = None,
    fit: str = "",
    range: Any = None,  # noqa: A002
    tile: int | str | None = SIDE,
    device: str = "auto",
    threads: int | None = None,
    plugins: Iterable[str | os.PathLike[str]] = (),
    overwrite: bool = False,
    skip: bool = False,
    told: Callable[[DenoisedFile], None] = lambda file: None,
    warn: Callable[[str], None] = warnings.warn,
) -> Any:
    """Denoise images of one's own, as `bench denoise` does.

        >>> import bench, numpy as np
        >>> noisy = np.random.default_rng(0).normal(128, 20, (64, 64)).clip(0, 255).astype("uint8")
        >>> restored = bench.denoise(noisy, "wavelet", noise="20/255")
        >>> restored.dtype, restored.shape, bool(restored.std() < 5)
        (dtype('uint8'), (64, 64), True)

    Args:
        images: an array of stored values, (H, W), (C, H, W) or (N, C, H, W), C = 1 or 3; or a file,
            a folder of files, or a list of these.
        method: as typed, `nlm[h=0.8]`, filters else at their defaults; with `run` as that has it.
        noise: one, in the unit of the range: `25/255`, `poisson:30`; "estimate": Gaussian, of each.
        out: folder that files are written to.
        run: whose models and tuned parameters are taken; by default models of the cache.
        seed: of training, where the run has several.
        fit: the beginning of a model's key, where the cache has several.
        range: stored values of black and white; by default of 8 bits 0 and 255, of 16 bits 65535.
        tile: see `bench.Settings`, as are the next ones.
        device: "auto", "cpu" or "cuda".
        threads: by default all cores, or as the run did.
        plugins: files and folders of methods.
        overwrite: files in `out` may be replaced.
        skip: files in `out` are left as they are, and not denoised again.
        told: called with each file when it is done.
        warn: called with a line for what is hardly meant so.

    Returns:
        Of an array the restored one, of its shape and type; else a `DenoisedFile` for each file,
        which says what is wrong with one that could not be denoised.

    Raises:
        UsageError, DataError, StorageError: one line each, see `bench.core`.
    """
    typed = _checked(range, tile, device, threads, method, plugins)
    known = Registry(typed.plugins)
    models, told_noise = _models(typed, known, run, seed, fit), _one_noise(noise, typed, known)
    work = _Denoiser(models, told_noise, typed.tile)
    if isinstance(images, np.ndarray):
        return _array(images, out, typed.range, work, warn)
    return _files(files.paths(images), out, typed, work, (overwrite, skip), told, warn)


def _files(
    paths: list[str | os.PathLike[str]],
    out: str | os.PathLike[str] | None,
    typed: Settings,
    work: _Denoiser,
    existing: tuple[bool, bool],
    told: Callable[[DenoisedFile], None],
    warn: Callable[[str], None],
) -> list[DenoisedFile]:
    """Denoise files into a folder."""
    if out is None:
        raise UsageError("say where restored files are to be written: --out DIR")
    folder = expanded(out)
    sources, ignored = files.sources(paths, folder)
    left = files.left_to_do(folder, sources, *existing)
    for line in ignored:
        warn(line)
    if len(left) < len(sources):
        warn(f"{len(sources) - len(left)} files are there already, and left as they are")
    record = Record(folder / NAME)
    results = []
    try:
        for source in left:
            result = _file(source, typed.range, work, typed.tile)
            results.append(result)
            record.add(result)
            told(result)
    finally:
        record.write()
    return results


def _checked(
    stated: Any,
    tile: Any,
    device: str,
    threads: int | None,
    method: str,
    plugins: Iterable[str | os.PathLike[str]],
) -> Settings:
    if not isinstance(method, str):
        raise UsageError(f"a method is given by its name, such as nlm; not {shown(method)}")
    return Settings.checked(
        range=stated, tile=tile, device=device, threads=threads, methods=[method],
        plugins=[Path(plugin) for plugin in plugins],
    )  # fmt: skip


def _one_noise(noise: Any, typed: Settings, registry: Registry[Any]) -> Noise | None:
    """The noise that was typed, with its code; None where it is to be estimated."""
    if isinstance(noise, str) and noise.strip() == ESTIMATE:
        return None
    (method,) = typed.methods or ("",)
    if f"{ESTIMATED}={ESTIMATE}" in method.replace(" ", ""):
        raise UsageError(f"{method} is told what is estimated: leave --noise {noise} out")
    asked = Settings.checked(noise=noise, plugins=typed.plugins)
    found = requested_kinds(asked, (), registry).resolved(asked).noise
    if len(found) != 1:
        raise UsageError(f"--noise {noise}: give one noise, or estimate")
    return found[0]


def _models(
    typed: Settings, registry: Registry[Any], run: Any, seed: int | None, fit: str
) -> Models:
    """Where the method's models are."""
    assert typed.methods is not None
    (text,) = typed.methods
    if run is not None:
        if fit:
            raise UsageError("--fit is of the cache: leave it, or --from, out")
        opened = run if isinstance(run, store.Run) else store.open_run(run)
        return run_models(opened, text, registry, typed.device, seed)
    if seed is not None:
        raise UsageError("--seed is of a run: give --from RUN, or choose a model by --fit KEY")
    requested = resolve(text, registry)
    method = requested.method
    if requested.seeds is not None:
        raise UsageError(f"{text}: leave seeds out, since one model denoises")
    form = form_of(method, torch_device(typed, [method]), typed.threads or usable_cpus())
    if method.learns:
        kinds = requested_kinds(typed, [requested.regime], registry)
        return cached_models(requested, form, store.FitCache(), fit, kinds.make)
    if fit:
        raise UsageError(f"{method.name} learns nothing: leave --fit out")
    return filter_models(requested, form)


# A file ---------------------------------------------------------------------------------------


def _file(
    source: files.Source, typed: Range | None, work: _Denoiser, tile: int | None
) -> DenoisedFile:
    """Denoise a file; what is wrong with it stands in the result."""
    result = DenoisedFile(source.path, source.target, source.fault)
    if source.fault:
        return result
    try:
        _denoise_file(source, typed, work, tile, result)
    except Unsupported as error:
        result.fault = str(error)
    except Exception as error:
        result.fault = files.reason(error)
    return result


def _denoise_file(
    source: files.Source,
    typed: Range | None,
    work: _Denoiser,
    tile: int | None,
    result: DenoisedFile,
) -> None:
    opened = files.Opened(source.path, typed)
    stored = opened.stored
    pages = np.empty((stored.pages, *stored.shape), stored.dtype)
    doubts, models = [], []
    for noisy, page in zip(opened.pages(), pages, strict=True):
        restored, model, noise = work(noisy)
        result.clipped += files.to_stored(restored, opened.range, stored.dtype, page)
        result.noise.append(work.words(noise))
        doubts.append(work.doubt(model, noise))
        models.append(model)
    files.save(source, pages)
    result.values = pages.size
    if source.instead:
        result.notes.append(f"{source.instead} is only read: written as {source.target.name}")
    result.notes += [*opened.notes, *filter(None, dict.fromkeys(doubts))]
    first = models[0]
    result.how = {
        "input": str(source.path),
        "method": first.label,
        "parameters": dict(first.parameters),
        "model": list(dict.fromkeys(model.origin for model in models)),
        "noise": result.noise,
        "range": opened.range.as_dict(),
        "tile": tile,
        "clipped": result.clipped,
        "values": result.values,
        "notes": result.notes,
        "code": first.form.method.source,
        "version": version("denoise-bench"),
    }


# An array -------------------------------------------------------------------------------------


def _array(
    images: np.ndarray[Any, Any],
    out: Any,
    typed: Range | None,
    work: _Denoiser,
    warn: Callable[[str], None],
) -> Any:
    """An array of stored values, restored."""
    if out is not None:
        raise UsageError("out= is of files; what an array becomes is returned")
    if images.ndim not in (2, 3, 4) or (images.ndim > 2 and images.shape[-3] not in (1, 3)):
        raise UsageError(
            f"an array of shape {images.shape}: give (H, W), (C, H, W) or (N, C, H, W) with 1 or 3 "
            "channels"
        )
    kind = images.dtype
    if kind.kind not in "uif" or not images.size or not np.isfinite(images).all():
        raise UsageError(f"images are finite numbers, as uint8, uint16 or float32, not {kind}")
    meaning = files.check_values(images, typed, warn)
    flat = images.reshape(-1, *((1, *images.shape) if images.ndim == 2 else images.shape[-3:]))
    result = np.empty(flat.shape, kind)
    for noisy, restored_to in zip(flat, result, strict=True):
        try:
            scaled = meaning.scaled(noisy)
            if meaning.clamp:
                files.check_near(scaled, meaning)
            restored, _, _ = work(scaled)
        except Unsupported as error:
            raise UsageError(str(error)) from error
        files.to_stored(restored, meaning, kind, restored_to)
    return result.reshape(images.shape)
