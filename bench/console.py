"""What the command line shows while it works: bars in a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import click

from bench.core import Cell, Progress, Record

if TYPE_CHECKING:
    from bench.store import Run

#: Without a terminal, a step of a cell that takes longer than the first gets a line of progress,
#: and another whenever the second has passed, in seconds.
_FIRST_LINE, _NEXT_LINE = 2.0, 10.0
_PHASES = {"fit": "training", "tune": "tuning", "denoise": "denoising"}


def duration(seconds: float) -> str:
    """`42 s`, `3 min 05 s` or `2 h 10 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


class Console:
    """Shows how a run goes on, on standard error; a `bench.api.Listener`.

    Args:
        debug: show the traceback of a method that fails.
    """

    def __init__(self, *, debug: bool = False) -> None:
        self._debug = debug
        self._cells: list[Cell] = []
        self._done = 0
        self._spent: dict[str, list[float]] = defaultdict(list)
        self._cell_started = self._phase_started = self._phase_ended = time.monotonic()
        self._next_line = self._cell_started + _FIRST_LINE
        self._phase: tuple[str, str] | None = None
        self._bars: Any = None
        self._tasks: list[Any] = []

    def __enter__(self) -> Console:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bars is not None:
            self._bars.stop()
            self._bars = None

    # What the run tells ---------------------------------------------------------------------

    def started(self, run: Run, cells: list[Cell], waiting: list[Cell]) -> None:
        """Say what is about to be measured."""
        total, finished = len(cells), len(cells) - len(waiting)
        self._cells, self._done = waiting, finished
        data = run.manifest["dataset"]
        if data["note"]:
            self._say(f"Note: {data['note']}")
        limit = run.manifest["settings"]["limit"]
        images = min(limit or data["sizes"]["test"], data["sizes"]["test"])
        cell_count = f"{total} cell{'s' if total != 1 else ''}"
        before = f", {finished} of them finished earlier" if finished else ""
        self._say(f"{data['name']}: {images} test images, {cell_count}{before} -> {run.path}")
        self._total = total
        self._cell_started = time.monotonic()
        if waiting and sys.stderr.isatty():
            self._start_bars()

    def progress(self, progress: Progress) -> None:
        """A cell goes on."""
        now = time.monotonic()
        phase = (progress.cell.key, progress.phase)
        if phase != self._phase:
            # The first report comes after the first step.
            before = self._phase_ended if self._phase and self._phase[0] == phase[0] else 0.0
            self._phase_started = max(before, self._cell_started)
            self._phase, self._next_line = phase, self._phase_started + _FIRST_LINE
        self._phase_ended = now
        left = ""
        if 0 < progress.done < progress.total:
            seconds = (now - self._phase_started) * (progress.total / progress.done - 1)
            left = f", {duration(seconds)} left"
        loss = f", loss {progress.loss:.2f}" if progress.loss is not None else ""
        text = (
            f"{progress.cell}: {_PHASES[progress.phase]}, {progress.done}/{progress.total} "
            f"{progress.unit}{loss}{left}"
        )
        if self._bars is not None:
            self._bars.update(
                self._tasks[1], description=text, completed=progress.done, total=progress.total
            )
        elif now > self._next_line and progress.done < progress.total:
            self._next_line = now + _NEXT_LINE
            self._say(f"{self._count(self._done + 1)} {text}")

    def recorded(self, record: Record) -> None:
        """A cell is finished."""
        now = time.monotonic()
        self._spent[record.cell.method].append(now - self._cell_started)
        self._cell_started = now
        self._done += 1
        self._cells = self._cells[1:]
        self._say(f"{self._count(self._done)} {record.cell}: {_outcome(record)}{self._left()}")
        if record.status == "failed" and self._debug:
            self._say(record.traceback.rstrip())
        if self._bars is not None:
            self._bars.update(self._tasks[0], completed=self._done, description=self._overall())

    def warned(self, text: str) -> None:
        """Something is not as it should be, and the run goes on."""
        self._say(f"Note: {text}")

    # How it is shown ------------------------------------------------------------------------

    def _count(self, number: int) -> str:
        width = len(str(self._total))
        return f"[{number:{width}}/{self._total}]"

    def _overall(self) -> str:
        return f"{self._done}/{self._total} cells{self._left()}"

    def _left(self) -> str:
        """Time left by what earlier cells took: of the same method where one was seen."""
        if not self._cells or not self._spent:
            return ""
        seen = [seconds for spent in self._spent.values() for seconds in spent]
        overall = sum(seen) / len(seen)
        expected = 0.0
        for cell in self._cells:
            own = self._spent.get(cell.method)
            expected += sum(own) / len(own) if own else overall
        return f" (about {duration(expected)} left)" if expected >= 2 else ""

    def _start_bars(self) -> None:
        from rich.console import Console as Screen
        from rich.progress import BarColumn, Progress, TextColumn

        # The bar comes first: on a narrow screen the text is cut, not the bar.
        self._bars = Progress(
            BarColumn(bar_width=10),
            TextColumn("{task.description}", markup=False),
            console=Screen(stderr=True),
            transient=True,
        )
        self._tasks = [
            self._bars.add_task(self._overall(), total=self._total, completed=self._done),
            self._bars.add_task("starting", total=None),
        ]
        self._bars.start()

    def _say(self, text: str) -> None:
        if self._bars is not None:
            self._bars.console.print(text, markup=False, highlight=False, soft_wrap=True)
        else:
            click.echo(text, err=True)


def _outcome(record: Record) -> str:
    if record.status != "done":
        return f"{record.status}: {record.reason}"
    import numpy as np

    psnr = float(record.images["psnr"].mean(dtype=np.float64))
    parts = [f"{psnr:.2f} dB"]
    if record.fit_seconds is not None:
        earlier = "earlier, " if record.conditions["fit_reused"] else ""
        parts.append(f"trained {earlier}in {duration(record.fit_seconds)}")
    if record.images_per_second is not None:
        parts.append(f"{record.images_per_second:,.0f} images/s")
    return ", ".join(parts)
