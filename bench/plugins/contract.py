"""What a method is: the decorator that declares one, and what the harness knows of it.

A method is one file. Three forms, no more: a function of a batch of noisy images; a class
with `fit`, `denoise`, `state` and `load`; a class that extends `bench.TrainedMethod`.
"""

from __future__ import annotations

import dataclasses
import inspect
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar, get_args

from bench.core import ESTIMATED, BenchError, Unsupported, UsageError, in_threads
from bench.core.learning import Family, Supervision
from bench.plugins.plugin import Declaration, Plugin, names

if TYPE_CHECKING:
    from bench.core import Array, Noise

#: How a method is written: as a function, as a class that fits itself, or as one that the
#: harness trains with torch.
FormName = Literal["function", "fitted", "trained"]
_FAMILIES: Mapping[FormName, Family] = {
    "function": "filter",
    "fitted": "fitted",
    "trained": "trained",
}
#: What the harness tells a function that has an argument of that name.
TOLD = ("noise", "device", "seed")


class Denoiser(Protocol):
    """A method with its parameters set."""

    def denoise(self, noisy: Array, noise: Noise) -> Array:
        """Float32 (N, C, H, W) in, the same out."""


T = TypeVar("T", bound=Callable[..., Any])


@dataclass(frozen=True, kw_only=True)
class MethodDeclaration(Declaration):
    """What a method's file says of it: the arguments of `method`."""

    kind = "method"

    tune: Mapping[str, tuple[Any, ...]]
    least: Mapping[str, float]
    most: Mapping[str, float]
    threads: bool
    random: bool
    inference: tuple[str, ...]
    wraps: str
    family: Family | None
    whole: bool
    supervision: Supervision | None
    trained_on: tuple[str, ...] | Callable[[Mapping[str, Any]], Iterable[str] | None]
    remark: Callable[[Mapping[str, Any], Noise], str] | None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.supervision is not None and self.supervision not in get_args(Supervision):
            raise TypeError(
                f"supervision={self.supervision!r} is none of {', '.join(get_args(Supervision))}"
            )
        if self.family is not None and self.family not in get_args(Family):
            raise TypeError(f"family={self.family!r} is none of {', '.join(get_args(Family))}")

    def attach(self, target: T) -> T:
        """Note this on a function or class, which stays the same object."""
        if inspect.isclass(target):
            dataclasses.dataclass(eq=False, kw_only=True)(target)
        return super().attach(target)


def method(
    *_positional: object,
    tune: Mapping[str, Iterable[Any]] | None = None,
    least: Mapping[str, float] | None = None,
    most: Mapping[str, float] | None = None,
    reference: str = "",
    threads: bool = False,
    random: bool = True,
    inference: Iterable[str] = (),
    requires: Iterable[str] = (),
    wraps: str = "",
    family: Family | None = None,
    note: str = "",
    whole: bool = False,
    supervision: Supervision | None = None,
    trained_on: Iterable[str] | Callable[[Mapping[str, Any]], Iterable[str] | None] = (),
    files: Iterable[str] = (),
    data: Iterable[str] = (),
    remark: Callable[[Mapping[str, Any], Noise], str] | None = None,
) -> Callable[[T], T]:
    """Declare a function or class as the denoising method of its file.

    A function takes noisy images, float32 (N, C, H, W), and returns restored ones of the same shape
    and type; its keyword-only arguments are its parameters; with `**options` it takes
    others, of any name, which it must judge itself. With an argument `noise` it is told the noise;
    without one it is blind. With an argument `device` it is told where to compute, "cpu" or "cuda",
    of NumPy arrays either way; with an argument `seed` it is random, and told the training seed: an
    image's result must not depend on those beside it. A class learns: it has
    `fit(train, noise, seed)`, `denoise(noisy, noise)`, `state()` and `load(arrays)`, and its
    annotated attributes are its parameters; or it extends `bench.TrainedMethod`. Where `fit` has no
    argument `noise`, what it learns serves every noise.

    Args:
        tune: parameter -> values to choose from on validation images, and to go on beyond where
            the best number is at an end. Those of a class must not change what `fit` learns.
        least: parameter -> least value; a smaller one is refused when it is typed, and not tried.
        most: parameter -> greatest value, likewise.
        reference: the method's source, as a table would cite it.
        threads: a function's images may be handled in several threads (it releases the lock).
        random: what `fit` learns depends on the seed. Functions never do.
        inference: parameters, beside tuned ones, that only `denoise` depends on: one fit for all.
        requires: packages that bench does not install, by import name, to be imported where they
            are used: without them the method is listed with the reason why it cannot run.
        wraps: the parameter that names another method, whose code counts as this one's.
        family: "filter", "fitted", "trained" or "pretrained", if not as its form says.
        note: what a user must know, such as a licence.
        whole: it must see whole images; others that take any size are given large ones by tiles.
        supervision: what it learns from, "clean", "pairs", "noisy" or "none"; the harness hands it
            nothing else. By default a class learns from clean images, a function from none.
        trained_on: of a method that was trained elsewhere, the data sets, each with its noise
            behind it, as `("bsd400 gaussian 25/255",)`; or a function of the parameters that gives
            them, or None where nobody knows; nothing, where with these it learned nothing.
        files: parameters that name files, whose contents are part of what is measured.
        data: files beside its own that count as its code; also folders, and patterns such as
            `tables/*.npy`.
        remark: a function of the parameters and a noise, called before the run: a sentence that
            readers of the numbers need, or ""; it raises `Unsupported` of parameters that cannot
            be.

    Returns:
        A decorator that notes this on its target and returns the same object.

    Raises:
        TypeError: an argument is positional or of another type.

    >>> @method(reference="folklore")
    ... def darker(noisy, *, factor=0.5):
    ...     return factor * noisy
    >>> darker(1.0)
    0.5
    """
    if _positional:
        raise TypeError("write @method(...), with parentheses and named arguments")
    return MethodDeclaration(
        tune={name: tuple(values) for name, values in (tune or {}).items()},
        least=dict(least or {}),
        most=dict(most or {}),
        reference=reference,
        threads=threads,
        random=random,
        inference=names(inference),
        requires=names(requires),
        wraps=wraps,
        family=family,
        note=note,
        whole=whole,
        supervision=supervision,
        trained_on=trained_on if callable(trained_on) else _data_sets(trained_on),
        files=names(files),
        data=names(data),
        remark=remark,
    ).attach


def _data_sets(trained_on: object) -> tuple[str, ...]:
    """Names of data sets; raises `TypeError` where these are none."""
    if isinstance(trained_on, (list, tuple)) and all(
        isinstance(name, str) and name.strip() for name in trained_on
    ):
        return tuple(trained_on)
    raise TypeError(f"trained_on={trained_on!r} is no list of names, as ('bsd400',)")


@dataclass(frozen=True, kw_only=True)
class Method(Plugin):
    """A denoiser as the registry found it; see `Plugin`.

    Attributes:
        form: how it is written.
        takes_noise: it is told the noise's kind and level; without, it is blind.
        takes_device: a function that is told where to compute.
        takes_seed: a function that is random, and told the seed.
        takes_more: a function with `**`, which takes parameters of any name and judges them itself.
        fits_noise: what it learns depends on the noise that it is fitted for.
        recipes: preset -> training recipe, for methods that torch trains.
    """

    extra = "{name}"

    declared: MethodDeclaration
    form: FormName
    takes_noise: bool
    takes_device: bool
    takes_seed: bool
    takes_more: bool
    fits_noise: bool
    recipes: Mapping[str, Mapping[str, Any]] | None

    @property
    def learns(self) -> bool:
        """It is fitted on training images before it denoises."""
        return self.form != "function"

    @property
    def uses_torch(self) -> bool:
        """The harness trains it with torch."""
        return self.form == "trained"

    @property
    def uses_gpu(self) -> bool:
        """It computes on a GPU where a run has one."""
        return self.uses_torch or self.takes_device

    def own(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Those of the parameters that it is called with, not what the harness makes of them."""
        return {
            name: value
            for name, value in params.items()
            if name in self.parameters or (self.takes_more and name != ESTIMATED)
        }

    @property
    def random(self) -> bool:
        """What it learns depends on the seed, or what it gives."""
        return self.takes_seed or (self.learns and self.declared.random)

    @property
    def supervision(self) -> Supervision:
        """What it learns from: as declared, else as its form says."""
        return self.declared.supervision or ("clean" if self.learns else "none")

    def trained_on(self, params: Mapping[str, Any]) -> tuple[str, ...] | None:
        """The data sets that it was trained on elsewhere; None where nobody says.

        Args:
            params: those typed.

        Raises:
            UsageError: what it declares gives none.
        """
        said = self.declared.trained_on
        if not callable(said):
            return None if not said and self.family == "pretrained" else said
        try:
            given = said({**self.parameters, **params})
            return given if given is None else _data_sets(given)
        except Exception as error:
            what = f"trained_on of {self.name!r} gives no names of data sets"
            raise UsageError(f"{what}: {' '.join(str(error).split())}") from error

    def remark(self, params: Mapping[str, Any], noise: Noise) -> str:
        """What readers of its numbers on that noise must know; empty where nothing.

        Args:
            params: those typed.
            noise: that it is measured on.

        Raises:
            Unsupported: parameters cannot be.
            UsageError: what it declares fails, or gives no text.
        """
        if self.declared.remark is None:
            return ""
        try:
            said = self.declared.remark({**self.parameters, **params}, noise)
            if not isinstance(said, str):
                raise TypeError(f"it gives {said!r}, which is no text")
        except (BenchError, Unsupported):  # one line already
            raise
        except Exception as error:
            what = f"{type(error).__name__}: {' '.join(str(error).split())}"
            raise UsageError(f"remark of {self.name!r} fails: {what}") from error
        return said

    @property
    def inference(self) -> tuple[str, ...]:
        """Names of the parameters that its fit does not depend on."""
        return (*self.declared.tune, *self.declared.inference)

    @property
    def family(self) -> Family:
        """What it is to its reader: as declared, else as its form says."""
        return self.declared.family or _FAMILIES[self.form]

    @property
    def classical(self) -> bool:
        """It is no network, and complete with what bench itself installs."""
        complete = not (self.declared.requires or self.declared.wraps)
        return complete and self.family in ("filter", "fitted")

    def create(
        self, params: Mapping[str, Any], threads: int = 1, device: str = "cpu", seed: int = 0
    ) -> Any:
        """The method with its parameters set; a class still has to be fitted or loaded."""
        params = self.opened(params)
        if self.learns:
            return self.target(**params)
        told: dict[str, Any] = {"device": device} if self.takes_device else {}
        told |= {"seed": seed} if self.takes_seed else {}
        threads = threads if self.declared.threads else 1
        return _Function(self, {**params, **told}, threads, device)


# A function is given so many pixels at once: filters that go over the batch again and again were
# up to twice as fast where it fits a core's cache. A GPU gets the whole batch.
_PART_PIXELS = 128 * 28 * 28


class _Function:
    """A method that is a function, as a `Denoiser`."""

    def __init__(self, method: Method, params: dict[str, Any], threads: int, device: str) -> None:
        self._method, self._params, self._threads = method, params, threads
        self._device = device

    def denoise(self, noisy: Array, noise: Noise) -> Array:
        arguments = dict(self._params)
        if self._method.takes_noise:
            arguments["noise"] = noise

        def call(images: Array) -> Array:
            return self._method.target(images, **arguments)

        if self._method.takes_device and self._device != "cpu":
            return call(noisy)
        import numpy as np

        pixels = max(1, math.prod(noisy.shape[1:]))
        parts = in_threads(call, self._threads, noisy, at_most=max(1, _PART_PIXELS // pixels))
        whole = len(parts) > 1 and all(isinstance(part, np.ndarray) for part in parts)
        return np.concatenate(parts) if whole else parts[0]
