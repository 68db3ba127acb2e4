"""How far a metric may fall before it has got worse."""

from __future__ import annotations

from collections.abc import Mapping

from bench.analysis import prominent
from bench.core import Scale

#: Of metrics in dB; of others it is so many units of the last decimal that tables show.
_DECIBELS, _UNITS = 0.05, 2


def tolerance_of(scale: Scale) -> float:
    """A drop (or a rise, where less is better) up to this is no regression, in the metric's unit.

    >>> tolerance_of(Scale("LPIPS", better="lower", decimals=3))
    0.002
    """
    return _DECIBELS if scale.unit == "dB" else _UNITS / 10**scale.decimals


def tolerances(scales: Mapping[str, Scale]) -> dict[str, float]:
    """That of each metric, of MSE only without PSNR, which says the same.

    >>> tolerances({"psnr": Scale("PSNR", "dB"), "mse": Scale("MSE"), "ssim": Scale("SSIM")})
    {'psnr': 0.05, 'ssim': 0.002}
    """
    return {label: tolerance_of(scales[label]) for label in prominent(scales)}
