"""The images that a report shows: those that cells kept, and what of them is seen."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from bench.report.content.rows import Column

if TYPE_CHECKING:
    from bench.report.content.section import Section

#: Deviations and errors are shown on a scale from 0 to this.
DEVIATION_SHOWN = 0.5

#: What a cell kept, see `Run.samples`.
Samples = dict[str, list[Any]]


def kept_samples(
    section: Section, columns: Collection[Column] | None = None
) -> Iterator[tuple[str, Column, Samples]]:
    """The images of each method and noise (of `columns` only), of several seeds the first's."""
    seen = set()
    for cell in section.rows():
        entry = (cell.label, cell.column)
        if cell.status != "done" or entry in seen or (columns and cell.column not in columns):
            continue
        seen.add(entry)
        samples = section.samples(cell)
        if samples["image"]:
            yield *entry, samples


def common_positions(samples: Iterable[Samples]) -> list[int]:
    """The positions of the images that all have kept: chosen before any method was run.

    Each has them first; after them come images that a method's own scores chose.
    """
    lists = [kept["image"] for kept in samples]
    return [positions[0] for positions in takewhile(_equal, zip(*lists, strict=False))]


def _equal(positions: Sequence[int]) -> bool:
    return len(set(positions)) == 1
