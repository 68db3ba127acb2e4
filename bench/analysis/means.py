"""Records -> means, and the tables made of them.

A table shows the mean over images of the per-image value. Where a method has several
training seeds, an image's value is first averaged over them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from bench.analysis.labels import tuples
from bench.analysis.scores import NOISE, NoiseScores, Scores, column_means, prominent
from bench.core import counted, level_text, noise_text, printable, without_home

if TYPE_CHECKING:
    import pandas as pd

    from bench.core import Scale

_Item = TypeVar("_Item")
_ENTRY = ["dataset", "label", "noise", "level"]
COLUMNS = [
    *_ENTRY, "metric", "mean", "images", "units", "seeds", "trainings", "seed_sd", "capped"
]  # fmt: skip


def means(scores: Scores) -> pd.DataFrame:
    """A row for each data set, method, noise, level and metric, in the cells' order.

    Columns: dataset, label, noise, level, metric, mean, images (over which the mean is), units
    (that they are of; as many where each image is its own), seeds, trainings (number of training
    seeds; 0 where nothing is random), and seed_sd: the standard deviation over training seeds of
    the mean over images, NaN for a single seed; and capped: the share of images that have the
    highest value that is given in dB (0 of other metrics).
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
                "images": part.images(metric),
                "units": part.unit_counts(metric),
                "seeds": part.seeds,
                "trainings": [len(by_seed) for by_seed in part.seed_means],
                "seed_sd": part.seed_sd(metric),
                "capped": part.capped(metric),
            }
        )
        for metric in part.scales
    ]
    return pd.concat(rows, ignore_index=True)[COLUMNS]


def in_order(parts: Sequence[pd.DataFrame], scores: Scores) -> pd.DataFrame:
    """The rows of each noise put together: metric by metric, each in the cells' order."""
    import pandas as pd

    if not parts:
        return pd.DataFrame(columns=COLUMNS)
    whole = pd.concat(parts)
    order = {entry: at for at, entry in enumerate(dict.fromkeys(tuples(scores.cells, *_ENTRY)))}
    metrics = list(scores.scales)
    keys = [
        metrics.index(metric) * len(order) + order[entry]
        for *point, metric in tuples(whole, *_ENTRY, "metric")
        for entry in [tuple(point)]
    ]
    return whole.iloc[np.argsort(keys, kind="stable")].reset_index(drop=True)


def table(summary: pd.DataFrame, metric: str, value: str = "mean") -> pd.DataFrame:
    """A column of `means` for a metric: rows methods, columns (noise, level), in order."""
    import pandas as pd

    part = summary[summary["metric"] == metric]
    noises = list(zip(part["noise"], part["level"], strict=True))
    rows = {label: at for at, label in enumerate(dict.fromkeys(part["label"]))}
    columns = {noise: at for at, noise in enumerate(dict.fromkeys(noises))}
    # As `pivot` does, which takes ten times as long, and a report has hundreds of them.
    shape = len(rows), len(columns)
    values = part[value].to_numpy()
    shaped = np.full(shape, np.nan) if len(part) < np.prod(shape) else np.empty(shape, values.dtype)
    shaped[[rows[label] for label in part["label"]], [columns[noise] for noise in noises]] = values
    named = pd.MultiIndex.from_tuples(list(columns), names=["noise", "level"])
    return pd.DataFrame(shaped, pd.Index(list(rows), name="label"), named)


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
        reason = without_home(reason)
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
        levels.setdefault(name, []).append(level_text(level) if level else "")
    return "; ".join(f"{name} {', '.join(texts)}".rstrip() for name, texts in levels.items())


def text_table(
    scores: Scores, cells: pd.DataFrame, width: int | None = None, images: str = "test images"
) -> str:
    """The means of every method at every level, as plain text for a terminal.

    Two metrics share a table; where there are more, the tables follow each other.

    Args:
        scores: of a run.
        cells: of the run.
        width: of the terminal in characters; noises that do not fit beside each other come in
            blocks, one below the other. None for one block.
        images: what the means are over.
    """
    if not len(scores):
        return "No cell has a result."
    summary = means(scores)
    shown = prominent(scores.scales)
    texts = [
        _fitted(_combined(summary, {label: scores.scales[label] for label in pair}), width)
        for pair in _batched(shown, 2)
    ]
    counts = summary.groupby("metric")["images"]
    least, most = counts.min(), int(counts.max()[shown].max())
    units = int(summary.loc[summary["metric"].isin(shown), "units"].max())
    of_units = f" of {counted(units, 'unit')}" if units < most else ""
    fewer = [
        f"{printable(scores.scales[label].title)} over {least[label]:,}"
        for label in shown
        if least[label] < least[shown].max()
    ]
    names = printable(", ".join(dict.fromkeys(cells.dataset)))
    only = f" ({', '.join(fewer)})" if fewer else ""
    text = "\n\n".join(texts)
    return f"\n{text}\n\nMean over {most:,} {images}{of_units} of {names}{only}."


def _batched(items: Sequence[_Item], size: int) -> Iterator[Sequence[_Item]]:
    """So many after each other, the last ones fewer."""
    return (items[start : start + size] for start in range(0, len(items), size))


def _combined(summary: pd.DataFrame, scales: Mapping[str, Scale]) -> pd.DataFrame:
    """The means of some metrics in one table, each entry with all of them."""
    tables = {label: table(summary, label) for label in scales}
    first = next(iter(tables.values()))
    combined = first.copy().astype(object)
    for column in combined.columns:
        values = [own[column] for own in tables.values()]
        combined[column] = [
            " ".join(_shown(value, of) for value, of in zip(row, scales.values(), strict=True))
            if not all(map(np.isnan, row))
            else "–"
            for row in zip(*values, strict=True)
        ]
    combined.columns = [noise_text(*column) for column in combined.columns]
    combined.index.name = printable(", ".join(scale.heading for scale in scales.values()))
    return combined


def _shown(value: float, scale: Scale) -> str:
    return "–" if np.isnan(value) else f"{value:.{scale.decimals}f}"


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
