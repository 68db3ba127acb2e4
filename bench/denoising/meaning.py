"""What the values of what is denoised mean: as stated, as in `dataset.toml`, as of the run."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from bench.core import Range, UsageError
from bench.datasets.folders.description import DESCRIPTION, description

#: Folders above a file's own that `dataset.toml` may lie in: data/test/noisy/scene/frame.png.
_LEVELS = 3
#: The range of a run whose images' formats said it themselves: it says nothing of other formats.
_USUAL = ((0.0, 1.0), (0.0, 65535.0))
#: The greatest values of 8 and 16 bits, which state nothing; other formats' do.
_BITS = (255, 65535)
#: Where the values use less of a run's range, it is hardly theirs.
_LITTLE = 1 / 4


@dataclass(frozen=True)
class Stated:
    """What somebody stated of the values that are denoised.

    Attributes:
        typed: by the user; None where nothing was.
        run: of the run whose models are taken; None where it says nothing of other images.
        name: of that run, for messages.
    """

    typed: Range | None
    run: Range | None = None
    name: str = ""

    @classmethod
    def of(cls, typed: Range | None, run: Range, name: str) -> Stated:
        """With the range of a run, if more is known of it than its formats say."""
        usual = run.clamp and (run.low, run.high) in _USUAL
        return cls(typed, None if usual else run, name)

    def of_run(self, white: float | None) -> Range | None:
        """The run's range for images of which nobody stated another; None where theirs is known.

        Args:
            white: the value that is, by their format; None where that does not say it.

        Raises:
            UsageError: they cannot reach it.
        """
        if self.run is None or (white is not None and white not in _BITS):
            return None
        if white is not None and self.run.high > white:
            raise UsageError(
                f"no value of it is beyond {white:.10g}, and the range of {self.name} is "
                f"{self.run}: state that of its values, as --range 0,{white:.10g}"
            )
        return self.run

    def told(self, taken: Range, white: float | None, where: str) -> list[str]:
        """Lines that say which range was taken, where it is not the format's.

        Args:
            taken: the range.
            white: see `of_run`.
            where: it was found, in words; empty where it was typed, or is the format's.
        """
        lines = [f"the range {taken} is that of {where}"] if where else []
        if self.run is None or white == 1:
            return lines
        if (taken.low, taken.high) != (self.run.low, self.run.high):
            lines.append(
                f"the models of {self.name} are for values of the range {self.run}, and these are "
                f"of {taken}: if they are stored alike, give --range "
                f"{self.run.low:.10g},{self.run.high:.10g}"
            )
        return lines


def little_used(high: float, meaning: Range) -> list[str]:
    """A line where values use hardly anything of a run's range.

    >>> little_used(3000, Range(0, 4095))
    []
    """
    if high >= meaning.low + (meaning.high - meaning.low) * _LITTLE:
        return []
    return [
        f"its greatest value is {high:.6g}, and of the run's range {meaning} it is nearly black: "
        "if its values are of another one, state it by --range"
    ]


def described(folder: Path) -> Path:
    """The folder whose `dataset.toml` says what the files in a folder mean.

    Args:
        folder: that the files lie in.

    Returns:
        It, or the nearest of the three above it where such a file lies; else it.
    """
    if os.path.lexists(folder / DESCRIPTION):
        return folder
    above = Path(os.path.abspath(folder)).parents  # noqa: PTH100  (links are not followed)
    return next((top for top in above[:_LEVELS] if os.path.lexists(top / DESCRIPTION)), folder)


def stated_range(folder: Path, typed: Range | None) -> tuple[Range | None, Path | None]:
    """The range that was typed, or that `dataset.toml` states; and that file, if it states one.

    Raises:
        UsageError: both state one, and not the same.
        DataError: the file cannot be read.
    """
    top = described(folder)
    says = description(top)
    return says.stated(typed, top), None if says.range is None else top / DESCRIPTION
