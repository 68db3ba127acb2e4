"""What the command line shows while it works: bars in a terminal, plain lines elsewhere."""

from __future__ import annotations

import os
import sys
import textwrap
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from bench.core import (
    RESERVED,
    Phase,
    Record,
    Scale,
    counted,
    duration,
    printable,
    speed_text,
    visible,
)

if TYPE_CHECKING:
    from bench.execution.pieces import Running
    from bench.execution.progress import Overview
    from bench.store import Run
    from bench.store.manifest import Machine
    from bench.store.progress import RunningCell, RunProgress

#: Seconds of work on a cell until its first line of progress, and between the next ones, where
#: there is no terminal.
_FIRST_LINE, _NEXT_LINE = 2.0, 10.0
#: Seconds between two looks at how far the run is, at least.
_LOOK = 0.1
#: The phases of `Progress` -> what they are called.
PHASES: dict[Phase, str] = {
    "start": "starting",
    "fit": "training",
    "tune": "tuning",
    "denoise": "denoising",
}
#: Characters that a cell's name keeps on a narrow screen.
_NAME = 20


def time_left(progress: RunProgress) -> str:
    """`about 3 min 05 s left`."""
    if progress.seconds_left is None:
        return "estimating the time left"
    return f"about {duration(progress.seconds_left)} left"


def running_line(cell: RunningCell, width: int | None = None) -> str:
    """`vae at gaussian 0.3 seed 0: training, 3.4/30 epochs, for 45 s, 2 min 10 s left`.

    Args:
        cell: that is being worked on.
        width: characters; what is least needed gives way, then the end of the name.
    """
    name = printable(cell.cell)
    parts = {"phase": PHASES[cell.phase]}
    if cell.of:
        parts["step"] = f"{round(cell.done, 1):g}/{cell.of} {printable(cell.unit)}"
    if cell.loss is not None:
        parts["loss"] = f"loss {cell.loss:.2f}"
    parts["time"] = f"for {duration(cell.seconds)}"
    if cell.seconds_left is not None:
        parts["left"] = f"{duration(cell.seconds_left)} left"
    text = ", ".join(parts.values())
    if width is None:
        return f"{name}: {text}"
    for least_needed in ("loss", "left"):
        if len(name) + 2 + len(text) > width and least_needed in parts:
            del parts[least_needed]
            text = ", ".join(parts.values())
    room = max(_NAME, width - 2 - len(text))
    name = name if len(name) <= room else f"{name[: room - 1]}…"
    return f"{name}: {text}"[:width]


def say(text: str, *, err: bool = False) -> None:
    """Print a text: whatever the command says goes through here or through `Console`.

    Names in it may come from outside, and hold what a terminal takes for a command.
    """
    click.echo(visible(text), err=err)


def by_words(text: str) -> str:
    """A line for standard error: a terminal that is narrower gets it in several, cut at spaces."""
    if not sys.stderr.isatty():
        return text
    try:
        width = os.get_terminal_size(sys.stderr.fileno()).columns
    except OSError:
        return text
    return textwrap.fill(text, width, break_long_words=False, break_on_hyphens=False)


class Console:
    """Shows how a run goes on, on standard error; a `bench.execution.progress.Listener`.

    Args:
        debug: show the traceback of a method that fails.
    """

    def __init__(self, *, debug: bool = False) -> None:
        self._debug = debug
        self._overview: Overview  # from `started` on
        self._scales: Mapping[str, Scale] = {}
        self._seen: RunProgress
        self._looked = 0.0
        self._next_line: dict[str, float] = {}  # cell -> seconds of work on it
        self._skips: set[tuple[str, str]] = set()
        self._live: Any = None

    def __enter__(self) -> Console:
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    # What the run reports -------------------------------------------------------------------

    def started(self, run: Run, overview: Overview) -> None:
        """Say what is about to be measured."""
        self._overview, self._seen = overview, overview.as_of_now()
        total, finished = overview.total, overview.finished
        data, self._scales = run.manifest.dataset, run.manifest.scales
        if finished < total and sys.stderr.isatty():
            self._start_live()
        if data.note:
            self.warned(data.note)
        settings = run.manifest.settings
        there = getattr(data.sizes, settings.split)
        images = min(settings.limit or there, there)
        cell_count = counted(total, "cell")
        before = f", {finished} of them finished earlier" if finished else ""
        busy = _busy(run.manifest.machine) if finished < total else ""
        what = counted(images, f"{settings.split} image")
        self._say(f"{printable(data.name)}: {what}, {cell_count}{before} -> {run.path}{busy}")

    def progress(self, running: Running) -> None:
        """A cell goes on, or is still where it was."""
        if self._look():
            if self._live is not None:
                self._draw()
            else:
                self._print_running()

    def recorded(self, record: Record) -> None:
        """A cell is finished."""
        self._next_line.pop(record.cell.key, None)
        if record.status == "skipped":  # for each noise alike; in the end one line says where
            alike = (record.cell.label, record.reason)
            if alike in self._skips:
                return
            self._skips.add(alike)
        self._look()
        text = printable(f"{record.cell}: {_outcome(record, self._scales)}")
        if self._live is None and (self._seen.seconds_left or 0.0) >= 2:
            text += f" ({time_left(self._seen)})"
        self._say(text, self._count(self._overview.finished))
        if record.status == "failed" and self._debug and record.traceback:
            self._say(record.traceback.rstrip())
        if self._live is not None:
            self._draw()

    def warned(self, text: str) -> None:
        """Something is not as it should be, and the run goes on."""
        self._say(f"Note: {printable(text)}")

    # How it is shown ------------------------------------------------------------------------

    def _look(self) -> bool:
        """See how far the run is, if the last look was not just now."""
        if time.monotonic() - self._looked < _LOOK:
            return False
        self._seen, self._looked = self._overview.as_of_now(), time.monotonic()
        return True

    def _count(self, number: int) -> str:
        width = len(str(self._overview.total))
        return f"[{number:{width}}/{self._overview.total}]"

    def _print_running(self) -> None:
        for cell in self._seen.running:
            if cell.seconds > self._next_line.setdefault(cell.key, _FIRST_LINE):
                self._next_line[cell.key] = cell.seconds + _NEXT_LINE
                self._say(running_line(cell), self._count(self._overview.finished + 1))

    def _start_live(self) -> None:
        from rich.console import Console as Screen
        from rich.live import Live

        self._live = Live(console=Screen(stderr=True), auto_refresh=False, transient=True)
        self._live.start()
        self._draw()

    def _draw(self) -> None:
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        seen, screen = self._seen, self._live.console
        failed = f", {seen.failed} failed" if seen.failed else ""
        overall = Table.grid(padding=(0, 1))
        overall.add_row(
            ProgressBar(total=seen.total, completed=seen.finished, width=10),
            Text(
                f"{seen.finished}/{seen.total} cells{failed}, {time_left(seen)}",
                no_wrap=True,
                overflow="ellipsis",
            ),
        )
        # One line less than there are: a screen that scrolls cannot be drawn over.
        shown = seen.running[: max(1, screen.height - 2)]
        lines = [Text(f"  {running_line(cell, screen.width - 3)}") for cell in shown]
        self._live.update(Group(overall, *lines), refresh=True)

    def _say(self, text: str, count: str = "") -> None:
        """A line; in a terminal it goes on below its beginning, behind the count."""
        text = visible(text)
        if self._live is None:
            say(by_words(f"{count} {text}".lstrip() if count else text), err=True)
            return
        from rich.table import Table
        from rich.text import Text

        line = Table.grid(padding=(0, 1, 0, 0))
        line.add_row(*([Text(count, no_wrap=True)] if count else []), Text(text))
        self._live.console.print(line, highlight=False)


def _busy(machine: Machine) -> str:
    """That other work keeps the machine busy, where half of its cores had some before."""
    load = machine.load or 0.0
    if load < max(1.0, machine.cores / 2):
        return ""
    return f"; the machine is busy (load {load:.1f} on {machine.cores} cores), times will be longer"


def _outcome(record: Record, scales: Mapping[str, Scale]) -> str:
    if record.status != "done":
        return f"{record.status}: {record.reason}"
    import numpy as np

    parts = []
    for label, values in record.images.items():
        if label == "psnr":
            parts = [f"{float(values.mean(dtype=np.float64)):.2f} dB"]
        elif label not in RESERVED and not parts and not np.isnan(values).all():
            mean, scale = float(np.nanmean(values, dtype=np.float64)), scales.get(label)
            text = f"{mean:.4g}" if scale is None else f"{mean:.{scale.decimals}f} {scale.unit}"
            parts = [f"{label if scale is None else scale.title} {text.rstrip()}"]
    if record.fit_seconds is not None:
        how = "fitted" if record.cell.recipe is None else "trained"
        earlier = "earlier, " if record.conditions["fit_reused"] else ""
        parts.append(f"{how} {earlier}in {duration(record.fit_seconds)}")
    if record.images_per_second is not None:
        parts.append(speed_text(record.images_per_second, " images/s"))
    return ", ".join(parts)
