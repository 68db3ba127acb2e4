"""Records on their way to the disk: nothing that was put is lost, and errors are not either."""

import threading
import time
from types import SimpleNamespace

import pytest

from bench.core import StorageError
from bench.execution.writer import Writer


class Run:
    """Writes the first of each few records slowest."""

    def __init__(self, fails=()):
        self.written, self.at_once, self.most, self._fails = [], 0, 0, fails
        self._lock = threading.Lock()

    def write(self, record):
        with self._lock:
            self.at_once += 1
            self.most = max(self.most, self.at_once)
        time.sleep(0.02 if record % 3 == 0 else 0.001)
        with self._lock:
            self.at_once -= 1
            if record in self._fails:
                raise StorageError(f"no room for {record}")
            self.written.append(record)
        return record


def put_all(run, records, recorded=lambda record: None):
    """As a session does; an exception among the records is raised by what gives them."""
    with Writer(run, recorded) as writer:
        for record in records:
            if isinstance(record, BaseException):
                raise record
            writer.put(record)


def test_records_are_told_of_in_order_once_they_are_written():
    run, told = Run(), []
    with Writer(run, lambda record: told.append((record, record in run.written))) as writer:
        for record in range(40):
            writer.put(record)
    assert told == [(record, True) for record in range(40)]
    assert run.most > 1


def test_what_was_put_is_written_whatever_ends_the_session():
    run = Run()
    with pytest.raises(KeyboardInterrupt):
        put_all(run, [0, 1, 2, 3, 4, KeyboardInterrupt()])
    assert sorted(run.written) == list(range(5))


def test_whoever_is_faster_than_the_disk_waits():
    gate, put = threading.Event(), []

    def fill(writer):
        for record in range(100):
            writer.put(record)
            put.append(record)

    with Writer(SimpleNamespace(write=lambda record: gate.wait(60)), lambda record: None) as writer:
        thread = threading.Thread(target=fill, args=(writer,))
        thread.start()
        time.sleep(0.3)
        waiting = len(put)
        gate.set()
        thread.join()
    assert 0 < waiting < 20
    assert len(put) == 100


def test_a_record_that_cannot_be_written_ends_the_session_and_is_not_told_of():
    run, told = Run(fails={3}), []
    with pytest.raises(StorageError, match="no room for 3"):
        put_all(run, range(1000), told.append)
    assert 3 not in told
    assert len(told) < 100


def test_an_error_of_the_last_record_is_raised_too():
    with pytest.raises(StorageError, match="no room for 0"):
        put_all(Run(fails={0}), [0])
