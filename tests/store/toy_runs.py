"""A run of one cell, as the store is given it."""

import math

import numpy as np

from bench.core import Cell, Dataset, Record, TrainNoise
from bench.noises import make_noise
from bench.store import Manifest, RecordedMethod

CELL = Cell(
    dataset="toy",
    fingerprint="f00d",
    method="vae",
    params='{"latent":2}',
    fit_params='{"latent":2}',
    source="c0de",
    train=TrainNoise("0.1", make_noise("gaussian", 0.1, True)),
    noise=make_noise("gaussian", 0.3),
    seed=7,
    recipe="{}",
    limit=None,
    tune=0,
    quantize=False,
)


def record(status="done", columns=None, **values):
    """Its record; with further `columns`, which may be metrics."""
    images = {
        "image": np.arange(3),
        "mse": np.array([0.1, 0.2, 0.3], np.float32),
        "psnr": np.array([10, 7, 5.2], np.float32),
        "ssim": np.array([0.5, math.nan, 0.7], np.float32),
        "digest": np.array([0, 1, 2**64 - 1], np.uint64),
    }
    images |= columns or {}
    return Record(CELL, status, images=images if status == "done" else {}, **values)


SETTINGS = {
    "dataset": "toy", "methods": ["vae"], "noise": [0.3], "clip": False, "train-noise": ["0.1"],
    "seeds": [7], "limit": None, "epochs": None, "batch-size": None, "preset": "default",
    "tune": False, "quantize": True, "device": "auto",
}  # fmt: skip


def planned(cells=(CELL,), command="bench run", metrics=None, **settings):
    """The manifest of a run of these cells."""
    return Manifest.of(
        {**SETTINGS, **settings},
        Dataset("toy", "f00d", {"train": 6, "validation": 2, "test": 3}, read=lambda split: ()),
        {"vae": RecordedMethod(summary="It learns.", reference="none", learns=True)},
        cells,
        metrics=metrics,
        device="cpu",
        threads=1,
        command=command,
        environment={
            "versions": {"numpy": "2.0"},
            "git": None,
            "machine": {"os": "Linux", "cpu": "x", "cores": 2, "memory_bytes": None, "gpu": None},
        },
    )
