"""Quality against what an image costs: the points of the charts, and which of them none beats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.core import IDENTITY
from bench.report.content.rows import Column

if TYPE_CHECKING:
    import pandas as pd

    from bench.report.content.section import Section


@dataclass(frozen=True)
class CostAxis:
    """A cost that quality is shown against; less is better.

    Attributes:
        name: in a choice of axes.
        title: of the axis, with its unit.
        meaning: in a caption.
        unit: after a number.
    """

    name: str
    title: str
    meaning: str
    unit: str


_TIME = CostAxis(
    "time of one image",
    "ms per megapixel, one image at a time",
    "the time of a denoise call with one image",
    "ms/MP",
)
_MULTIPLY_ADDS = CostAxis(
    "multiply-adds",
    "multiply-adds an image",
    "the multiply-adds of one image",
    "multiply-adds",
)
_IN_BATCHES = CostAxis(
    "time in batches",
    "ms an image, in batches",
    "the time that an image takes in denoise calls with batches",
    "ms an image",
)


@dataclass(frozen=True)
class CostPoint:
    """What a method costs under a noise (median over seeds), and its mean by a metric."""

    label: str
    cost: float
    quality: float


def cost_axes(section: Section) -> list[CostAxis]:
    """The costs that are known of all methods shown, the first one to be shown first.

    That of batches only where nothing says what an image alone takes, as in older runs.
    """
    cells = _restoring(section)
    known = [
        axis for axis in (_TIME, _MULTIPLY_ADDS) if len(cells) and _costs(cells, axis).notna().all()
    ]
    if _TIME not in known and len(cells) and _costs(cells, _IN_BATCHES).notna().any():
        known.insert(0, _IN_BATCHES)
    return known


def cost_points(section: Section, axis: CostAxis, metric: str) -> dict[Column, list[CostPoint]]:
    """The methods that restore by noise, the noisy image itself left out."""
    cells = _restoring(section)
    means = section.summary[section.summary["metric"] == metric]
    entry = ["label", "noise", "level"]
    costs = cells.assign(cost=_costs(cells, axis)).groupby(entry, sort=False)["cost"].median()
    points = means.join(costs, on=entry).dropna(subset="cost")
    by_column: dict[Column, list[CostPoint]] = {}
    columns = (points[name] for name in (*entry, "cost", "mean"))
    for label, noise, level, cost, mean in zip(*columns, strict=True):
        by_column.setdefault((noise, level), []).append(CostPoint(label, cost, mean))
    return by_column


def pareto(points: Sequence[CostPoint], *, higher: bool = True) -> list[CostPoint]:
    """The points that none beats in both cost and quality, by rising cost.

    Args:
        points: of the methods.
        higher: whether more of the metric is better.
    """
    sign = 1 if higher else -1
    front: list[CostPoint] = []
    for point in sorted(points, key=lambda point: (point.cost, -sign * point.quality)):
        if not front or sign * point.quality > sign * front[-1].quality:
            front.append(point)
    return front


def _restoring(section: Section) -> pd.DataFrame:
    cells = section.cells
    return cells[(cells["status"] == "done") & (cells["method"] != IDENTITY)]


def _costs(cells: pd.DataFrame, axis: CostAxis) -> pd.Series:
    """A cell's cost, missing where it is not known."""
    if axis is _TIME:
        return cells["milliseconds_per_megapixel"]
    if axis is _MULTIPLY_ADDS:
        return cells["multiply_adds"].astype("float64")
    return 1000 / cells["images_per_second"]
