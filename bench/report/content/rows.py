"""Rows of a section's frames, typed: a cell, and two methods compared."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import pandas as pd

_Row = TypeVar("_Row", "CellRow", "Pair")

#: A table's column: the noise's full name, and its level.
Column = tuple[str, float]


@dataclass(frozen=True)
class CellRow:
    """A row of `Section.cells`.

    Attributes:
        key: of the cell.
        run: position in `Section.runs` of the run that measured it.
        status: done, failed or skipped.
        method: its name; with `params` (canonical JSON) what `label` says in short.
        noise: full name of the noise tested on.
        level: of the noise tested on.
        train: noise trained on; None where nothing is trained.
        regime: why on that: "matched", "blind" or a level; None where nothing is trained.
        seed: training seed; None where nothing is random.
    """

    key: str
    run: int
    status: str
    method: str
    params: str
    label: str
    noise: str
    level: float
    train: str | None
    regime: str | None
    seed: int | None

    @property
    def column(self) -> Column:
        """The table's column that it stands in."""
        return self.noise, self.level


@dataclass(frozen=True)
class Pair:
    """Methods `a` and `b` compared on the same images, by one metric under one noise.

    Attributes:
        difference: of the means, a less b, in the metric's unit.
        low, high: its 95% confidence interval, which holds together with those of all pairs.
        p: corrected for all pairs and noises.
        trainings: training seeds of the one that has fewer; 0 where nothing is random.
        better: the better one's label; "" where they cannot be told apart, or where one of them
            was trained once.
        told: the same or, of fewer than four trainings, the better one of these very models.
    """

    a: str
    b: str
    difference: float
    low: float
    high: float
    p: float
    trainings: int
    better: str
    told: str

    @property
    def reversed(self) -> Pair:
        """The same of b less a."""
        return replace(
            self,
            a=self.b,
            b=self.a,
            difference=-self.difference,
            low=-self.high,
            high=-self.low,
        )


def cell_rows(cells: pd.DataFrame) -> list[CellRow]:
    """The rows of a frame of cells, in its order."""
    maybe = cells[["train", "regime", "seed"]]
    known = maybe.astype(object).where(maybe.notna(), None)
    cells = cells.assign(train=known["train"], regime=known["regime"], seed=known["seed"])
    return list(_typed(CellRow, cells))


def pairs_by_column(pairs: pd.DataFrame) -> dict[Column, list[Pair]]:
    """The rows of a frame of pairs by the noise that they were compared under."""
    by_column: dict[Column, list[Pair]] = {}
    for noise, level, pair in zip(pairs["noise"], pairs["level"], _typed(Pair, pairs), strict=True):
        by_column.setdefault((noise, level), []).append(pair)
    return by_column


def _typed(kind: type[_Row], frame: pd.DataFrame) -> Iterator[_Row]:
    """A frame's rows, of the columns that are the fields of `kind`."""
    columns = (frame[field.name] for field in fields(kind))
    for values in zip(*columns, strict=True):
        yield kind(*values)
