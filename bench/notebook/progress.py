"""How a run goes on, in a notebook's output: a bar that is drawn again in its place."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from markupsafe import escape

from bench.core import duration, printable

if TYPE_CHECKING:
    from bench.core import Record
    from bench.execution.pieces import Running
    from bench.execution.progress import Overview
    from bench.store import Run

#: Seconds between two drawings.
_OFTEN = 0.5
#: Warnings, failures and running cells that are shown at once.
_LINES, _RUNNING = 8, 4


class NotebookProgress:
    """A `bench.execution.progress.Listener` that shows a bar.

    Args:
        show: is given HTML, and returns what draws other HTML in its place.
    """

    def __init__(self, show: Callable[[str], Callable[[str], None]] | None = None) -> None:
        self._show = show or _displayed
        self._draw: Callable[[str], None] | None = None
        self._overview: Overview | None = None
        self._path, self._drawn, self._begun = "", 0.0, time.monotonic()
        self._said: Counter[str] = Counter()

    def started(self, run: Run, overview: Overview) -> None:
        """The run is planned."""
        self._overview, self._path, self._begun = overview, str(run.path), time.monotonic()
        self._update(at_once=True)

    def progress(self, running: Running) -> None:
        """A cell goes on."""
        self._update()

    def recorded(self, record: Record) -> None:
        """A cell is finished."""
        if record.status != "done":
            self._said[f"{record.cell.label}: {record.status}: {record.reason}"] += 1
        assert self._overview is not None
        done = self._overview.finished == self._overview.total
        self._update(at_once=done or record.status != "done")

    def warned(self, text: str) -> None:
        """Something is not as it should be."""
        self._said[text] += 1
        self._update(at_once=True)

    def _update(self, *, at_once: bool = False) -> None:
        now = time.monotonic()
        if not at_once and now - self._drawn < _OFTEN:
            return
        self._drawn = now
        if self._draw is None:
            self._draw = self._show(self._html())
        else:
            self._draw(self._html())

    def _html(self) -> str:
        lines = [f"{text} ({times} times)" if times > 1 else text
                 for text, times in self._said.items()]  # fmt: skip
        more = [f"and {len(lines) - _LINES} more"] if len(lines) > _LINES else []
        return "".join([self._bar(), *map(_line, [*lines[:_LINES], *more])])

    def _bar(self) -> str:
        """The bar, how many cells are done, what is running and how long the rest takes."""
        if self._overview is None:
            return ""
        seen = self._overview.as_of_now()
        done, total = self._overview.finished, self._overview.total
        text = f"{done} of {total} cells"
        if done == total:
            text += f" in {duration(time.monotonic() - self._begun)}; {self._path}"
        elif seen.seconds_left is not None:
            text += f", about {duration(seen.seconds_left)} left"
        running = [f"{cell.cell}, for {duration(cell.seconds)}" for cell in seen.running]
        more = [f"and {len(running) - _RUNNING} more"] if len(running) > _RUNNING else []
        return (
            f'<div><progress value="{done}" max="{total}" aria-label="cells"></progress> '
            f"{escape(printable(text))}</div>" + "".join(map(_line, running[:_RUNNING] + more))
        )


def _line(text: str) -> str:
    return f'<div style="font-size:90%;opacity:.8">{escape(printable(text))}</div>'


def _displayed(html: str) -> Callable[[str], None]:
    """Shows HTML as the output of the notebook's cell; draws other HTML in its place."""
    from IPython.display import HTML, display

    handle: Any = display(HTML(html), display_id=True)
    return lambda other: handle.update(HTML(other))
