"""When a run was worked on, in how many sessions, and what its cells took: none of it twice."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bench.core import duration
from bench.report.content.words import outside

if TYPE_CHECKING:
    from bench.report.content.section import Section
    from bench.store import CellMeta, Manifest, Run
    from bench.store.manifest import Session

#: From so many seconds on a time is worth a word.
_WORTH = 1.0


def sessions(manifest: Manifest, cells: Sequence[CellMeta]) -> list[tuple[str, str]]:
    """When a run was worked on, and the sum of its cells' times: words, each with a sentence.

    The sum may exceed the sessions: a model that was trained before, for another cell or another
    run, is taken from the cache, and its cells show what its training took then.

    Args:
        manifest: of the run.
        cells: of the run, those that are shown.
    """
    every = [*manifest.earlier, manifest.session()]
    said = [("Worked on:", _when(every))]
    if times := _times(cells):
        said.append(("Times of cells:", times))
    return said


def cells_of(section: Section, run: Run) -> list[CellMeta]:
    """What is one value a cell, of the cells that a report shows of a run."""
    cells = zip(section.rows(), section.metadata, strict=True)
    return [meta for cell, meta in cells if section.runs[cell.run] is run]


def _when(every: Sequence[Session]) -> str:
    """From when to when, how long each session and all of them."""
    spans = [(_time(one.started), _time(one.ended)) for one in every]
    known = [(end - start).total_seconds() for start, end in spans if start and end]
    begun, ended = every[0].started, every[-1].ended
    until = f"to {_shown(ended)}" if ended else "and not ended yet"
    text = f"{_shown(begun) if begun else 'at an unknown time'} {until}"
    if len(every) == 1:
        return f"{text} ({duration(known[0])})." if known else f"{text}."
    interrupted = len(every) - len(known) - (ended is None)
    text += f", in {len(every)} sessions"
    lasted = [f"{duration(sum(known))} of work together"] if known else []
    lasted += [f"without {interrupted} that {_were(interrupted)} interrupted"] * (interrupted > 0)
    return f"{text}: {', '.join(lasted)}." if lasted else f"{text}."


def _were(count: int) -> str:
    return "was" if count == 1 else "were"


def _times(cells: Sequence[CellMeta]) -> str:
    """What the cells say that their training and tuning took, and how much of it was spent here."""
    fitted = [meta for meta in cells if meta.fit_seconds]
    reused = [meta for meta in fitted if meta.conditions.fit_reused]
    training = sum(meta.fit_seconds or 0 for meta in fitted)
    before = sum(meta.fit_seconds or 0 for meta in reused)
    tuning = sum(meta.tune_seconds or 0 for meta in cells)
    parts = [f"training {duration(training)}"] if training >= _WORTH else []
    if training >= _WORTH and before >= _WORTH:
        of_it = "all of it" if len(reused) == len(fitted) else duration(before)
        parts[-1] += (
            f" ({of_it} before, for models of other cells or earlier runs, which {len(reused)} "
            f"cell{'s' * (len(reused) > 1)} took from the cache)"
        )
    parts += [f"tuning {duration(tuning)}"] if tuning >= _WORTH else []
    at_once = max((meta.conditions.jobs or 1 for meta in cells), default=1)
    if parts and at_once > 1:
        parts.append(f"up to {at_once} cells were worked on at once")
    return f"{', '.join(parts)}." if parts else ""


def _time(text: str | None) -> datetime | None:
    """A time as manifests have it; None of what is none."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC) if text else None
    except (ValueError, OverflowError):
        return None


def _shown(text: str) -> str:
    """`2026-11-26 00:26:52 UTC`; a text that is no time as it is."""
    time = _time(text)
    return f"{time:%Y-%m-%d %H:%M:%S} UTC" if time else outside(text)
