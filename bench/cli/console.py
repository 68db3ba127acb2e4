"""What the command line shows while it works: bars in a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from bench.core import Phase, Record

if TYPE_CHECKING:
    from bench.execution.progress import Overview, Running
    from bench.store import Run

#: Seconds of work on a cell until its first line of progress, and between the next ones, where
#: there is no terminal.
_FIRST_LINE, _NEXT_LINE = 2.0, 10.0
#: The phases of `Progress` -> what they are called.
PHASES: dict[Phase, str] = {
    "start": "starting",
    "fit": "training",
    "tune": "tuning",
    "denoise": "denoising",
}


def duration(seconds: float) -> str:
    """`42 s`, `3 min 05 s` or `2 h 10 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


class Console:
    """Shows how a run goes on, on standard error; a `bench.execution.progress.Listener`.

    Args:
        debug: show the traceback of a method that fails.
    """

    def __init__(self, *, debug: bool = False) -> None:
        self._debug = debug
        self._overview: Overview  # from `started` on
        self._next_line: dict[str, float] = {}
        self._bars: Any = None
        self._overall_bar: Any = None
        self._cell_bars: dict[str, Any] = {}

    def __enter__(self) -> Console:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bars is not None:
            self._bars.stop()
            self._bars = None

    # What the run reports -------------------------------------------------------------------

    def started(self, run: Run, overview: Overview) -> None:
        """Say what is about to be measured."""
        self._overview = overview
        total, finished = overview.total, overview.finished
        data = run.manifest.dataset
        if data.note:
            self._say(f"Note: {data.note}")
        limit = run.manifest.settings.limit
        images = min(limit or data.sizes.test, data.sizes.test)
        cell_count = f"{total} cell{'s' if total != 1 else ''}"
        before = f", {finished} of them finished earlier" if finished else ""
        self._say(f"{data.name}: {images} test images, {cell_count}{before} -> {run.path}")
        if finished < total and sys.stderr.isatty():
            self._start_bars()

    def progress(self, running: Running) -> None:
        """A cell goes on."""
        progress, now = running.progress, running.updated
        key = progress.cell.key
        if progress.phase == "start":
            self._next_line[key] = now + _FIRST_LINE
        seconds = running.phase_left()
        left = f", {duration(seconds)} left" if seconds is not None else ""
        loss = f", loss {progress.loss:.2f}" if progress.loss is not None else ""
        step = f", {progress.done}/{progress.total} {progress.unit}" if progress.total else ""
        text = f"{progress.cell}: {PHASES[progress.phase]}{step}{loss}{left}"
        if self._bars is not None:
            if key not in self._cell_bars:
                self._cell_bars[key] = self._bars.add_task("", total=None)
            self._bars.update(
                self._cell_bars[key],
                description=text,
                completed=progress.done,
                total=progress.total or None,
            )
            self._bars.update(self._overall_bar, description=self._overall())
        elif now > self._next_line.setdefault(key, 0.0) and progress.done < progress.total:
            self._next_line[key] = now + _NEXT_LINE
            self._say(f"{self._count(self._overview.finished + 1)} {text}")

    def recorded(self, record: Record) -> None:
        """A cell is finished."""
        self._next_line.pop(record.cell.key, None)
        if self._bars is not None and record.cell.key in self._cell_bars:
            self._bars.remove_task(self._cell_bars.pop(record.cell.key))
        count = self._count(self._overview.finished)
        self._say(f"{count} {record.cell}: {_outcome(record)}{self._left()}")
        if record.status == "failed" and self._debug and record.traceback:
            self._say(record.traceback.rstrip())
        if self._bars is not None:
            self._bars.update(
                self._overall_bar,
                completed=self._overview.finished,
                description=self._overall(),
            )

    def warned(self, text: str) -> None:
        """Something is not as it should be, and the run goes on."""
        self._say(f"Note: {text}")

    # How it is shown ------------------------------------------------------------------------

    def _count(self, number: int) -> str:
        width = len(str(self._overview.total))
        return f"[{number:{width}}/{self._overview.total}]"

    def _overall(self) -> str:
        failed = self._overview.counts["failed"]
        wrong = f", {failed} failed" if failed else ""
        return f"{self._overview.finished}/{self._overview.total} cells{wrong}{self._left()}"

    def _left(self) -> str:
        if self._overview.finished == self._overview.total:
            return ""
        left = self._overview.seconds_left()
        return f" (about {duration(left)} left)" if left is not None and left >= 2 else ""

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
        self._overall_bar = self._bars.add_task(
            self._overall(), total=self._overview.total, completed=self._overview.finished
        )
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
