"""Arrays -> figures under conventions: one pass over the images, whatever is asked for."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from bench.core import PSNR_CAP
from bench.evaluation.conventions import Convention, MetricName

if TYPE_CHECKING:
    from bench.core import Array, Values

#: Luma of BT.601: weights of R, G and B over the full range; in files Y goes from 16 to 235.
_LUMA = (0.299, 0.587, 0.114)
_STUDIO = (65.481 / 255, 128.553 / 255, 24.966 / 255)
_BLACK = 16 / 255
# Values of which SSIM's fields are in memory at a time.
_BLOCK = 1 << 18


class _Window(NamedTuple):
    """SSIM's window along an axis, what lies beyond the edges, the covariance's norm."""

    taps: Array
    edges: str
    norm: float = 1.0


def _gaussian() -> Array:
    taps = np.exp(-0.5 * ((np.arange(11) - 5) / 1.5) ** 2)
    return taps / taps.sum()


_WINDOWS = {
    "gaussian": _Window(_gaussian(), ""),
    "uniform": _Window(np.full(7, 1 / 7), "", 49 / 48),
    "mirrored": _Window(_gaussian(), "reflect"),
    "zeros": _Window(_gaussian(), "constant"),
}


class Tally:
    """A metric under one convention, summed up as images come.

    Args:
        metric: "psnr" or "ssim".
        convention: all of it but `input`, which whoever brings the images has seen to.

    Attributes:
        images: that have a value; others are too small, or have no range.

    >>> tally = Tally("psnr", Convention(range="2"))
    >>> clean = np.zeros((2, 1, 8, 8), np.float32)
    >>> tally.add(clean, clean + np.float32(0.1))
    >>> round(tally.value(), 2), tally.images
    (26.02, 2)
    """

    def __init__(self, metric: MetricName, convention: Convention) -> None:
        self._metric, self._convention = metric, convention
        self._total, self.images = 0.0, 0
        self._pooled = metric == "psnr" and convention.mean == "pixels"
        self._errors, self._values = 0.0, 0
        # As torchmetrics has it, from 0 on.
        self._least = self._most = 0.0

    def add(self, clean: Array, restored: Array) -> None:
        """Score images (N, C, H, W) in [0, 1]; `restored` as it comes from the method."""
        pair = self._prepared(clean, restored)
        if pair is None:
            return
        clean, restored = pair
        if self._pooled:
            self._errors += float(((clean - restored) ** 2).sum())
            self._values += clean.size
            self._least = min(self._least, float(clean.min()))
            self._most = max(self._most, float(clean.max()))
            self.images += len(clean)
            return
        values = self._scores(clean, restored)
        defined = np.isfinite(values)
        self._total += float(values[defined].sum())
        self.images += int(defined.sum())

    def value(self) -> float:
        """The figure over all images so far; NaN where none has one."""
        if not self.images:
            return math.nan
        if not self._pooled:
            return self._total / self.images
        span = {"1": 1.0, "2": 2.0}.get(self._convention.range, self._most - self._least)
        return float(_psnr(np.array(self._errors / self._values), np.array(span)))

    def _scores(self, clean: Array, restored: Array) -> Values:
        if self._metric == "ssim":
            return _ssim(clean, restored, self._convention.window, self._span(clean, restored))
        axes = (2, 3) if self._convention.colour == "per-channel" else (1, 2, 3)
        errors = ((clean - restored) ** 2).mean(axis=axes)
        span = self._span(clean)
        if self._convention.colour == "per-channel":
            return _psnr(errors, span[:, None]).mean(axis=1)
        return _psnr(errors, span)

    def _span(self, *images: Array) -> Values:
        """The data range of each image; of several the largest."""
        count = len(images[0])
        if self._convention.range != "own":
            return np.full(count, float(self._convention.range))
        return np.max([np.ptp(each.reshape(count, -1), axis=1) for each in images], axis=0)

    def _prepared(self, clean: Array, restored: Array) -> tuple[Array, Array] | None:
        """What is compared, float64 (N, C, H, W); None where cropping leaves nothing."""
        border = self._convention.border
        if min(clean.shape[2:]) <= 2 * border:
            return None
        rows, columns = (slice(border, size - border) for size in clean.shape[2:])
        finished = _finished(restored[..., rows, columns], self._convention.output)
        colour = self._convention.colour
        return _coloured(clean[..., rows, columns], colour), _coloured(finished, colour)


def _finished(restored: Array, output: str) -> Array:
    if output == "unclamped":
        return restored
    if output == "stepped":
        return np.rint(restored * 255) / np.float32(255)
    clamped = restored.clip(0, 1)
    if output == "rounded":
        return np.rint(clamped * 255) / np.float32(255)
    if output == "truncated":
        return np.trunc(clamped * 255) / np.float32(255)
    return clamped


def _coloured(images: Array, colour: str) -> Array:
    images = images.astype(np.float64)
    if colour in ("all", "per-channel"):
        return images
    weights = _LUMA if colour == "grey" else _STUDIO
    luma = np.einsum("nchw,c->nhw", images, weights)[:, None]
    if colour == "grey":
        return luma
    luma += _BLACK
    return np.rint(luma * 255) / 255 if colour == "y-8bit" else luma


def _psnr(errors: Values, span: Values) -> Values:
    """In dB, at most `PSNR_CAP`; NaN where there is no range."""
    floor = 10.0 ** (-PSNR_CAP / 10)
    with np.errstate(divide="ignore"):
        values = 10 * np.log10(span**2 / np.maximum(errors, floor))
    return np.where(np.isfinite(values), np.minimum(values, PSNR_CAP), np.nan)


def _ssim(clean: Array, restored: Array, name: str, span: Values) -> Values:
    """SSIM of each image, the mean over channels; NaN where the window does not fit in."""
    window = _WINDOWS[name]
    count, channels, height, width = clean.shape
    reach = len(window.taps) // 2
    if min(height, width) < (reach + 1 if window.edges else len(window.taps)):
        return np.full(count, np.nan)
    x, y = (images.reshape(-1, height, width) for images in (clean, restored))
    spans = np.repeat(span, channels)
    step = max(1, _BLOCK // (height * width))
    blocks = [slice(start, start + step) for start in range(0, len(spans), step)]
    means = [_ssim_of_planes(x[block], y[block], window, spans[block]) for block in blocks]
    return np.concatenate(means).reshape(count, channels).mean(axis=1)


def _ssim_of_planes(x: Array, y: Array, window: _Window, span: Values) -> Values:
    """The mean SSIM over all windows of (N, H, W) planes, which strips of rows take one by one."""
    around = len(window.taps) - 1
    if window.edges:
        margin = ((0, 0), *[(around // 2,) * 2] * 2)
        x, y = (np.pad(plane, margin, mode=window.edges) for plane in (x, y))  # type: ignore[call-overload]
    span = np.where(span > 0, span, np.nan)
    stable = [((k * span) ** 2)[:, None, None] for k in (0.01, 0.03)]
    rows = x.shape[1] - around
    step = max(1, _BLOCK // (len(x) * x.shape[2]))
    total = np.zeros(len(x))
    for top in range(0, rows, step):
        strip = slice(top, min(top + step, rows) + around)
        total += _ssim_map(x[:, strip], y[:, strip], window, *stable).sum(axis=(1, 2))
    return total / (rows * (x.shape[2] - around))


def _ssim_map(x: Array, y: Array, window: _Window, c1: Array, c2: Array) -> Array:
    """Wang et al. 2004, eq. 13, of each window that lies wholly inside."""
    mx, my, xx, yy, xy = (_windowed(field, window) for field in (x, y, x * x, y * y, x * y))
    covariance = window.norm * (xy - mx * my)
    variances = window.norm * (xx - mx * mx + yy - my * my)
    return ((2 * mx * my + c1) * (2 * covariance + c2)) / (
        (mx * mx + my * my + c1) * (variances + c2)
    )


def _windowed(field: Array, window: _Window) -> Array:
    from scipy.ndimage import correlate1d

    reach = len(window.taps) // 2
    for axis in (-2, -1):
        field = correlate1d(field, window.taps, axis=axis, mode="constant")
    return field[:, reach:-reach, reach:-reach]
