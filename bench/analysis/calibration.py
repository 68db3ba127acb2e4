"""How predicted uncertainty compares with the errors made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from bench.core import Array


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
