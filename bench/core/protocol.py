"""The protocol: what makes numbers incomparable when it is left unsaid."""

#: Part of every cell's key: goes up when the same cell would give other numbers.
PROTOCOL_VERSION = 2

#: In dB: what equal images have, so that means stay finite.
PSNR_CAP = 100.0

#: Stored with every run, and shown in every report.
CONVENTIONS = {
    "images": "float32 in [0, 1]; noise levels in the same unit",
    "outputs": "clamped to [0, 1] once, before any metric",
    "psnr": "10 log10(1 / MSE) per image, data range 1, capped at 100 dB; tables show the mean "
    "over images of the per-image value",
    "ssim": "Wang et al. 2004: Gaussian window 11x11, sigma 1.5, K1 0.01, K2 0.03, population "
    "covariance, windows wholly inside the image, mean over channels; NaN below 11 pixels a side",
    "noise": "Philox keyed by noise seed, data set, split and the image's position in the split; "
    "one image keeps the same draws at every level",
    "time": "the denoise call alone, after a warm-up batch, the device synchronised",
}
