"""How far a run has come, as the process that works on it says it to others."""

from __future__ import annotations

from typing import Annotated

import pydantic

from bench.core import Phase
from bench.store.json_model import JsonModel

#: The file in a run's folder, see `bench.store.run.Run.progress`.
PROGRESS = "progress.json"
Seconds = Annotated[float, pydantic.Field(ge=0, lt=1e9)]


class RunningCell(JsonModel):
    """A cell that is being worked on: `done` of `of` units of its phase, for so many seconds."""

    cell: str
    phase: Phase
    done: int
    of: int
    unit: str
    seconds: Seconds


class RunProgress(JsonModel):
    """What `bench.execution.progress.Overview` writes, as far as it is read again.

    Attributes:
        failed, skipped: cells that ended so.
        running: those that are being worked on.
        seconds_left: of the run; None where that is not known.
        updated: when that was so, ISO 8601 in UTC.
    """

    failed: int
    skipped: int
    running: list[RunningCell]
    seconds_left: Seconds | None
    updated: str
