"""Records -> disk, as they come: several at once, since a write mostly waits for the disk."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Self

from bench.core import Record
from bench.store import Run

# More threads gain nothing: what is not waiting holds the interpreter's lock.
_THREADS = 4
#: Records that wait to be written; whoever brings more waits too, since they may be large.
_WAITING = 2 * _THREADS


class Writer:
    """Writes the records of a run, and tells of each when it is on disk.

    A context manager: at its end every record that was put is on disk, whatever ended it.

    Args:
        run: what is written to.
        recorded: told of each record that is on disk, one at a time, in the order of `put`.
    """

    def __init__(self, run: Run, recorded: Callable[[Record], None]) -> None:
        self._run, self._recorded = run, recorded
        self._executor = ThreadPoolExecutor(_THREADS, thread_name_prefix="bench-writer")
        self._room = threading.Semaphore(_WAITING)
        self._lock = threading.Lock()
        self._pending: deque[Future[Record]] = deque()
        self._error: BaseException | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._executor.shutdown()
        if kind is None:
            self._check()

    def put(self, record: Record) -> None:
        """Have a record written; returns before it is, unless many are waiting.

        Raises:
            StorageError: an earlier one could not be written.
        """
        self._room.acquire()
        self._check()
        with self._lock:
            future = self._executor.submit(self._run.write, record)
            self._pending.append(future)
        future.add_done_callback(self._written)

    def _written(self, _: Future[Record]) -> None:
        """Tell of the records whose turn it is."""
        with self._lock:
            while self._pending and self._pending[0].done():
                try:
                    self._recorded(self._pending.popleft().result())
                except BaseException as error:  # raised where the next record is put
                    self._error = self._error or error
        self._room.release()

    def _check(self) -> None:
        if self._error is not None:
            raise self._error
