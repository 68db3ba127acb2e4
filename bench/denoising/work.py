"""Images denoised: files into a folder, with a word on what was done to each; or arrays."""

from __future__ import annotations

import math
import os
import re
import warnings
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np

from bench import store
from bench.core import (
    ESTIMATED,
    DataError,
    Noise,
    Unsupported,
    UsageError,
    expanded,
    nearest,
    shown,
)
from bench.datasets.formats import Stored
from bench.denoising import files
from bench.denoising.arrays import denoise_array, in_memory
from bench.denoising.meaning import Stated
from bench.denoising.models import Model, Models, cached_models, filter_models, run_models
from bench.denoising.record import NAME, DenoisedFile, Record
from bench.denoising.restorer import Denoiser
from bench.evaluation.forms import form_of
from bench.execution.environment import usable_cpus
from bench.planning.noise_kinds import requested_kinds
from bench.planning.request import resolve, torch_device
from bench.planning.settings import Settings
from bench.plugins.sources import Registry

ESTIMATE = "estimate"
#: Seconds after which it is told how far a file's pages are.
_PATIENCE = 10.0
#: Doubts that are told of a file.
_MOST = 3


#: Those of a run's settings that hold of denoising too.
_SETTINGS = ("range", "tile", "device", "threads", "plugins")
#: `sigma=0.5x` among a method's parameters.
_WRONG_LEVEL = re.compile(rf"\b{ESTIMATED}\s*=\s*[\d.]+x\b", re.ASCII)


def denoise(
    images: Any,
    method: str,
    *,
    noise: str | float = ESTIMATE,
    out: str | os.PathLike[str] | None = None,
    run: store.Run | str | os.PathLike[str] | None = None,
    seed: int | None = None,
    fit: str = "",
    overwrite: bool = False,
    skip: bool = False,
    told: Callable[[DenoisedFile], None] = lambda file: None,
    warn: Callable[[str], None] = warnings.warn,
    progress: Callable[[str], None] = lambda line: None,
    **settings: Any,
) -> Any:
    """Denoise images of one's own, as `bench denoise` does.

        >>> import bench, numpy as np
        >>> noisy = np.random.default_rng(0).normal(128, 20, (64, 64)).clip(0, 255).astype("uint8")
        >>> restored = bench.denoise(noisy, "wavelet", noise="20/255")
        >>> restored.dtype, restored.shape, bool(restored.std() < 5)
        (dtype('uint8'), (64, 64), True)

    Args:
        images: an array, tensor or PIL image of stored values, (H, W), (C, H, W) or (H, W, C) and
            with N before them, C = 1 or 3; or a file, a folder of files, or a list of these.
        method: as typed, `nlm[h=0.8]`, else at its defaults; with `run` as that has it.
        noise: one level in the unit of the range (`25/255`, `poisson:30`); or "estimate" from each.
        out: folder that files are written to.
        run: whose models and tuned parameters are taken; by default models of the cache.
        seed: of training, where the run has several.
        fit: the beginning of a model's key, where the cache has several.
        overwrite: files in `out` may be replaced.
        skip: files in `out` are left as they are, and not denoised again.
        told: called with each file when it is done.
        warn: called with a line for what is hardly meant so.
        progress: called with a line now and then where a file of many pages takes long.
        **settings: of the fields of `bench.Settings` range, tile, device, threads and plugins. By
            default a `dataset.toml` beside a file or up to three folders above it says the range,
            else the run, else the file.

    Returns:
        Of an array the restored one, of its shape and type; else a `DenoisedFile` for each file.

    Raises:
        UsageError, DataError, StorageError: one line each, see `bench.core`.
    """
    work, said = _prepared(method, noise, run, seed, fit, settings)
    if in_memory(images):
        return denoise_array(images, out, said, work, warn)
    each = _ByFile(work, said, work.tile, warn, progress)
    return _files(files.paths(images), out, each, (overwrite, skip), told)


def _files(
    paths: list[str | os.PathLike[str]],
    out: str | os.PathLike[str] | None,
    each: _ByFile,
    existing: tuple[bool, bool],
    told: Callable[[DenoisedFile], None],
) -> list[DenoisedFile]:
    """Denoise files into a folder."""
    if out is None:
        raise UsageError("say where restored files are to be written: --out DIR")
    folder = expanded(out)
    sources, ignored = files.sources(paths, folder)
    left = files.left_to_do(folder, sources, *existing)
    for line in ignored:
        each.warn(line)
    if len(left) < len(sources):
        each.warn(f"{len(sources) - len(left)} files are there already, and left as they are")
    record = Record(folder / NAME)
    results = []
    try:
        for source in left:
            result = each(source)
            results.append(result)
            record.add(result)
            told(result)
    finally:
        record.write()
    return results


def _prepared(
    method: str, noise: Any, run: Any, seed: int | None, fit: str, settings: Mapping[str, Any]
) -> tuple[Denoiser, Stated]:
    """What denoises, and what is known of the range before a file is looked at."""
    typed = _checked(method, settings)
    opened = run if run is None or isinstance(run, store.Run) else store.open_run(run)
    registry = Registry(typed.plugins)
    models = _models(typed, registry, opened, seed, fit)
    work = Denoiser(models, _one_noise(noise, typed, registry), typed.tile)
    if opened is None:
        return work, Stated(typed.range)
    measured = opened.manifest.dataset.range.range
    return work, Stated.of(typed.range, measured, f"the run {opened.path}")


def _checked(method: str, settings: Mapping[str, Any]) -> Settings:
    """The settings that hold here; raises `UsageError` for others."""
    if not isinstance(method, str):
        raise UsageError(f"a method is given by its name, such as nlm; not {shown(method)}")
    for name in settings:
        if name not in _SETTINGS:
            raise UsageError(f"unknown setting {name!r}: {nearest(name, _SETTINGS)}")
    if wrong := _WRONG_LEVEL.search(method):
        raise UsageError(
            f"{method} is told a wrong level, to see what becomes of it: leave {wrong[0]} out, and "
            "say by noise how much there is"
        )
    plugins = [Path(plugin) for plugin in settings.get("plugins", ())]
    return Settings.checked(**{**settings, "methods": [method], "plugins": plugins})


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
    typed: Settings, registry: Registry[Any], run: store.Run | None, seed: int | None, fit: str
) -> Models:
    """Where the method's models are."""
    assert typed.methods is not None
    (text,) = typed.methods
    if run is not None:
        if fit:
            raise UsageError("--fit is of the cache: leave it, or --from, out")
        return run_models(run, text, registry, typed.device, seed)
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


class _ByFile:
    """Denoises files, one after the other.

    Args:
        work: restores an image.
        said: what their values mean.
        tile: for the record.
        warn, progress: see `denoise`.
    """

    def __init__(
        self,
        work: Denoiser,
        said: Stated,
        tile: int | None,
        warn: Callable[[str], None],
        progress: Callable[[str], None],
    ) -> None:
        self._work, self._said, self._tile = work, said, tile
        self.warn, self._progress = warn, progress
        self._told: set[str] = set()

    def __call__(self, source: files.Source) -> DenoisedFile:
        """Denoise a file; what is wrong with it stands in the result."""
        result = DenoisedFile(source.path, source.target, source.fault)
        if source.fault:
            return result
        try:
            self._denoise(source, result)
        except Unsupported as error:
            result.fault = str(error)
        except Exception as error:
            result.fault = files.reason(error)
        return result

    def _denoise(self, source: files.Source, result: DenoisedFile) -> None:
        opened = files.Opened(source.path, self._said)
        for line in opened.told:  # the same of many files
            if line not in self._told:
                self._told.add(line)
                self.warn(f"{source.path}: {line}")
        stored = opened.stored
        check_pages(stored)
        pages = np.empty((stored.pages, *stored.shape), stored.dtype)
        doubts, models = [], []
        since = monotonic()
        for number, noisy in enumerate(opened.pages()):
            if monotonic() - since > _PATIENCE:
                since = monotonic()
                self._progress(f"{source.path}: page {number + 1} of {stored.pages}")
            restored, model, noise = self._work(noisy)
            result.clipped += files.to_stored(restored, opened.range, stored.dtype, pages[number])
            result.noise.append(self._work.words(noise))
            doubts += self._work.doubts(noisy, model, noise)
            models.append(model)
        files.save(source, pages)
        result.values = pages.size
        if source.instead:
            result.notes.append(f"{source.instead} is only read: written as {source.target.name}")
        result.notes += [*opened.notes, *_first(doubts)]
        result.how = self._how(result, models, opened)

    def _how(
        self, result: DenoisedFile, models: list[Model], opened: files.Opened
    ) -> dict[str, Any]:
        """What `denoise.json` says of a file."""
        first = models[0]
        return {
            "input": str(result.source),
            "method": first.label,
            "parameters": dict(first.parameters),
            "model": list(dict.fromkeys(model.origin for model in models)),
            "noise": result.noise,
            "range": opened.range.as_dict(),
            "tile": self._tile,
            "clipped": result.clipped,
            "values": result.values,
            "notes": [*opened.told, *result.notes],
            "code": first.form.method.source,
            "version": version("denoise-bench"),
        }


def _first(doubts: list[str]) -> list[str]:
    """Doubts, the first few of a file of many pages."""
    different = list(dict.fromkeys(doubts))
    more = len(different) - _MOST
    return different if more <= 0 else [*different[:_MOST], f"(and {more} more of its pages alike)"]


def check_pages(stored: Stored) -> None:
    """Checks that there is memory for the restored pages of a file, which are written at once.

    Raises:
        DataError: there is not.
    """
    import psutil

    size = stored.pages * math.prod(stored.shape) * stored.dtype.itemsize
    free = psutil.virtual_memory().available
    if size > free:
        raise DataError(
            f"its {stored.pages:,} pages are restored before they are written, which takes "
            f"{size / 2**30:.1f} GiB of memory, and {free / 2**30:.1f} GiB are free: save its "
            "pages to several files"
        )
