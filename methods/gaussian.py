"""Gaussian blur: the linear low-pass filter."""

from scipy.ndimage import gaussian_filter

from bench import method


@method(
    tune={"width": (0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2, 1.5, 2.0)},
    least={"width": 0},
    reference="Marr and Hildreth 1980",
    threads=True,
)
def gaussian(noisy, *, width=1.0):
    """Blur with a Gaussian of standard deviation `width` pixels (0.2 hardly blurs)."""
    return gaussian_filter(noisy, width, mode="nearest", axes=(-2, -1))
