"""MNIST test images (from $BENCH_DATA_DIR) with additive Gaussian noise."""

import os
from pathlib import Path

import numpy as np
from benchopt import BaseDataset


class Dataset(BaseDataset):
    name = "mnist"
    requirements = ["numpy"]
    parameters = {
        "sigma": [0.1, 0.3, 0.5],
        "n_images": [10000],
        "seed": [0],
    }
    test_parameters = {"n_images": [10]}

    def get_data(self):
        root = Path(os.environ["BENCH_DATA_DIR"]) / "MNIST" / "raw"
        raw = np.fromfile(root / "t10k-images-idx3-ubyte", np.uint8, offset=16)
        clean = raw.reshape(-1, 28, 28)[: self.n_images].astype("float32") / 255
        rng = np.random.default_rng(self.seed)
        noise = rng.standard_normal(clean.shape, dtype="float32")
        return dict(clean=clean, noisy=clean + np.float32(self.sigma) * noise, sigma=self.sigma)
