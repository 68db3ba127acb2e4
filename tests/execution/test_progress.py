"""The time left: what earlier cells took, and how far the running ones are."""

import pytest

from bench.core import Cell, Progress, Record
from bench.execution import progress
from bench.execution.progress import Overview
from bench.noises import make_noise


@pytest.fixture
def clock(monkeypatch):
    """Sets the time, in seconds."""
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return lambda seconds: now.__setitem__(0, float(seconds))


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


def test_nothing_is_said_before_anything_is_known(clock):
    planned = cells("a", "b")
    seen = Overview(planned, planned)
    assert seen.seconds_left() is None
    seen.progress(starts(planned[0]))
    assert seen.seconds_left() is None


def test_cells_take_what_those_of_their_method_took_and_others_the_mean_of_the_methods(clock):
    planned = cells("fast", "slow", "fast", "slow", "new")
    seen = Overview(planned, planned)
    seen.progress(starts(planned[0]))
    clock(1)
    seen.recorded(Record(planned[0], "done"))
    seen.progress(starts(planned[1]))
    clock(10)
    seen.recorded(Record(planned[1], "done"))
    assert seen.seconds_left() == pytest.approx(1 + 9 + (1 + 9) / 2)
    assert (seen.finished, seen.counts["done"]) == (2, 2)


def test_a_running_cell_tells_by_its_own_steps(clock):
    planned = cells("fast", "slow", "slow")
    seen = Overview(planned, planned)
    seen.recorded(Record(planned[0], "done"))  # in no time
    seen.progress(starts(planned[1]))
    clock(4)
    seen.progress(fits(planned[1], 1))  # of a phase that began with the cell
    clock(8)
    seen.progress(fits(planned[1], 2))
    assert seen.seconds_left() == pytest.approx(32 + 40)


def test_a_cell_that_takes_longer_than_others_did_takes_nothing_of_what_waits(clock):
    planned = cells("slow", "slow", "slow")
    seen = Overview(planned, planned)
    seen.progress(starts(planned[0]))
    clock(10)
    seen.recorded(Record(planned[0], "done"))
    seen.progress(starts(planned[1]))
    clock(90)
    assert seen.seconds_left() == pytest.approx(10)


def test_cells_at_once_share_the_time_but_none_ends_before_itself(clock):
    planned = cells("a", "b", "b")
    seen = Overview(planned, planned, at_once=2)
    for cell in planned[:2]:
        seen.progress(starts(cell))
    clock(10)
    seen.progress(fits(planned[0], 1, 11))
    seen.progress(fits(planned[1], 5))
    assert seen.seconds_left() == pytest.approx(100)  # of the first; the others take 10 and 20
    seen.recorded(Record(planned[0], "done"))
    assert seen.seconds_left() == pytest.approx((10 + 20) / 2)


def test_more_workers_than_cells_do_not_help(clock):
    planned = cells("a", "a")
    seen = Overview(planned, planned, at_once=8)
    seen.progress(starts(planned[0]))
    clock(10)
    seen.recorded(Record(planned[0], "done"))
    assert seen.seconds_left() == pytest.approx(10)


def test_what_is_written_to_other_terminals(clock):
    planned = cells("a", "a")
    seen = Overview(planned, planned[1:])
    seen.progress(starts(planned[1]))
    clock(3)
    seen.progress(fits(planned[1], 5))
    written = seen.as_dict("bench run")
    assert (written["done"], written["failed"], written["total"]) == (1, 0, 2)
    assert written["seconds_left"] == pytest.approx(3)
    (running,) = written["running"]
    assert (running["phase"], running["done"], running["of"], running["seconds"]) == (
        "fit", 5, 10, 3.0,
    )  # fmt: skip
