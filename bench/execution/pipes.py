"""What goes between a worker and its parent: a pickle, and before it its length.

The parent never waits for the worker's end of a pipe: children of a method may hold pipes open
when the worker is gone, and what it sends may stop in the middle.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import select
import struct
import subprocess
from typing import Any

#: Of what is printed, the last bytes are kept.
_KEPT = 20_000
#: Bytes that are read from a pipe at once, and how often when it is to be emptied.
_PART, _PARTS = 2**16, 256
#: The length of a pickle; more bytes than any has are none.
_LENGTH, _LONGEST = struct.Struct("!Q"), 2**40


def send(pipe: int, kind: str, value: Any) -> None:
    """Send a message to the parent.

    Args:
        pipe: its file descriptor.
        kind: "answer", "error", or what comes before one.
        value: what can be pickled.
    """
    pickled = pickle.dumps((kind, value))
    message = memoryview(_LENGTH.pack(len(pickled)) + pickled)
    while message:
        message = message[os.write(pipe, message) :]


class Garbled(Exception):
    """What a process sent is no message."""


class Pipes:
    """A process's pipes, as its parent has them: jobs in, answers and prints out.

    Args:
        process: started with pipes for all three, unbuffered.

    Attributes:
        silent: when `receive` looked last, nothing had come.
    """

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        self._in, self._out, self._err = process.stdin, process.stdout, process.stderr
        for pipe in (self._in, self._out, self._err):
            os.set_blocking(pipe.fileno(), False)
        self._to_send = memoryview(b"")
        self._received = bytearray()
        self._printed = b""
        self.silent = False

    def send(self, job: Any) -> None:
        """Have a job sent while answers are received; what was printed before is forgotten."""
        self._read_all_printed()
        self._to_send, self._printed = memoryview(pickle.dumps(job)), b""

    def receive(self, seconds: float) -> tuple[str, Any] | None:
        """The next message, as kind and value; None where none is whole after so many seconds.

        Raises:
            EOFError: there will be none.
            Garbled: what came is no message.
        """
        message = self._message()
        if message is None:
            self._move(seconds)
            message = self._message()
        return message

    def close(self) -> bytes:
        """Close them; returns the last that was printed."""
        with contextlib.suppress(OSError, ValueError):
            self._read_all_printed()
        for pipe in (self._in, self._out, self._err):
            pipe.close()
        return self._printed

    def _move(self, seconds: float) -> None:
        """Move bytes, in both directions, as soon as that is possible."""
        poll = select.poll()
        poll.register(self._out, select.POLLIN)
        if not self._err.closed:
            poll.register(self._err, select.POLLIN)
        if self._to_send:
            poll.register(self._in, select.POLLOUT)
        self.silent = True
        ready = {descriptor for descriptor, _ in poll.poll(1000 * seconds)}
        if not self._err.closed and self._err.fileno() in ready:
            self._read_printed()
        if self._out.fileno() in ready:
            part = self._out.read(_PART)
            if part == b"":
                raise EOFError
            if part:
                self.silent = False
                self._received += part
        if self._to_send and self._in.fileno() in ready:
            self._to_send = self._to_send[self._in.write(self._to_send) or 0 :]

    def _read_printed(self) -> bool:
        """Read some of what was printed, if there is any; the end of it is kept."""
        part = self._err.read(_PART)
        if part == b"":  # nobody prints any more
            self._err.close()
        self._printed = (self._printed + (part or b""))[-_KEPT:]
        return bool(part)

    def _read_all_printed(self) -> None:
        """Read what waits to be read, but not for ever: another may print and print."""
        for _ in range(_PARTS):
            if self._err.closed or not self._read_printed():
                break

    def _message(self) -> tuple[str, Any] | None:
        """The first message that was received, if it is whole."""
        start = _LENGTH.size
        if len(self._received) < start:
            return None
        (length,) = _LENGTH.unpack_from(self._received)
        if length > _LONGEST:
            raise Garbled("another wrote into its pipe")
        if len(self._received) < start + length:
            return None
        message = bytes(self._received[start : start + length])
        del self._received[: start + length]
        try:
            kind, value = pickle.loads(message)
        except Exception as error:  # whatever the pickle of a method's own class says
            raise Garbled(" ".join(f"{type(error).__name__}: {error}".split())) from error
        return kind, value
