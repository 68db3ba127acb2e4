"""How fast the suite is, as ratios measured side by side in one run.

    BENCH_DATA_DIR=~/data python tests/speed/speed.py [metrics] [classical] [benchopt] [repeat]

Each comparison is measured in turns (ours, theirs, ours, theirs, ...) and the medians are
compared, since machines are shared and noisy. `benchopt` needs the extra `[speed]`; it and
`classical` take some minutes. Outputs are checked to be equal before anything is timed.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from skimage.filters import gaussian, median
from skimage.metrics import (
    mean_squared_error,
    peak_signal_noise_ratio,
    structural_similarity,
)
from skimage.restoration import denoise_nl_means, denoise_wavelet

import bench
from bench import datasets, metrics, registry
from bench.environment import usable_cpus
from bench.noise import draw, make_noise

LEVELS = (0.1, 0.3, 0.5)
METHODS = "identity,gaussian,median,nlm,wavelet"
SSIM = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 1.0}

# What a plain loop does with one image, at the defaults of the suite's methods.
LOOP = {
    "identity": lambda image, sigma: image,
    "gaussian": lambda image, sigma: gaussian(image, 1.0),
    "median": lambda image, sigma: median(image, np.ones((3, 3)), mode="nearest"),
    "nlm": lambda image, sigma: denoise_nl_means(
        image, patch_size=5, patch_distance=6, h=0.8 * sigma, sigma=sigma
    ),
    "wavelet": lambda image, sigma: denoise_wavelet(
        image, sigma=sigma, wavelet="db2", wavelet_levels=2, rescale_sigma=False
    ),
}


def test_images():
    """The MNIST test images, clean and at each level: (10000, 1, 28, 28)."""
    data = datasets.load("mnist", datasets.data_folder())
    group = next(data.groups("test"))
    noise = make_noise("gaussian", 1.0)
    draws = draw(noise, group.positions, (1, 28, 28), dataset="mnist", split="test")
    return group.images, {level: group.images + np.float32(level) * draws for level in LEVELS}


def seconds(call):
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def compare(name, ours, theirs, times):
    """Medians of `times` turns each, and their ratio."""
    turns = [(seconds(ours), seconds(theirs)) for _ in range(times)]
    mine, other = (statistics.median(column) for column in zip(*turns, strict=True))
    shown = ", ".join(f"{a:.3g}/{b:.3g}" for a, b in turns)
    print(f"{name}: {mine:.3g} s against {other:.3g} s, ratio {other / mine:.1f} ({shown})")


def score_in_a_loop(clean, restored):
    return np.array(
        [
            (
                mean_squared_error(x, y),
                peak_signal_noise_ratio(x, y, data_range=1.0),
                structural_similarity(x, y, **SSIM),
            )
            for x, y in zip(clean, restored, strict=True)
        ]
    ).T


def score_at_once(clean, restored):
    mse = metrics.mse(clean, restored)
    return np.array([mse, metrics.psnr(mse), metrics.ssim(clean, restored)])


def measure_metrics():
    clean, noisy = test_images()
    restored = noisy[0.3].clip(0, 1)
    ours = score_at_once(clean, restored)
    theirs = score_in_a_loop(clean[:, 0], restored[:, 0])
    # PSNR is a logarithm: its digits are those of the MSE.
    np.testing.assert_allclose(ours[[0, 2]], theirs[[0, 2]], atol=1e-6)
    np.testing.assert_allclose(ours[1], theirs[1], atol=1e-5)
    compare(
        "metrics of 10,000 digits, against a loop over scikit-image",
        lambda: score_at_once(clean, restored),
        lambda: score_in_a_loop(clean[:, 0], restored[:, 0]),
        5,
    )


def measure_classical():
    clean, noisy = test_images()
    for name, function in LOOP.items():
        method = registry.load(name).create({}, usable_cpus())
        for level, images in noisy.items():
            ours = method.denoise(images[:500], make_noise("gaussian", level)).clip(0, 1)
            theirs = [np.clip(function(image[0], level), 0, 1) for image in images[:500]]
            np.testing.assert_allclose(ours[:, 0], theirs, atol=1e-5)

    def loop():
        for level, images in noisy.items():
            for function in LOOP.values():
                restored = [np.clip(function(image[0], level), 0, 1) for image in images]
                score_in_a_loop(clean[:, 0], restored)

    with tempfile.TemporaryDirectory() as out:
        compare(
            "classical sweep over 10,000 digits, against a loop over scikit-image",
            lambda: bench.run("mnist", methods=METHODS, tune=False, out=out, fresh=True),
            loop,
            3,
        )


def measure_benchopt():
    """The same sweep as whole commands, start-up included; benchopt with two workers."""
    scripts = Path(sys.executable).parent
    folder = Path(__file__).parent / "benchopt_mnist"
    environment = {**os.environ, "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}"}

    def call(*command):
        done = subprocess.run(
            [str(part) for part in command], capture_output=True, text=True, env=environment
        )
        if done.returncode:
            sys.exit(done.stdout + done.stderr)

    with tempfile.TemporaryDirectory() as out:
        compare(
            "classical sweep over 10,000 digits, against benchopt with two workers",
            lambda: call(
                scripts / "bench", "run", "--dataset", "mnist", "--methods", METHODS, "--no-tune",
                "--out", out, "--fresh",
            ),
            lambda: call(
                scripts / "benchopt", "run", folder, "-j", "2", "--no-plot", "--no-html",
                "--no-cache", "--output", f"{out}/benchopt.parquet",
            ),
            3,
        )  # fmt: skip


def measure_repeat():
    """A finished default run, repeated as a whole command."""
    command = [str(Path(sys.executable).parent / "bench"), "run", "--preset", "quick"]
    with tempfile.TemporaryDirectory() as out:
        # No model that was trained earlier.
        environment = {**os.environ, "BENCH_CACHE_DIR": out + "/cache"}
        command += ["--out", out + "/results"]
        took = [
            seconds(
                lambda: subprocess.run(command, check=True, capture_output=True, env=environment)
            )
            for _ in range(4)
        ]
    print(f"quick run on MNIST: {took[0]:.1f} s; repeated: {statistics.median(took[1:]):.1f} s")


def main():
    known = {
        "metrics": measure_metrics,
        "classical": measure_classical,
        "benchopt": measure_benchopt,
        "repeat": measure_repeat,
    }
    for name in sys.argv[1:] or known:
        known[name]()


if __name__ == "__main__":
    main()
