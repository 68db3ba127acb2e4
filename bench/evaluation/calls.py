"""How many images a denoiser is called with at once, so that no call takes long without a word."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

from bench.evaluation.forms import Form

#: Seconds that a call may take, and an image of a slow method.
_CALL, _SLOW = 2.0, 1.0


class Calls:
    """Cuts batches into calls, by what an image took in the last one.

    A function handles each image by itself, and gets as many as take up to two seconds. What
    learned gets whole batches, since the last bits of a product of matrices depend on their size;
    only where an image takes over a second does it get them one by one.

    Args:
        form: the method that is called.
    """

    def __init__(self, form: Form) -> None:
        self._function = form.method.form == "function"
        self._threads = form.threads_used if self._function else 1
        self._seconds: float | None = None  # an image

    @property
    def slow(self) -> bool:
        """An image takes over a second."""
        return self._seconds is not None and self._seconds > _SLOW

    def cut(self, images: int) -> Iterator[slice]:
        """Parts of so many images, each as large as is right when it is asked for."""
        start = 0
        while start < images:
            part = slice(start, min(images, start + self._size(images)))
            yield part
            start = part.stop

    @contextlib.contextmanager
    def timed(self, images: int) -> Iterator[None]:
        """A call with so many images, which tells how large the next ones are to be."""
        began = time.perf_counter()
        yield
        # Images that are handled at the same time each take as long as the call.
        self._seconds = (time.perf_counter() - began) / max(1.0, images / self._threads)

    def _size(self, images: int) -> int:
        if not self._function:
            return 1 if self.slow else images
        if self._seconds is None:
            return self._threads
        each = 1  # images for each thread
        while each < images and 2 * each * self._seconds <= _CALL:
            each *= 2
        return each * self._threads
