"""What a cell was measured with, found again: its images, and its method with the same code."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bench import datasets
from bench.core import (
    BenchError,
    Cell,
    DataError,
    Dataset,
    Range,
    UsageError,
    expanded,
    method_label,
)
from bench.evaluation.data_source import DataSource
from bench.evaluation.forms import Form, form_of
from bench.planning.request import resolve
from bench.plugins.contract import Method
from bench.plugins.noise_code import load_code
from bench.plugins.sources import Registry
from bench.store import Run
from bench.store.cell_meta import CellMeta

#: What says where images are that lie under no name of their own.
_WHERE = (
    "; --dataset {form}:PATH, or npz:FILE, says where they lie, --plugin FILE has a data set of "
    "one's own, and in Python dataset= takes arrays"
)


def images_of(
    run: Run,
    given: Any,
    data_dir: Path | None,
    plugins: Iterable[str | os.PathLike[str]] = (),
) -> Dataset:
    """The images that a run was measured on, if they are here and the same; see `found_images`."""
    return found_images(run, given, data_dir, plugins)[1]


def found_images(
    run: Run,
    given: Any,
    data_dir: Path | None,
    plugins: Iterable[str | os.PathLike[str]] = (),
    *,
    to_train: bool = False,
) -> tuple[DataSource, Dataset]:
    """The images that a run was measured on, if they are here and the same, and where they are.

    Args:
        run: the run.
        given: where they lie now, as `folder:PATH`, or they themselves, as `bench.run` takes them;
            None where the run's own name says it.
        data_dir: folder of the data sets.
        plugins: files and folders of data sets.
        to_train: with the images that it was trained and tuned on, where these are others'.

    Raises:
        DataError: they are not here, or others.
        UsageError: there is no data set of that name.
    """
    known, settings = run.manifest.dataset, run.manifest.settings
    training = known.training if to_train or settings.split == "validation" else ""
    stated = Range(settings.range[0], settings.range[1]) if settings.range else None
    images: str | Dataset | None = datasets.typed_name(given)
    try:
        if given is not None and images is None:
            images = datasets.opened(given, stated, known.name)
        source = DataSource(
            images or known.name,
            training if training not in ("", known.name) else None,
            datasets.data_folder(data_dir),
            stated,
            tuple(str(expanded(plugin).absolute()) for plugin in plugins),
        )
        data = source.open()
    except BenchError as error:
        kind = known.name.partition(":")[0]
        form = kind if kind in datasets.FORMS else "folder"
        where = "" if given is not None else _WHERE.format(form=form)
        raise type(error)(f"the images of {run.path} are needed again: {error}{where}") from error
    if (data.name, data.fingerprint) != (known.name, known.fingerprint):
        raise DataError(
            f"{data.name} ({data.fingerprint}) is other data than the run was measured on, "
            f"{known.name} ({known.fingerprint}): give it the same files"
        )
    if to_train and data.training_fingerprint != known.trained_fingerprint:
        raise DataError(
            f"{data.training} ({data.training_fingerprint}) is other data than the run was trained "
            f"on, {known.trained_on} ({known.trained_fingerprint}): give it the same files"
        )
    return source, data


def form_again(
    cell: Cell, meta: CellMeta, registry: Registry[Method], device: str = "auto"
) -> Form:
    """A cell's method, on the device and in the threads that it was measured with.

    Args:
        cell: what was measured.
        meta: its record.
        registry: of the methods.
        device: "cpu" not to compute on the GPU that it was measured on.

    Raises:
        UsageError: there is no such method or noise here, or its code is other than it was.
    """
    load_code([cell.noise], registry)
    method = resolve(method_label(cell.method, cell.params), registry).method
    if method.source != cell.source:
        raise UsageError(
            f"{cell.method} was measured with other code{' or files' * bool(method.contents)} than "
            "it has now: run it again, or use the version that measured it"
        )
    on_gpu = meta.conditions.device == "cuda" and device != "cpu" and _has_gpu()
    threads = json.loads(cell.recipe or "{}").get("threads", meta.conditions.threads or 1)
    return form_of(method, "cuda" if on_gpu else "cpu", threads)


def _has_gpu() -> bool:
    import torch

    return torch.cuda.is_available()
