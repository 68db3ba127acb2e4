"""What opening a folder costs, and what noise that came with the images does.

    python tests/speed/own_data.py [--images 5000] [--pairs 100] [--turns 3]

Each comparison is made in turns (ours, theirs, ours, theirs, ...) and medians are compared, since
machines are shared; beside the time stands the processors' own, of all threads, which others
disturb less. The images are made, of smooth shapes under noise, so that they take what photographs
take to be decoded.
"""

import argparse
import hashlib
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

import bench
from bench import datasets

RNG = np.random.default_rng(0)


def image(*shape):
    """8 bits, (H, W, C), neither flat nor noise alone."""
    smooth = gaussian_filter(RNG.random(shape, np.float32), (8, 8, 0))
    smooth = (smooth - smooth.min()) / np.ptp(smooth) * 220 + 15
    return np.rint(smooth + RNG.normal(0, 2, shape)).clip(0, 255).astype(np.uint8)


def save(folder, name, pixels):
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels.squeeze()).save(folder / f"{name:05}.png")


def decoded(folder):
    """What reading alone takes: every file decoded, held to its sums, in [0, 1], and hashed."""
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        with Image.open(path) as opened:
            opened.verify()
        with Image.open(path) as opened:
            digest.update((np.asarray(opened).astype(np.float32) / np.float32(255)).tobytes())
    return digest


def compare(name, ours, theirs, turns):
    """Medians of both, in seconds and in seconds of the processors, and their ratios."""
    took = [[timed(call) for call in (ours, theirs)] for _ in range(turns)]
    for clock, what in enumerate(("seconds", "seconds of processors")):
        mine, other = (statistics.median(t[who][clock] for t in took) for who in (0, 1))
        print(f"{name}: {mine:.2f} against {other:.2f} {what}, ratio {mine / other:.2f}")


def timed(call):
    started = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - started[0], time.process_time() - started[1]


def measure_opening(top, count, turns):
    folder = top / "many"
    for number in range(count):
        save(folder, number, image(96, 128, 1))
    compare(
        f"opening a folder of {count:,} images of 96x128, against decoding and hashing them",
        lambda: datasets.load(f"folder:{folder}", top),
        lambda: decoded(folder),
        turns,
    )


def measure_pairs(top, count, turns):
    for number in range(count):
        clean = image(512, 512, 3)
        noisy = np.rint(clean + RNG.normal(0, 10, clean.shape)).clip(0, 255).astype(np.uint8)
        save(top / "pairs/clean", number, clean)
        save(top / "pairs/noisy", number, noisy)

    def run(name, **noise):
        bench.run(name, methods="identity", out=top / "runs", jobs=0, fresh=True, **noise)

    compare(
        f"a run over {count} pairs of 512x512x3, against the same images with drawn noise",
        lambda: run(f"pairs:{top / 'pairs'}"),
        lambda: run(f"folder:{top / 'pairs/clean'}", noise="10/255"),
        turns,
    )


def main():
    parser = argparse.ArgumentParser()
    for option, default in (("images", 5000), ("pairs", 100), ("turns", 3)):
        parser.add_argument(f"--{option}", type=int, default=default)
    typed = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure_opening(Path(folder), typed.images, typed.turns)
        measure_pairs(Path(folder), typed.pairs, typed.turns)


if __name__ == "__main__":
    main()
