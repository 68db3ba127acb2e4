"""The cells that are being worked on: since when, in which phase, and at which pace."""

from __future__ import annotations

from dataclasses import dataclass, field

from bench.core import Phase, Progress

#: Seconds after which a piece's own pace says more than nothing.
_PACE_AFTER = 1.0


@dataclass
class Piece:
    """A phase of a running cell: when it began and how far it is, by one clock, in seconds.

    Attributes:
        moved: units done since it was first told of: a training may go on from its 14th epoch.
        reports: how often it has moved.
        paced_since: when it was first told how many units there are.
    """

    phase: Phase
    since: float
    done: float = 0.0
    total: float = 0.0
    moved: float = 0.0
    reports: int = 0
    updated: float = field(init=False)
    paced_since: float = field(init=False)

    def __post_init__(self) -> None:
        self.updated = self.paced_since = self.since

    def tell(self, done: float, total: float, now: float) -> None:
        """So many of so many units are done."""
        if not self.total:
            self.paced_since = self.updated = now
        elif done > self.done:
            self.moved += done - self.done
            self.reports += 1
            self.updated = now
        self.done, self.total = done, total

    @property
    def whole(self) -> float:
        """A whole piece's units per unit of this one, which may have gone on from a checkpoint."""
        before = self.done - self.moved
        return self.total / (self.total - before) if 0 < before < self.total else 1.0

    @property
    def pace(self) -> float | None:
        """Seconds a unit; None where too little is known."""
        took = self.updated - self.paced_since
        return took / self.moved if took >= _PACE_AFTER else None

    def left(self, now: float) -> float | None:
        """Seconds until its end at the pace so far; None where no pace is known.

        >>> piece = Piece("fit", since=0)
        >>> piece.tell(0, 10, now=0)
        >>> piece.tell(1, 10, now=6)
        >>> piece.left(now=6), piece.left(now=9), piece.left(now=24)
        (54.0, 51.0, 108.0)
        """
        pace = self.pace
        if pace is None:
            return None
        # Until its next report is due it moves as it did; after that it stands still.
        due = (self.updated - self.paced_since) / self.reports
        silent = now - self.updated
        moved = self.moved + min(silent, due) / pace
        rest = max(0.0, self.total - self.done - (moved - self.moved))
        return (now - self.paced_since) / moved * rest + max(0.0, silent - due)


@dataclass
class Running:
    """A cell that is being worked on, and since when.

    Attributes:
        progress: its last step.
        since: when it began, by the run's clock in seconds.
        piece: its phase.
    """

    progress: Progress
    since: float
    piece: Piece
