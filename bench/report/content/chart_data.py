"""What the charts show: computed once, drawn as files by matplotlib and in the page by plotly."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench.analysis import rowwise
from bench.core import Scale, method_label
from bench.report.content.metrics import title
from bench.report.content.rows import Column
from bench.report.content.training import sees_no_noise

if TYPE_CHECKING:
    import pandas as pd

    from bench.report.content.section import Section

# Deviations below which nothing is seen by far: a step of eight bits is 0.004. In images with black
# grounds most bins are smaller, which would leave the others no room.
_LEAST_DEVIATION = 1e-6
TRANSFER_TITLE = "Trained on one noise, tested on another"

_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True)
class Distribution:
    """A method's values on single images: 5%, quartiles and 95%, and their mean."""

    label: str
    quantiles: tuple[float, ...]
    mean: float


def distributions(
    section: Section, metrics: Sequence[str]
) -> dict[str, dict[Column, list[Distribution]]]:
    """Metric -> noise -> how its values on the images are distributed; of all training seeds."""
    import pandas as pd

    entry = ("noise", "level", "label")
    means = section.summary.set_index(["metric", *entry])["mean"].to_dict()
    by_metric: dict[str, dict[Column, list[Distribution]]] = {metric: {} for metric in metrics}
    for (noise, level, label), part in section.scores.by(*entry):
        cells = list(part)
        values = pd.DataFrame({m: np.concatenate([cell[m] for cell in cells]) for m in metrics})
        grouped = values.astype("float64").groupby(np.zeros(len(values), np.int8))
        quantiles = grouped.quantile(np.array(_QUANTILES))
        for metric, by_column in by_metric.items():
            mean = means[metric, noise, level, label]
            if np.isnan(mean):  # as SSIM of images that are smaller than its window
                continue
            row = Distribution(label, tuple(quantiles[metric].tolist()), mean)
            by_column.setdefault((noise, level), []).append(row)
    return {metric: by_column for metric, by_column in by_metric.items() if by_column}


def calibration_caption(section: Section) -> str:
    """What a figure of calibration shows."""
    return (
        f"Calibration: the pixels of up to 1,000 {section.split} images, sorted by the deviation "
        "that the method predicts for them and cut into 15 bins of equal size. On the dashed line "
        "the prediction is right; above it the method is too sure of itself. Bins below the axes "
        "stand on their ends. Of several seeds the first is drawn."
    )


def calibration_bins(
    section: Section,
) -> dict[Column, dict[str, list[tuple[float, float, int]]]]:
    """Noise -> method -> bins (predicted, observed, pixels), see `analysis.calibration`."""
    by_column: dict[Column, dict[str, list[tuple[float, float, int]]]] = {}
    for cell, meta in zip(section.rows(), section.metadata, strict=True):
        if meta.calibration:
            # Of several seeds the first.
            by_column.setdefault(cell.column, {}).setdefault(cell.label, meta.calibration)
    return by_column


def calibration_range(
    panels: Mapping[Column, Mapping[str, Sequence[tuple[float, float, int]]]],
) -> tuple[float, float]:
    """Ends of both axes of a calibration, between which all bins are.

    Those below the lower end stand on it: draw the larger of the two.

    >>> calibration_range({("gaussian", 0.1): {"vae": [(1e-9, 0.02, 5), (0.1, 0.25, 5)]}})
    (1e-06, 0.375)
    """
    values = [
        value
        for lines in panels.values()
        for bins in lines.values()
        for predicted, observed, _ in bins
        for value in (predicted, observed)
    ]
    low = min((value / 1.5 for value in values if value > 0), default=0.0)
    return max(low, _LEAST_DEVIATION), 1.5 * max(values, default=1.0)


#: dB below a column's best at which the colours of a transfer table end.
_TRANSFER_SPAN = 6


def transfer_caption(section: Section) -> str:
    """What the tables show."""
    return (
        f"Mean {title(_first(section), heading=True)} of one method by the noise that it was "
        "trained on (rows; a range is training on levels drawn evenly from it) and the level that "
        "it is tested on (columns). Colours compare the trainings at one test level."
    )


def transfer_below(section: Section, table: pd.DataFrame) -> pd.DataFrame:
    """How far each entry is worse than its column's best: 0 or below.

    The levels' own differences would drown all others.
    """
    return table - table.max() if _first(section).higher else table.min() - table


def transfer_span(section: Section, tables: Iterable[pd.DataFrame]) -> float:
    """How far below a column's best the colours end."""
    if _first(section).unit == "dB":
        return _TRANSFER_SPAN
    return max((-transfer_below(section, table).min().min() for table in tables), default=0) or 1


def transfer_axis(section: Section) -> str:
    """What the colours are."""
    scale = _first(section)
    return f"{scale.unit or scale.title} {'below' if scale.higher else 'above'} the column's best"


def _first(section: Section) -> Scale:
    return section.scales[section.first_metric]


def transfer_tables(section: Section) -> dict[tuple[str, str], pd.DataFrame]:
    """(Method, noise) -> first metric: rows what it was trained on, columns levels tested on.

    All have the same rows. Only methods that were trained in several ways.
    """
    cells = section.cells[(section.cells["status"] == "done") & section.cells["train"].notna()]
    means = section.summary[section.summary["metric"] == section.first_metric]
    if not cells.empty:
        # What is trained on clean images alone has nothing to transfer.
        cells = cells[~rowwise(sees_no_noise, cells["method"], cells["params"]).astype(bool)]
    if cells.empty:
        return {}
    data = cells.merge(means, on=["dataset", "label", "noise", "level"])
    data = data.assign(method=rowwise(method_label, data["method"], data["params"]))
    # A level typed as a number and as the matched one is one training.
    data = data.drop_duplicates(["method", "train", "noise", "level"])
    tables = {}
    for (method, noise), part in data.groupby(["method", "noise"], sort=False):
        table = part.pivot(index="train", columns="level", values="mean")
        if len(table) > 1 and table.notna().sum(axis=1).max() > 1:
            tables[str(method), str(noise)] = table
    trainings = sorted(
        {str(train) for table in tables.values() for train in table.index},
        key=lambda train: (" to " in train, _highest(train)),
    )
    return {name: table.reindex(trainings) for name, table in tables.items()}


def _highest(train: str) -> float:
    return float(train.rsplit(" ", 1)[1])
