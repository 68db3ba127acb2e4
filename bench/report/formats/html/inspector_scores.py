"""What was measured on each image, for the inspector: of some all of it, of all the first metric.

Of several training seeds it is the first one's, as the images are, and of several draws of noise
the first.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.analysis.scores import prominent
from bench.report.content.rows import Column

if TYPE_CHECKING:
    import numpy.typing as npt

    from bench.core import Scale
    from bench.report.content.section import Section

    Array = npt.NDArray[Any]

#: Values of all points of a page, at most; of more images a part are points.
MOST = 600_000
#: From so many on they are rounded to about a pixel of the chart.
_MANY = 60_000
_MISSING = 0xFFFF


@dataclass(frozen=True)
class _OfCell:
    positions: Array
    values: dict[str, Array]
    rows: dict[int, int]


class ImageScores:
    """The scores of single images, by noise and method."""

    def __init__(
        self, scales: Mapping[str, Scale], leading: str, cells: Mapping[tuple[Column, str], _OfCell]
    ) -> None:
        self._scales, self._leading, self._cells = scales, leading, cells
        #: The metrics of which an image's values are shown, and the first one.
        self.shown = list(dict.fromkeys([*prominent(scales), leading]))
        values = sum(len(cell.positions) for cell in cells.values())
        self.images = max((len(cell.positions) for cell in cells.values()), default=0)
        self.every = -(-values // MOST) or 1
        self._many = values > _MANY

    @classmethod
    def of(cls, section: Section) -> ImageScores:
        """Those of a section."""
        cells = {}
        for (noise, level, label), part in section.scores.by("noise", "level", "label"):
            scores: Mapping[str, Array] = next(iter(part))
            if section.draws > 1:
                first = scores["noise_seed"] == scores["noise_seed"][0]
                scores = {name: values[first] for name, values in scores.items()}
            positions = np.asarray(scores["image"])
            cells[(noise, level), label] = _OfCell(
                positions,
                {name: np.asarray(scores[name], np.float64) for name in section.scales},
                {int(position): row for row, position in enumerate(positions)},
            )
        return cls(section.scales, section.first_metric, cells)

    @property
    def thinned(self) -> bool:
        """Whether not all images are points."""
        return self.every > 1

    def labels(self, column: Column) -> list[str]:
        """The methods that were measured under a noise."""
        return [label for known, label in self._cells if known == column]

    def image(self, column: Column, label: str, position: int) -> list[float | None] | None:
        """An image's values of the metrics in `shown`; None where it was not measured."""
        cell = self._cells.get((column, label))
        if cell is None or position not in cell.rows:
            return None
        row = cell.rows[position]
        return [_number(cell.values[name][row]) for name in self.shown]

    def positions(self, column: Column) -> Array:
        """Of all images that were measured under a noise, in order."""
        of = [cell.positions for (known, _), cell in self._cells.items() if known == column]
        return np.unique(np.concatenate(of)) if of else np.empty(0, np.int64)

    def spread(self, column: Column, positions: Array) -> Array:
        """How far apart methods are on images by the first metric: (positions,), 0 if unknown."""
        table = np.stack(
            [self._leading_of(column, label, positions) for label in self.labels(column)]
        )
        known = np.isfinite(table)
        highest = np.where(known, table, -np.inf).max(axis=0)
        lowest = np.where(known, table, np.inf).min(axis=0)
        return np.where(known.any(axis=0), highest - lowest, 0)

    def packed(
        self, column: Column, chosen: Collection[int], index: Mapping[str, int]
    ) -> dict[str, Any]:
        """The first metric's values of all images, or of a part of very many, ready for JSON.

        Args:
            column: the noise.
            chosen: positions that are to be among them.
            index: of the methods, by label.

        Returns:
            `positions`, or how many there are where they are 0, 1, 2, ...; and `values`, by method
            a lowest value, a step and a number of steps for each image: these have 16 bits, their
            higher bytes first and then their lower ones, by zlib and as base64. 65535 is no value.
        """
        positions = self.positions(column)
        if self.thinned:
            positions = np.union1d(positions[:: self.every], sorted(chosen))
        plain = np.array_equal(positions, np.arange(len(positions)))
        return {
            "positions": len(positions) if plain else positions.tolist(),
            "values": {
                index[label]: self._steps(self._leading_of(column, label, positions))
                for label in self.labels(column)
            },
        }

    def _steps(self, values: Array) -> list[Any]:
        """Values as a lowest one, a step, and numbers of steps as text.

        Of many points a step is less than a pixel of the chart, whose outliers do not widen it.
        """
        known = values[np.isfinite(values)]
        if not len(known):
            return [0.0, 1.0, _text(np.full(len(values), _MISSING, np.uint16))]
        low, high = float(known.min()), float(known.max())
        inner = float(np.subtract(*np.quantile(known, (0.99, 0.01))))
        step = max((high - low) / (_MISSING - 1), inner / 400 if self._many else 0) or 1.0
        numbers = np.where(np.isfinite(values), np.round((values - low) / step), _MISSING)
        return [low, step, _text(numbers.astype(np.uint16))]

    def _leading_of(self, column: Column, label: str, positions: Array) -> Array:
        """A method's values of the first metric on some images, NaN where it has none."""
        cell = self._cells[column, label]
        values = np.full(len(positions), np.nan)
        order = np.argsort(cell.positions)
        at = np.searchsorted(cell.positions, positions, sorter=order).clip(max=len(order) - 1)
        there = cell.positions[order[at]] == positions
        values[there] = cell.values[self._leading][order[at[there]]]
        return np.where(np.isfinite(values), values, np.nan)

    def cases(self, column: Column, label: str) -> list[int]:
        """Positions of the worst, the median and the best image by the first metric it has."""
        cell = self._cells[column, label]
        for name, scale in self._scales.items():
            values = cell.values[name] if scale.higher else -cell.values[name]
            order = np.argsort(values, kind="stable")  # what has no value comes last
            order = order[: int(np.isfinite(values).sum())]
            if len(order):
                ranks = (0, (len(order) - 1) // 2, -1)
                return [int(cell.positions[order[rank]]) for rank in ranks]
        return []


def _text(numbers: npt.NDArray[np.uint16]) -> str:
    planes = (numbers >> 8).astype(np.uint8).tobytes() + (numbers & 0xFF).astype(np.uint8).tobytes()
    return base64.b64encode(zlib.compress(planes, 9)).decode()


def _number(value: float) -> float | None:
    return float(f"{value:.5g}") if np.isfinite(value) else None
