"""What the calls of a denoiser took, and on how busy a machine."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.core.threads import load_average
from bench.evaluation.memory import PeakDeviceMemory, PeakMemory


@dataclass
class Call:
    """One call of a denoiser.

    Attributes:
        images: that it was given.
        pixels: of each of them, whatever its channels.
        first: before it nothing of the method had run: it may have loaded libraries.
        seconds: by the clock.
        processor_seconds: that all threads of this process computed; None where not measured.
        memory_growth: bytes that the process had at most, over those it had before; likewise.
        device_memory: bytes that torch had at most on a GPU; likewise.
    """

    images: int
    pixels: int = 0
    first: bool = False
    seconds: float = 0.0
    processor_seconds: float | None = None
    memory_growth: int | None = None
    device_memory: int | None = None


class Timing:
    """The calls that a cell's images were denoised by.

    Args:
        clock: seconds, once all that was begun is done.
        device: where the denoiser computes.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter, device: str = "cpu") -> None:
        self._clock, self._device = clock, device
        self._calls: list[Call] = []
        self._begun = False

    def __len__(self) -> int:
        return len(self._counted)

    @contextlib.contextmanager
    def call(self, images: int, pixels: int = 0) -> Iterator[Call]:
        """A call with so many images; what it took is known at the end, and not counted yet."""
        call = Call(images, pixels, first=not self._begun)
        self._begun = True
        with PeakMemory() as memory, PeakDeviceMemory(self._device) as device_memory:
            computed, began = time.process_time(), self._clock()
            yield call
            call.seconds = self._clock() - began
            call.processor_seconds = time.process_time() - computed
        call.memory_growth = memory.growth
        call.device_memory = device_memory.peak

    def count(self, call: Call) -> None:
        """A call that gave images of the cell, now or before an interruption."""
        self._calls.append(call)

    @property
    def _counted(self) -> list[Call]:
        """Calls by which the denoiser is judged: the very first only where it is the only one."""
        return [call for call in self._calls if not call.first] or self._calls

    @property
    def images_per_second(self) -> float:
        """Of the median call.

        >>> timing = Timing()
        >>> for seconds in (90, 1, 2, 3):
        ...     timing.count(Call(images=4, seconds=seconds, first=seconds == 90))
        >>> timing.images_per_second, timing.quartiles
        (2.0, [0.375, 0.5, 0.625])
        """
        return 1 / max(self.quartiles[1], 1e-12)

    @property
    def quartiles(self) -> list[float]:
        """Seconds an image: the lower quartile, the median and the upper one of the calls."""
        each = [call.seconds / call.images for call in self._counted]
        return [float(value) for value in np.quantile(each, (0.25, 0.5, 0.75))]

    @property
    def seconds(self) -> float:
        """Of all calls."""
        return sum(call.seconds for call in self._counted)

    @property
    def milliseconds_per_megapixel(self) -> float | None:
        """Of the median call with a single image; None where there was no such call.

        >>> timing = Timing()
        >>> for seconds in (1, 3, 2):
        ...     timing.count(Call(images=1, pixels=500_000, seconds=seconds))
        >>> timing.milliseconds_per_megapixel
        4000.0
        """
        each = [1e9 * c.seconds / c.pixels for c in self._counted if c.images == 1 and c.pixels]
        return float(np.median(each)) if each else None

    @property
    def memory_growth(self) -> int | None:
        """Bytes, in the call that took most; None where it was not measured."""
        known = [c.memory_growth for c in self._counted if c.memory_growth is not None]
        return max(known, default=None)

    @property
    def device_memory(self) -> int | None:
        """Bytes, in the call that took most; None where it was not measured."""
        known = [c.device_memory for c in self._counted if c.device_memory is not None]
        return max(known, default=None)

    def conditions(self) -> dict[str, Any]:
        """What is noted of the calls, and of the machine at their end."""
        measured = [call for call in self._counted if call.processor_seconds is not None]
        computed = sum(call.processor_seconds or 0.0 for call in measured)
        seconds = sum(call.seconds for call in measured)
        return {
            "calls": len(self._counted),
            "seconds_per_image": self.quartiles,
            "cores_used": round(computed / seconds, 2) if seconds else None,
            "load": load_average(),
        }
