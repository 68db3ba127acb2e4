"""How long a run will take: what its pieces took so far, and how far the running ones are.

A cell is done in pieces, its phases: start, fit, tune, denoise. A piece is expected to take what
finished pieces of its phase took for the same method (the noise and the seed change little), and
one that is running what it has taken and will take at its own pace. Where there is none yet, what
earlier runs here took counts, times as much longer as this one takes. A model is fitted once,
whichever cells share it. What is late is expected to be late by as much again: where nothing
moves, the time left grows.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from statistics import fmean
from typing import TYPE_CHECKING, NamedTuple

from bench.core import Cell, Phase, Progress, Record
from bench.execution.pieces import Piece, Running

if TYPE_CHECKING:
    from bench.store.cell_meta import CellMeta

#: Up to so many waiting cells are laid out over the workers one by one; of more, the end, when
#: some workers have nothing left to do, is a small part.
_LAID_OUT = 1000

#: Seconds of earlier runs' work that must be done anew until this run's own pace counts as much as
#: what the machine's load lets expect.
_DOUBT = 10.0

_PHASES: tuple[Phase, ...] = ("start", "fit", "tune", "denoise")
#: A method with its parameters.
Group = tuple[str, str]


@dataclass
class _Mean:
    """Of seconds that pieces took."""

    seconds: float = 0.0
    pieces: int = 0

    @property
    def value(self) -> float:
        return self.seconds / self.pieces

    def add(self, seconds: float) -> None:
        self.seconds += seconds
        self.pieces += 1


class _Planned(NamedTuple):
    """What the estimate needs of a cell that has no result.

    Attributes:
        model: that it needs and torch trains; None where there is none.
        tuned: images that it is tuned on.
        serial: it shares the one GPU with others.
    """

    group: Group
    model: str | None
    tuned: int
    serial: bool


class Estimate:
    """Fed with what a run tells, it says how long the rest will take.

    Args:
        waiting: the cells that have no result, in the order in which they are begun.
        now: seconds, by the clock of all later calls.
        at_once: cells that are worked on at once, where there are so many.
        fitted: whether there is a trained model of that `fit_key` already.
        serial: whether a cell waits for others of this kind, as for a GPU.
        earlier: cells that were finished before, here or in other runs on this machine, which tell
            how long pieces take that have none yet.
        images: that a cell denoises.
        slowdown: how much longer pieces may take than they did then.

    Attributes:
        running: key -> a cell that is being worked on.
    """

    def __init__(
        self,
        waiting: Iterable[Cell],
        now: float,
        at_once: int = 1,
        fitted: Callable[[str], bool] = lambda key: False,
        serial: Callable[[Cell], bool] = lambda cell: False,
        earlier: Iterable[CellMeta] = (),
        images: int = 0,
        slowdown: float = 1.0,
    ) -> None:
        self.running: dict[str, Running] = {}
        self._at_once, self._last = max(1, at_once), now
        self._waiting: dict[str, _Planned] = {}
        self._unfitted: dict[str, _Planned] = {}
        self._slowdown = slowdown
        alike: dict[Group, Cell] = {}
        for cell in waiting:
            alike.setdefault((cell.method, cell.params), cell)
            model = cell.fit_key if cell.recipe else None
            planned = _Planned((cell.method, cell.params), model, cell.tune, serial(cell))
            self._waiting[cell.key] = planned
            if model and model not in self._unfitted and not fitted(model):
                self._unfitted[model] = planned
        self._groups = {planned.group: planned for planned in self._waiting.values()}
        self._counts = Counter(planned.group for planned in self._waiting.values())
        self._took: dict[tuple[Group, Phase], _Mean] = defaultdict(_Mean)
        self._a_setting: dict[Group, float] = {}  # seconds, in tuning
        self._images = images
        self._earlier: dict[tuple[Group, Phase], _Mean] = defaultdict(_Mean)
        for cell_meta in earlier:
            known = alike.get((cell_meta.cell.method, cell_meta.cell.params))
            if known and known.fingerprint == cell_meta.cell.fingerprint:
                self._learn(cell_meta, known)

    # What a run tells -----------------------------------------------------------------------

    def progress(self, progress: Progress, now: float) -> Running | None:
        """A cell goes on; None where it has its result already."""
        key = progress.cell.key
        if key not in self._waiting:
            return None
        known = self.running.get(key)
        if known is None or progress.phase == "start":
            # Without a word of its start it may have begun when the last one ended.
            began = now if progress.phase == "start" else self._last
            known = self.running[key] = Running(progress, began, Piece("start", began))
        if known.piece.phase != progress.phase:
            self._close(self._waiting[key].group, known.piece, now)
            known.piece = Piece(progress.phase, now)
        known.piece.tell(progress.done, progress.total, now)
        known.progress = progress
        if progress.phase == "denoise" and progress.total:
            self._images = progress.total
        return known

    def recorded(self, record: Record, now: float) -> bool:
        """A cell has its result; whether it had none before."""
        known = self.running.pop(record.cell.key, None)
        planned = self._waiting.pop(record.cell.key, None)
        if planned is not None:
            # Of who tells nothing of running cells the time between results counts.
            piece = known.piece if known else Piece("denoise", self._last)
            self._close(planned.group, piece, now)
            self._counts[planned.group] -= 1
            if record.status != "done" or known is None:  # what did not come took nothing
                phases = _PHASES[_PHASES.index(piece.phase) + 1 :] if known else _PHASES[:-1]
                for phase in phases:
                    self._took[planned.group, phase].add(0.0)
            if record.status == "done" and planned.model:
                self._unfitted.pop(planned.model, None)
        self._last = now
        return planned is not None

    def _close(self, group: Group, piece: Piece, now: float) -> None:
        seconds = (now - piece.since) * piece.whole
        if piece.phase == "tune" and piece.done:
            self._a_setting[group] = seconds / piece.done
        self._took[group, piece.phase].add(seconds)

    def _learn(self, meta: CellMeta, planned: Cell) -> None:
        """Note what those pieces of an earlier cell took that are alike in a planned one."""
        speed = meta.images_per_second
        took: dict[Phase, float | None] = {
            "fit": meta.fit_seconds if meta.cell.recipe == planned.recipe else None,
            "tune": meta.tune_seconds if meta.cell.tune == planned.tune else None,
            "denoise": self._images / speed if speed else None,
        }
        for phase, seconds in took.items():
            if seconds is not None:
                self._earlier[(meta.cell.method, meta.cell.params), phase].add(seconds)

    # What is expected -----------------------------------------------------------------------

    def seconds_left(self, now: float) -> float | None:
        """Seconds until the last cell ends; None where too little is known to say."""
        if not self._waiting:
            return 0.0
        expected = _Expectations(self, now)
        try:
            if len(self._waiting) > _LAID_OUT:
                return expected.shared_out()
            return expected.laid_out()
        except _Unknown:
            return None


class _Unknown(Exception):
    """Nothing measured says how long a piece takes."""


class _Expectations:
    """What the pieces of a run are expected to take, at one moment."""

    def __init__(self, estimate: Estimate, now: float) -> None:
        self._of, self._now = estimate, now
        self._known: dict[tuple[Group, Phase], float] = {}
        # Finished pieces, and running ones as far as they say more than the finished.
        self._took = defaultdict(_Mean, {k: replace(mean) for k, mean in estimate._took.items()})
        for key, running in estimate.running.items():
            piece = running.piece
            each = estimate._waiting[key].group, piece.phase
            took, left = now - piece.since, piece.left(now)
            expected = estimate._took[each].value if each in estimate._took else None
            if left is not None:
                self._took[each].add((took + left) * piece.whole)
            elif expected is not None and took > expected:
                self._took[each].add(2 * took - expected)
        both = self._took.keys() & estimate._earlier.keys()
        took = sum(self._took[each].value for each in both)
        before = sum(estimate._earlier[each].value for each in both)
        self._pace = (took + _DOUBT * estimate._slowdown) / (before + _DOUBT)

    def laid_out(self) -> float:
        """The end of the last cell, each begun by the first worker that is free."""
        of = self._of
        ready: dict[str, float] = {}  # model or the GPU -> when it may be used
        workers = []
        for key in self._begun():
            left = self._left(key)
            workers.append(left)
            for needed in self._needs(of._waiting[key]):
                ready[needed] = max(left, ready.get(needed, 0.0))
        workers += [0.0] * (of._at_once - len(workers))
        heapq.heapify(workers)
        begun = set(self._begun())
        for key, planned in of._waiting.items():
            if key in begun:
                continue
            needs = self._needs(planned)
            fits = planned.model in of._unfitted and planned.model not in ready
            seconds, free = self._whole(planned, fits), heapq.heappop(workers)
            end = max([free, *(ready.get(needed, 0.0) for needed in needs)]) + seconds
            heapq.heappush(workers, free + seconds)  # others take its place while it waits
            ready |= dict.fromkeys(needs, end)
        return max([*workers, *ready.values()])

    def shared_out(self) -> float:
        """The work that is left, shared out evenly among the workers."""
        of = self._of
        work = sum(
            self._whole(of._groups[group], fits=False) * count
            for group, count in of._counts.items()
            if count
        )
        work += sum(self._piece(planned, "fit") for planned in of._unfitted.values())
        for key in of.running:
            planned = of._waiting[key]
            fits = planned.model in of._unfitted
            work += self._left(key) - self._whole(planned, fits)
        return max(0.0, work) / of._at_once

    def _begun(self) -> list[str]:
        """Keys of the running cells; where nothing is told of them, the next one's."""
        return list(self._of.running) or [next(iter(self._of._waiting))]

    def _needs(self, planned: _Planned) -> list[str]:
        """What no other cell may use meanwhile."""
        model = [planned.model] if planned.model and planned.model in self._of._unfitted else []
        return [*model, *(["gpu"] if planned.serial else [])]

    def _whole(self, planned: _Planned, fits: bool) -> float:
        """Seconds that a cell takes from start to end."""
        return sum(self._piece(planned, phase) for phase in self._phases(planned, fits))

    def _phases(self, planned: _Planned, fits: bool) -> list[Phase]:
        absent = {"tune": not planned.tuned, "fit": not fits}
        return [phase for phase in _PHASES if not absent.get(phase)]

    def _left(self, key: str) -> float:
        """Seconds until a running cell ends."""
        of = self._of
        planned, running = of._waiting[key], of.running.get(key)
        fits = planned.model in of._unfitted
        if running is None:
            return abs(self._whole(planned, fits) - (self._now - of._last))
        piece = running.piece
        left = piece.left(self._now)
        if left is None:
            left = abs(self._piece(planned, piece.phase) - (self._now - piece.since))
        later = _PHASES[_PHASES.index(piece.phase) + 1 :]
        return left + sum(
            self._piece(planned, phase) for phase in self._phases(planned, fits) if phase in later
        )

    def _piece(self, planned: _Planned, phase: Phase) -> float:
        """Seconds that a piece takes.

        Raises:
            _Unknown: nothing measured says.
        """
        key = planned.group, phase
        if key not in self._known:
            measured = self._measured(key)
            self._known[key] = self._guess(planned, phase) if measured is None else measured
        return self._known[key]

    def _measured(self, key: tuple[Group, Phase]) -> float | None:
        """Seconds by what such pieces took, in this run or else before."""
        if key in self._took:
            return self._took[key].value
        before = self._of._earlier.get(key)
        return before.value * self._pace if before else None

    def _guess(self, planned: _Planned, phase: Phase) -> float:
        """What a piece may take whose method has none yet."""
        of = self._of
        if phase == "start":
            return 0.0
        if phase == "denoise" and planned.tuned and of._images:
            a_setting = of._a_setting.get(planned.group) or self._setting_under_way(planned.group)
            if a_setting is not None:  # it tried settings on so many images
                return a_setting * of._images / planned.tuned
        others: dict[bool, list[float]] = {True: [], False: []}  # by whether a network is trained
        for group, other in of._groups.items():
            measured = self._measured((group, phase))
            if measured is not None:
                others[other.model is not None].append(measured)
        alike = others[planned.model is not None] or [*others[True], *others[False]]
        if not alike:
            if phase == "denoise" and planned.model in of._unfitted:
                return 0.0  # little beside its training
            raise _Unknown
        return fmean(alike)

    def _setting_under_way(self, group: Group) -> float | None:
        for key, running in self._of.running.items():
            if self._of._waiting[key].group == group and running.piece.phase == "tune":
                return running.piece.pace
        return None
