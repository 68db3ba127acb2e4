"""What a data set is that somebody else wrote: the decorator that declares one, and its images.

A data set is one file: a function that gives the images of a split one by one, each time it is
called.
"""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from bench.core import Range, Split
from bench.plugins.plugin import Declaration, Plugin, names

T = TypeVar("T", bound=Callable[..., Any])


@dataclass(frozen=True, kw_only=True)
class DatasetDeclaration(Declaration):
    """What a data set's file says of it: the arguments of `dataset`."""

    kind = "dataset"

    range: tuple[float, float] | None
    unit: str
    clamp: bool

    def __post_init__(self) -> None:
        super().__post_init__()
        self.expect_texts("unit")
        if not isinstance(self.clamp, bool):
            raise TypeError(f"clamp={self.clamp!r} is neither True nor False")
        if self.range is not None:
            try:
                low, high = (float(value) for value in self.range)
                Range(low, high)
            except Exception:
                raise TypeError(
                    f"range={self.range!r}: write (black, white), as (0, 4095)"
                ) from None

    def attach(self, target: T) -> T:
        """Note this on a function, which stays the same object."""
        if inspect.isclass(target):
            raise TypeError("@dataset is for a function of (split, folder)")
        return super().attach(target)


def dataset(
    *_positional: object,
    range: tuple[float, float] | None = None,  # noqa: A002
    unit: str = "",
    clamp: bool = True,
    reference: str = "",
    requires: Iterable[str] = (),
    note: str = "",
    data: Iterable[str] = (),
) -> Callable[[T], T]:
    """Declare a function as the data set of its file.

    It is called with "train", "validation" or "test", and gives the images of that split one by
    one, as a generator or a list; nothing for a split that there is not. With an argument `folder`
    it is told the data folder (`--data-dir`), a `pathlib.Path`. An image is an array (H, W),
    (C, H, W) or (H, W, C) of stored values, C = 1 or 3, a PIL image, a torch tensor, or the path of
    an image file; or a dictionary, where more is known of it: `clean`, such an image; `noisy`, one
    or a list of those that came with it (then no noise is drawn, and `clean` may be missing);
    `label`, its class, counted from 0; `unit`, text or number, what it belongs to (a field, a
    patient): images of one unit are no independent samples.

    It is called again whenever images are needed, and has to give the same ones in the same order.

    Args:
        range: stored values of black and white, which `--range` then does not change. Without it
            uint8 goes from 0 to 255 and uint16 to 65535, and of others `--range` says it.
        unit: of the stored values, as "counts" or "HU".
        clamp: outputs are limited to the range before they are scored.
        reference: the data set's source, as a table would cite it.
        requires: packages that bench does not install, by import name. Import them where they
            are used.
        note: what a user must know, such as a licence.
        data: files beside its own that count as its code; also folders, and patterns such as
            `tables/*.npy`.

    Returns:
        A decorator that notes this on its target and returns the same object.

    Raises:
        TypeError: an argument is positional or of another type.

    Example:
        >>> import numpy as np
        >>> @dataset(range=(0, 4095), unit="counts", reference="none")
        ... def ramps(split):
        ...     if split == "test":
        ...         for step in (1, 2, 3):
        ...             yield step * np.arange(1024, dtype=np.uint16).reshape(32, 32)
        >>> [image.max() for image in ramps("test")]
        [np.uint16(1023), np.uint16(2046), np.uint16(3069)]
    """
    if _positional:
        raise TypeError("write @dataset(...), with parentheses and named arguments")
    return DatasetDeclaration(
        range=range,
        unit=unit,
        clamp=clamp,
        reference=reference,
        requires=names(requires),
        note=note,
        data=names(data),
    ).attach


@dataclass(frozen=True, kw_only=True)
class PluginDataset(Plugin):
    """A data set as the registry found it; see `Plugin`. It has no parameters.

    Attributes:
        takes_folder: it is told the data folder.
    """

    declared: DatasetDeclaration
    takes_folder: bool

    @property
    def range(self) -> Range | None:
        """Of its stored values, as it is declared; None where it is not."""
        declared = self.declared
        if declared.range is None:
            return None
        low, high = declared.range
        return Range(float(low), float(high), declared.unit, declared.clamp)

    def range_with(self, stated: Range | None) -> Range | None:
        """Its range, else the stated one, of the declared unit and clamp; None without either."""
        if stated is None or self.range is not None:
            return self.range
        said = self.declared
        return replace(stated, unit=said.unit or stated.unit, clamp=said.clamp and stated.clamp)

    def images(self, split: Split, folder: Path) -> Iterable[Any]:
        """Those of a split, anew."""
        given = self.target(split, folder) if self.takes_folder else self.target(split)
        if given is None:
            return ()
        if isinstance(given, str | Mapping) or not isinstance(given, Iterable):
            raise TypeError(f"it gave {type(given).__name__}, not images: yield them one by one")
        return given

    def explain(self, error: BaseException) -> str:
        """What went wrong, in one line, with the line of its file where it did."""
        try:
            text = " ".join(str(error).split())
        except Exception:  # it may be broken too
            text = ""
        frames = traceback.extract_tb(error.__traceback__)
        lines = [one.lineno for one in frames if Path(one.filename).resolve() == self.file]
        where = f" ({self.file.name}, line {lines[-1]})" if lines else ""
        return f"{type(error).__name__}{': ' if text else ''}{text[:300]}{where}"
