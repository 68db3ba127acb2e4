"""What an unfinished run lacks: how many of its cells, and which."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.report.content.words import code, outside

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.report.content.section import Section
    from bench.store import Run
    from bench.store.manifest import PlannedCell

#: Methods that are named one by one.
_NAMED = 12


def unfinished(section: Section) -> Iterator[str]:
    """A sentence a run that has cells without a result: how many, which, and how it goes on."""
    for number, run in enumerate(section.runs):
        planned = dict.fromkeys(run.manifest.cells)
        finished = run.finished()
        missing = [key for key in planned if key not in finished]
        if not missing:
            continue
        which = f"{outside(run.name)}: " if len(section.runs) > 1 else ""
        methods = {cell.method for cell in section.rows() if cell.run == number}
        yield (
            f"{which}{len(planned) - len(missing):,} of {len(planned):,} cells have a result; "
            f"{_named(run, missing, methods)}means and marks are of what is there, and may change; "
            "the run's command goes on from there."
        )


def _named(run: Run, missing: list[str], methods: set[str]) -> str:
    """The cells that are missing, by method; of early runs the methods that have none at all."""
    known = [run.manifest.planned[key] for key in missing if key in run.manifest.planned]
    if len(known) < len(missing):
        without = [name for name in run.manifest.methods if name not in methods]
        return f"nothing as yet of {', '.join(map(code, without))}; " if without else ""
    by_label: dict[str, list[PlannedCell]] = {}
    for cell in known:
        by_label.setdefault(cell.label, []).append(cell)
    parts = [f"{code(label)} {_where(run, cells)}" for label, cells in by_label.items()]
    more = len(parts) - _NAMED
    listed = "; ".join(parts[:_NAMED]) + (f"; and of {more} more methods" if more > 0 else "")
    return f"missing: {listed}; "


def _where(run: Run, cells: list[PlannedCell]) -> str:
    """Under which noises and seeds a method's cells are missing."""
    of_method = [one for one in run.manifest.planned.values() if one.label == cells[0].label]
    if len(cells) == len(of_method):
        return "under every noise"
    alike: dict[tuple[int, ...], list[str]] = {}
    every: dict[str, list[int]] = {}
    for cell in cells:
        every.setdefault(cell.noise, []).extend(() if cell.seed is None else (cell.seed,))
    for noise, seeds in every.items():
        planned = [one for one in of_method if one.noise == noise]
        alike.setdefault(tuple(seeds) if len(seeds) < len(planned) else (), []).append(noise)
    return " and ".join(
        f"at {outside(', '.join(noises))}" + (f" (seed {', '.join(map(str, seeds))})" * bool(seeds))
        for seeds, noises in alike.items()
    )
