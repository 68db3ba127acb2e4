"""The built-in metrics, one file each: one value an image, over a whole batch at once.

Conventions: images are float32 (N, C, H, W) with data range 1; values are float64 (N,).
Restored images come clamped to [0, 1]: the harness does that once, before any metric.
"""

from bench.metrics.mse import mse
from bench.metrics.psnr import psnr
from bench.metrics.ssim import ssim

__all__ = ["mse", "psnr", "ssim"]
