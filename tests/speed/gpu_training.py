"""The founding report's recipe on a GPU: one training, twelve at once, and the usual loop.

    BENCH_DATA_DIR=~/data python tests/speed/gpu_training.py [--out rows.json] [PART ...]

`vae` on MNIST at batch 64 and 1e-3, for 100 epochs: alone at 0.3, and at 0.1, 0.3 and 0.5 with four
seeds each; then the usual loop's epoch (torchvision, DataLoader, Adam), and for comparison the
product's updates by torch, other tiles, the default recipe and `dae`. A row says how long it took,
how many times as fast as the usual loop that is, and the PSNR on the 5,000 validation images. It
needs torch for CUDA with its Triton, torchvision, and MNIST's raw files, unpacked or as `.gz`.
`--device cpu --images 200 --epochs 1 --usual 200` tries it out anywhere, by Triton's interpreter.
"""

import argparse
import gzip
import json
import os
import statistics
import sys
import tempfile
import time
import traceback
from pathlib import Path

if "cpu" in sys.argv:
    os.environ["TRITON_INTERPRET"] = "1"  # before Triton is imported

import numpy as np
import torch
from usual import usual_epoch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from bench.noises import make_noise
from bench.training import Learner, Recipe, dense, fit_together
from bench.training.dense import Tiles
from methods.dae import DAE
from methods.vae import VAE

PAPER = Recipe(epochs=100, batch_size=64, lr=1e-3)
DEFAULT = Recipe(epochs=20, batch_size=256, lr=4e-3, schedule="one-cycle")
ALONE = [(0.3, 0)]
TWELVE = [(level, seed) for level in (0.1, 0.3, 0.5) for seed in range(4)]
KERNELS = dense.kernels


def raw(folder, name):
    """A file of MNIST, unpacked."""
    path = Path(folder) / "MNIST" / "raw" / name
    packed = path.with_name(path.name + ".gz")
    return path.read_bytes() if path.exists() else gzip.decompress(packed.read_bytes())


class Measured:
    """The data, and trainings on it by the product's own `fit`."""

    def __init__(self, options):
        pixels = np.frombuffer(raw(options.data, "train-images-idx3-ubyte"), np.uint8, offset=16)
        images = pixels.reshape(-1, 1, 28, 28).astype(np.float32) / 255
        self.train, self.validation = images[:55_000], images[55_000:]
        if options.images:
            self.train, self.validation = images[: options.images], images[-50:]
        self.options, self.usual = options, None

    def usual_loop(self):
        """An epoch of the usual loop."""
        started = time.perf_counter()
        usual_on_device(self.options, self.options.usual or len(self.train))
        self.usual = time.perf_counter() - started
        return {"epoch": self.usual}

    def trainings(self, kind, trainings, recipe, *, epochs=None, tiles=None, by_torch=False):
        """Seconds of so many trainings, start and first compilation included, and their quality."""
        epochs = self.options.epochs or epochs or recipe.epochs
        recipe = Recipe(epochs, recipe.batch_size, recipe.lr, recipe.schedule)
        dense.TILES = tiles or Tiles()
        dense.kernels = (lambda device: None) if by_torch else self.kernels
        marks = [time.perf_counter()]
        learners = [
            Learner(kind(), make_noise("gaussian", level), seed) for level, seed in trainings
        ]
        learners[0] = learners[0]._replace(watch=lambda *_: marks.append(time.perf_counter()))
        for learner in learners:
            learner.method.device = self.options.device
        histories = fit_together(learners, self.train, validation=self.validation, recipe=recipe)
        if self.options.device == "cuda":
            torch.cuda.synchronize()
        whole = time.perf_counter() - marks[0]
        dense.TILES, dense.kernels = Tiles(), KERNELS
        steps = np.diff(marks)
        row = {
            "whole": whole,
            "epochs": epochs,
            "trainings": len(learners),
            "epoch": statistics.median(steps[1:]) if len(steps) > 1 else float(steps[0]),
            "first epoch": float(steps[0]),
            "fitted_by": dict(learners[0].method.fitted_by),
            "best": [min(v for _, s, t, v in h if (s, t) == ("validation", "reconstruction"))
                     for h in histories if h],
        }  # fmt: skip
        if self.usual:
            row["times"] = len(learners) * self.usual * epochs / whole
            row["times by epoch"] = len(learners) * self.usual / row["epoch"]
        row["psnr"] = {}
        for learner, history in zip(learners, histories, strict=True):
            if history:
                of_level = row["psnr"].setdefault(str(learner.noise.level), [])
                of_level.append(round(self.psnr(learner.method, learner.noise), 3))
        return row

    def kernels(self, device):
        """Those of the GPU, or on a CPU those that Triton interprets."""
        from bench.training import dense_kernels

        return KERNELS(device) if device.type == "cuda" else dense_kernels

    def psnr(self, method, noise):
        """Mean over the validation images, in dB."""
        draws = np.random.default_rng(7).standard_normal(self.validation.shape, np.float32)
        restored = method.denoise(self.validation + np.float32(noise.level) * draws, noise)
        errors = np.square((restored - self.validation).astype(np.float64)).mean((1, 2, 3))
        return float((-10 * np.log10(errors)).mean())

    def weights(self):
        """Whether a training's weights depend on its company: of two epochs, alone, of 3, of 12."""
        recipe = Recipe(self.options.epochs or 2, 64)
        states = []
        dense.kernels = self.kernels
        for count in (1, 3, 12):
            learners = [
                Learner(VAE(), make_noise("gaussian", level), seed)
                for level, seed in TWELVE[:count]
            ]
            for learner in learners:
                learner.method.device = self.options.device
            fit_together(
                learners, self.train[:5000], validation=self.validation[:500], recipe=recipe
            )
            states.append(learners[0].method.state())
        dense.kernels = KERNELS
        one, *others = states
        return {
            "apart": [
                max(float(np.abs(one[name] - other[name]).max()) for name in one)
                for other in others
            ]
        }


def usual_on_device(options, images):
    """An epoch of the usual loop there, on files as torchvision looks for them."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "MNIST" / "raw"
        target.mkdir(parents=True)
        for name in ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"):
            (target / name).write_bytes(raw(options.data, name))
        for name in ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"):
            (target / name).write_bytes(b"")  # never read, only looked for
        usual_epoch(folder, images, 0.3, 0, options.device)


def parts(measured):
    """What is measured, by name."""
    of = measured.trainings
    wide = Tiles(layers=(64, 32, 64))
    both = Tiles(layers=(64, 32, 64), weights=(64, 64, 64))
    learning = Tiles(weights=(64, 64, 64))
    low = Tiles(weights=(32, 64, 64))
    return {
        "usual": measured.usual_loop,
        "bits": measured.weights,
        "one": lambda: of(VAE, ALONE, PAPER),
        "twelve": lambda: of(VAE, TWELVE, PAPER),
        "one again": lambda: of(VAE, ALONE, PAPER),
        "torch": lambda: of(VAE, ALONE, PAPER, epochs=10, by_torch=True),
        "one, 10 epochs": lambda: of(VAE, ALONE, PAPER, epochs=10),
        "default": lambda: of(VAE, ALONE, DEFAULT),
        "default, torch": lambda: of(VAE, ALONE, DEFAULT, by_torch=True),
        "default, twelve": lambda: of(VAE, TWELVE, DEFAULT),
        "dae": lambda: of(DAE, ALONE, PAPER, epochs=10),
        "dae, torch": lambda: of(DAE, ALONE, PAPER, epochs=10, by_torch=True),
        "wide, twelve": lambda: of(VAE, TWELVE, PAPER, epochs=10, tiles=wide),
        "wide, one": lambda: of(VAE, ALONE, PAPER, epochs=10, tiles=wide),
        "both, twelve": lambda: of(VAE, TWELVE, PAPER, epochs=10, tiles=both),
        "both, one": lambda: of(VAE, ALONE, PAPER, epochs=10, tiles=both),
        "learning, twelve": lambda: of(VAE, TWELVE, PAPER, epochs=10, tiles=learning),
        "low, twelve": lambda: of(VAE, TWELVE, PAPER, epochs=10, tiles=low),
        "usual again": measured.usual_loop,
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", metavar="PART")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--data", default=os.environ.get("BENCH_DATA_DIR", "data"))
    parser.add_argument("--epochs", type=int, default=0, help="only so many, for trying it out")
    parser.add_argument("--images", type=int, default=0, help="only so many")
    parser.add_argument("--usual", type=int, default=0, help="only so many in the usual loop")
    parser.add_argument("--limit", type=float, default=240.0, help="seconds, after which no part")
    parser.add_argument("--out", help="a JSON file for the rows")
    options = parser.parse_args()
    started = time.perf_counter()
    if options.device == "cuda":
        print(torch.cuda.get_device_name(), end=", ")
    print(f"torch {torch.__version__}, {os.cpu_count()} CPUs", flush=True)
    known, rows = parts(Measured(options)), {}
    for name in options.names or known:
        if time.perf_counter() - started > options.limit:
            rows[name] = {"failed": "no time was left"}
            continue
        try:
            rows[name] = known[name]()
        except Exception:
            rows[name] = {"failed": traceback.format_exc()[-2000:]}
        print(name, json.dumps(rows[name]), flush=True)
        if options.out:
            Path(options.out).write_text(json.dumps(rows, indent=1))
    print(f"{time.perf_counter() - started:.0f} s in all")


if __name__ == "__main__":
    main()
