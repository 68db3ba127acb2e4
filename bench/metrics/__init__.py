"""The built-in metrics, one file each: one value an image, over a whole batch at once.

Conventions: images are float32 (N, C, H, W) with data range 1; values are float64 (N,), and NaN
where the metric is not defined for an image. Restored images come clamped to [0, 1]: the harness
does that once, before any metric.
"""

from bench.metrics.dists import dists
from bench.metrics.fsim import fsim
from bench.metrics.gmsd import gmsd
from bench.metrics.haarpsi import haarpsi
from bench.metrics.lpips import lpips
from bench.metrics.mae import mae
from bench.metrics.ms_ssim import ms_ssim
from bench.metrics.mse import mse
from bench.metrics.psnr import psnr
from bench.metrics.psnr_scaled import psnr_scaled
from bench.metrics.psnr_y import psnr_y
from bench.metrics.pure import pure
from bench.metrics.recognised import Recognised
from bench.metrics.residual import residual
from bench.metrics.ssim import ssim
from bench.metrics.structure import structure
from bench.metrics.sure import sure
from bench.metrics.umse import umse
from bench.metrics.upsnr import upsnr
from bench.metrics.vif import vif

__all__ = [
    "Recognised", "dists", "fsim", "gmsd", "haarpsi", "lpips", "mae", "ms_ssim", "mse", "psnr",
    "psnr_scaled", "psnr_y", "pure", "residual", "ssim", "structure", "sure", "umse", "upsnr",
    "vif",
]  # fmt: skip
