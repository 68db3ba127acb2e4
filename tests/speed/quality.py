"""What a way of training costs in quality: PSNR on validation images, by method, level and seed.

    BENCH_DATA_DIR=~/data python tests/speed/quality.py train float32.csv --precision float32
    BENCH_DATA_DIR=~/data python tests/speed/quality.py train bfloat16.csv --precision bfloat16
    python tests/speed/quality.py compare float32.csv bfloat16.csv

`train` adds a row for each training that the file lacks, so it may be stopped and called again.
A precision that the processor is not made for is imitated by torch: slow, but the same arithmetic.
`compare` shows each method and level: the mean over seeds in both files, and their difference
beside what seeds alone make of it. It ends with 1 where a difference is more than that.

Test images are not read: what is decided by these figures must not be decided on them.
"""

import math
from pathlib import Path

import click
import numpy as np
import pandas as pd

import bench
from bench import datasets, metrics
from bench.datasets.training_images import split_array
from bench.noises import ImageDraws, make_noise

METHODS, LEVELS, SEEDS = "vae,dae", "0.1,0.3,0.5", "0,1,2,3"
KEYS = ["method", "level", "seed"]


@click.group()
def main():
    """Train and compare."""


@main.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--precision", type=click.Choice(["float32", "bfloat16"]), default="float32")
@click.option("--threads", type=int, default=1)
@click.option("--preset", default="default")
@click.option("--methods", default=METHODS)
@click.option("--levels", default=LEVELS)
@click.option("--seeds", default=SEEDS)
def train(file, precision, threads, preset, methods, levels, seeds):
    """Train what FILE lacks."""
    import torch

    from bench.training import Recipe, device

    device.fast_bfloat16 = lambda where: precision == "bfloat16"
    torch.set_num_threads(threads)
    data = datasets.load("mnist", datasets.data_folder(None))
    images, held_out = split_array(data, "train"), split_array(data, "validation")
    draws = ImageDraws(np.arange(len(held_out)), held_out.shape[1:], "mnist", "validation")
    done = {tuple(row) for row in pd.read_csv(file)[KEYS].to_numpy()} if file.exists() else set()
    for seed in map(int, seeds.split(",")):
        for name in methods.split(","):
            for level in map(float, levels.split(",")):
                if (name, level, seed) in done:
                    continue
                denoiser, noise = bench.get_method(name), make_noise("gaussian", level)
                recipe = Recipe(**denoiser.recipes[preset])
                denoiser.fit(images, noise, seed, validation=held_out, recipe=recipe)
                restored = denoiser.denoise(noise.corrupt(held_out, draws), noise)
                psnr = metrics.psnr(held_out, restored.clip(0, 1)).mean()
                row = pd.DataFrame([[name, level, seed, psnr]], columns=[*KEYS, "psnr"])
                row.to_csv(file, mode="a", header=not file.exists(), index=False)


@main.command()
@click.argument("before", type=click.Path(exists=True, dir_okay=False))
@click.argument("after", type=click.Path(exists=True, dir_okay=False))
def compare(before, after):
    """Show what AFTER has over BEFORE."""
    both = pd.read_csv(before).merge(pd.read_csv(after), on=KEYS, suffixes=("_before", "_after"))
    worse = 0
    print("method     level seeds   before    after   change   within")
    for (name, level), rows in both.groupby(["method", "level"]):
        change = rows.psnr_after.mean() - rows.psnr_before.mean()
        # Two standard errors of a difference of two means over as many seeds.
        within = 2 * rows.psnr_before.std() * math.sqrt(2 / len(rows))
        worse += change < -within
        print(
            f"{name:10} {level:5g} {len(rows):5} {rows.psnr_before.mean():8.3f} "
            f"{rows.psnr_after.mean():8.3f} {change:+8.3f} {within:8.3f}"
        )
    raise SystemExit(1 if worse else 0)


if __name__ == "__main__":
    main()
