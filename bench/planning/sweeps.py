"""Sweeps: `vae[latent=2|5|10]` and `dae[hidden=100..800:100]` stand for each of their values.

A parameter has several values where they stand beside each other, apart by `|`, or where a range
gives them: first..last:step, the last one included where a step reaches it. Without a step it is 1,
of whole numbers. Of several such parameters every combination is meant. What a sweep stands for is
text as if it had been typed one by one, so that its cells are the same ones.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from bench.core import UsageError, printable
from bench.planning import notation

if TYPE_CHECKING:
    from bench.planning.settings import Settings

#: Cells that sweeps may ask for without `--yes`: beyond, a slip of the pen costs days.
MOST_CELLS = 1000
#: Metrics that a sweep may ask for.
MOST_METRICS = 100

# Characters of a sweep that messages show.
_LONGEST = 80
_NUMBER = r"[+-]?(?:\d{1,40}(?:\.\d{1,40})?|\.\d{1,40})(?:[eE][+-]?\d{1,3})?"
_RANGE = re.compile(rf"({_NUMBER})\s*\.\.\s*({_NUMBER})\s*(?::\s*({_NUMBER}))?")
#: What is meant as a range, well written or not; a path such as `../model.pt` is none.
_LIKE_RANGE = re.compile(rf"{_NUMBER}x?\s*\.\.")


@dataclass(frozen=True)
class Range:
    """So many numbers, a step apart; they are made when they are asked for."""

    first: Fraction
    step: Fraction
    count: int
    whole: bool

    def __iter__(self) -> Iterator[str]:
        for number in range(self.count):
            value = self.first + number * self.step
            yield str(int(value)) if self.whole else repr(float(value))


@dataclass(frozen=True)
class Values:
    """The values of a parameter: each a text, or a range."""

    parts: tuple[str | Range, ...]

    @property
    def count(self) -> int:
        """How many there are."""
        return sum(part.count if isinstance(part, Range) else 1 for part in self.parts)

    def __iter__(self) -> Iterator[str]:
        for part in self.parts:
            yield from (part if isinstance(part, Range) else (part,))


@dataclass(frozen=True)
class Sweep:
    """What a text asks for: a name, and of each parameter its values.

    >>> list(Sweep.of("vae[latent=2|5,beta=0..1:0.5]"))[:3]
    ['vae[latent=2,beta=0.0]', 'vae[latent=2,beta=0.5]', 'vae[latent=2,beta=1.0]']
    """

    text: str
    name: str
    values: Mapping[str, Values]

    @classmethod
    def of(cls, text: str, noun: str = "method") -> Sweep:
        """Read a text.

        Raises:
            UsageError: it is not written so, or a value or a range is none.
        """
        name, params = notation.parse(text, noun)
        return cls(text, name, {key: _values(name, key, typed) for key, typed in params.items()})

    @property
    def count(self) -> int:
        """How many it stands for."""
        return math.prod(values.count for values in self.values.values())

    def __iter__(self) -> Iterator[str]:
        """The texts that it stands for, the last parameter's values one after the other."""
        if not self.values:
            yield self.text
            return
        for chosen in itertools.product(*self.values.values()):
            items = zip(self.values, chosen, strict=True)
            yield f"{self.name}[{','.join(f'{key}={value}' for key, value in items)}]"

    def cells(self, settings: Settings) -> int:
        """How many cells that may be, as far as the text tells."""
        seeds, regimes = self.values.get("seeds"), self.values.get("train")
        # Of more numbers than that the limit is passed whatever they are.
        first = itertools.islice(seeds or (), MOST_CELLS)
        typed = [int(text) for text in first if text.isdecimal() and len(text) < 10]
        trainings = 1 if regimes else len(settings.train_noise)
        return self.count * len(settings.noise) * trainings * max(typed or [len(settings.seeds)])


def expanded(texts: Iterable[str], settings: Settings) -> list[str]:
    """Methods as typed -> each of those that they stand for.

    Raises:
        UsageError: a sweep cannot be read; or all of them are more cells than `MOST_CELLS`, and the
            settings do not say yes to that.
    """
    sweeps = [Sweep.of(text) for text in texts]
    several = [sweep for sweep in sweeps if sweep.count > 1]
    cells = sum(sweep.cells(settings) for sweep in several)
    if cells > MOST_CELLS and not settings.yes:
        count = sum(sweep.count for sweep in several)
        raise UsageError(
            f"--methods {_short(','.join(sweep.text for sweep in several))}: {_amount(count)} "
            f"methods, up to {_amount(cells)} cells; give --yes if that is meant, or fewer values"
        )
    return [text for sweep in sweeps for text in sweep]


def expanded_metrics(texts: Iterable[str]) -> list[str]:
    """Metrics as typed -> each of those that they stand for.

    Raises:
        UsageError: a sweep cannot be read, or stands for more than `MOST_METRICS`.
    """
    sweeps = [Sweep.of(text, "metric") for text in texts]
    for sweep in sweeps:
        if sweep.count > MOST_METRICS:
            raise UsageError(
                f"--metrics {_short(sweep.text)}: {_amount(sweep.count)} metrics; give at most "
                f"{MOST_METRICS} values"
            )
    return [text for sweep in sweeps for text in sweep]


def expect_one(text: str, noun: str = "method") -> None:
    """Raise `UsageError` where a text stands for several methods, or cannot be read."""
    count = Sweep.of(text, noun).count
    if count > 1:
        raise UsageError(f"{_short(text)}: give one {noun}, not a sweep of {_amount(count)}")


def _values(name: str, key: str, typed: str) -> Values:
    texts = [text.strip() for text in notation.cut(typed, "|")]
    where = _short(f"{name}[{key}={typed}]")
    if not all(texts):
        raise UsageError(f"{where}: a value is missing beside |: write {key}=2|5|10")
    return Values(tuple(_range(where, text) if _LIKE_RANGE.match(text) else text for text in texts))


def _range(where: str, text: str) -> Range:
    """The numbers of a range such as `100..800:100`.

    Raises:
        UsageError: it is none, or would never end.
    """
    match = _RANGE.fullmatch(text)
    if match is None or not all(math.isfinite(float(each)) for each in match.groups() if each):
        raise UsageError(f"{where}: {text} is no range: write first..last:step, as 100..800:100")
    whole = all(re.fullmatch(r"[+-]?\d+", each) for each in match.groups() if each)
    first, last, step = (Fraction(each) if each else None for each in match.groups())
    assert first is not None
    assert last is not None
    if step is None and not whole:
        raise UsageError(f"{where}: say by which steps, as {text}:{_tenth(last - first)}")
    step = Fraction(1) if step is None else step
    if step == 0 or (last - first) / step < 0:
        raise UsageError(
            f"{where}: steps of {float(step):g} from {float(first):g} never reach {float(last):g}: "
            "write first..last:step, as 100..800:100"
        )
    return Range(first, step, int((last - first) // step) + 1, whole)


def _short(text: str) -> str:
    return printable(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}...")


def _amount(count: int) -> str:
    return f"{count:,}" if count < 10**15 else "more than 10^15"


def _tenth(span: Fraction) -> str:
    """A step by which some ten numbers are in a range; where that is one number, any step."""
    return f"{(float(span) or 1) / 10:.1g}"
