"""Wavelet shrinkage with a threshold for each subband (BayesShrink)."""

import numpy as np
import pywt

from bench import method

AXES = (-2, -1)


@method(
    tune={"strength": (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0)},
    reference="Chang, Yu and Vetterli 2000",
    threads=True,
)
def wavelet(noisy, noise, *, strength=1.0, wavelet="db2", levels=2):
    """Shrink each subband towards 0 by sigma^2 / sigma_x, times `strength` (0 does nothing).

    sigma_x^2 is the subband's power less the noise's (section II.B), so a subband without
    signal is emptied. With strength 1 it equals scikit-image's `denoise_wavelet` with
    method="BayesShrink".
    """
    variance = noise.sigma**2
    # Small images have fewer levels; the smallest are left as they are.
    levels = min(levels, pywt.dwt_max_level(min(noisy.shape[-2:]), wavelet))
    approximation, *details = pywt.wavedec2(noisy, wavelet, level=levels, axes=AXES)

    def shrink(band):
        signal = np.mean(band * band, axis=AXES, keepdims=True) - variance
        threshold = strength * variance / np.sqrt(np.maximum(signal, np.finfo(band.dtype).eps))
        return np.sign(band) * np.maximum(np.abs(band) - threshold, 0)

    shrunk = [tuple(shrink(band) for band in bands) for bands in details]
    restored = pywt.waverec2([approximation, *shrunk], wavelet, axes=AXES)
    # Odd sizes come back one pixel larger.
    height, width = noisy.shape[-2:]
    return restored[..., :height, :width].astype(np.float32, copy=False)
