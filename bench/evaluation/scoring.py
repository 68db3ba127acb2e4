"""Applies a denoiser to a batch, and makes of what it gives what is scored: the same for all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bench.core.process_state import set_back

if TYPE_CHECKING:
    from bench.core import Array, Noise
    from bench.plugins.contract import Denoiser


class BadOutput(Exception):
    """A method gave something other than finite float32 of its input's shape."""


def apply(denoiser: Denoiser, noisy: Array, noise: Noise) -> Array:
    """`denoise`, with its result checked and the process as it was; raises `BadOutput`."""
    with set_back():
        restored = denoiser.denoise(noisy, noise)
    return check(restored, noisy.shape)


def check(restored: Any, shape: tuple[int, ...], what: str = "denoise") -> Array:
    """What a denoiser gave for input of `shape`, if a denoiser may give it.

    Raises:
        BadOutput: it is not an array, or of another shape or type, or not finite.
    """
    if not isinstance(restored, np.ndarray):
        raise BadOutput(f"{what} returned {type(restored).__name__}, not a NumPy array")
    check_plain(restored, f"{what} returned")
    if restored.shape != shape:
        raise BadOutput(f"{what} returned shape {restored.shape} for input of shape {shape}")
    if restored.dtype != np.float32:
        raise BadOutput(f"{what} returned {restored.dtype}, not float32: use .astype('float32')")
    if not np.isfinite(restored).all():
        bad = int((~np.isfinite(restored)).reshape(len(restored), -1).any(axis=1).sum())
        raise BadOutput(f"{what} returned NaN or infinity in {bad} of {len(restored)} images")
    return restored


def check_plain(array: Any, what: str) -> None:
    """Refuse an array of a class that adds to NumPy's, such as what is masked, or a unit.

    It would be lost without a word where the array is taken for its numbers.

    Raises:
        BadOutput: it is of such a class.
    """
    if isinstance(array, np.ndarray) and type(array) not in (np.ndarray, np.memmap):
        raise BadOutput(
            f"{what} a {type(array).__name__}, not a plain NumPy array: give its values"
        )


def check_input(given: Array, noisy: Array) -> None:
    """Raise `BadOutput` if the images that `denoise` was given are no longer `noisy`."""
    if not np.array_equal(given, noisy):
        raise BadOutput("denoise changed its input: work on a copy, noisy.copy()")


def finish(restored: Array, quantize: bool, clamp: bool = True) -> Array:
    """What is scored: clamped to [0, 1], where the images' range says so, or rounded to 8 bits."""
    clamped = np.clip(restored, 0, 1) if clamp else restored
    return np.rint(clamped * 255) / np.float32(255) if quantize else clamped
