"""Records -> means, and the tables made of them.

A table shows the mean over images of the per-image value. Where a method has several
training seeds, an image's value is first averaged over them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from bench.analysis.labels import DECIMALS, METRICS, tuples
from bench.analysis.scores import NOISE, NoiseScores, Scores, column_means
from bench.core import noise_text

if TYPE_CHECKING:
    import pandas as pd

_ENTRY = ["dataset", "label", "noise", "level"]
COLUMNS = [*_ENTRY, "metric", "mean", "images", "seeds", "seed_sd"]


def means(scores: Scores) -> pd.DataFrame:
    """A row for each data set, method, noise, level and metric, in the cells' order.

    Columns: dataset, label, noise, level, metric, mean, images, seeds, and seed_sd: the
    standard deviation over training seeds of the mean over images, NaN for a single seed.
    """
    return in_order([noise_means(part) for part in scores.noises()], scores)


def noise_means(part: NoiseScores) -> pd.DataFrame:
    """The rows of `means` under one noise."""
    import pandas as pd

    rows = [
        pd.DataFrame(
            {
                **dict(zip(NOISE, part.point, strict=True)),
                "label": part.labels,
                "metric": metric,
                "mean": column_means(part.values[metric]),
                "images": part.images,
                "seeds": part.seeds,
                "seed_sd": part.seed_sd[metric],
            }
        )
        for metric in METRICS
    ]
    return pd.concat(rows, ignore_index=True)[COLUMNS]


def in_order(parts: Sequence[pd.DataFrame], scores: Scores) -> pd.DataFrame:
    """The rows of each noise put together: metric by metric, each in the cells' order."""
    import pandas as pd

    if not parts:
        return pd.DataFrame(columns=COLUMNS)
    whole = pd.concat(parts)
    order = {entry: at for at, entry in enumerate(dict.fromkeys(tuples(scores.cells, *_ENTRY)))}
    metrics = list(METRICS)
    keys = [
        metrics.index(metric) * len(order) + order[entry]
        for *point, metric in tuples(whole, *_ENTRY, "metric")
        for entry in [tuple(point)]
    ]
    return whole.iloc[np.argsort(keys, kind="stable")].reset_index(drop=True)


def table(summary: pd.DataFrame, metric: str, value: str = "mean") -> pd.DataFrame:
    """A column of `means` for a metric: rows methods, columns (noise, level), in order."""
    part = summary[summary["metric"] == metric]
    rows = list(dict.fromkeys(part["label"]))
    columns = list(dict.fromkeys(zip(part["noise"], part["level"], strict=True)))
    shaped = part.pivot(index="label", columns=["noise", "level"], values=value)
    return shaped.reindex(index=rows, columns=columns)


def problems(cells: pd.DataFrame) -> list[tuple[str, str, str]]:
    """Status, cell and reason of each cell that failed or was skipped; `cells` with labels."""
    import pandas as pd

    columns = ("status", "label", "noise", "level", "seed", "reason")
    entries = []
    for status, label, noise, level, seed, reason in tuples(
        cells[cells["status"] != "done"], *columns
    ):
        trained = "" if pd.isna(seed) else f" seed {seed}"
        entries.append((status, f"{label} at {noise_text(noise, level)}{trained}", reason))
    return entries


def text_table(scores: Scores, cells: pd.DataFrame) -> str:
    """PSNR and SSIM of every method at every level, as plain text for a terminal."""
    if not len(scores):
        return "No cell has a result."
    summary = means(scores)
    psnr, ssim = table(summary, "psnr"), table(summary, "ssim")
    combined = psnr.copy().astype(object)
    for column in combined.columns:
        combined[column] = [
            "–" if np.isnan(p) else f"{p:.{DECIMALS['psnr']}f} {s:.{DECIMALS['ssim']}f}"
            for p, s in zip(psnr[column], ssim[column], strict=True)
        ]
    combined.columns = [noise_text(*column) for column in combined.columns]
    combined.index.name = "PSNR (dB), SSIM"
    images = int(summary["images"].max())
    text = combined.reset_index().to_markdown(index=False, tablefmt="simple", disable_numparse=True)
    names = ", ".join(dict.fromkeys(cells.dataset))
    return f"\n{text}\n\nMean over {images:,} test images of {names}."
