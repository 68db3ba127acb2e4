"""How far a run is, as its listener and other terminals are told."""

import time

import pytest

from bench.core import Cell, Progress, Record
from bench.execution import progress
from bench.execution.progress import Overview, ProgressReporter
from bench.noises import make_noise
from bench.store.progress import RunProgress


class Clock:
    """A clock that is set, in seconds."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def cells(*methods):
    return [
        Cell(
            "toy", "f00d", method, "{}", "{}", "c0de", None, make_noise("gaussian", 0.1), seed,
            "{}", limit=None, tune=0, quantize=False,
        )
        for seed, method in enumerate(methods)
    ]  # fmt: skip


def fits(cell, done, total=10):
    return Progress(cell, "fit", done, total, "epochs")


def starts(cell):
    return Progress(cell, "start", 0, 0, "")


def test_cells_are_counted_by_what_came_of_them():
    planned = cells("a", "b", "c", "d")
    seen = Overview(planned, planned[1:])
    assert (seen.total, seen.finished) == (4, 1)
    for cell, status in zip(planned[1:], ("done", "failed", "skipped"), strict=True):
        seen.progress(starts(cell))
        seen.recorded(Record(cell, status))
    assert seen.counts == {"done": 2, "failed": 1, "skipped": 1}
    assert seen.finished == 4
    assert seen.seconds_left() == 0


def test_what_is_written_to_other_terminals():
    planned, clock = cells("a", "a"), Clock()
    seen = Overview(planned, planned[1:], clock=clock)
    seen.progress(starts(planned[1]))
    clock.now = 1.0
    seen.progress(fits(planned[1], 0))
    clock.now = 4.0
    seen.progress(fits(planned[1], 5))
    written = RunProgress.model_validate_json(str(seen.as_of_now("bench run")))
    assert (written.done, written.failed, written.total, written.command) == (1, 0, 2, "bench run")
    assert written.seconds_left == pytest.approx(3)
    (running,) = written.running
    assert (running.phase, running.done, running.of, running.seconds, running.seconds_left) == (
        "fit", 5, 10, 4.0, 3.0,
    )  # fmt: skip
    assert running.key == planned[1].key
    clock.now = 9.0  # it is said how long it takes, though nothing is heard of it
    assert seen.as_of_now().running[0].seconds == 9.0


class Told:
    """A run and a listener that note what they are told."""

    class manifest:  # noqa: N801
        command = "bench run"

    def __init__(self):
        self.written, self.heard = [], []

    def write_progress(self, said):
        self.written.append(said)

    def progress(self, running):
        self.heard.append(running.progress)


def test_it_is_told_again_and_again_though_nothing_moves(monkeypatch):
    monkeypatch.setattr(progress, "_BEAT", 0.01)
    planned, told = cells("a"), Told()
    with ProgressReporter(told, Overview(planned, planned), told) as reporter:
        reporter.progress(starts(planned[0]))
        deadline = time.monotonic() + 60
        while min(len(told.written), len(told.heard)) < 5:
            assert time.monotonic() < deadline
            time.sleep(0.01)
    assert set(told.heard) == {starts(planned[0])}
    assert [cell.phase for cell in told.written[-2].running] == ["start"]
    assert told.written[-1].running == []
    count = len(told.written)
    time.sleep(0.05)
    assert len(told.written) == count  # it ends with the run


def test_a_screen_that_is_gone_ends_nothing_but_its_own_news(monkeypatch):
    class Gone(Told):
        def progress(self, running):
            super().progress(running)
            if len(self.heard) > 1:
                raise BrokenPipeError

    monkeypatch.setattr(progress, "_BEAT", 0.01)
    planned, told = cells("a"), Gone()
    with ProgressReporter(told, Overview(planned, planned), told) as reporter:
        reporter.progress(starts(planned[0]))
        reporter._heart.join(60)
        assert not reporter._heart.is_alive()
    assert told.written[-1].running == []
