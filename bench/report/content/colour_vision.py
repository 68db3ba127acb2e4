"""How far two colours are apart for readers with normal and with dichromatic sight."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

# Machado, Oliveira and Fernandes (2009), "A physiologically-based model for simulation of color
# vision deficiency", table 1 at severity 1.0; they are applied to linear RGB.
_SIMULATION = {
    "protanopia": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deuteranopia": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "tritanopia": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}
#: Ways of seeing that `seen` simulates.
SIGHTS = ("normal", *_SIMULATION)


def rgb(colours: Sequence[str]) -> npt.NDArray[np.float64]:
    """Colours as `#rrggbb` -> sRGB (N, 3) in [0, 1].

    >>> rgb(["#ff0033"]).tolist()
    [[1.0, 0.0, 0.2]]
    """
    return np.array([[int(c[at : at + 2], 16) / 255 for at in (1, 3, 5)] for c in colours])


def linear(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Values of sRGB in [0, 1] -> proportional to light (IEC 61966-2-1)."""
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def _encoded(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.where(values <= 0.0031308, values * 12.92, 1.055 * values ** (1 / 2.4) - 0.055)


def seen(colours: npt.NDArray[np.float64], sight: str) -> npt.NDArray[np.float64]:
    """Colours in sRGB (N, 3) as somebody with that sight, of `SIGHTS`, sees it.

    >>> seen(rgb(["#808080"]), "deuteranopia").round(3).tolist()  # greys stay what they are
    [[0.502, 0.502, 0.502]]
    """
    if sight == "normal":
        return colours
    matrix = np.array(_SIMULATION[sight])
    return _encoded(np.clip(linear(colours) @ matrix.T, 0, 1))


def distances(colours: Sequence[str]) -> npt.NDArray[np.float64]:
    """Smallest CIEDE2000 between each two of N colours over all kinds of sight (N, N).

    >>> red_green = distances(["#d00000", "#6b6b00"])[0, 1]  # 45 for most of us
    >>> bool(red_green < 10)
    True
    """
    from skimage.color import deltaE_ciede2000, rgb2lab

    least = np.full((len(colours), len(colours)), np.inf)
    for sight in SIGHTS:
        lab = rgb2lab(seen(rgb(colours), sight))
        least = np.minimum(least, deltaE_ciede2000(lab[:, None], lab[None]))
    return least
