"""How far a run has come, as the process that works on it says it to others."""

from __future__ import annotations

from datetime import UTC, datetime

import pydantic

from bench.core import Phase
from bench.store.json_model import Amount, Count, JsonModel, Score, Seconds

#: The file in a run's folder, see `bench.store.run.Run.progress`.
PROGRESS = "progress.json"


class RunningCell(JsonModel):
    """A cell that is being worked on: `done` of `of` units of its phase, for so many seconds.

    Attributes:
        loss: of the last epoch, where one has been trained.
        seconds: since the cell began.
        seconds_left: of its phase; None where that is not known.
    """

    key: str = ""
    cell: str
    phase: Phase
    done: Amount
    of: Count
    unit: str
    loss: Score | None = None
    seconds: Seconds
    seconds_left: Seconds | None = None


class RunProgress(JsonModel):
    """How far a run is, as of `updated`, ISO 8601 in UTC.

    Attributes:
        pid, host: the process that works on it.
        total: cells of the run.
        done, failed, skipped: cells that ended so; of earlier sessions all count as done.
        running: those that are being worked on.
        seconds_left: of the run; None where that is not known.
        command: that goes on with it.
    """

    pid: int = 0
    host: str = ""
    updated: str
    total: Count = 0
    done: Count = 0
    failed: Count
    skipped: Count
    running: list[RunningCell]
    seconds_left: Seconds | None
    command: str = ""

    @pydantic.field_validator("updated")
    @classmethod
    def _is_a_time(cls, text: str) -> str:
        if datetime.fromisoformat(text).tzinfo is None:
            raise ValueError("it has no time zone")
        return text

    @property
    def silent_seconds(self) -> float:
        """Seconds since this was so."""
        return (datetime.now(UTC) - datetime.fromisoformat(self.updated)).total_seconds()

    @property
    def finished(self) -> int:
        """Cells that have a result."""
        return self.done + self.failed + self.skipped
