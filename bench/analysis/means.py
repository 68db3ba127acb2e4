"""Records -> means, and the tables made of them.

A table shows the mean over images of the per-image value. Where a method has several
training seeds, an image's value is first averaged over them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.core import level_text, method_label, noise_name, noise_text

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
    """`function` of each row, as an array; it is called once for each distinct row."""
    import pandas as pd

    codes, rows = pd.MultiIndex.from_arrays(columns).factorize()
    return np.array([function(*row) for row in rows], dtype=object)[codes]


def tuples(frame: pd.DataFrame, *columns: str) -> Iterator[tuple[Any, ...]]:
    """The rows of a frame, as tuples of some of its columns."""
    return zip(*(frame[name] for name in columns), strict=True)


def per_image(records: pd.DataFrame) -> pd.DataFrame:
    """Each image's metrics, means over the training seeds; `records` with labels.

    The index holds dataset, label, noise, level, image and the digest of the noisy pixels; the
    last column, `seeds`, says of how many.
    """
    grouped = records.groupby([*_POINT, "image", "digest"], sort=False, observed=True)
    return grouped[list(METRICS)].mean().assign(seeds=grouped.size())


def means(records: pd.DataFrame) -> pd.DataFrame:
    """A row for each data set, method, noise, level and metric, in the records' order.

    Columns: dataset, label, noise, level, metric, mean, images, seeds, and seed_sd: the
    standard deviation over training seeds of the mean over images, NaN for a single seed.
    """
    import pandas as pd

    labelled = with_labels(records)
    grouped = per_image(labelled).groupby(level=_POINT, sort=False)
    images, seeds = grouped.size(), grouped["seeds"].max()
    by_seed = labelled.groupby([*_POINT, "seed"], sort=False, observed=True)[list(METRICS)].mean()
    spread = by_seed.groupby(level=_POINT, sort=False).std().reindex(images.index)
    rows = [
        pd.DataFrame(
            {
                "metric": metric,
                "mean": grouped[metric].mean(),
                "images": images,
                "seeds": seeds,
                "seed_sd": spread[metric],
            }
        ).reset_index()
        for metric in METRICS
    ]
    return pd.concat(rows, ignore_index=True)


def table(summary: pd.DataFrame, metric: str, value: str = "mean") -> pd.DataFrame:
    """A column of `means` for a metric: rows methods, columns (noise, level), in order."""
    part = summary[summary["metric"] == metric]
    rows = list(dict.fromkeys(part["label"]))
    columns = list(dict.fromkeys(zip(part["noise"], part["level"], strict=True)))
    shaped = part.pivot(index="label", columns=["noise", "level"], values=value)
    return shaped.reindex(index=rows, columns=columns)


def problems(cells: pd.DataFrame) -> list[tuple[str, str, str]]:
    """Status, cell and reason of each cell that failed or was skipped; `cells` with labels.

    What was skipped for one reason is one entry, as far as its noises are the same for each method:
    `bm3d, nlm at gaussian 0.1, 0.3`.
    """
    import pandas as pd

    columns = ("status", "label", "noise", "level", "seed", "reason")
    entries = []
    skipped: dict[tuple[str, str, str], list[tuple[str, float]]] = {}  # label, seed, reason
    for status, label, noise, level, seed, reason in tuples(
        cells[cells["status"] != "done"], *columns
    ):
        trained = "" if pd.isna(seed) else f" seed {seed}"
        if status == "skipped":
            skipped.setdefault((label, trained, reason), []).append((noise, level))
        else:
            entries.append((status, f"{label} at {noise_text(noise, level)}{trained}", reason))
    alike: dict[tuple[str, str], list[str]] = {}
    for (label, trained, reason), noises in skipped.items():
        alike.setdefault((f"{_noises_text(noises)}{trained}", reason), []).append(label)
    return entries + [
        ("skipped", f"{', '.join(labels)} at {where}", reason)
        for (where, reason), labels in alike.items()
    ]


def _noises_text(noises: list[tuple[str, float]]) -> str:
    """Each noise's name once, with its levels."""
    levels: dict[str, list[str]] = {}
    for name, level in noises:
        levels.setdefault(name, []).append(level_text(level))
    return "; ".join(f"{name} {', '.join(texts)}" for name, texts in levels.items())


def text_table(records: pd.DataFrame, cells: pd.DataFrame, width: int | None = None) -> str:
    """PSNR and SSIM of every method at every level, as plain text for a terminal.

    Args:
        records: of a run.
        cells: of the run.
        width: of the terminal in characters; noises that do not fit beside each other come in
            blocks, one below the other. None for one block.
    """
    if records.empty:
        return "No cell has a result."
    summary = means(records)
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
    text = _fitted(combined, width)
    names = ", ".join(dict.fromkeys(cells.dataset))
    return f"\n{text}\n\nMean over {images:,} test images of {names}."


def _fitted(frame: pd.DataFrame, width: int | None) -> str:
    """A frame of texts in as few blocks of columns as are no wider than that, where any are."""
    columns = len(frame.columns)
    for blocks in range(1, columns + 1):
        step = -(-columns // blocks)
        parts = (frame.iloc[:, start : start + step] for start in range(0, columns, step))
        text = "\n\n".join(
            part.reset_index().to_markdown(index=False, tablefmt="simple", disable_numparse=True)
            for part in parts
        )
        if width is None or max(map(len, text.splitlines())) <= width:
            break
    return text
