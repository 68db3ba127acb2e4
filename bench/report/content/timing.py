"""Which methods were not timed alone on a quiet machine: their speeds bear a mark."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bench.report.content.words import outside

if TYPE_CHECKING:
    from bench.report.content.section import Section
    from bench.store import CellMeta

#: After each time and speed of a method that was disturbed, or that took more than its share.
MARK = "*"
#: Processes that waited for a core, over those that had one, from which on a machine was busy.
_WAITING = 0.5
#: Cores over a method's threads from which on it did not keep to them.
_MORE = 0.25


def disturbed(section: Section) -> dict[str, str]:
    """Label -> why its times are not those of a quiet machine; the others are not in it.

    Runs of early versions do not say what else was going on: of their cells nothing is known.
    """
    found: dict[str, list[str]] = {}
    for label, cells in _timed(section).items():
        if others := max(_beside(meta) for meta, _ in cells):
            found.setdefault(label, []).append(f"beside {_cells(others)}")
        if busy := [entry for entry in cells if _is_busy(*entry)]:
            meta, cores = max(busy, key=lambda entry: (entry[0].conditions.load or 0) / entry[1])
            load = f"at a load of {meta.conditions.load:.1f} on {cores} cores"
            found.setdefault(label, []).append(load)
        if greedy := max((meta for meta, _ in cells if _is_greedy(meta)), key=_over, default=None):
            used, given = greedy.conditions.cores_used, greedy.conditions.threads or 1
            found.setdefault(label, []).append(f"on {used:.1f} cores instead of {given}")
    return {label: ", ".join(why) for label, why in found.items()}


def notes(section: Section, shown: Sequence[str] | None = None) -> str:
    """What the mark means, in sentences; "" where every method was timed alone.

    Args:
        section: the data set.
        shown: the methods of which it is said; None for all.
    """
    alike: dict[str, list[str]] = {}
    for label, why in disturbed(section).items():
        if shown is None or label in shown:
            alike.setdefault(why, []).append(outside(label))
    if not alike:
        return ""
    every = len(alike) == 1 and len(next(iter(alike.values()))) == len(section.labels) > 1
    named = [
        f"{'all methods' if every else ', '.join(labels)} ({why})" for why, labels in alike.items()
    ]
    return f"{MARK} Not timed alone on a quiet machine: {'; '.join(named)}."


def _timed(section: Section) -> dict[str, list[tuple[CellMeta, int]]]:
    """Label -> its cells that have times, each with the cores of its machine."""
    cells: dict[str, list[tuple[CellMeta, int]]] = {}
    for row, meta in zip(section.rows(), section.metadata, strict=True):
        if meta.status == "done":
            cores = section.runs[row.run].manifest.machine.cores
            cells.setdefault(row.label, []).append((meta, max(1, cores)))
    return cells


def is_disturbed(meta: CellMeta, cores: int) -> bool:
    """Whether a cell was not timed alone on a quiet machine of so many cores."""
    return _beside(meta) > 0 or _is_busy(meta, cores) or _is_greedy(meta)


def _beside(meta: CellMeta) -> int:
    """Other cells that were worked on meanwhile, as far as it is known."""
    return (meta.conditions.jobs or 1) - 1


def _is_busy(meta: CellMeta, cores: int) -> bool:
    """Whether processes waited for a core."""
    return (meta.conditions.load or 0.0) > cores + _WAITING


def _is_greedy(meta: CellMeta) -> bool:
    """Whether the method took more of the processor than it was given."""
    return _over(meta) > _MORE


def _over(meta: CellMeta) -> float:
    return (meta.conditions.cores_used or 0.0) - (meta.conditions.threads or 1)


def _cells(count: int) -> str:
    """`up to 2 other cells`."""
    return f"up to {count} other cell{'s' if count > 1 else ''}"
