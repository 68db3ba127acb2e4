"""Records -> tables. Pure functions over the data frames that `Run` gives.

A table shows the mean over images of the per-image value. Where a method has several
training seeds, an image's value is first averaged over them. Intervals are 95% confidence
intervals of that mean over images (Student's t).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.core import method_label, noise_name, noise_text

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd

#: Metric -> whether larger is better.
METRICS = {"psnr": True, "ssim": True, "mse": False}
UNITS = {"psnr": "PSNR (dB)", "ssim": "SSIM", "mse": "MSE"}
DECIMALS = {"psnr": 2, "ssim": 3, "mse": 5}

_POINT = ["dataset", "label", "noise", "level"]


def with_labels(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with `label` (method as typed) and the noise's full name."""
    return frame.assign(
        label=rowwise(method_label, frame["method"], frame["params"], frame["regime"].fillna("")),
        noise=rowwise(noise_name, frame["noise"], frame["clip"]),
    )


def rowwise(function: Callable[..., str], *columns: Any) -> npt.NDArray[np.object_]:
    """`function` of each row; rows are many, their values few, so each value is asked once."""
    import pandas as pd

    codes, rows = pd.MultiIndex.from_arrays(columns).factorize()
    return np.array([function(*row) for row in rows], dtype=object)[codes]


def means(records: pd.DataFrame) -> pd.DataFrame:
    """A row for each data set, method, noise, level and metric, in the records' order.

    Columns: dataset, label, noise, level, metric, mean, half_width (of the 95% interval; NaN
    for a single image), images, seeds.
    """
    import pandas as pd

    labelled = with_labels(records)
    by_image = labelled.groupby([*_POINT, "image"], sort=False, observed=True)
    per_image = by_image[list(METRICS)].mean()
    seeds = by_image.size().groupby(level=_POINT, sort=False).max()
    grouped = per_image.groupby(level=_POINT, sort=False)
    rows = []
    for metric in METRICS:
        stats = grouped[metric].agg(["mean", "std", "count"])
        mean, half_width = _interval(stats["mean"], stats["std"], stats["count"])
        rows.append(
            pd.DataFrame(
                {
                    "metric": metric,
                    "mean": mean,
                    "half_width": half_width,
                    "images": stats["count"],
                    "seeds": seeds,
                }
            ).reset_index()
        )
    return pd.concat(rows, ignore_index=True)


def table(summary: pd.DataFrame, metric: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Means and half-widths of a metric: rows methods, columns (noise, level), in order."""
    part = summary[summary["metric"] == metric]
    rows = list(dict.fromkeys(part["label"]))
    columns = list(dict.fromkeys(zip(part["noise"], part["level"], strict=True)))
    shaped = part.pivot(index="label", columns=["noise", "level"])
    return tuple(
        shaped[value].reindex(index=rows, columns=columns) for value in ("mean", "half_width")
    )


def marks(mean: pd.DataFrame, half_width: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Mark "best" each column's best mean, "near" those within its interval, "" the rest."""
    larger = METRICS[metric]
    result = mean.astype(object)
    for column in mean.columns:
        values, widths = mean[column], half_width[column].fillna(0)
        if values.isna().all():
            result[column] = ""
            continue
        winner = values.idxmax() if larger else values.idxmin()
        near = (values - values[winner]).abs() <= widths[winner]
        result[column] = np.where(values.index == winner, "best", np.where(near, "near", ""))
    return result


def harm(records: pd.DataFrame) -> pd.DataFrame:
    """Where a method is worse than the noisy image itself, on the same images.

    Only differences to `identity` whose 95% interval, paired over images, excludes 0.
    Columns: label, noise, level, metric, difference (of the means). Empty without `identity`.
    """
    import pandas as pd

    columns = ["label", "noise", "level", "metric", "difference"]
    labelled = with_labels(records)
    metrics = list(METRICS)
    by_image = labelled.groupby([*_POINT, "image"], sort=False)[metrics].mean()
    if "identity" not in by_image.index.get_level_values("label"):
        return pd.DataFrame(columns=columns)
    differences = by_image - by_image.xs("identity", level="label").reindex(
        by_image.index.droplevel("label")
    ).set_axis(by_image.index)
    rows = []
    for (_, label, noise, level), part in differences.groupby(level=_POINT, sort=False):
        for metric, better_if_larger in METRICS.items():
            values = part[metric].dropna()
            mean, half_width = _interval(values.mean(), values.std(), len(values))
            if (mean < 0) == better_if_larger and abs(mean) > half_width:
                rows.append((label, noise, level, metric, mean))
    return pd.DataFrame(rows, columns=columns)


def problems(cells: pd.DataFrame) -> list[tuple[str, str, str]]:
    """Status, cell and reason of each cell that failed or was skipped; `cells` with labels."""
    import pandas as pd

    found = []
    for cell in cells[cells["status"] != "done"].itertuples():
        seed = "" if pd.isna(cell.seed) else f" seed {cell.seed}"
        where = f"{cell.label} at {noise_text(cell.noise, cell.level)}{seed}"
        found.append((cell.status, where, cell.reason))
    return found


def _interval(mean: Any, std: Any, count: Any) -> tuple[Any, Any]:
    """A mean and the half-width of its 95% interval (Student's t)."""
    from scipy.special import stdtrit

    return mean, stdtrit(np.maximum(count - 1, 1), 0.975) * std / np.sqrt(count)


def text_table(records: pd.DataFrame, cells: pd.DataFrame) -> str:
    """PSNR and SSIM of every method at every level, as plain text for a terminal."""
    if records.empty:
        return "No cell has a result."
    summary = means(records)
    psnr, _ = table(summary, "psnr")
    ssim, _ = table(summary, "ssim")
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
