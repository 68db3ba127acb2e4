"""Wavelet thresholding, averaged over shifts."""

import numpy as np
import pywt

from bench import Unsupported, method

AXES = (-2, -1)


@method(
    tune={
        "rule": ("hard", "bayes"),
        "wavelet": ("haar", "db2", "sym4"),
        "levels": (2, 3, 4),
        "strength": (0.0, 0.5, 0.75, 1.0, 1.25, 1.5),
    },
    least={"levels": 0, "strength": 0, "shifts": 1},
    reference="Coifman and Donoho 1995; Chang, Yu and Vetterli 2000",
    threads=True,
)
def wavelet(noisy, noise, *, rule="hard", wavelet="haar", levels=3, strength=1.0, shifts=4):
    """Set small wavelet coefficients to 0, in `shifts` x `shifts` shifted copies, and average.

    Rule "hard" keeps what exceeds 3 sigma times `strength` as it is; "bayes" draws each subband
    towards 0 by sigma^2 / sigma_x times `strength`, with sigma_x^2 the subband's power less the
    noise's (BayesShrink, section II.B; with one shift scikit-image's `denoise_wavelet`).
    Strength 0 does nothing. Averaging over shifts is "cycle spinning".
    """
    if rule not in ("hard", "bayes"):
        raise Unsupported(f"rule={rule}: write hard or bayes")
    if wavelet not in pywt.wavelist(kind="discrete"):
        raise Unsupported(f"wavelet={wavelet}: PyWavelets has no such discrete wavelet")
    if strength == 0:
        return noisy
    height, width = noisy.shape[-2:]
    shifts = min(shifts, height, width)
    # A shifted copy begins some rows and columns earlier, in what the border mirrors.
    margin = shifts - 1
    wide = np.pad(noisy, ((0, 0), (0, 0), (margin, 0), (margin, 0)), mode="symmetric")
    total = np.zeros_like(noisy)
    for down, right in np.ndindex(shifts, shifts):
        shifted = wide[..., margin - down :, margin - right :]
        restored = _thresholded(shifted, noise.sigma, rule, wavelet, levels, strength)
        total += restored[..., down : down + height, right : right + width]
    return total / shifts**2


def _thresholded(noisy, sigma, rule, wavelet, levels, strength):
    """The images with their small coefficients set to 0; odd sizes come back a pixel larger."""
    # Small images have fewer levels; the smallest are left as they are.
    levels = min(levels, pywt.dwt_max_level(min(noisy.shape[-2:]), wavelet))
    approximation, *details = pywt.wavedec2(noisy, wavelet, level=levels, axes=AXES)
    variance = sigma**2

    def shrunk(band):
        if rule == "hard":
            return band * (np.abs(band) > 3 * strength * sigma)
        signal = np.mean(band * band, axis=AXES, keepdims=True) - variance
        threshold = strength * variance / np.sqrt(np.maximum(signal, np.finfo(band.dtype).eps))
        return np.sign(band) * np.maximum(np.abs(band) - threshold, 0)

    kept = [tuple(shrunk(band) for band in bands) for bands in details]
    return pywt.waverec2([approximation, *kept], wavelet, axes=AXES)
