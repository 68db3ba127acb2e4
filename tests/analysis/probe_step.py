"""How large the perturbation of noisy images is to be for Monte Carlo SURE.

    python tests/analysis/probe_step.py [IMAGES]       # table for docs/without-truth.md; 20 images

Too small a step falls between the thresholds of median, wavelet, BM3D and non-local means; too
large a one leaves the denoiser's slope. Of the first images of the natural training images (never
of a test set) under Gaussian noise, the mean of SURE is held against the true MSE, in dB, and the
scatter of single images about it, as a share of it. By how much the noise's own power is off by
chance is taken out: it is the same at every step.
"""

import sys

import numpy as np

from bench import datasets, get_method, make_noise
from bench.core import Perturbed
from bench.metrics import mse, sure
from bench.metrics.psnr import decibels
from bench.noises import ImageDraws

METHODS = ("gaussian", "median", "nlm", "wavelet", "tv", "bilateral", "wiener", "bm3d")
LEVELS = (5 / 255, 25 / 255, 75 / 255)
#: Of the noise's deviation.
STEPS = (0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5)
SIDE = 128


def errors(name, noise, clean):
    """SURE of the mean less the PSNR of the mean, in dB, by step; and the scatter of the images."""
    method = get_method(name)
    draws = ImageDraws(np.arange(len(clean)), clean.shape[1:], "probe-step", "train")
    probe = np.where(
        ImageDraws(np.arange(len(clean)), clean.shape[1:], "probe-step", "probe").uniform() < 0.5,
        np.float32(-1), np.float32(1),
    )  # fmt: skip
    noisy = noise.corrupt(clean, draws).astype(np.float32)
    restored = method.denoise(noisy, noise).clip(0, 1)
    true, chance = mse(clean, restored), mse(clean, noisy) - noise.sigma**2
    found = []
    for share in STEPS:
        step = share * noise.sigma
        moved = method.denoise(noisy + np.float32(step) * probe, noise).clip(0, 1)
        estimate = sure(restored, noisy, noise, Perturbed(probe, step, moved)) - chance
        bias = decibels(estimate.mean()) - decibels(true.mean())
        found.append((bias, (estimate - true).std() / true.mean()))
    return np.array(found)


def main():
    images = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    (group, *_) = datasets.load("bsd68", datasets.data_folder(None)).groups("train", images)
    clean = np.ascontiguousarray(group.images[:, :, :SIDE, :SIDE])
    print(f"{len(clean)} images of {clean.shape[2]}x{clean.shape[3]}; dB (scatter)")
    print("|  | level | " + " | ".join(f"{step:g}" for step in STEPS) + " |")
    for name in METHODS:
        for level in LEVELS:
            some = clean[:4] if name == "bm3d" else clean
            found = errors(name, make_noise("gaussian", level), some)
            cells = " | ".join(f"{bias:+.2f} ({scatter:.2f})" for bias, scatter in found)
            print(f"| {name} | {level * 255:.0f}/255 | {cells} |", flush=True)


if __name__ == "__main__":
    main()
