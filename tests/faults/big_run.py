"""A run of as many records as wanted, written by the store itself and measured by nobody."""

import json

import numpy as np

from bench.core import PROTOCOL_VERSION, Cell, Record, TrainNoise
from bench.noises import make_noise
from bench.store import Manifest, start_run

METHODS, SEEDS = 20, 5


def big_run(path, *, records, images=10_000, changed=0.0, methods=METHODS, seeds=SEEDS):
    """The run in `path`: methods of some seeds on `images` images, under as many noises as needed.

    The methods differ by 0.05 dB from one to the next, images by 3 dB (standard deviation), and
    what a method makes of an image by 0.3 dB. `changed` is added to every PSNR.
    """
    noises = max(1, records // (images * methods * seeds))
    cells = [
        Cell(
            dataset="toy", fingerprint="0", method=f"method-{method}", params="{}", fit_params="{}",
            source="", train=TrainNoise("matched", noise), noise=noise, seed=seed, recipe="{}",
            limit=None, tune=0, quantize=False,
        )
        for noise in [make_noise("gaussian", (number + 1) / 200) for number in range(noises)]
        for method in range(methods)
        for seed in range(seeds)
    ]  # fmt: skip
    run = start_run(path, _manifest(cells, images, seeds))
    difficulty = np.random.default_rng(0).normal(25, 3, images)
    for number, cell in enumerate(cells):
        rng = np.random.default_rng(number)
        better = 0.05 * int(cell.method.removeprefix("method-")) + 0.02 * rng.normal() + changed
        psnr = difficulty - 20 * cell.noise.level + better + rng.normal(0, 0.3, images)
        run.write(
            Record(
                cell,
                "done",
                images={
                    "image": np.arange(images),
                    "mse": (10 ** (-psnr / 10)).astype(np.float32),
                    "psnr": psnr.astype(np.float32),
                    "ssim": (1 / (1 + np.exp(4 - psnr / 5))).astype(np.float32),
                    "digest": np.random.default_rng(int(1e6 * cell.noise.level)).integers(
                        2**63, size=images, dtype=np.uint64
                    ),
                },
                images_per_second=1000.0 * (number % methods + 1),
                conditions={"batch_size": 64, "device": "cpu", "threads": 1},
            )
        )
    run.update_manifest(ended=run.manifest.started)
    return run


def _manifest(cells, images, seeds):
    entries = {
        "format": 2, "protocol": PROTOCOL_VERSION, "conventions": {},
        "settings": {
            "dataset": "toy", "methods": sorted({cell.method for cell in cells}),
            "noise": sorted({cell.noise.level for cell in cells}), "clip": False,
            "seeds": list(range(seeds)), "limit": None, "epochs": None, "preset": "default",
            "tune": False, "quantize": False, "device": "cpu",
        },
        "dataset": {"name": "toy", "fingerprint": "0", "sizes": {"test": images}, "note": ""},
        "methods": {
            cell.method: {"summary": "nothing", "reference": "", "learns": True} for cell in cells
        },
        "cells": [cell.key for cell in cells], "command": "big_run", "versions": {}, "git": None,
        "machine": {"os": "", "cpu": "", "cores": 1, "memory_bytes": None, "gpu": None},
        "started": "2026-01-01T00:00:00+00:00", "ended": None,
    }  # fmt: skip
    return Manifest.model_validate(json.loads(json.dumps(entries)))
