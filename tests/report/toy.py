"""A data set's section made of scores: as much of a run as a report's content asks for."""

import numpy as np
import pandas as pd

from bench import analysis
from bench.core import DEFAULT_SCALES
from bench.report.content.section import Section
from bench.store import CellMeta, Manifest, RecordedMethod
from bench.store.cell_meta import Conditions, RecordedCell, RecordedNoise
from bench.store.manifest import Machine, RecordedSettings
from bench.store.recorded_data import RecordedDataset

LEARNED = ("dae", "vae", "unet", "dncnn")
CLASSES = {
    **{name: {"family": "trained", "supervision": "clean", "learns": True} for name in LEARNED},
    "lmmse": {"family": "fitted", "supervision": "clean", "learns": True},
    "elsewhere": {"family": "pretrained", "trained_on": {"elsewhere": ["bsd400"]}},
    "leaky": {"family": "pretrained", "trained_on": {"leaky": ["toy"]}},  # the measured set
}


class Run:
    """As much of a run as a report's section asks for.

    Args:
        records: a row an image and cell.
        times: method -> seconds an image, and the device.
    """

    name = "toy"

    def __init__(self, records, times=None, scales=DEFAULT_SCALES):
        self.records, self._scores = records, analysis.Scores.of(records, scales)
        self.times = times or {}
        names = dict.fromkeys(records["method"])
        about = {"summary": "", "reference": ""}
        self.manifest = Manifest.model_construct(
            started="2026",
            machine=Machine.model_construct(cpu="Some CPU", cores=4, gpu="Some GPU"),
            settings=RecordedSettings.model_construct(split="test"),
            dataset=RecordedDataset.model_construct(name="toy", note=""),
            methods={name: RecordedMethod(**about, **CLASSES.get(name, {})) for name in names},
        )

    def metadata(self):
        for number, cell in enumerate(self._scores.cells.itertuples()):
            noise = RecordedNoise(kind=cell.noise, level=cell.level, clip=cell.clip)
            point = RecordedCell.model_construct(
                dataset="toy", method=cell.method, params="{}", noise=noise, train=None,
                seed=None if pd.isna(cell.seed) else int(cell.seed),
            )  # fmt: skip
            seconds, device = self.times.get(cell.method, (None, "cpu"))
            yield CellMeta.model_construct(
                key=str(number), cell=point, status="done", chosen={},
                images_per_second=None if seconds is None else 1 / seconds,
                conditions=Conditions(device=device, threads=1, jobs=1),
            )  # fmt: skip

    def images(self, key):
        return self._scores.read(int(key))


def records(levels, images=60):
    """Scores of methods by noise: {"0.1": {"vae": (psnr, psnr of seed 1)}, "poisson 3": {...}}."""
    rng = np.random.default_rng(0)
    parts = []
    image = rng.normal(0, 3, images)
    for noise, methods in levels.items():
        *kind, level = noise.split()
        for name, means in methods.items():
            means = means if isinstance(means, tuple) else (means,)
            for seed, mean in enumerate(means):
                own = rng.normal(0, 0.1, images)
                parts.append(
                    pd.DataFrame(
                        {
                            "dataset": "toy", "method": name, "params": "{}",
                            "noise": kind[0] if kind else "gaussian",
                            "clip": False, "level": float(level), "train": None, "regime": None,
                            "seed": seed if name in LEARNED else pd.NA, "image": range(images),
                            "digest": 0, "mse": 0.1, "ssim": 0.5,
                            "psnr": mean + image + own - own.mean() - image.mean(),
                        }
                    )
                )  # fmt: skip
    return pd.concat(parts, ignore_index=True).astype({"seed": "Int64"})


def section(times=None, **levels):
    """Section of methods with scores by level: {"0.1": {"vae": (psnr, psnr of seed 1)}}."""
    return Section.of(Run(records(levels), times))
