"""Memory of `bench denoise` on a large image, each method in a process of its own.

    python tests/speed/large_images.py [SIDE [METHOD ...]]

Prints, of each method (`nlm` and `unet` by default), the most memory that was resident, and the
processor's seconds. The image is of 8192x8192 pixels, 8 bits, unless another side is given; the
network is trained for one epoch on `digits`, for it to be there.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

NOISE = "0.1"


def main(side=8192, *methods):
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        os.environ["BENCH_CACHE_DIR"] = str(here / "cache")
        noisy = np.random.default_rng(0).integers(0, 256, (int(side), int(side)), np.uint8)
        Image.fromarray(noisy).save(here / "large.png")
        training = ("run", "--dataset", "digits", "--methods", "unet", "--epochs", "1")
        run("bench", *training, "--noise", NOISE, "--limit", "1", "--out", here / "runs")
        for method in methods or ("nlm", "unet"):
            # The memory of a process's children is that of the largest: each is asked of its own.
            told = run(
                sys.executable, "-c",
                "import resource, sys; from bench.cli import main\n"
                "try: main(sys.argv[1:])\n"
                "finally:\n"
                "    used = resource.getrusage(resource.RUSAGE_SELF)\n"
                "    print('USED', used.ru_maxrss * 1024, used.ru_utime + used.ru_stime)",
                "denoise", here / "large.png", "--method", method, "--noise", NOISE, "--threads",
                "1", "--out", here / method,
            )  # fmt: skip
            peak, seconds = map(float, told.rpartition("USED")[2].split())
            print(f"{method:10} {side}x{side}  {peak / 1e9:5.2f} GB  {seconds:6.0f} s of a core")


def run(*command):
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    return done.stdout


if __name__ == "__main__":
    main(*sys.argv[1:])
