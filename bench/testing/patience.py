"""A time limit for what runs in this process."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator


class TooSlow(Exception):
    """It took longer than it may."""


@contextlib.contextmanager
def within(seconds: float) -> Iterator[None]:
    """Interrupt the body, as Ctrl-C does, once it has taken so long.

    Outside the main thread, which alone can be interrupted, there is no limit. A call of a library
    that does not come back to Python ends first.

    Raises:
        TooSlow: it was interrupted.

    >>> with within(0.01):
    ...     while True:
    ...         pass
    Traceback (most recent call last):
    bench.testing.patience.TooSlow: it took over 0.01 s
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    over = threading.Event()  # else the user interrupts

    def interrupt(number: int, frame: object) -> None:
        over.set()
        raise KeyboardInterrupt

    # A signal of its own: Ctrl-C's is ignored in what a script starts in the background.
    before = signal.signal(signal.SIGALRM, interrupt)
    main = threading.get_ident()
    timer = threading.Timer(seconds, signal.pthread_kill, (main, signal.SIGALRM))
    timer.daemon = True
    timer.start()
    try:
        yield
    except KeyboardInterrupt:
        if not over.is_set():
            raise
        raise TooSlow(f"it took over {seconds:g} s") from None
    finally:
        timer.cancel()
        signal.signal(signal.SIGALRM, before)
