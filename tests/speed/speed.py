"""How fast the suite is, as ratios measured side by side in one run.

    BENCH_DATA_DIR=~/data python tests/speed/speed.py [metrics] [more-metrics] [classical]
                                                      [posterior-mean] [benchopt] [training]
                                                      [repeat] [digests] [outputs] [keep]
                                                      [report]

Each comparison is measured in turns (ours, theirs, ours, theirs, ...) and the medians are
compared, since machines are shared and noisy. `benchopt` needs the extra `[speed]`; it and
`classical` take some minutes. Outputs are checked to be equal before anything is timed.
"""

import dataclasses
import functools
import os
import shutil
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
from skimage.restoration import denoise_nl_means, denoise_tv_chambolle, denoise_wavelet
from usual import usual_epoch

import bench
from bench import datasets, metrics
from bench.core import Cell, Record, image_digests
from bench.evaluation.memory import PeakMemory
from bench.execution.environment import usable_cpus
from bench.metrics.ms_ssim import WEIGHTS
from bench.noises import ImageDraws, make_noise
from bench.plugins import sources
from bench.store import FORMAT_VERSION, OutputsWriter, start_run
from bench.training import Recipe

LEVELS = (0.1, 0.3, 0.5)
# As a loop over scikit-image can do them too.
WAVELET = {"rule": "bayes", "wavelet": "db2", "levels": 2, "shifts": 1}
METHODS = "identity,gaussian,median,nlm,tv,wavelet[rule=bayes,wavelet=db2,levels=2,shifts=1]"
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
    "tv": lambda image, sigma: denoise_tv_chambolle(image, sigma, eps=0, max_num_iter=100),
}


def test_images():
    """The MNIST test images, clean and at each level: (10000, 1, 28, 28)."""
    data = datasets.load("mnist", datasets.data_folder())
    group = next(data.groups("test"))
    draws = ImageDraws(group.positions, (1, 28, 28), "mnist", "test").normal()
    return group.images, {level: group.images + np.float32(level) * draws for level in LEVELS}


def seconds(call):
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def compare(name, ours, theirs, times, *more):
    """Medians of `times` turns of each, which are returned, and the ratio of the first two."""
    turns = [[seconds(call) for call in (ours, theirs, *more)] for _ in range(times)]
    medians = [statistics.median(column) for column in zip(*turns, strict=True)]
    mine, other, *_ = medians
    shown = ", ".join(f"{a:.3g}/{b:.3g}" for a, b, *_ in turns)
    print(f"{name}: {mine:.3g} s against {other:.3g} s, ratio {other / mine:.1f} ({shown})")
    return medians


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
    return np.array(
        [metric(clean, restored) for metric in (metrics.mse, metrics.psnr, metrics.ssim)]
    )


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


def psnr_after_least_squares(clean, restored):
    """PSNR of one image after CSBDeep's `normalize_minmse`."""
    covariance = np.cov(restored.ravel(), clean.ravel())
    gain = covariance[0, 1] / (covariance[0, 0] + 1e-10)
    fitted = gain * restored + (clean.mean() - gain * restored.mean())
    return peak_signal_noise_ratio(clean, fitted, data_range=1.0)


def measure_more_metrics():
    """Those that libraries have for one image at a time; `ms-ssim` needs the extra `[metrics]`."""
    import piq
    import torch

    clean, noisy = test_images()
    restored = noisy[0.3].clip(0, 1)
    weights = torch.tensor(WEIGHTS[:2])

    def ms_ssim_in_a_loop(images):
        return [
            float(piq.multi_scale_ssim(y[None], x[None], scale_weights=weights))
            for x, y in zip(*(torch.from_numpy(z[:images]) for z in (clean, restored)), strict=True)
        ]

    def psnr_scaled_in_a_loop(images):
        pairs = zip(clean[:images, 0], restored[:images, 0], strict=True)
        return [psnr_after_least_squares(x.astype(np.float64), y) for x, y in pairs]

    for name, ours, loop in (
        ("ms-ssim[scales=2]", lambda x, y: metrics.ms_ssim(x, y, scales=2), ms_ssim_in_a_loop),
        ("psnr-scaled", metrics.psnr_scaled, psnr_scaled_in_a_loop),
    ):
        np.testing.assert_allclose(ours(clean[:500], restored[:500]), loop(500), atol=1e-4)
        compare(
            f"{name} of 10,000 digits, against a loop over single images",
            lambda ours=ours: ours(clean, restored),
            lambda loop=loop: loop(len(clean)),
            3,
        )


def measure_classical():
    clean, noisy = test_images()
    for name, function in LOOP.items():
        # Our own non-local means is by another definition; what is timed is that one.
        params = {"wavelet": WAVELET, "nlm": {"engine": "skimage"}}.get(name, {})
        method = sources.load(name).create(params, usable_cpus())
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
            1,  # the loop takes minutes
        )


def measure_posterior_mean():
    """10,000 digits against 55,000: time, memory over the data, share of the machine's peak."""
    clean, noisy = test_images()
    ((_, train),) = datasets.load("mnist", datasets.data_folder()).groups("train")
    method = sources.load("posterior-mean").create({})
    method.fit(train, None)
    size = 4096
    square = np.random.default_rng(0).random((size, size), np.float32)
    square @ square
    peaks, took = [], []
    with PeakMemory() as before:
        pass
    with PeakMemory() as memory:
        for _ in range(3):
            peaks.append(2 * size**3 / seconds(lambda: square @ square))
            took.append(seconds(lambda: method.denoise(noisy[0.3], make_noise("gaussian", 0.3))))
    # The products of each test image with each training image, and of its weights with them.
    rate = 2 * 2 * len(clean) * len(train) * clean[0].size / statistics.median(took)
    peak = statistics.median(peaks)
    print(
        f"posterior-mean of 10,000 digits against 55,000: {statistics.median(took):.1f} s, "
        f"{rate / 1e9:.0f} GFLOP/s, {100 * rate / peak:.0f}% of a {size}^2 product's "
        f"{peak / 1e9:.0f}; {(memory.peak - before.peak) / 2**20:.0f} MiB over the data"
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


def measure_training():
    """An epoch of the report's recipe (batch 64, Adam 1e-3), against the loop of its listing."""
    import torch

    folder, noise = datasets.data_folder(), make_noise("gaussian", 0.3)
    data = datasets.load("mnist", folder)
    train, validation = (next(iter(data.groups(split))).images for split in ("train", "validation"))
    one, other = torch.randn(2, 4096, 4096).unbind()
    losses = {"ours": [], "theirs": []}

    def ours(seed=0):
        method = sources.load("vae").create({})
        recipe = Recipe(epochs=1, batch_size=64)
        history = method.fit(train, noise, seed, validation=validation, recipe=recipe)
        losses["ours"].append(sum(value for _, split, _, value in history if split == "train"))

    def theirs(seed=0):
        losses["theirs"].append(usual_epoch(folder, len(train), noise.level, seed))

    mine, usual, product = compare(
        "an epoch of the VAE on MNIST, batch 64, against torchvision, DataLoader and Adam",
        ours,
        theirs,
        5,
        lambda: one @ other,
    )
    for seed in (1, 2, 3):
        ours(seed)
        theirs(seed)
    (first, first_spread), (second, second_spread) = (
        (statistics.mean(values), statistics.stdev(values))
        for values in (of_all[-3:] for of_all in losses.values())
    )
    print(
        f"  loss in that epoch, three seeds: {first:.2f} (deviation {first_spread:.2f}) here, "
        f"{second:.2f} ({second_spread:.2f}) there"
    )
    assert abs(first - second) < 0.01 * second  # the same work is done

    # Forward and twice that backward; two operations a weight and image.
    weights = 784 * 400 + 400 * 40 + 20 * 400 + 400 * 784
    peak, operations = 2 * 4096**3 / product, 3 * 2 * weights * len(train)
    for name, seconds_taken in (("here", mine), ("there", usual)):
        rate = operations / seconds_taken
        print(
            f"  {rate / 1e9:.0f} GFLOP/s {name}, {rate / peak:.0%} of a large float32 matrix "
            f"product's {peak / 1e9:.0f} (noise, Adam and validation included)"
        )
    layers = statistics.median(seconds(lambda: matrix_products(len(train) // 64)) for _ in range(5))
    print(f"  its matrix products alone, at batch 64: {layers:.2f} s, {layers / mine:.0%} of that")


def matrix_products(updates):
    """The products of an update's layers, forward and back, and nothing else."""
    import torch

    shapes = [(784, 400), (400, 40), (20, 400), (400, 784)]
    layers = [(torch.randn(64, i), torch.randn(o, i), torch.randn(64, o)) for i, o in shapes]
    for _ in range(updates):
        for number, (seen, weight, gradient) in enumerate(layers):
            _ = seen @ weight.t()
            _ = gradient.t() @ seen
            if number:  # nothing lies before the first layer
                _ = gradient @ weight


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


def measure_digests():
    """Reading 1,000,000 records with digests, and of format 1, which had none."""
    with tempfile.TemporaryDirectory() as out:
        runs = [write_large_run(Path(out) / f"format-{n}", version=n) for n in (2, 1)]

        def read(run):
            return [run.images(key) for key in run.manifest.cells]

        for one, other in zip(*map(read, runs), strict=True):
            assert all(np.array_equal(one[name], other[name]) for name in other)
        compare(
            "reading 1,000,000 records with digests and without",
            *(functools.partial(read, run) for run in runs),
            5,
        )


def measure_outputs():
    """Mean absolute errors from kept outputs, held to their digests, beside reading the file."""
    clean, noisy = test_images()
    restored = gaussian(noisy[0.3], 1.0, channel_axis=0).clip(0, 1)
    positions = np.arange(len(restored))
    with tempfile.TemporaryDirectory() as out:
        run = bench.run("mnist", methods="identity", noise=[0.3], out=out, name="kept")
        (meta,) = run.metadata()
        with OutputsWriter(run.path, meta.key) as kept:
            for rows in np.array_split(positions, 20):
                kept.add(positions[rows], 0, restored[rows])
        columns = {**run.images(meta.key), "restored": image_digests(restored)}
        run.write(Record(cell_of(meta), "done", images=columns))
        path = run.path / "outputs" / f"{meta.key}.images"

        def score():
            return [
                np.abs(part.images - clean[part.positions]).mean(axis=(1, 2, 3))
                for part in run.outputs(meta.key)
            ]

        expected = np.abs(restored - clean).mean(axis=(1, 2, 3))
        np.testing.assert_array_equal(np.concatenate(score()), expected)
        took, _, plain = compare(
            f"mae from the outputs of a cell, {path.stat().st_size / restored.nbytes:.0%} of their "
            "size, against its pixels from memory",
            score,
            lambda: np.abs(restored - clean).mean(axis=(1, 2, 3)),
            9,
            path.read_bytes,
        )
    print(
        f"  {restored.nbytes / 1e6 / took:.0f} MB of pixels a second; the file as it is: "
        f"{restored.nbytes / 1e6 / plain:.0f}"
    )


def measure_keep():
    """A classical sweep with its outputs kept, and without."""
    with tempfile.TemporaryDirectory() as out:

        def sweep(**keep):
            bench.run("mnist", methods=METHODS, tune=False, out=out, fresh=True, **keep)

        compare(
            "classical sweep over 10,000 digits with outputs kept, and without",
            lambda: sweep(keep="outputs"),
            sweep,
            3,
        )


def measure_report():
    """`bench report` of 1,000,000 records, and the time until its page answers."""
    with tempfile.TemporaryDirectory() as out:
        write_large_run(Path(out) / "results" / "large")
        command = [str(Path(sys.executable).parent / "bench"), "report", out + "/results/large"]
        command += ["--out", out + "/reports"]
        started = time.perf_counter()
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(child.pid, 0)
        assert status == 0
        print(
            f"report of 1,000,000 records: {time.perf_counter() - started:.1f} s, peak memory "
            f"{usage.ru_maxrss / 2**20:.2f} GiB"
        )
        page = Path(out) / "reports" / "large" / "report.html"
        took = interactive(page)
        print(
            f"its page, {page.stat().st_size / 2**20:.1f} MiB: "
            + (f"answers after {took:.2f} s" if took else "there is no Chromium to open it")
        )


def cell_of(meta):
    """The cell that a record of an untrained method is of."""
    values = {**meta.cell.as_dict(), "noise": make_noise("gaussian", meta.cell.noise.level)}
    seed = values.pop("noise_seed")
    return Cell(**values, noise_seeds=(seed,))


def write_large_run(path, methods=10, levels=10, images=10_000, version=FORMAT_VERSION):
    """A run of 100 cells of 10,000 images, whose scores are drawn."""
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as out:
        small = bench.run(
            "digits", methods="identity", noise=[0.3], limit=10, out=out, name="small"
        )
        known = cell_of(next(small.metadata()))
    cells = []
    names = ["identity", *(f"method-{index}" for index in range(1, methods))]
    for index, name in enumerate(names):
        for level in range(1, levels + 1):
            noise = make_noise("gaussian", level / 20)
            cells.append((index, dataclasses.replace(known, method=name, noise=noise)))
    identity = small.manifest.methods["identity"]
    changed = {"cells": [cell.key for _, cell in cells], "methods": dict.fromkeys(names, identity)}
    changed["format"] = version
    changed["dataset"] = small.manifest.dataset.model_copy(
        update={"sizes": small.manifest.dataset.sizes.model_copy(update={"test": images})}
    )
    run = start_run(path, small.manifest.model_copy(update=changed))
    clean = rng.normal(0, 3, images)
    for index, cell in cells:
        psnr = 25 - 20 * cell.noise.level + index / 5 + clean + rng.normal(0, 1, images)
        shown = rng.random((13, 1, 28, 28), np.float32)
        run.write(
            Record(
                cell,
                "done",
                images={
                    "image": np.arange(images),
                    "mse": 10 ** (-psnr / 10),
                    "psnr": psnr,
                    "ssim": np.clip(psnr / 40, 0, 1),
                    "digest": np.arange(images, dtype=np.uint64),
                },
                samples={
                    "image": list(range(13)),
                    **{name: list(shown) for name in ("clean", "noisy", "restored")},
                },
                images_per_second=1000.0 * (index + 1),
                conditions={"batch_size": 500, "device": "cpu", "threads": 1, "fit_reused": False},
            )
        )
    return run


def interactive(page):
    """Seconds from the start of loading until the page's script is through, if it can be opened."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        return None
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
        took = []
        for _ in range(3):
            opened = browser.new_page()
            opened.goto(page.as_uri())
            opened.wait_for_selector("html[data-ready]", state="attached")
            took.append(opened.evaluate("performance.now()") / 1000)
            opened.close()
        browser.close()
    return statistics.median(took)


def main():
    known = {
        "metrics": measure_metrics,
        "more-metrics": measure_more_metrics,
        "classical": measure_classical,
        "posterior-mean": measure_posterior_mean,
        "benchopt": measure_benchopt,
        "training": measure_training,
        "repeat": measure_repeat,
        "digests": measure_digests,
        "outputs": measure_outputs,
        "keep": measure_keep,
        "report": measure_report,
    }
    for name in sys.argv[1:] or known:
        known[name]()


if __name__ == "__main__":
    main()
