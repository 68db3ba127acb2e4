"""The range of an image's values: what is 0 and what is 1 for the harness."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.core.errors import UsageError

if TYPE_CHECKING:
    from bench.core.dataset import Array


@dataclass(frozen=True)
class Range:
    """What stored values mean: `low` becomes 0 and `high` becomes 1, linearly.

    Noise levels, the noise that methods are told and metrics are in that unit.

    Attributes:
        low, high: stored values, finite.
        unit: of the stored values, as "counts" or "HU"; for people.
        clamp: outputs are limited to the range before they are scored.

    >>> twelve_bits = Range(0, 4095, "counts")
    >>> print(twelve_bits)
    0 to 4095 counts
    >>> twelve_bits.scaled(__import__("numpy").uint16([0, 4095])).tolist()
    [0.0, 1.0]

    Raises:
        UsageError: `low` is not below `high`, or one is not finite.
    """

    low: float = 0.0
    high: float = 1.0
    unit: str = ""
    clamp: bool = True

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise UsageError(
                f"range {self.low:g},{self.high:g}: give the least and the greatest value that a "
                "pixel may have, as 0,4095"
            )

    def scaled(self, stored: Any) -> Array:
        """Stored values as float32, 0 at `low` and 1 at `high`; a new array.

        Up to 16 bits float32 holds every value. What is wider is float64 until it is in [0, 1]: a
        float32 near 1e9 would tell no two values apart that are not 64 apart.
        """
        import numpy as np

        given = np.asarray(stored)
        if given.dtype.itemsize > 2 and (self.low or given.dtype != np.float32):
            wide = np.array(given, np.float64, order="C")
            wide -= self.low
            wide /= self.high - self.low
            return wide.astype(np.float32)
        values = np.array(given, np.float32, order="C")
        if self.low:
            values -= np.float32(self.low)
        values /= np.float32(self.high - self.low)
        return values

    def stored(self, values: Any) -> Any:
        """The other way: float64 in the unit of the stored values, not rounded."""
        import numpy as np

        return np.asarray(values, np.float64) * (self.high - self.low) + self.low

    def as_dict(self) -> dict[str, Any]:
        """What identifies it, for keys and files."""
        return {"low": self.low, "high": self.high, "unit": self.unit, "clamp": self.clamp}

    def __str__(self) -> str:
        return f"{self.low:.10g} to {self.high:.10g} {self.unit}".rstrip()


#: Of images that are stored as the harness has them.
UNIT_RANGE = Range()
