"""The images that several cells share, as one table."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.analysis.scores import Columns

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd


def joined(cells: Sequence[Columns], metrics: Iterable[str]) -> Columns:
    """The rows of several cells, one below the other: those of one seed under several noise seeds.

    Args:
        cells: of other noisy images each, so that a noisy image stands in one of them.
        metrics: the columns to keep, besides `image`, `unit` and `digest`.
    """
    if len(cells) == 1:
        return cells[0]
    return {
        name: np.concatenate([cell[name] for cell in cells])
        for name in ("image", "unit", "digest", *metrics)
    }


def units_of(cell: Columns, positions: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """The units of some of a cell's images, by their positions in the split."""
    _, at = np.unique(cell["image"], return_index=True)
    rows = at[np.searchsorted(cell["image"][at], positions)]
    return np.asarray(cell["unit"][rows])


def image_table(cells: Mapping[tuple[Any, ...], Columns], metrics: Iterable[str]) -> pd.DataFrame:
    """What cells have measured of the noisy images that all of them share.

    A noisy image is told by its position and the digest of its pixels. Those of one position, under
    several draws of the noise, are averaged: what counts is the image.

    Args:
        cells: each cell's columns, by what tells it from the others.
        metrics: the columns to take.

    Returns:
        A row a position, in order; a column for each metric and cell.
    """
    import pandas as pd

    first, *others = cells.values()
    if all(np.array_equal(first[n], o[n]) for o in others for n in ("image", "digest")):
        at: list[Any] = [slice(None)] * len(cells)  # as nearly always
    else:
        indexes = [pd.MultiIndex.from_arrays([c["image"], c["digest"]]) for c in cells.values()]
        shared = functools.reduce(lambda left, right: left.intersection(right), indexes)
        at = [index.get_indexer(shared) for index in indexes]
    values = {
        (metric, *key): np.asarray(cell[metric][rows], np.float64)
        for metric in metrics
        for (key, cell), rows in zip(cells.items(), at, strict=True)
    }
    table = pd.DataFrame(values, index=first["image"][at[0]])
    if table.index.has_duplicates:
        lacking = table.isna().groupby(level=0).any()
        # An image that lacks a value under one draw has none.
        table = table.groupby(level=0).mean().mask(lacking)
    return table.sort_index()
