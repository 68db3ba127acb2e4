"""What two runs have in common, cell by cell: samples to compare, and what could not be paired.

What is paired: records of equal data set, method, typed parameters, noise trained on, noise
tested on, seed and image, where the digests of the noisy image agree. A method's code is not
part of that: it is what the gate is about.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.analysis.scores import CELL, Columns, Scores
from bench.core import MATCHED, noise_text

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd

#: Drops up to these, in the metric's unit, are no regression.
TOLERANCE = {"psnr": 0.05, "ssim": 0.002}
#: Share of a method's error that its mean over several levels gets.
OVERALL_SHARE = 0.8

_ONLY_NEW = "only in the new run"
_ONLY_OLD = "only in the baseline"
_OTHER_NOISE = "under other noise: other data or noise seed"
_SIDES = ("new", "old")
_COLUMNS = [(metric, side) for metric in TOLERANCE for side in _SIDES]
#: The columns of a cell that a run does not have.
_NOTHING: Columns = dict.fromkeys(("image", "digest", *TOLERANCE), np.empty(0, np.int64))


@dataclass(frozen=True)
class Sample:
    """One metric of one method under both runs.

    Attributes:
        new, old: (levels, seeds, images); one seed where nothing is random.
        random: the method's training is random.
        metric: "psnr" or "ssim".
        weight: share of the error.
        name: dataset, label, noise, levels, trained.
    """

    new: npt.NDArray[np.float64]
    old: npt.NDArray[np.float64]
    random: bool
    metric: str = "psnr"
    weight: float = 1.0
    name: Mapping[str, Any] = field(default_factory=dict)


class Pairing:
    """Two runs' cells, joined; their images are read method by method.

    Args:
        new: scores of the run that is judged.
        old: of the run that it is compared with.
    """

    def __init__(self, new: Scores, old: Scores) -> None:
        self._scores = dict(zip(_SIDES, (new, old), strict=True))
        identity = [*CELL, "label"]
        sides = (
            scores.cells[identity].assign(**{side: np.arange(len(scores))})
            for side, scores in self._scores.items()
        )
        cells = next(sides).merge(next(sides), on=identity, how="outer")
        # Matched training is one way to train at all levels, whatever each level's is called.
        trained = cells["train"].where(cells["regime"] != MATCHED, "").fillna("")
        self._cells = cells.assign(
            trained=trained, random=cells["seed"].notna(), seed=cells["seed"].fillna(-1)
        )
        self._unpaired: dict[str, dict[tuple[str, str, float], _Unpaired]] = {
            why: {} for why in (_ONLY_NEW, _ONLY_OLD, _OTHER_NOISE)
        }

    def samples(self) -> Iterator[Sample]:
        """Of each method and metric: over all levels, where there are several, and at each.

        What is held at once is one method, trained in one way, under one kind of noise.
        """
        names = ["dataset", "label", "trained", "noise"]
        for key, cells in self._cells.groupby(names, sort=False, observed=True):
            name = dict(zip(names, key, strict=True))
            levels: Any = cells.groupby("level", sort=False)
            tables = {level: self._table(part) for level, part in levels}
            for metric in TOLERANCE:
                yield from _samples(tables, metric, name, random=bool(cells["random"].any()))

    def unpaired(self) -> list[str]:
        """What `samples` could not pair: a line a cell, with the number of images and seeds."""
        return [
            f"{label} at {noise_text(noise, level)}{part.seeds_text}: {len(part.images):,} images "
            + why
            for why, parts in self._unpaired.items()
            for (label, noise, level), part in sorted(parts.items(), key=lambda e: e[1].first)
        ]

    def _table(self, cells: pd.DataFrame) -> pd.DataFrame:
        """The paired images (rows) under one noise, by metric and side, and by seed (columns)."""
        import pandas as pd

        tables = {}
        numbers = (cells[name].astype("Int64") for name in _SIDES)
        for row, seed, *sides in zip(cells.index, cells["seed"], *numbers, strict=True):
            new, old = (
                _NOTHING if pd.isna(number) else scores.read(int(number))
                for number, scores in zip(sides, self._scores.values(), strict=True)
            )
            paired, unpaired = _joined(new, old)
            for why, images in unpaired.items():
                if len(images):
                    self._note(why, row, images)
            if len(paired):
                tables[int(seed)] = paired
        if not tables:
            return _joined(_NOTHING, _NOTHING)[0]
        ordered = {seed: tables[seed] for seed in sorted(tables)}
        # An image that was not measured under every seed is left out.
        whole = pd.concat(ordered, axis=1, join="inner").sort_index()
        return whole.reorder_levels([1, 2, 0], axis=1)

    def _note(self, why: str, row: Any, images: npt.NDArray[np.int64]) -> None:
        """Images of a cell that could not be paired."""
        cell = self._cells.loc[row]
        entry = (cell["label"], cell["noise"], cell["level"])
        known = self._unpaired[why].setdefault(entry, _Unpaired(row, set(), images))
        known.first = min(known.first, row)
        known.images = np.union1d(known.images, images)
        if cell["random"]:
            known.seeds.add(int(cell["seed"]))


@dataclass
class _Unpaired:
    """What could not be paired of a method under a noise.

    Attributes:
        first: row of the first cell.
        seeds: training seeds.
        images: their positions, each once.
    """

    first: int
    seeds: set[int]
    images: npt.NDArray[np.int64]

    @property
    def seeds_text(self) -> str:
        seeds = sorted(self.seeds)
        return f", seed{'s' * (len(seeds) > 1)} {', '.join(map(str, seeds))}" if seeds else ""


def _joined(new: Columns, old: Columns) -> tuple[pd.DataFrame, dict[str, npt.NDArray[np.int64]]]:
    """The images that two cells share (rows) with their metrics; and the positions of others."""
    import pandas as pd

    images, at_new, at_old = np.intersect1d(
        new["image"], old["image"], assume_unique=True, return_indices=True
    )
    agree = new["digest"][at_new] == old["digest"][at_old]
    at = {"new": (new, at_new[agree]), "old": (old, at_old[agree])}
    paired = pd.DataFrame(
        {(metric, side): at[side][0][metric][at[side][1]] for metric, side in _COLUMNS},
        index=images[agree],
    )
    return paired, {
        _ONLY_NEW: np.setdiff1d(new["image"], images, assume_unique=True),
        _ONLY_OLD: np.setdiff1d(old["image"], images, assume_unique=True),
        _OTHER_NOISE: images[~agree],
    }


def _samples(
    tables: Mapping[float, pd.DataFrame], metric: str, name: Mapping[str, Any], *, random: bool
) -> Iterator[Sample]:
    """A method's samples of one metric: over all levels, where there are several, and at each."""
    # Images without this metric are left out.
    stacks = {level: table[metric].dropna() for level, table in tables.items()}
    stacks = {level: table for level, table in stacks.items() if len(table)}
    overall = False
    if len(stacks) > 1:
        images = _common(table.index for table in stacks.values())
        seeds = _common(table["new"].columns for table in stacks.values())
        if overall := bool(len(images) and len(seeds)):
            new, old = (
                np.stack(
                    [t.loc[images, side][seeds].to_numpy(np.float64).T for t in stacks.values()]
                )
                for side in _SIDES
            )
            yield Sample(new, old, random, metric, OVERALL_SHARE, {**name, "levels": list(stacks)})
    weight = (1 - OVERALL_SHARE if overall else 1.0) / len(stacks) if stacks else 0.0
    for level, table in stacks.items():
        new, old = (table[side].to_numpy(np.float64).T[None] for side in _SIDES)
        yield Sample(new, old, random, metric, weight, {**name, "levels": [level]})


def _common(indexes: Iterable[Any]) -> Any:
    first, *others = indexes
    for other in others:
        first = first.intersection(other)
    return first
