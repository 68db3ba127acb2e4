"""Which methods were not timed alone on a quiet machine: their speeds bear a mark."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.core import counted
from bench.report.content.words import outside

if TYPE_CHECKING:
    from bench.report.content.section import Section
    from bench.store import CellMeta

#: Before each time and speed of a method that was disturbed, or that took more than its share.
MARK = "~"
#: Processes beyond a run's own from which on a machine was busy: where cores are left for them,
#: they still share caches, memory, and often, as two threads of one core, the core itself.
_OTHERS = 0.5
#: Cores over a method's threads from which on it did not keep to them.
_MORE = 0.25


def disturbed(section: Section) -> dict[str, str]:
    """Label -> why its times are not those of a quiet machine; the others are not in it.

    Runs of early versions do not say what else was going on: of their cells nothing is known.
    """
    found: dict[str, list[str]] = {}
    for reason, labels in _reasons(section).items():
        for label, detail in labels.items():
            found.setdefault(label, []).append(reason.format(detail[1]))
    return {label: ", ".join(why) for label, why in found.items()}


def notes(section: Section) -> str:
    """What the mark means, in a sentence; "" where every method was timed alone."""
    said = []
    for reason, labels in _reasons(section).items():
        _, worst = max(labels.values())
        every = len(labels) == len(section.labels) > 1
        named = "all methods" if every else ", ".join(map(outside, labels))
        said.append(f"{named} {reason.format(worst)}")
    return f"{MARK}: not timed alone on a quiet machine: {'; '.join(said)}." if said else ""


def is_disturbed(meta: CellMeta, cores: int) -> bool:
    """Whether a cell's times are not those of a quiet machine.

    Args:
        meta: of the cell.
        cores: of the machine that measured it.
    """
    return (meta.conditions.jobs or 1) > 1 or _busy(meta, cores) or _over(meta) > _MORE


def _busy(meta: CellMeta, cores: int) -> bool:
    """Whether more was at work than the run itself."""
    conditions = meta.conditions
    own = min(cores, (conditions.jobs or 1) * (conditions.threads or 1))
    return (conditions.load or 0.0) > own + _OTHERS


#: How far a method was disturbed, and the same in words.
_Detail = tuple[float, str]


def _reasons(section: Section) -> dict[str, dict[str, _Detail]]:
    """What disturbs -> the methods that it disturbed, each with its worst cell's words."""
    found: dict[str, dict[str, _Detail]] = {}
    for label, cells in _timed(section).items():
        for meta, cores in cells:
            conditions, over = meta.conditions, _over(meta)
            others, load = (conditions.jobs or 1) - 1, conditions.load or 0.0
            if others:
                text = counted(others, "other cell")
                _note(found, "beside up to {}", label, (others, text))
            if _busy(meta, cores):
                text = f"{load:.1f} on {counted(cores, 'core')}"
                _note(found, "at a load of up to {}", label, (load / cores, text))
            if over > _MORE:
                text = f"{conditions.cores_used:.1f} cores instead of {conditions.threads or 1}"
                _note(found, "on up to {}", label, (over, text))
    return found


def _note(found: dict[str, dict[str, _Detail]], reason: str, label: str, detail: _Detail) -> None:
    labels = found.setdefault(reason, {})
    labels[label] = max(labels.get(label, detail), detail)


def _timed(section: Section) -> dict[str, list[tuple[CellMeta, int]]]:
    """Label -> its cells that have times, each with the cores of its machine."""
    cells: dict[str, list[tuple[CellMeta, int]]] = {}
    for row, meta in zip(section.rows(), section.metadata, strict=True):
        if meta.status == "done":
            cores = section.runs[row.run].manifest.machine.cores
            cells.setdefault(row.label, []).append((meta, max(1, cores)))
    return cells


def _over(meta: CellMeta) -> float:
    return (meta.conditions.cores_used or 0.0) - (meta.conditions.threads or 1)
