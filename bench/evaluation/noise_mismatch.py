"""A method that is told more noise than there is, or less: `[sigma=0.5x]`."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import TYPE_CHECKING, Any

from bench.core import ESTIMATED, Unsupported, UsageError, expect_level, told_factor
from bench.evaluation.noise_estimate import Estimating, is_estimated

if TYPE_CHECKING:
    from bench.core import Array, Cell, Noise
    from bench.evaluation.forms import Form
    from bench.plugins.contract import Denoiser, Method

#: Clean values at which a deviation has to be the factor times the true one.
_GREYS = (0.0, 0.25, 0.5, 0.75, 1.0)


def scaled(noise: Noise, factor: float) -> Noise:
    """Noise of the same kind whose deviation, at every clean value, is `factor` times as large.

    Raises:
        Unsupported: there is none.

    >>> from bench import make_noise
    >>> print(scaled(make_noise("gaussian", 0.1), 2), scaled(make_noise("poisson", 100), 2))
    gaussian 0.2 poisson 25
    """
    if factor == 1:
        return noise
    wanted = [factor * float(noise.std(grey)) for grey in _GREYS]
    for level in (noise.level * factor, noise.level / factor**2):  # a deviation; photons
        try:
            expect_level(noise.kind, level, noise.highest, noise.unit)
        except UsageError:
            continue
        other = dataclasses.replace(noise, level=level)
        if all(map(_same, (float(other.std(grey)) for grey in _GREYS), wanted)):
            return other
    raise Unsupported(
        f"no {noise.name} noise has {factor:g} times the deviation of {noise}, which it was to be "
        "told"
    )


def _same(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=1e-9)


def factor_of(cell: Cell, method: Method) -> float:
    """How many times the deviation of the noise a cell's method is told; see `told_factor`."""
    return 1.0 if ESTIMATED in method.parameters else told_factor(json.loads(cell.params))


def check(cell: Cell, method: Method) -> None:
    """Raise `Unsupported` where there is no such noise as a cell's method is to be told."""
    if not is_estimated(cell, method):
        scaled(cell.noise, factor_of(cell, method))


def informed(denoiser: Any, cell: Cell, form: Form, *, truly: bool = False) -> Any:
    """A denoiser that is told of the noise what its cell says: all, an estimate, or a wrong level.

    Args:
        denoiser: the method's own.
        cell: that it is of.
        form: of its method.
        truly: it is told no wrong level, as in tuning.
    """
    factor = 1.0 if truly else factor_of(cell, form.method)
    if is_estimated(cell, form.method):
        return Estimating(denoiser, form.threads, factor)
    return denoiser if factor == 1 else Mismatched(denoiser, factor)


class Mismatched:
    """A denoiser that is told so many times the deviation of the noise.

    All else that the harness asks of a denoiser goes to the one inside.
    """

    def __init__(self, denoiser: Any, factor: float) -> None:
        self._denoiser: Denoiser = denoiser
        self._factor = factor

    def __getattr__(self, name: str) -> Any:
        return getattr(self._denoiser, name)

    def denoise(self, noisy: Array, noise: Noise) -> Array:
        """Restored images, (N, C, H, W)."""
        return self._denoiser.denoise(noisy, scaled(noise, self._factor))

    def deviation(self, noisy: Array, noise: Noise) -> Array | None:
        """What it predicts of its errors, told the same as when it denoises; None if nothing."""
        inner: Any = self._denoiser
        predicted: Array | None = inner.deviation(noisy, scaled(noise, self._factor))
        return predicted
