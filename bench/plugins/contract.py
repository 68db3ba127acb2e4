"""What a method is: the decorator that declares one, and what the harness knows of it.

A method is one file. Three forms, no more: a function of a batch of noisy images; a class
with `fit`, `denoise`, `state` and `load`; a class that extends `bench.TrainedMethod`.
"""

from __future__ import annotations

import dataclasses
import inspect
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from bench.core import in_threads

if TYPE_CHECKING:
    from bench.core import Array, Noise


class Denoiser(Protocol):
    """A method with its parameters set."""

    def denoise(self, noisy: Array, noise: Noise) -> Array:
        """Float32 (N, C, H, W) in, the same out."""


@dataclass(frozen=True)
class Declaration:
    """What `@method` notes on the function or class that it decorates."""

    tune: Mapping[str, tuple[Any, ...]]
    least: Mapping[str, float]
    reference: str
    threads: bool
    random: bool
    inference: tuple[str, ...]
    requires: tuple[str, ...]
    wraps: str
    note: str


#: `[sigma=estimate]` after a method's name asks for the noise to be estimated from the image.
ESTIMATED = "sigma"

T = TypeVar("T", bound=Callable[..., Any])


def method(
    *misplaced: object,
    tune: Mapping[str, Iterable[Any]] | None = None,
    least: Mapping[str, float] | None = None,
    reference: str = "",
    threads: bool = False,
    random: bool = True,
    inference: Iterable[str] = (),
    requires: Iterable[str] = (),
    wraps: str = "",
    note: str = "",
) -> Callable[[T], T]:
    """Declare a function or class as the denoising method of its file.

    A function takes noisy images, float32 (N, C, H, W), and returns restored ones of the
    same shape and type; its keyword-only arguments are its parameters. With an argument
    `noise` it is told the noise; without one it is blind. A class learns: it has
    `fit(train, noise, seed)`, `denoise(noisy, noise)`, `state()` and `load(arrays)`, and its
    annotated attributes are its parameters; or it extends `bench.TrainedMethod`. Where `fit`
    has no argument `noise`, what it learns serves every noise.

    Args:
        *misplaced: nothing; it is there to say so.
        tune: for each parameter that the harness may choose on validation images, the
            values to try. A tuned parameter of a class must not change what `fit` learns.
        least: the least value of a parameter: a smaller one is refused when it is typed.
        reference: the method's source, as a table would cite it.
        threads: a function's images may be handled in several threads at once (its work
            releases the interpreter's lock).
        random: fitting depends on the seed. Functions never do.
        inference: names of a class's parameters that only `denoise` depends on, not what
            `fit` learns: one trained model then serves all their values. Tuned ones are such.
        requires: packages that are not installed with bench, by the names they are imported
            under. Import them where they are used: without them the method is listed with the
            reason why it cannot run.
        wraps: the parameter that names another method, whose code then counts as this one's.
        note: what a user must know, such as a licence.

    Returns:
        A decorator that notes this on its target and returns the same object.
    """
    if misplaced:
        raise TypeError("write @method(...), with parentheses and named arguments")
    if not isinstance(reference, str):
        raise TypeError(f"reference={reference!r} is not a text")
    declared = {name: tuple(values) for name, values in (tune or {}).items()}

    def declare(target: T) -> T:
        if inspect.isclass(target):
            dataclasses.dataclass(eq=False, kw_only=True)(target)
        target.__bench_method__ = Declaration(  # type: ignore[attr-defined]
            declared,
            dict(least or {}),
            reference,
            threads,
            random and inspect.isclass(target),
            tuple(inference),
            tuple(requires),
            wraps,
            note,
        )
        return target

    return declare


@dataclass(frozen=True)
class Method:
    """A denoiser as the registry found it.

    Attributes:
        name: as on the command line.
        origin: where it comes from: "built in", "file box.py", "package box 1.0".
        target: the decorated function or class.
        parameters: name -> default.
        tune: name -> values that tuning may try.
        least: name -> least value that it may have.
        summary: first line of its documentation.
        reference: its source.
        source: digest of its code: results of other code are other results.
        told: it is told the noise's kind and level.
        recipes: preset -> training recipe, for methods that torch trains.
        threads: its images may be handled in several threads.
        random: its fit depends on the seed.
        inference: names of the parameters that its fit does not depend on.
        fits_noise: what it learns depends on the noise that it is fitted for.
        requires: packages that it needs beyond bench's own.
        wraps: the parameter that names the method inside it; empty where there is none.
        note: what a user must know.
    """

    name: str
    origin: str
    target: Callable[..., Any] = field(repr=False)
    parameters: Mapping[str, Any]
    tune: Mapping[str, tuple[Any, ...]]
    least: Mapping[str, float]
    summary: str
    reference: str
    source: str
    told: bool
    recipes: Mapping[str, Mapping[str, Any]] | None
    threads: bool
    random: bool
    inference: tuple[str, ...]
    fits_noise: bool
    requires: tuple[str, ...] = ()
    wraps: str = ""
    note: str = ""

    @property
    def missing(self) -> str:
        """Why it cannot run here, and what to do; empty if it can."""
        from importlib.util import find_spec

        absent = [package for package in self.requires if find_spec(package) is None]
        if not absent:
            return ""
        extra = f"denoise-bench[{self.name}]" if self.origin == "built in" else " ".join(absent)
        return f"{self.name} needs the package {absent[0]}: pip install '{extra}'"

    @property
    def learns(self) -> bool:
        """It is fitted on training images before it denoises."""
        return inspect.isclass(self.target)

    @property
    def uses_torch(self) -> bool:
        """The harness trains it with torch."""
        return self.recipes is not None

    def create(self, params: Mapping[str, Any], threads: int = 1) -> Any:
        """The method with its parameters set; a class still has to be fitted or loaded."""
        if self.learns:
            return self.target(**params)
        return _Function(self, dict(params), threads if self.threads else 1)


# A function is given so many pixels at once: filters that go over the batch again and again were
# up to twice as fast where it fits a core's cache.
_PART_PIXELS = 128 * 28 * 28


class _Function:
    """A method that is a function, as a `Denoiser`."""

    def __init__(self, method: Method, params: dict[str, Any], threads: int) -> None:
        self._method, self._params, self._threads = method, params, threads

    def denoise(self, noisy: Array, noise: Noise) -> Array:
        told = {"noise": noise} if self._method.told else {}

        def call(images: Array) -> Array:
            return self._method.target(images, **told, **self._params)

        import numpy as np

        pixels = max(1, math.prod(noisy.shape[1:]))
        parts = in_threads(call, self._threads, noisy, at_most=max(1, _PART_PIXELS // pixels))
        whole = len(parts) > 1 and all(isinstance(part, np.ndarray) for part in parts)
        return np.concatenate(parts) if whole else parts[0]
