"""The values of a parameter that tuning may try: those listed, and numbers beyond their ends."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

#: So many numbers beyond each end may be tried.
BEYOND = 4


@dataclass(frozen=True)
class Axis:
    """A parameter's values, neighbours beside each other.

    Attributes:
        values: all that may be tried; numbers in rising order.
        listed: the positions of those that the method lists; others lie beyond their ends.
    """

    values: tuple[Any, ...]
    listed: range

    @classmethod
    def of(cls, listed: Iterable[Any], least: float = -math.inf, most: float = math.inf) -> Axis:
        """The axis of listed values: two numbers or more go on beyond both ends.

        By equal steps where those listed are equal, else each as many times the last as that is of
        the one before. Whole numbers stay whole and odd ones odd; none is zero or of a sign where
        none listed is.

        Args:
            listed: a method's values; texts and truth values have no ends to go beyond.
            least: none beyond is less.
            most: none beyond is more.

        >>> Axis.of((3, 5, 7)).values
        (1, 3, 5, 7, 9, 11, 13, 15)
        >>> Axis.of((0.0, 1.0, 2.0, 4.0), most=20).values
        (0.0, 1.0, 2.0, 4.0, 8.0, 16.0)
        >>> Axis.of(("hard", "soft")).values
        ('hard', 'soft')
        """
        values = list(listed)
        if not _numbers(values):
            return cls(tuple(values), range(len(values)))
        values.sort()
        above = _beyond(values, least, most)
        below = _beyond(values[::-1], least, most)
        return cls((*below[::-1], *values, *above), range(len(below), len(below) + len(values)))

    def end(self, position: int) -> Literal["", "smallest", "largest"]:
        """Whether a value is the last that may be tried, though it could be followed by another.

        >>> axis = Axis.of((3, 5, 7))
        >>> axis.end(7), axis.end(3), axis.end(0)  # 15, 7, and 1, the smallest odd number
        ('largest', '', '')
        """
        if position == 0 and self.listed.start == BEYOND:
            return "smallest"
        last = len(self.values) - 1
        return "largest" if position == last and last - self.listed[-1] == BEYOND else ""


def _numbers(values: Sequence[Any]) -> bool:
    """They are two finite numbers or more, each another."""
    return (
        all(type(value) in (int, float) and math.isfinite(value) for value in values)
        and len(set(values)) == len(values) > 1
    )


def _beyond(listed: Sequence[float], least: float, most: float) -> list[float]:
    """The numbers that go on where rising or falling ones end."""
    signs = {_sign(value) for value in listed}
    values = list(listed)
    while len(values) < len(listed) + BEYOND:
        following = (
            value
            for value in _following(values)
            if (value - values[-1]) * (values[-1] - values[-2]) > 0
            and _sign(value) in signs
            and least <= value <= most
            and math.isfinite(value)
        )
        value = next(following, None)
        if value is None:
            break
        values.append(value)
    return values[len(listed) :]


def _following(values: Sequence[float]) -> list[float]:
    """What may come next: an equal step where steps are equal, and else an equal factor."""
    steps = [after - before for before, after in itertools.pairwise(values)]
    before, last = values[-2:]
    step, factor = last + steps[-1], last * last / before if before * last > 0 else None
    equal = all(math.isclose(steps[0], other, rel_tol=1e-6) for other in steps)
    if any(isinstance(value, float) for value in values):
        # Without what rounding adds; of factors three digits are enough.
        candidates = [float(f"{step:.12g}")] if equal or factor is None else []
        return candidates + ([] if factor is None else [float(f"{factor:.3g}")])
    candidates = [step] if equal or factor is None else []
    if factor is not None:
        whole = round(factor)
        odd = all(value % 2 for value in values)
        candidates.append(whole + (_sign(steps[-1]) if odd and whole % 2 == 0 else 0))
    return candidates


def _sign(value: float) -> int:
    return (value > 0) - (value < 0)
