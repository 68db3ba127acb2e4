"""How noisy images are held to what a noise says: tests of images' own numbers.

Pixels of one image may depend on each other, images do not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.testing.checks.expectations import expect

if TYPE_CHECKING:
    from bench.core import Array, Noise

#: Clean values at which moments are checked, and images of each: so many, so large.
VALUES = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0)
IMAGES, SHAPE = 128, (1, 32, 32)
#: Of all that a check compares: so rarely a noise that is what it says fails it.
_ERROR_RATE = 1e-6
#: Moments may be off by as much, of the deviation: formulas are evaluated in float32.
ROUNDING = 1e-3


def expect_moments(noise: Noise, noisy: Array, value: float, where: str) -> None:
    """Raise `Failed` where the mean or the deviation of even images' pixels is not as stated."""
    value = float(np.float32(value))
    mean, std = float(noise.mean(value)), float(noise.std(value))
    pixels = noisy.astype(np.float64)
    at = f"{where} and clean value {value:g}"
    expect_near(
        pixels.mean(axis=(1, 2, 3)), mean, ROUNDING * std + 1e-6,
        f"the mean of noisy pixels {at} is not what mean() says",
    )  # fmt: skip
    squares = ((pixels - mean) ** 2).mean(axis=(1, 2, 3))
    expect_near(
        squares, std**2, 2 * ROUNDING * std**2 + 1e-12,
        f"the deviation of noisy pixels {at} is not what std() says",
        shown=lambda square: square**0.5,
    )  # fmt: skip


def expect_near(
    found: Array,
    expected: float,
    tolerance: float,
    text: str,
    shown: Callable[[float], float] = lambda value: value,
) -> None:
    """Raise `Failed` unless the expectation of images' independent numbers may be `expected`.

    By Student's test of each image's number, at a level that all comparisons of a check share.
    """
    from scipy.stats import t

    compared = 4 * len(VALUES)
    bound = float(t.ppf(1 - _ERROR_RATE / compared / 2, len(found) - 1))
    error = bound * float(found.std(ddof=1)) / len(found) ** 0.5
    centre = float(found.mean())
    expect(
        abs(centre - expected) <= error + tolerance,
        f"{text}: {shown(centre):.4g}, not {shown(expected):.4g}",
    )


def expect_one_distribution(of_tensors: Array, of_arrays: Array, value: float) -> None:
    """Raise `Failed` where shares of pixels below a value, or neighbours' products, differ.

    By Welch's test of each image's number: pixels of one may depend on each other.
    """
    from scipy.stats import t

    edges = np.quantile(of_arrays, (0.02, 0.2, 0.5, 0.8, 0.98)) + 1e-5  # counts may be at one
    centre = float(of_arrays.mean(dtype=np.float64))

    def numbers(noisy: Array) -> Any:
        shares = [(noisy <= edge).mean(axis=(1, 2, 3)) for edge in edges]
        apart = noisy.astype(np.float64) - centre
        products = [(apart * np.roll(apart, 1, axis)).mean(axis=(1, 2, 3)) for axis in (-2, -1)]
        return np.stack([*shares, *products])

    one, other = numbers(of_tensors), numbers(of_arrays)
    error = ((one.var(axis=1, ddof=1) + other.var(axis=1, ddof=1)) / IMAGES) ** 0.5
    bound = t.ppf(1 - _ERROR_RATE / (len(one) * len(VALUES)) / 2, IMAGES - 1)
    difference = np.abs(one.mean(axis=1) - other.mean(axis=1))
    expect(
        (difference <= bound * error + 1e-9).all(),
        f"tensors have other noise than arrays at clean value {value:g}: let one arithmetic serve "
        "both",
    )
