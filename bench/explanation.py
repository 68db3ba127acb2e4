"""Why is my number not the paper's? A cell's outputs under the conventions that papers use."""

from __future__ import annotations

import contextlib
import math
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bench import store
from bench.core import (
    BenchError,
    Cell,
    DataError,
    Dataset,
    Unsupported,
    UsageError,
    nearest,
    shown,
)
from bench.evaluation import runner
from bench.evaluation.cell_search import find_cell
from bench.evaluation.convention_scores import Tally
from bench.evaluation.conventions import Account, Convention, MetricName, accounts
from bench.evaluation.forms import Form
from bench.evaluation.outputs import Outputs, outputs, own_input
from bench.evaluation.restoring import cell_of, denoiser_of, kept
from bench.execution.provenance import form_again, images_of
from bench.plugins.sources import Registry
from bench.report.content.learning import learning_of, sentence

if TYPE_CHECKING:
    import os

    import pandas as pd

    from bench.core import Values
    from bench.plugins.contract import Method
    from bench.store.cell_meta import CellMeta

METRICS: tuple[MetricName, ...] = ("psnr", "ssim")
#: A figure is as near as another one within half of the last digit that papers print.
_AS_NEAR = {"psnr": 0.005, "ssim": 0.0005}
#: The run's own figure is found again within so much, in dB or of SSIM.
_SAME = 1e-4
#: Own output -> what can be made of outputs that were kept so.
_OF_KEPT = {
    "unclamped": ("unclamped", "clamped", "rounded", "truncated"),
    "clamped": ("clamped", "rounded", "truncated"),
    "stepped": ("stepped", "rounded"),
    "rounded": ("rounded",),
}
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
    warn: Callable[[str], None] = warnings.warn,
) -> pd.DataFrame:
    """The outputs of a cell under the conventions that papers use, the nearest first.

    The cell's images are denoised again, with its stored model and its parameters, and once more
    from noisy images that are clipped, or rounded to 8 bits. Nothing is trained or tuned. Where
    that cannot be, its kept outputs are taken, under the conventions that they allow.

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
        warn: called with a line where this run's own figure is other than the run has it.

    Returns:
        A row a convention: value (mean over images, or over pixels), difference (value less
        published), preset, convention (in words), who, source, images (that have a value). In
        `attrs`: label, noise, dataset, metric, published, own (this run's own value), recorded (as
        the run has it), instead (why kept outputs were taken, else ""), answer (the first
        sentence), learned (what the method learned from, else "").

    Raises:
        UsageError, DataError, StorageError: one line each, see `bench.core`.
    """
    _check(published, metric)
    opened = run if isinstance(run, store.Run) else store.open_run(run)
    meta = find_cell(opened, method, noise, seed)
    cell = cell_of(meta.cell)
    data = _with_truth(images_of(opened, dataset, data_dir, plugins))
    images = _images(opened, meta, cell, data, Registry(plugins))
    scored = _scored(images, cell, data, metric, watch)
    recorded = opened.images(meta.key).get(metric)
    table = _table(scored, published, metric, cell, recorded, images.instead)
    about = opened.manifest.methods.get(cell.method)
    learned = learning_of(cell.label, about, opened.manifest.dataset, meta)
    table.attrs["learned"] = sentence(cell.label, learned)
    return _compared(table, warn)


def _with_truth(data: Dataset) -> Dataset:
    """The images, which have clean ones; raises `UsageError` where they do not."""
    if not data.truth:
        raise UsageError(
            f"{data.name} has no clean images, which every convention compares outputs with: "
            "explain a run on images with ground truth"
        )
    return data


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


# What made its images -------------------------------------------------------------------------


class _Images(NamedTuple):
    """A cell's outputs: batches of them, made for such inputs.

    own: the convention that the cell was measured under. form: of the method that makes them
    again; None where they were kept. instead: why.
    """

    batches: Callable[[list[str]], Iterator[Outputs]]
    own: Convention
    form: Form | None
    instead: str = ""

    def allow(self, convention: Convention) -> bool:
        """Whether they can be had so: kept outputs are of one input, and finished."""
        if self.form:
            return True
        of_kept = _OF_KEPT[self.own.output]
        return convention.input == self.own.input and convention.output in of_kept


def _images(
    run: store.Run, meta: CellMeta, cell: Cell, data: Dataset, registry: Registry[Method]
) -> _Images:
    """The cell's outputs, made again, or kept where that cannot be."""
    own = Convention(input=own_input(cell), output=_own_output(cell, data))
    columns = run.images(meta.key)
    recorded = set(zip(columns["image"].tolist(), columns["digest"].tolist(), strict=True))

    def again(inputs: list[str]) -> Iterator[Outputs]:
        for batch in outputs(cell, denoiser, data, inputs):
            drawn = zip(batch.positions.tolist(), batch.digests.tolist(), strict=True)
            if not recorded.issuperset(drawn):
                raise DataError(f"the noise drawn here for {cell} is other than the run's")
            yield batch

    def as_kept(inputs: list[str]) -> Iterator[Outputs]:
        for part in kept(cell, run.outputs(meta.key), data):
            yield Outputs(part.positions, part.positions.astype("u8"), {own.input: part.images})

    try:
        form = form_again(cell, meta, registry)
        denoiser = denoiser_of(cell, meta.chosen, form, store.FitCache())
    except (UsageError, Unsupported) as error:
        if not run.has_outputs(meta.key):
            raise UsageError(f"{cell}: {error}") from error
        return _Images(as_kept, own, None, str(error))
    return _Images(again, own, form)


def _own_output(cell: Cell, data: Dataset) -> str:
    """What was scored, see `scoring.finish`, as `Convention.output` calls it."""
    if data.range.clamp:
        return "rounded" if cell.quantize else "clamped"
    return "stepped" if cell.quantize else "unclamped"


# The figures ----------------------------------------------------------------------------------


def _scored(
    images: _Images,
    cell: Cell,
    data: Dataset,
    metric: MetricName,
    watch: Callable[[int, int], None],
) -> list[tuple[Account, Tally]]:
    """Every convention that applies with its figure, in one pass over the images."""
    rgb = next(iter(data.groups(cell.split, 1))).shape[0] == 3
    told = [one for one in accounts(metric, images.own, rgb=rgb) if images.allow(one.convention)]
    scored = [(one, Tally(metric, one.convention)) for one in told]
    inputs = list(dict.fromkeys(one.convention.input for one in told))
    done, size = 0, data.sizes[cell.split]
    total = (min(cell.limit, size) if cell.limit else size) * len(cell.noise_seeds)
    watch(0, total)
    try:
        with images.form.computing() if images.form else contextlib.nullcontext():
            for batch in images.batches(inputs):
                for one, tally in scored:
                    part = batch.restorations[one.convention.input]
                    tally.add(part.truth, part.restored)
                done += len(batch.positions)
                watch(done, total)
    except BenchError:
        raise
    except Exception as error:
        if images.form is None:
            raise
        reason = runner.explain(error, images.form.method)
        raise UsageError(f"{cell} does not restore its images again: {reason}") from error
    return scored


def _table(
    scored: list[tuple[Account, Tally]],
    published: float | None,
    metric: MetricName,
    cell: Cell,
    recorded: Values | None,
    instead: str,
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
        "published": published, "own": own, "instead": instead,
        "recorded": own if recorded is None else float(np.nanmean(recorded, dtype=np.float64)),
    }  # fmt: skip
    frame.attrs["answer"] = _answer(frame, published, metric)
    return frame


def _compared(frame: pd.DataFrame, warn: Callable[[str], None]) -> pd.DataFrame:
    """The table; warns where this run's own figure is not what the run has."""
    own, recorded = frame.attrs["own"], frame.attrs["recorded"]
    if abs(own - recorded) > _SAME:
        made = "its kept outputs" if frame.attrs["instead"] else "its outputs made again"
        warn(f"the run recorded {recorded:.4f}, and {made} have {own:.4f}")
    return frame


def _answer(frame: pd.DataFrame, published: float | None, metric: MetricName) -> str:
    """The first sentence: what explains the figure best, or that nothing does."""
    own, title = frame.attrs["own"], metric.upper()
    places, unit = (2, " dB") if metric == "psnr" else (3, "")

    def figure(value: float, sign: str = "") -> str:
        return f"{round(value, places) + 0.0:{sign}.{places}f}"  # without -0.00

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
