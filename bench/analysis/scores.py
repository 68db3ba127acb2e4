"""Scores that lie in cells' files: what is measured of many images, of which few are in memory.

The means, tests and tables of this package take their numbers from `Scores`. It knows the cells,
a row each, and reads the images of one when they are asked for, so that what is held at once are
those under one noise, or of one method, whatever the number of records.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from bench.analysis.labels import tuples, with_labels
from bench.analysis.rows import Rows
from bench.core import DEFAULT_SCALES, Scale

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd

    Array = npt.NDArray[Any]

#: Of one cell, an entry an image: `image` (position), `digest` (of the noisy pixels), metrics; and
#: `unit`, what the image belongs to that was drawn independently of the others.
Columns = Mapping[str, "Array"]
#: What tells a cell of one run from the others.
CELL = ["dataset", "method", "params", "noise", "clip", "level", "train", "regime", "seed"]
NOISE = ["dataset", "noise", "level"]


class Images(Protocol):
    """What cells' images are read from, such as a run."""

    def images(self, key: str) -> Columns:
        """The columns of a cell."""


class _Scales(Protocol):
    """What says how numbers are read, such as a manifest."""

    @property
    def scales(self) -> Mapping[str, Scale]:
        """By the metrics' labels."""


class ScoredRun(Images, Protocol):
    """As much of a run as scores are read from."""

    @property
    def manifest(self) -> _Scales:
        """What it says of itself."""


def united(parts: Iterable[Mapping[str, Scale]]) -> dict[str, Scale]:
    """The metrics of several runs, each as the first of them says that has it.

    Where two have one title they are called by their labels.

    >>> two = united([{"psnr": Scale("PSNR", "dB")}, {"mae": Scale("MAE"), "l1": Scale("MAE")}])
    >>> [scale.title for scale in two.values()]
    ['PSNR', 'mae', 'l1']
    """
    scales: dict[str, Scale] = {}
    for part in parts:
        scales |= {label: scale for label, scale in part.items() if label not in scales}
    often = Counter(scale.title for scale in scales.values())
    return {
        label: replace(scale, title=label) if often[scale.title] > 1 else scale
        for label, scale in scales.items()
    }


def prominent(labels: Iterable[str]) -> list[str]:
    """What is shown where there is not room for all: MSE says of an image what PSNR says.

    >>> prominent(["psnr", "mse", "ssim"]), prominent(["mse"])
    (['psnr', 'ssim'], ['mse'])
    """
    labels = list(labels)
    return [label for label in labels if label != "mse" or "psnr" not in labels]


class Scores:
    """The scores of cells; iterating gives each cell's columns, read as it comes.

    Args:
        cells: a row a cell, with the columns `CELL`, `label` and the noise's full name (see
            `with_labels`), `key`, and `run`, the position in `runs` of the run that has it.
        runs: what the cells' images are read from.
        scales: how the metrics' numbers are read, by label; the first one leads.
    """

    def __init__(
        self,
        cells: pd.DataFrame,
        runs: Sequence[Images],
        scales: Mapping[str, Scale] = DEFAULT_SCALES,
    ) -> None:
        self.cells, self._runs, self.scales = cells, runs, scales

    @classmethod
    def of_run(cls, run: ScoredRun, cells: pd.DataFrame) -> Scores:
        """Those of a run's cells that are done; `cells` as `Run.cells` gives them."""
        done = with_labels(cells[cells["status"] == "done"]).assign(run=0)
        return cls(done, [run], united([run.manifest.scales]))

    @classmethod
    def of(cls, records: pd.DataFrame, scales: Mapping[str, Scale] = DEFAULT_SCALES) -> Scores:
        """Those of a frame with a row an image and cell, as `Run.records` gives it.

        >>> import pandas as pd
        >>> identity = {"dataset": "toy", "method": "identity", "params": "{}", "level": 0.3}
        >>> noise = {"noise": "gaussian", "clip": False}
        >>> training = {"train": None, "regime": None, "seed": None}
        >>> images = {"image": [0, 1], "digest": [7, 8], "psnr": [10.0, 11.0], "ssim": 0, "mse": 0}
        >>> scores = Scores.of(pd.DataFrame({**images, **identity, **noise, **training}))
        >>> [float(columns["psnr"].mean()) for columns in scores]
        [10.5]
        """
        return _Frame(records).scores(scales)

    def __len__(self) -> int:
        """Number of cells."""
        return len(self.cells)

    def __iter__(self) -> Iterator[Columns]:
        return map(self.read, range(len(self)))

    def read(self, number: int) -> Columns:
        """The columns of a cell, the first of which is 0.

        All metrics have one: NaN where the cell has not been measured by it. So has `unit`: each
        image is its own where its data set knows of none.
        """
        columns = self.known(number)
        return {"unit": columns["image"], **columns}

    def known(self, number: int) -> Columns:
        """The same, without `unit` where the cell knows of none."""
        run, key = (self.cells[name].to_numpy()[number] for name in ("run", "key"))
        columns = dict(self._runs[run].images(key))
        units = _units(columns.pop("unit", None))
        missing = [label for label in self.scales if label not in columns]
        return {
            **columns,
            **({} if units is None else {"unit": units}),
            **{label: np.full(len(columns["image"]), np.nan) for label in missing},
        }

    def take(self, rows: Sequence[int]) -> Scores:
        """Those of some rows of `cells`, in this order; nothing is read."""
        return Scores(self.cells.iloc[np.asarray(rows, dtype=np.int64)], self._runs, self.scales)

    def of_cells(self, cells: pd.DataFrame) -> Scores:
        """The same with other entries in the cells' columns, such as labels."""
        return Scores(cells, self._runs, self.scales)

    def by(self, *names: str) -> Iterator[tuple[tuple[Any, ...], Scores]]:
        """Those of equal entries in some columns of `cells`, with these, in the cells' order."""
        groups: dict[tuple[Any, ...], list[int]] = {}
        for row, key in enumerate(tuples(self.cells, *names)):
            groups.setdefault(key, []).append(row)
        for key, rows in groups.items():
            yield key, Scores(self.cells.iloc[rows], self._runs, self.scales)

    def noises(self) -> Iterator[NoiseScores]:
        """All that was measured under one noise, one after the other."""
        # Columns stand in one order under all noises.
        labels = dict.fromkeys(self.cells["label"])
        for point, part in self.by(*NOISE):
            here = set(part.cells["label"])
            yield NoiseScores.of(point, [label for label in labels if label in here], part)


def _units(units: Array | None) -> Array | None:
    """The unit of each image; None where there are none, as beside data sets with units."""
    if units is None or (units.dtype.kind != "i" and np.isnan(units.astype(np.float64)).any()):
        return None
    return units.astype(np.int64)


class _Frame:
    """The records of cells in one frame; a cell's key is its number."""

    def __init__(self, records: pd.DataFrame) -> None:
        groups = records.groupby(CELL, sort=False, dropna=False, observed=True).indices
        rows = sorted(groups.values(), key=lambda rows: rows[0])
        self._parts = [records.iloc[of_cell] for of_cell in rows]
        self._cells = records.iloc[[int(of_cell[0]) for of_cell in rows]][CELL]

    def images(self, key: str) -> Columns:
        part = self._parts[int(key)]
        of_cell = {*CELL, "label"}
        return {str(name): part[name].to_numpy() for name in part if name not in of_cell}

    def scores(self, scales: Mapping[str, Scale]) -> Scores:
        keys = [str(number) for number in range(len(self._parts))]
        cells = with_labels(self._cells.reset_index(drop=True))
        return Scores(cells.assign(key=keys, run=0), [self], scales)


@dataclass(frozen=True)
class NoiseScores:
    """What was measured on one data set under one noise: a row an image, a column a method.

    An image under other noise (by the digest of its noisy pixels) is another row of the same unit.

    Attributes:
        point: data set, the noise's full name, level.
        labels: of the methods.
        values: metric -> (images, methods), means over training seeds; NaN where there is none.
        positions: (images,), of each in the split.
        units: (images,), what each belongs to that was drawn independently of the others: its
            field, patient or file; its position where no cell knows of any, see `Rows`.
        seeds: (methods,), of how many training seeds; 1 also where nothing is random.
        seed_means: of each method, training seed -> the means over its images of all metrics;
            empty where nothing is random.
        scales: how the metrics' numbers are read.
    """

    point: tuple[Any, ...]
    labels: list[str]
    values: Mapping[str, Array]
    positions: Array
    units: Array
    seeds: Array
    seed_means: list[dict[int, Array]]
    scales: Mapping[str, Scale] = field(default_factory=lambda: DEFAULT_SCALES)

    @classmethod
    def of(cls, point: tuple[Any, ...], labels: list[str], scores: Scores) -> NoiseScores:
        """Of the cells under one noise, each read once."""
        rows = Rows()
        cells = [
            (rows.of(columns), [columns[name] for name in scores.scales])
            for columns in map(scores.known, range(len(scores)))
        ]
        shape = (len(scores.scales), len(rows), len(labels))
        total, known = np.zeros(shape), np.zeros(shape, np.int32)
        measured = np.zeros(shape[1:], np.int32)
        seed_means: list[dict[int, Array]] = [{} for _ in labels]
        seeds = scores.cells["seed"].astype("Int64").fillna(-1)
        for label, seed, (at, metrics) in zip(scores.cells["label"], seeds, cells, strict=True):
            column = labels.index(label)
            values = np.array(metrics, np.float64)
            there = ~np.isnan(values)
            total[:, at, column] += np.where(there, values, 0)
            known[:, at, column] += there
            measured[at, column] += 1
            if seed >= 0:  # its training is random
                seed_means[column][int(seed)] = column_means(values.T)
        with np.errstate(invalid="ignore"):
            values = total / known  # NaN where nothing is known
        return cls(
            point,
            labels,
            dict(zip(scores.scales, values, strict=True)),
            rows.images,
            rows.units,
            measured.max(axis=0, initial=0),
            seed_means,
            scores.scales,
        )

    def images(self, metric: str) -> Array:
        """Number of images over which each method's mean is: (methods,)."""
        return self._distinct(self.positions, metric)

    def unit_counts(self, metric: str) -> Array:
        """Number of units that these images are of: (methods,)."""
        return self._distinct(self.units, metric)

    def _distinct(self, of_images: Array, metric: str) -> Array:
        there = np.isfinite(self.values[metric])
        return np.array([len(np.unique(of_images[rows])) for rows in there.T], np.int64)

    def capped(self, metric: str) -> Array:
        """Share of each method's images that reach `Scale.cap`: (methods,); 0 without one.

        Over several training seeds those count that reach it with all of them.
        """
        values, cap = self.values[metric], self.scales[metric].cap
        if cap is None or not len(values):
            return np.zeros(values.shape[1])
        return (values >= cap).mean(axis=0)

    def seed_sd(self, metric: str) -> Array:
        """Standard deviation over training seeds of each mean over images; NaN for a single one."""
        at = list(self.scales).index(metric)
        own = ([means[at] for means in by_seed.values()] for by_seed in self.seed_means)
        return np.array([np.std(means, ddof=1) if len(means) > 1 else np.nan for means in own])


def column_means(values: Array) -> Array:
    """Means of the columns, NaN left out, by a sum whose error does not grow with its length."""
    import pandas as pd

    frame = pd.DataFrame(np.asarray(values, dtype=np.float64))
    if frame.empty:
        return np.full(frame.shape[1], np.nan)
    return frame.groupby(np.zeros(len(frame), np.int8)).mean().to_numpy()[0]
