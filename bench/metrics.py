"""MSE, PSNR and SSIM, one value an image, over a whole batch at once.

Conventions: arrays are (N, C, H, W) with data range 1; results have shape (N,) and are
float64. Restored images come clamped to [0, 1]: the harness does that once, before any metric.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from bench.core import Array

    Values = npt.NDArray[Any]  # float64 (N,)

PSNR_CAP = 100.0
SSIM_WINDOW = 11
SSIM_SIGMA = 1.5

# Images are scored so many pixels at a time: what stays in the processor's cache is fast.
_BLOCK = 1 << 15
# Up to this side a filter is one dense matrix product; beyond it the band is too thin to pay.
_DENSE = 512


def mse(clean: Array, restored: Array) -> Values:
    """Mean squared error over an image's pixels and channels."""
    difference = (clean - restored).reshape(len(clean), -1)
    return np.einsum("ij,ij->i", difference, difference, dtype=np.float64) / difference.shape[1]


def psnr(squared_error: Values) -> Values:
    """PSNR in dB from an image's MSE: 10 log10(1 / MSE), capped at 100 dB."""
    floor = 10.0 ** (-PSNR_CAP / 10)
    return -10.0 * np.log10(np.maximum(squared_error, floor))


def ssim(clean: Array, restored: Array) -> Values:
    """Structural similarity, as Wang et al. 2004 (eq. 13), mean over windows and channels.

    Gaussian window 11x11 of sigma 1.5, K1 = 0.01, K2 = 0.03, population covariance, only
    windows that lie wholly inside the image. NaN for images smaller than the window.
    Equals `skimage.metrics.structural_similarity(gaussian_weights=True, sigma=1.5,
    use_sample_covariance=False, data_range=1.0)` within 1e-6.
    """
    n, c, h, w = clean.shape
    if min(h, w) < SSIM_WINDOW:
        return np.full(n, np.nan)
    result = np.empty(n)
    step = max(1, _BLOCK // (c * h * w))
    for start in range(0, n, step):
        block = slice(start, start + step)
        maps = _ssim_maps(clean[block].reshape(-1, h, w), restored[block].reshape(-1, h, w))
        result[block] = maps.reshape(-1, c * maps.shape[-2] * maps.shape[-1]).mean(axis=1)
    return result


def _ssim_maps(x: Array, y: Array) -> Values:
    """SSIM of each window of (N, H, W) images: (N, H - 10, W - 10)."""
    # Variances are differences of nearly equal moments, which float32 has too few digits for.
    x, y = x.astype(np.float64), y.astype(np.float64)
    c1, c2 = 0.01**2, 0.03**2
    mx, my, square, product = _windowed(np.stack([x, y, x * x + y * y, x * y]))
    mean_product, mean_square = mx * my, mx * mx + my * my
    luminance = (2 * mean_product + c1) / (mean_square + c1)
    contrast = 2 * (product - mean_product) + c2
    contrast /= square - mean_square + c2
    return luminance * contrast


def _windowed(fields: Values) -> Values:
    """Gaussian means over all windows inside the last two axes, an 11-tap filter for each."""
    h, w = fields.shape[-2:]
    if max(h, w) <= _DENSE:
        return _band(h).T @ (fields @ _band(w))
    from scipy.ndimage import correlate1d

    inside = slice(SSIM_WINDOW // 2, -(SSIM_WINDOW // 2))
    for axis in (-2, -1):
        fields = correlate1d(fields, _taps(), axis=axis)
    return fields[..., inside, inside]


def _taps() -> Values:
    offsets = np.arange(SSIM_WINDOW) - SSIM_WINDOW // 2
    taps = np.exp(-0.5 * (offsets / SSIM_SIGMA) ** 2)
    return taps / taps.sum()


@lru_cache(maxsize=16)
def _band(size: int) -> Values:
    """The filter as a matrix (size, size - 10): one product an axis filters a whole batch."""
    windows = size - SSIM_WINDOW + 1
    band = np.zeros((size, windows))
    for tap, weight in enumerate(_taps()):
        band[np.arange(windows) + tap, np.arange(windows)] = weight
    return band


def calibration(deviation: Array, error: Array, bins: int = 15) -> list[tuple[float, float, int]]:
    """How errors compare with the deviations predicted for them (Levi et al. 2022, section 3.2).

    Args:
        deviation: predicted standard deviation of each pixel's error, any shape.
        error: restored less clean, of the same shape.
        bins: pixels are sorted by deviation and cut into so many bins of equal size; of a
            calibrated prediction the two columns are equal.

    Returns:
        A row a bin, from the least to the most uncertain: root mean square of the predicted
        deviations, root mean square of the errors, number of pixels.
    """
    order = np.argsort(deviation, axis=None, kind="stable")
    rows = []
    for part in np.array_split(order, min(bins, order.size)):
        predicted, observed = (
            float(np.sqrt(np.mean(np.square(values.ravel()[part], dtype=np.float64))))
            for values in (deviation, error)
        )
        rows.append((predicted, observed, len(part)))
    return rows


def calibration_error(rows: Sequence[tuple[float, float, int]]) -> float:
    """Expected calibration error of predicted deviations: 0 where calibrated, in [0, 1] units.

    The mean over pixels of their bin's |observed - predicted|: the uncertainty calibration
    error of Laves et al. 2020 (eq. 9), of deviations instead of variances, so that it is in the
    images' unit. (Relative errors, as Levi et al. 2022 take them, are ruled by pixels of a black
    background, whose errors and deviations nobody can see.) NaN without rows.
    """
    if not rows:
        return float("nan")
    predicted, observed, pixels = np.transpose(rows)
    return float(np.average(np.abs(observed - predicted), weights=pixels))


def overconfidence(rows: Sequence[tuple[float, float, int]]) -> float:
    """How many times as large as predicted the errors are: ratio of the root mean squares.

    1 where calibrated; infinite where nothing was predicted and something observed; NaN without
    either.
    """
    if not rows:
        return float("nan")
    predicted, observed, pixels = np.transpose(rows)
    with np.errstate(divide="ignore", invalid="ignore"):
        squares = (np.average(np.square(part), weights=pixels) for part in (observed, predicted))
        return float(np.sqrt(np.divide(*squares)))
