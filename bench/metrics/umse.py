"""Unsupervised MSE: against other noisy frames, without ground truth; lower is better."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bench import metric

if TYPE_CHECKING:
    from bench.core import Array, Values


@metric(
    reference="Marcos Morales et al. 2023",
    better="lower",
    title="uMSE",
    decimals=5,
    threads=True,
    note="an estimate of the MSE, which may be negative; the frames' noise is taken for "
    "independent, of mean 0, and where there are but two for equally strong",
)
def umse(restored: Array, noisy: Array, frames: Array) -> Values:
    """An unbiased estimate of each image's MSE, over its pixels and channels; it may be negative.

    Args:
        restored: float32 (N, C, H, W), data range 1: a denoiser's output for `noisy`.
        noisy: of the same shape: the frame that was denoised.
        frames: float32 (N, F, C, H, W), further noisy frames of the same scenes.

    Returns:
        Float64 (N,). See `with_errors` for the formula, and for what it assumes.

    Source: Marcos Morales et al. 2023, ICML, eq. 5.

    Example:
        >>> draw = np.random.default_rng(0)
        >>> y1, y2 = (draw.normal(0.5, 0.1, (1, 1, 512, 512)).astype("float32") for _ in range(2))
        >>> np.abs(umse(np.full_like(y1, 0.6), y1, y2[:, None]) - 0.01).round(3).tolist()
        [0.0]
    """
    return with_errors(restored, noisy, frames)[0]


def with_errors(restored: Array, noisy: Array, frames: Array) -> tuple[Values, Values]:
    """`umse`, and the standard error of each image's value for noise that is white.

    Write y1 = x + n1 for the noisy image, f = f(y1) for the restored one, and y2, ... for further
    frames, with noise that is independent of n1 and of each other's and has a mean of 0. Whatever
    f does with y1, and also where it is clamped,

        E (f - y2)^2 = E (f - x)^2 + E n2^2,    since E (f - x) n2 = 0.

    What is too much, the variance of the noise, is estimated from the frames themselves.

    - Of two frames, by (y1 - y2)^2 / 2, whose expectation is (E n1^2 + E n2^2) / 2: right where
      both frames are equally noisy. That y1 is also what was denoised does no harm, for
      expectations add up whether or not their terms are independent. A difference of two methods
      on the same frames is free of this term, and of what it assumes.
    - Of three or more, the paper's (f - a)^2 - (b - c)^2 / 2 is averaged over all roles that
      frames beside the denoised one can have, also with a = b: with their mean m and their
      variance s^2 (with F - 1), it is (f - m)^2 - s^2 / F. Of two further frames that is
      (f - y2)(f - y3), whose expectation is E (f - x)^2 however noisy either frame is.

    Args:
        restored: see `umse`.
        noisy: see `umse`.
        frames: see `umse`.

    Returns:
        Float64 (N,) each: the estimate, and its standard error, by the scatter of its pixels.

    Raises:
        ValueError: there is no further frame.
    """
    count = frames.shape[1]
    if not count:
        raise ValueError("there is no further frame")
    values, errors = np.empty(len(restored)), np.empty(len(restored))
    for index, (image, first, others) in enumerate(zip(restored, noisy, frames, strict=True)):
        two = count == 1
        excess = (first - others[0]) ** 2 / 2 if two else others.var(axis=0, ddof=1) / count
        terms = (image - others.mean(axis=0)) ** 2 - excess
        values[index] = terms.mean(dtype=np.float64)
        errors[index] = terms.std(dtype=np.float64) / terms.size**0.5
    return values, errors
