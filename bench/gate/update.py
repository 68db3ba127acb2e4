"""Takes thresholds from a run, into a file that people edit too."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.analysis import Scores
from bench.core import UsageError
from bench.gate.thresholds import level_of

#: Standard errors of the mean that are left below it.
MARGIN = 3.0
_DECIMALS = {"psnr": 2, "ssim": 4}
_HEAD = "# Limits for `bench check`; see docs/gate.md.\n"


@dataclass(frozen=True)
class Updated:
    """A file's new text; the number of thresholds set, and of those that became lower."""

    text: str
    count: int
    lowered: int


def update(text: str, scores: Scores, run: str) -> Updated:
    """A thresholds file's text, brought up to a run.

    PSNR and SSIM of each method at each noise get the minimum

        mean - 3 sqrt(s_image^2 / n + s_seed^2 / k),

    n images and k seeds. Comments, entries set by hand (without `made_from`) and entries of
    points that the run did not measure stay as they are.

    Args:
        text: of the file, empty for a new one; `parse` has accepted it.
        scores: of the run.
        run: its name.

    Raises:
        UsageError: the entries stand in an inline array, which cannot be added to; or a maximum
            set by hand is below a minimum to be set.
    """
    import tomlkit
    from tomlkit.items import AoT

    document = tomlkit.parse(text)
    tables: Any = document.get("threshold", tomlkit.aot())
    if not isinstance(tables, AoT):
        raise UsageError("to be updated, thresholds are written as tables [[threshold]]")
    # Where one of ours and one set by hand speak of the same, ours comes last and is found.
    known = {_point_of(table): table for table in sorted(tables, key=lambda t: "made_from" in t)}
    added = tomlkit.aot()
    count = lowered = 0
    for (dataset, label, noise, level, metric), minimum in _minima(scores):
        table = known.get((dataset, label, noise, level, metric))
        if table is not None and "made_from" not in table:
            continue
        if table is None:
            table = tomlkit.table()
            values = {"method": label, "dataset": dataset, "noise": noise, "level": level}
            table.update({**values, "metric": metric})
            added.append(table)
        if table.get("max", math.inf) < minimum:
            raise UsageError(
                f"the maximum {table['max']:g} for the {metric} of {label} is below the minimum "
                f"{minimum:g} to be set: raise it or remove it"
            )
        lowered += minimum < table.get("min", -math.inf)
        table.update({"min": minimum, "made_from": run})
        count += 1
    text = tomlkit.dumps(document) if text.strip() else _HEAD
    if added:
        # As text, since tomlkit neither begins a line nor leaves one empty before what it adds.
        text = f"{text.rstrip()}\n\n{tomlkit.dumps({'threshold': added})}"
    return Updated(text, count, lowered)


def _point_of(table: Mapping[str, Any]) -> tuple[Any, ...]:
    """What an entry speaks of, as `_minima` names it; one without a minimum is none of ours."""
    if "min" not in table:
        return ()
    texts = (table.get(key) for key in ("dataset", "method", "noise"))
    return (*texts, level_of(table.get("level"), "level"), table["metric"])


def _minima(scores: Scores) -> Iterator[tuple[tuple[str, str, str, float, str], float]]:
    """Data set, label, noise, level and metric -> minimum."""
    import pandas as pd

    for (dataset, label, noise, level), part in scores.by("dataset", "label", "noise", "level"):
        seeds = [pd.DataFrame({**cell}).set_index("image").astype("float64") for cell in part]
        for metric, decimals in _DECIMALS.items():
            # An image that was not measured under every seed is left out.
            table = pd.concat([seed[metric] for seed in seeds], axis=1, join="inner").dropna()
            values = table.sort_index().to_numpy()
            if not len(values):
                continue
            variance = values.mean(axis=1).var(ddof=1) / len(values) if len(values) > 1 else 0.0
            if values.shape[1] > 1:
                variance += values.mean(axis=0).var(ddof=1) / values.shape[1]
            minimum = values.mean() - MARGIN * np.sqrt(variance)
            rounded = math.floor(minimum * 10**decimals) / 10**decimals
            yield (dataset, label, noise, level, metric), rounded
