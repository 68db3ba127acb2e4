"""What a report shows, read from the run once."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any

from bench import summary as tables
from bench.metrics import calibration_error, overconfidence

if TYPE_CHECKING:
    import pandas as pd

    from bench.store import Run


@dataclass(frozen=True)
class Contents:
    """What a report shows: the run's cells and records, read once, and their summary.

    Attributes:
        run: the run.
        cells: its cells, with `label` and the noise's full name.
        metadata: all that is one value a cell, in the same order.
        summary: means and intervals, see `summary.means`.
        harm: where a method is worse than doing nothing, see `summary.harm`.
        labels: the methods' labels, in the run's order.
    """

    run: Run
    cells: pd.DataFrame
    metadata: list[dict[str, Any]]
    summary: pd.DataFrame
    harm: pd.DataFrame
    labels: list[str]

    @classmethod
    def of(cls, run: Run) -> Contents:
        """Read a run."""
        cells, records = tables.with_labels(run.cells()), run.records()
        return cls(
            run,
            cells,
            list(run.metadata()),
            tables.means(records),
            tables.harm(records),
            list(dict.fromkeys(cells["label"])),
        )

    @property
    def images(self) -> int:
        """Number of test images."""
        return int(self.summary["images"].max()) if len(self.summary) else 0

    def calibrations(self) -> dict[tuple[str, str, float], tuple[float, float]]:
        """(Label, noise, level) -> calibration error and overconfidence, see `metrics`.

        Means over the seeds.
        """
        found: dict[tuple[str, str, float], list[tuple[float, float]]] = {}
        for cell, meta in zip(self.cells.itertuples(), self.metadata, strict=True):
            if meta.get("calibration"):
                point = (str(cell.label), str(cell.noise), float(cell.level))
                rows = meta["calibration"]
                found.setdefault(point, []).append((calibration_error(rows), overconfidence(rows)))
        return {
            point: (fmean(error for error, _ in values), fmean(ratio for _, ratio in values))
            for point, values in found.items()
        }
