"""What a noise is: the decorator that declares a kind of it, and what the harness knows of that.

A kind of noise is one file: a class that draws it (`add`) and says its moments (`std`, `mean`).
"""

from __future__ import annotations

import inspect
import math
import numbers
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from bench.core import Noise, PluginNoise, expect_level
from bench.plugins.plugin import BUILT_IN, Declaration, Plugin, names

T = TypeVar("T", bound=Callable[..., Any])


@dataclass(frozen=True, kw_only=True)
class NoiseDeclaration(Declaration):
    """What a noise's file says of it: the arguments of `noise`."""

    kind = "noise"

    unit: str
    highest: float
    photons: bool

    def __post_init__(self) -> None:
        super().__post_init__()
        self.expect_texts("unit")
        if not isinstance(self.photons, bool):
            raise TypeError(f"photons={self.photons!r} is neither True nor False")
        highest: object = self.highest
        if not (isinstance(highest, numbers.Real) and 0 < self.highest < math.inf):
            raise TypeError(f"highest={self.highest!r} is no level: give a number over 0")

    def attach(self, target: T) -> T:
        """Note this on a class, which stays the same object."""
        if not inspect.isclass(target):
            raise TypeError(
                "@noise is for a class with add(self, clean, draws) and std(self, clean)"
            )
        code: Any = target
        if issubclass(code, Noise):
            code.unit, code.highest, code.photons = self.unit, self.highest, self.photons
            # As a file is called, so is its noise; what is loaded as a plugin gets its own name.
            code.kind = code.__module__.rpartition(".")[2].replace("_", "-")
        return super().attach(target)


def noise(
    *_positional: object,
    unit: str = "",
    highest: float | None = None,
    photons: bool = False,
    reference: str = "",
    requires: Iterable[str] = (),
    note: str = "",
    data: Iterable[str] = (),
) -> Callable[[T], T]:
    """Declare a class as the noise of its file.

    It has `add(self, clean, draws)`, which gives the noisy images, and `std(self, clean)`, the
    standard deviation of a noisy pixel given its clean value; where the mean of a noisy pixel is
    not its clean value, also `mean(self, clean)`. `self.level` is the one number that is typed, as
    in `NAME:0.2`; what else the noise depends on are constants of the class. Images are float32
    (N, C, H, W), white = 1, NumPy arrays or torch tensors alike; random numbers are taken from
    `draws` alone, see `bench.core.Draws`.

    Args:
        unit: what a level is; by default a standard deviation, or photons at white.
        highest: of the levels, all of which are over 0; by default 10, or a million photons.
        photons: a level counts photons, so that a higher one is less noise.
        reference: the noise's source, as a table would cite it.
        requires: packages that bench does not install, by import name. Import them where they
            are used.
        note: what a user must know.
        data: files beside its own that count as its code; also folders, and patterns such as
            `tables/*.npy`.

    Returns:
        A decorator that notes this on its class and returns the same one.

    Raises:
        TypeError: an argument is positional or of another type.

    Example:
        >>> @noise(reference="folklore", unit="standard deviation at white", highest=1)
        ... class Fading:
        ...     def add(self, clean, draws):
        ...         return clean + self.level * clean * draws.normal()
        ...     def std(self, clean):
        ...         return self.level * clean
    """
    if _positional:
        raise TypeError("write @noise(...), with parentheses and named arguments")
    return NoiseDeclaration(
        unit=unit or ("photons at white" if photons else Noise.unit),
        highest=(1e6 if photons else Noise.highest) if highest is None else highest,
        photons=photons,
        reference=reference,
        requires=names(requires),
        note=note,
        data=names(data),
    ).attach


@dataclass(frozen=True, kw_only=True)
class NoiseKind(Plugin):
    """A kind of noise as the registry found it; see `Plugin`.

    It has no parameters: a level is all that is typed.
    """

    target: type
    declared: NoiseDeclaration

    def noise(self, level: float, clip: bool = False, *, typed: str = "") -> PluginNoise:
        """The noise of this kind and level.

        Args:
            level: over 0.
            clip: limit noisy images to [0, 1].
            typed: how the level was written, for the error.

        Raises:
            UsageError: the level is out of range.
        """
        declared = self.declared
        expect_level(self.name, level, declared.highest, declared.unit, typed)
        return PluginNoise(
            float(level),
            clip,
            kind=self.name,
            source=self.source,
            unit=declared.unit,
            highest=declared.highest,
            photons=declared.photons,
        )

    @property
    def is_built_in(self) -> bool:
        """It comes with bench."""
        return self.origin == BUILT_IN
