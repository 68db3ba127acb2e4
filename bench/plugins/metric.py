"""What a metric is: the decorator that declares one, and what the harness knows of it.

A metric is one file. Two forms, no more: a function of a batch; a class that learns from the clean
training images and their labels (`fit`, `measure`, `state`, `load`), such as a classifier.
"""

from __future__ import annotations

import dataclasses
import inspect
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, get_args

from bench.core.metric import Better, Need, Restoration, Scale
from bench.plugins.plugin import Declaration, Plugin, names

if TYPE_CHECKING:
    from bench.core import Values

T = TypeVar("T", bound=Callable[..., Any])
NEEDS = get_args(Need)


class BadValues(Exception):
    """A metric gave something other than one number an image."""


@dataclass(frozen=True, kw_only=True)
class MetricDeclaration(Declaration):
    """What a metric's file says of it: the arguments of `metric`."""

    kind = "metric"

    better: Better
    unit: str = ""
    needs: tuple[str, ...] | None = None
    title: str = ""
    decimals: int = 3
    between: tuple[float, float] = (-math.inf, math.inf)
    threads: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        self.expect_texts("unit", "title")
        if self.better not in get_args(Better):
            raise TypeError(f'better={self.better!r} is neither "higher" nor "lower"')
        for need in self.needs or ():
            if need not in NEEDS:
                raise TypeError(f"needs names {need!r}, which is none of {', '.join(NEEDS)}")
        if not (type(self.decimals) is int and 0 <= self.decimals <= 12):
            raise TypeError(f"decimals={self.decimals!r} is no number from 0 to 12")
        if not self.between[0] < self.between[1]:
            raise TypeError(f"between={self.between!r}: write (least, greatest)")

    def attach(self, target: T) -> T:
        """Note this on a function or class, which stays the same object."""
        if inspect.isclass(target):
            dataclasses.dataclass(eq=False, kw_only=True)(target)
        return super().attach(target)


def metric(
    *_positional: object,
    better: Better,
    unit: str = "",
    reference: str = "",
    needs: Iterable[Need] | None = None,
    title: str = "",
    decimals: int = 3,
    between: tuple[float, float] = (-math.inf, math.inf),
    threads: bool = False,
    requires: Iterable[str] = (),
    note: str = "",
    files: Iterable[str] = (),
    data: Iterable[str] = (),
) -> Callable[[T], T]:
    """Declare a function or class as the metric of its file.

    A function takes arguments of these names, in any order, as many as it needs: `clean`,
    `restored`, `noisy`: float32 (N, C, H, W), data range 1; `label`: int64 (N,), of labelled data
    sets; `noise`: its `kind`, `level` and `sigma`; `frames`: float32 (N, F, C, H, W), further noisy
    frames of the same scenes, of data sets that have some; `perturbed`: what becomes of the images
    where the noisy ones are changed a little, its `probe`, `step` and `restored`, for which each
    is denoised once more (see `bench.core.Perturbed`). It returns one number an image, (N,): NaN
    where the metric is not defined for an image, never infinity. Its keyword-only arguments are its
    parameters. A class learns from clean training images: it has `fit(train, validation)`, where
    each has `images` and `labels`, `measure(...)` with the arguments of such a function, `state()`
    and `load(arrays)`; its annotated attributes are its parameters. Where `fit` has a keyword-only
    argument `watch`, it is a function that is to be told the share of the fit that is done.

    Args:
        better: "higher" or "lower": which way is better.
        unit: of its values, as "dB"; empty for a plain number.
        reference: the metric's source, as a table would cite it.
        needs: names of the arguments beside `restored`, where the file is to say so twice; by
            default those that it has.
        title: as tables call it; by default its name.
        decimals: that tables show.
        between: the least and the greatest value that it may have.
        threads: images may be handled in several threads (it releases the lock).
        requires: packages that bench does not install, by import name. Import them where they
            are used.
        note: what a user must know, such as a licence.
        files: parameters that name files, whose contents are part of what is measured.
        data: files beside its own that count as its code; also folders, and patterns such as
            `tables/*.npy`.

    Returns:
        A decorator that notes this on its target and returns the same object.

    Raises:
        TypeError: an argument is positional or of another type.

    Example:
        >>> @metric(better="lower", unit="[0, 1]", reference="folklore")
        ... def max_error(clean, restored):
        ...     return abs(restored - clean).max(axis=(1, 2, 3))
    """
    if _positional:
        raise TypeError("write @metric(...), with parentheses and named arguments")
    return MetricDeclaration(
        better=better,
        unit=unit,
        reference=reference,
        needs=None if needs is None else names(needs),
        title=title,
        decimals=decimals,
        between=(float(between[0]), float(between[1])),
        threads=threads,
        requires=names(requires),
        note=note,
        files=names(files),
        data=names(data),
    ).attach


@dataclass(frozen=True, kw_only=True)
class Metric(Plugin):
    """A metric as the registry found it; see `Plugin`.

    Attributes:
        needs: the arguments that it takes beside `restored`.
    """

    extra = "metrics"

    declared: MetricDeclaration
    needs: tuple[str, ...]

    @property
    def learns(self) -> bool:
        """It is fitted on clean training images before it measures."""
        return inspect.isclass(self.target)

    def scale(self, label: str = "") -> Scale:
        """How its numbers are read.

        Args:
            label: the name with the parameters that were typed, where there are some.
        """
        declared = self.declared
        title = declared.title or self.name
        brackets = (label or self.name).removeprefix(self.name)
        return Scale(
            title + brackets, declared.unit, declared.better, declared.decimals, *declared.between
        )

    def create(self, params: Mapping[str, Any]) -> Measure:
        """The metric with its parameters set; one that learns still has to be fitted or loaded."""
        params = self.opened(params)
        if self.learns:
            return Measure(self, self.target(**params))
        return Measure(self, None, params)


class Measure:
    """A metric with its parameters set.

    Attributes:
        metric: whose it is.
        learner: the object of a metric that learns; None of a function.
        scale: how its numbers are read.
    """

    def __init__(
        self, metric: Metric, learner: Any = None, params: Mapping[str, Any] | None = None
    ) -> None:
        self.metric, self.learner, self._params = metric, learner, dict(params or {})
        self.scale = metric.scale()

    def __call__(self, images: Restoration) -> Values:
        """One number an image, float64 (N,); NaN where it is not defined.

        Raises:
            BadValues: it gave something else, or a file of its was changed.
        """
        import numpy as np

        if self.metric.changed:
            raise BadValues(f"{self.metric.changed[0]} was changed while it measured")
        function = self.metric.target if self.learner is None else self.learner.measure
        given = {name: getattr(images, name) for name in ("restored", *self.metric.needs)}
        values = np.asarray(function(**given, **self._params))
        return _checked(values, len(images.restored), self.metric.declared.between)


class Unfitted(Measure):
    """A metric that could not be fitted, which measures nothing.

    Args:
        metric: whose it is.
        why: it could not.
    """

    def __init__(self, metric: Metric, why: str) -> None:
        super().__init__(metric)
        self._why = why

    def __call__(self, images: Restoration) -> Values:
        """Nothing; raises `BadValues`."""
        raise BadValues(self._why)


def _checked(values: Any, count: int, between: tuple[float, float]) -> Values:
    import numpy as np

    if values.shape != (count,):
        raise BadValues(f"it gave an array of shape {values.shape} for {count} images: give one "
                        "number an image")  # fmt: skip
    if values.dtype.kind not in "biuf":
        raise BadValues(f"it gave {values.dtype}, not numbers")
    values = values.astype(np.float64)
    if np.isinf(values).any():
        raise BadValues("it gave infinity: give NaN where it is not defined")
    # Rounding may lead a little beyond.
    slack = 1e-6 * max(1.0, *(abs(end) for end in between if math.isfinite(end)), 1.0)
    beyond = (values < between[0] - slack) | (values > between[1] + slack)
    if beyond.any():
        raise BadValues(
            f"it gave {values[beyond][0]:g}, and says that it lies from {between[0]:g} to "
            f"{between[1]:g}"
        )
    return values
