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
        self._at_once = form.images_at_once
        self._seconds: float | None = None  # an image
        self._call = 0.0  # seconds of the last one

    @property
    def slow(self) -> bool:
        """An image takes over a second."""
        return self._seconds is not None and self._seconds > _SLOW

    @property
    def long(self) -> bool:
        """The last call took over a second."""
        return self._call > _SLOW

    def serves(self, call: int, images: int) -> bool:
        """What a call with the first so many of these images gave is what `cut` would lead to."""
        return self._function or call == self._size(images)

    def cut(self, images: int, first: int = 0) -> Iterator[slice]:
        """Parts of so many images, each as large as is right when it is asked for.

        Args:
            images: in all.
            first: in the first part, where that is settled.
        """
        start = 0
        while start < images:
            size = first if first and not start else self._size(images)
            part = slice(start, min(images, start + size))
            yield part
            start = part.stop

    @contextlib.contextmanager
    def timed(self, images: int) -> Iterator[None]:
        """A call with so many images, which tells how large the next ones are to be."""
        began = time.perf_counter()
        yield
        self.took(images, time.perf_counter() - began)

    def took(self, images: int, seconds: float) -> None:
        """A call with so many images took so long, here or before an interruption."""
        self._call = seconds
        # Images that are handled at the same time each take as long as the call.
        self._seconds = seconds / max(1.0, images / self._at_once)

    def _size(self, images: int) -> int:
        if not self._function:
            return 1 if self.slow else images
        if self._seconds is None:
            return self._at_once
        each = 1  # images for each thread
        while each < images and 2 * each * self._seconds <= _CALL:
            each *= 2
        return each * self._at_once
