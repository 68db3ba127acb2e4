"""Why is my number not the paper's? A cell's outputs under the conventions that papers use."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from bench import datasets, store
from bench.core import (
    BenchError,
    Cell,
    DataError,
    Dataset,
    Noise,
    TrainNoise,
    UsageError,
    method_label,
    nearest,
    shown,
)
from bench.evaluation import runner
from bench.evaluation.convention_scores import Tally
from bench.evaluation.conventions import Account, Convention, MetricName, accounts
from bench.evaluation.forms import Form, form_of
from bench.evaluation.outputs import outputs, own_input
from bench.execution.environment import usable_cpus
from bench.noises import make_noise, parse_noise
from bench.planning.request import resolve
from bench.plugins.sources import Registry

if TYPE_CHECKING:
    import os

    import pandas as pd

    from bench.store.cell_meta import CellMeta

METRICS: tuple[MetricName, ...] = ("psnr", "ssim")
#: A figure is as near as another one within half of the last digit that papers print.
_AS_NEAR = {"psnr": 0.005, "ssim": 0.0005}
_COLUMNS = ["value", "difference", "preset", "convention", "who", "source", "images"]


def explain(
    run: store.Run | str | os.PathLike[str],
    method: str,
    noise: str | float,
    *,
    published: float | None = None,
    metric: MetricName = "psnr",
    seed: int | None = None,
    plugins: Iterable[str | os.PathLike[str]] = (),
    dataset: str | None = None,
    data_dir: Path | None = None,
    watch: Callable[[int, int], None] = lambda done, total: None,
) -> pd.DataFrame:
    """The outputs of a cell under the conventions that papers use, the nearest first.

    The cell's images are denoised again, with its stored model and its parameters, and once more
    from noisy images that are clipped, or rounded to 8 bits. Nothing is trained or tuned.

        >>> import bench.explanation, tempfile
        >>> run = bench.run("digits", methods="median", noise=0.3, limit=9, out=tempfile.mkdtemp())
        >>> frame = bench.explanation.explain(run, "median", 0.3, published=26.8)
        >>> list(frame.columns)[:4]
        ['value', 'difference', 'preset', 'convention']

    Args:
        run: a run, or its folder.
        method: as the run has it: `median`, `vae[latent=10]`.
        noise: as it is typed: `0.3`, `25/255`, `poisson:30`.
        published: the figure to be explained; None for a fixed order.
        metric: "psnr" (dB) or "ssim".
        seed: of training, where the run has several.
        plugins: files and folders of methods.
        dataset: where the run's images lie now, as `folder:PATH`; by default as the run names it.
        data_dir: folder of the data sets.
        watch: told how many of how many images are done.

    Returns:
        A row a convention: value (mean over images, or over pixels), difference (value less
        published), preset, convention (in words), who, source, images (that have a value). In
        `attrs`: label, noise, dataset, metric, published, own (this run's own value), recorded (as
        the run has it), noise_agrees, answer (the first sentence).

    Raises:
        UsageError, DataError, StorageError: one line each, see `bench.core`.
    """
    _check(published, metric)
    opened = run if isinstance(run, store.Run) else store.open_run(run)
    meta = _found(opened, method, noise, seed)
    cell = _cell(meta)
    registry = Registry(plugins)
    form = _form(cell, meta, registry)
    data = _dataset(opened, cell, dataset, data_dir)
    scored = _scored(opened, meta, cell, form, data, metric, watch)
    return _table(scored, published, metric, cell, opened, meta)


def _check(published: float | None, metric: str) -> None:
    if metric not in METRICS:
        raise UsageError(f"unknown metric {metric!r}: {nearest(metric, METRICS)}")
    if published is None:
        return
    if isinstance(published, bool) or not isinstance(published, (int, float)):
        raise UsageError(f"--published is a figure such as 28.57, not {shown(published)}")
    most = 100.0 if metric == "psnr" else 1.0
    if not (math.isfinite(published) and 0 < published <= most):
        raise UsageError(
            f"--published {published:g}: give a mean {metric.upper()} over 0, at most {most:g}"
        )


# Which cell -----------------------------------------------------------------------------------


def _found(run: store.Run, method: str, noise: str | float, seed: int | None) -> CellMeta:
    """The cell that is meant."""
    metas = list(run.metadata())
    labels = {_label(meta): None for meta in metas}
    method = method.replace(" ", "")
    if method not in labels:
        planned = "; its cells have no result yet" if method in run.manifest.methods else ""
        raise UsageError(f"{run.path} has no {method!r}{planned}: {nearest(method, labels)}")
    of_method = [meta for meta in metas if _label(meta) == method]
    noises = {str(_noise(meta)): None for meta in of_method}
    wanted = parse_noise(noise)
    if len(wanted) != 1:
        raise UsageError(f"--noise {noise}: give one noise")
    at_noise = [meta for meta in of_method if _same(_noise(meta), wanted[0])]
    if not at_noise:
        raise UsageError(f"{run.path} has no {method} at {wanted[0]}: there is {', '.join(noises)}")
    seeds = sorted({meta.cell.seed for meta in at_noise if meta.cell.seed is not None})
    if seed is not None:
        at_noise = [meta for meta in at_noise if meta.cell.seed == seed]
        if not at_noise:
            there = f"there is {', '.join(map(str, seeds))}" if seeds else "it has none"
            raise UsageError(f"{method} at {wanted[0]} has no seed {seed}: {there}")
    elif len(at_noise) > 1:
        raise UsageError(
            f"{method} at {wanted[0]} was trained with seeds {', '.join(map(str, seeds))}: choose "
            f"one, as --seed {seeds[0] if seeds else 0}"
        )
    meta = at_noise[0]
    if meta.status != "done":
        raise UsageError(f"{method} at {wanted[0]} was {meta.status}: {meta.reason}")
    return meta


def _label(meta: CellMeta) -> str:
    train = meta.cell.train
    return method_label(meta.cell.method, meta.cell.params, train.regime if train else "")


def _noise(meta: CellMeta) -> Noise:
    noise = meta.cell.noise
    return make_noise(noise.kind, noise.level, noise.clip)


def _same(noise: Noise, typed: Noise) -> bool:
    return noise.kind == typed.kind and math.isclose(noise.level, typed.level, rel_tol=1e-4)


def _cell(meta: CellMeta) -> Cell:
    """The cell as it was planned."""
    recorded, train = meta.cell, None
    given = recorded.model_dump(exclude={"noise", "train", "noise_seed", "noise_seeds"})
    fields = {field.name for field in dataclasses.fields(Cell)}
    if recorded.train:
        noise = make_noise(recorded.train.kind, recorded.train.level, recorded.train.clip)
        train = TrainNoise(recorded.train.regime, noise, recorded.train.lowest)
    return Cell(
        **{name: value for name, value in given.items() if name in fields},
        noise=_noise(meta),
        train=train,
        noise_seeds=tuple(recorded.noise_seeds) or (recorded.noise_seed,),
    )


# What made its images -------------------------------------------------------------------------


def _form(cell: Cell, meta: CellMeta, registry: Registry) -> Form:
    """The method, if its code is what the cell was measured with."""
    method = resolve(method_label(cell.method, cell.params), registry).method
    if method.source != cell.source:
        raise UsageError(
            f"{cell.method} is other code here than the run was measured with ({method.source}, "
            f"and was {cell.source or 'not recorded'}): measure it again, or use the version that "
            "measured it"
        )
    threads = json.loads(cell.recipe or "{}").get("threads", usable_cpus())
    return form_of(method, _device(meta.conditions.device), threads)


def _device(recorded: str) -> str:
    """Where the cell was computed, if that can be had here."""
    if recorded != "cuda":
        return "cpu"
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _dataset(run: store.Run, cell: Cell, typed: str | None, data_dir: Path | None) -> Dataset:
    """The run's images, if they are here and the same."""
    name, folder = typed or cell.dataset, datasets.data_folder(data_dir)
    training = cell.training if cell.split == "validation" else ""
    try:
        data = datasets.load_for(name, training or None, folder)
    except BenchError as error:
        where = (
            "" if typed or not name.startswith("folder:") else "; --dataset folder:PATH says where"
        )
        raise type(error)(f"the images of {run.path} are needed again: {error}{where}") from error
    if (data.name, data.fingerprint) != (cell.dataset, cell.fingerprint):
        raise DataError(
            f"{data.name} ({data.fingerprint}) is other data than the run was measured on, "
            f"{cell.dataset} ({cell.fingerprint}): give it the same files"
        )
    return data


# The figures ----------------------------------------------------------------------------------


def _scored(
    run: store.Run,
    meta: CellMeta,
    cell: Cell,
    form: Form,
    data: Dataset,
    metric: MetricName,
    watch: Callable[[int, int], None],
) -> list[tuple[Account, Tally]]:
    """Every convention that applies with its figure, in one pass over the images."""
    own = Convention(input=own_input(cell), output="rounded" if cell.quantize else "clamped")
    rgb = next(iter(data.groups(cell.split, 1))).images.shape[1] == 3
    scored = [(one, Tally(metric, one.convention)) for one in accounts(metric, own, rgb=rgb)]
    columns = run.images(meta.key)
    recorded = set(zip(columns["image"].tolist(), columns["digest"].tolist(), strict=True))
    inputs = list(dict.fromkeys(one.convention.input for one, _ in scored))
    done, size = 0, data.sizes[cell.split]
    total = (min(cell.limit, size) if cell.limit else size) * len(cell.noise_seeds)
    fits = store.FitCache()
    watch(0, total)
    try:
        with form.computing():
            for batch in outputs(cell, meta.chosen, form, data, fits, inputs):
                drawn = zip(batch.positions.tolist(), batch.digests.tolist(), strict=True)
                if not recorded.issuperset(drawn):
                    raise DataError(
                        f"the noise drawn here for {cell} is not the run's: its noisy images differ"
                    )
                for one, tally in scored:
                    images = batch.restorations[one.convention.input]
                    tally.add(images.clean, images.restored)
                done += len(batch.positions)
                watch(done, total)
    except BenchError:
        raise
    except Exception as error:
        reason = runner.explain(error, form.method)
        raise UsageError(f"{cell} does not restore its images again: {reason}") from error
    return scored


def _table(
    scored: list[tuple[Account, Tally]],
    published: float | None,
    metric: MetricName,
    cell: Cell,
    run: store.Run,
    meta: CellMeta,
) -> pd.DataFrame:
    import numpy as np
    import pandas as pd

    rows = [
        {**one._asdict(), "value": tally.value(), "images": tally.images} for one, tally in scored
    ]
    frame = pd.DataFrame(rows).rename(columns={"words": "convention", "convention": "choices"})
    frame["difference"] = frame["value"] - (math.nan if published is None else published)
    own = float(frame["value"].iloc[0])
    if math.isnan(own):
        raise UsageError(f"{cell} has no {metric.upper()}: its images are too small for it")
    frame = frame[frame["value"].notna()]
    if published is not None:
        order = frame["difference"].abs().round(6).argsort(kind="stable")
        frame = frame.iloc[order]
    frame = frame[_COLUMNS].reset_index(drop=True)
    frame.attrs = {
        "label": cell.label, "noise": str(cell.noise), "dataset": cell.dataset, "metric": metric,
        "published": published, "own": own,
        "recorded": float(np.nanmean(run.images(meta.key)[metric], dtype=np.float64)),
    }  # fmt: skip
    frame.attrs["answer"] = _answer(frame, published, metric)
    return frame


def _answer(frame: pd.DataFrame, published: float | None, metric: MetricName) -> str:
    """The first sentence: what explains the figure best, or that nothing does."""
    own, title = frame.attrs["own"], metric.upper()
    places, unit = (2, " dB") if metric == "psnr" else (3, "")

    def figure(value: float, sign: str = "") -> str:
        return f"{value:{sign}.{places}f}"

    ours = f"this run's own {title} is {figure(own)}{unit}"
    if published is None:
        low, high = frame["value"].min(), frame["value"].max()
        return (
            f"{ours[0].upper()}{ours[1:]}; under other conventions the same outputs have "
            f"{figure(low)} to {figure(high)}{unit}."
        )
    off = own - published
    ours += f", {figure(off, '+')} from the published {figure(published)}"
    best = frame.iloc[0]
    left, near = abs(best.difference), _AS_NEAR[metric]
    if abs(off) <= left + near:
        return f"No convention comes nearer: {ours}."
    what = f"{best.convention}, {figure(best.value)}{unit} ({figure(best.difference, '+')})"
    if left > abs(off) / 2:
        return f"No convention explains it: {ours}; the nearest is {what}."
    count = int((frame["difference"].abs() <= left + near).sum())
    others = f" ({count - 1} more as near)" if count > 1 else ""
    return f"Nearest: {what}{others}; {ours}."
