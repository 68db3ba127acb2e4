"""What the tests of thresholds share: records and cells that are judged, and how."""

import numpy as np
import pandas as pd

from bench import gate
from bench.analysis import Scores

GOOD = '[[threshold]]\nmetric = "psnr"\nmin = 10\n'


def frame(psnr, *, ssim=0.5, dataset="toy", method="median", params="{}", level=0.3, clip=False):
    """Records: `psnr` by image, or by seed and image for a method that is random."""
    psnr = np.asarray(psnr, dtype=float)
    seeds = range(len(psnr)) if psnr.ndim == 2 else [pd.NA]
    return pd.concat(
        pd.DataFrame(
            {
                "dataset": dataset, "method": method, "params": params, "noise": "gaussian",
                "clip": clip, "level": level, "train": None, "regime": None,
                "seed": pd.array([seed] * len(values), dtype="Int64"),
                "image": range(len(values)), "mse": 0.25, "psnr": values, "ssim": ssim,
                "digest": 0,
            }
        )
        for seed, values in zip(seeds, np.atleast_2d(psnr), strict=True)
    )  # fmt: skip


def parse(text, where="limits.toml"):
    return gate.parse(text, where).thresholds


def judge(thresholds, records, cells, preset=""):
    return gate.judge(thresholds, Scores.of(records), cells, preset)[0]


def update(text, records, run, preset=""):
    return gate.update(text, Scores.of(records), run, preset)


def cell(
    method="median",
    *,
    params="{}",
    status="done",
    reason="",
    speed=np.nan,
    parameters=0,
    level=0.3,
    seed=None,
):
    return {
        "dataset": "toy", "method": method, "params": params, "noise": "gaussian", "clip": False,
        "level": level, "regime": None, "seed": seed, "status": status, "reason": reason,
        "images_per_second": speed, "parameters": parameters,
    }  # fmt: skip


def cells(*rows):
    return pd.DataFrame(rows or [cell()]).astype({"parameters": "Int64"})


def only(judgements):
    (judgement,) = judgements
    return judgement


def judged(threshold, records=None, table=None):
    records = frame([20.0, 21.0, 22.0]) if records is None else records
    return judge([threshold], records, cells() if table is None else table)
