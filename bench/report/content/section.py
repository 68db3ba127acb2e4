"""What a report shows, read once: the cells and records of one run or several, by data set."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import TYPE_CHECKING, Any

from bench import analysis as tables
from bench.analysis.calibration import calibration_error, overconfidence
from bench.core import DEFAULT_SCALES, ESTIMATED_SCALES, Scale
from bench.report.content import metrics
from bench.report.content.rows import CellRow, Column, Pair, cell_rows, pairs_by_column
from bench.store import cells_frame, conditions

if TYPE_CHECKING:
    import pandas as pd

    from bench.core import MeasuredSplit
    from bench.store import CellMeta, RecordedMethod, Run
    from bench.store.recorded_data import RecordedDataset


@dataclass(frozen=True)
class Section:
    """What a report shows of one data set.

    Attributes:
        runs: the runs that measured on it, the newest first.
        dataset: the data set as a manifest holds it: name, fingerprint, sizes, ...
        cells: a row a cell, with `label`, the noise's full name, and the position of its run
            in `runs` as `run`.
        metadata: all that is one value a cell, in the same order.
        scores: of the cells that are done; their images lie in their files until they are read.
        summary: means and intervals, see `analysis.compare`.
        pairs: which methods can be told apart, see `analysis.compare`.
        labels: the methods' labels, in the runs' order.
        conflicts: what several runs measured differently, and which one is shown.
        suffix: ends the names of its files, where a report has several data sets.
    """

    runs: Sequence[Run]
    dataset: RecordedDataset
    cells: pd.DataFrame
    metadata: list[CellMeta]
    scores: tables.Scores
    summary: pd.DataFrame
    pairs: pd.DataFrame
    labels: list[str]
    conflicts: list[str]
    suffix: str = ""

    @classmethod
    def of(cls, *runs: Run) -> Section:
        """Read runs of one data set.

        A cell that several runs hold is taken once. Where they measured an entry of the table
        with differing code or settings, the newest run's is taken and the conflict named.

        Raises:
            StorageError: a run is damaged.
        """
        import pandas as pd

        runs = tuple(conditions.newest_first(runs))
        frames, metadata = [], []
        for number, run in enumerate(runs):
            of_run = list(run.metadata())
            frames.append(cells_frame(of_run).assign(run=number))
            metadata += of_run
        cells = tables.with_labels(pd.concat(frames, ignore_index=True))
        kept, conflicts = conditions.shown(metadata, list(cells["run"]), runs)
        cells = cells.loc[kept].reset_index(drop=True)
        metadata = [meta for meta, keep in zip(metadata, kept, strict=True) if keep]
        order = _by_noise(cells)
        cells, metadata = cells.iloc[order].reset_index(drop=True), [metadata[i] for i in order]
        scales = tables.united(run.manifest.scales for run in runs)
        scores = tables.Scores(cells[cells["status"] == "done"], runs, scales)
        return cls(
            runs,
            runs[0].manifest.dataset,
            cells,
            metadata,
            scores,
            *tables.compare(scores),
            list(dict.fromkeys(cells["label"])),
            conflicts + conditions.metrics_that_differ(runs),
        )

    def only(self, columns: Sequence[Column]) -> Section:
        """The same of some noises, each a full name and a level, in their order."""

        def chosen(frame: pd.DataFrame) -> list[int]:
            points = list(zip(frame["noise"], frame["level"], strict=True))
            return [at for at in _by_noise(frame, columns) if points[at] in columns]

        return self._rows(chosen)

    def of_methods(self, labels: Collection[str]) -> Section:
        """The same of some methods."""

        def chosen(frame: pd.DataFrame) -> Any:
            names = ("a", "b") if "a" in frame else ("label",)
            return frame[list(names)].isin(labels).all(axis=1).to_numpy().nonzero()[0]

        return self._rows(chosen)

    def _rows(self, chosen: Callable[[pd.DataFrame], Any]) -> Section:
        """The same of those rows of each frame whose numbers `chosen` gives."""
        kept = chosen(self.cells)
        cells = self.cells.iloc[kept].reset_index(drop=True)
        return replace(
            self,
            cells=cells,
            metadata=[self.metadata[at] for at in kept],
            scores=self.scores.take(chosen(self.scores.cells)),
            summary=self.summary.iloc[chosen(self.summary)].reset_index(drop=True),
            pairs=self.pairs.iloc[chosen(self.pairs)].reset_index(drop=True),
            labels=list(dict.fromkeys(cells["label"])),
        )

    @property
    def name(self) -> str:
        """The data set's name."""
        return self.dataset.name

    @property
    def scales(self) -> Mapping[str, Scale]:
        """How the metrics' numbers are read, by label."""
        return self.scores.scales

    @property
    def first_metric(self) -> str:
        """The metric that leads, where one must: the first that has values."""
        known = set(self.summary["metric"][self.summary["mean"].notna()])
        return next((label for label in self.scales if label in known), next(iter(self.scales)))

    @property
    def stems(self) -> dict[str, str]:
        """What the files of each metric are called."""
        return metrics.stems(self.scales)

    @property
    def harm(self) -> pd.DataFrame:
        """Where a method is worse than doing nothing, see `analysis.harm`."""
        return tables.harm(self.pairs)

    @property
    def images(self) -> int:
        """Number of images, each of which may be under several draws of noise."""
        return int(self.summary["images"].max()) if len(self.summary) else 0

    @property
    def units(self) -> int:
        """Number of units that they are of; as many where each image is its own."""
        return int(self.summary["units"].max()) if len(self.summary) else 0

    @property
    def split(self) -> MeasuredSplit:
        """What was measured on."""
        return self.runs[0].manifest.settings.split

    @property
    def draws(self) -> int:
        """Of noise, that each image is under."""
        return len(self.runs[0].manifest.settings.noise_seeds)

    @property
    def about(self) -> dict[str, RecordedMethod]:
        """What the manifests say of each method: summary, reference, ..."""
        return {
            name: about
            for run in reversed(self.runs)
            for name, about in run.manifest.methods.items()
        }

    @property
    def columns(self) -> list[Column]:
        """The noises tested on, in the cells' order."""
        return list(dict.fromkeys(zip(self.cells["noise"], self.cells["level"], strict=True)))

    def rows(self) -> list[CellRow]:
        """The rows of `cells`."""
        return cell_rows(self.cells)

    def tuned_by(self, cell: CellRow, meta: CellMeta) -> Scale:
        """How the numbers are read by which a cell was tuned; which way may be known by its trials.

        It need be none of the run's metrics; nor any metric, where clean images did not tell.
        """
        if meta.estimate:
            return ESTIMATED_SCALES.get(meta.estimate, Scale(meta.estimate, "dB", decimals=2))
        label = meta.cell.tune_by
        known = {**DEFAULT_SCALES, **self.runs[cell.run].manifest.scales}
        if label in known:
            return known[label]
        scores = [score for _, score in meta.trials]
        lowest = bool(scores) and meta.chosen_score == min(scores) < max(scores)
        return Scale(label, better="lower" if lowest else "higher")

    def compared(self, metric: str) -> dict[Column, list[Pair]]:
        """The rows of `pairs` of a metric, by noise."""
        return pairs_by_column(self.pairs[self.pairs["metric"] == metric])

    def history(self, cell: CellRow) -> pd.DataFrame:
        """Loss terms of the training behind a cell, see `Run.history`."""
        return self.runs[cell.run].history(cell.key)

    def samples(self, cell: CellRow) -> dict[str, list[Any]]:
        """The images kept of a cell, see `Run.samples`."""
        return self.runs[cell.run].samples(cell.key)

    def calibrations(self) -> dict[tuple[str, Column], tuple[float, float]]:
        """(Label, noise) -> calibration error, overconfidence (`analysis.calibration`).

        Means over the seeds.
        """
        by_seed: dict[tuple[str, Column], list[tuple[float, float]]] = {}
        for cell, meta in zip(self.rows(), self.metadata, strict=True):
            if meta.calibration:
                rows = meta.calibration
                seed = (calibration_error(rows), overconfidence(rows))
                by_seed.setdefault((cell.label, cell.column), []).append(seed)
        return {
            entry: (fmean(error for error, _ in seeds), fmean(ratio for _, ratio in seeds))
            for entry, seeds in by_seed.items()
        }


def by_dataset(runs: Sequence[Run]) -> Iterator[Section]:
    """A section for each data set of the runs, in the order in which they come.

    Raises:
        UsageError: runs of one report follow different protocols, or measured one data set
            under conditions whose numbers cannot stand in one table.
        StorageError: a run is damaged.
    """
    groups: dict[str, dict[str, Run]] = {}
    for run in runs:
        groups.setdefault(run.manifest.dataset.name, {})[str(run.path.resolve())] = run
    conditions.check_comparable(runs)
    for number, group in enumerate(groups.values(), 1):
        section = Section.of(*group.values())
        # A folder's name may hold anything; a number keeps those apart that are written alike.
        plain = re.sub(r"[^a-z0-9]+", "-", section.name.lower()).strip("-")
        yield replace(section, suffix=f"-{number}-{plain}" if len(groups) > 1 else "")


def _by_noise(frame: pd.DataFrame, columns: Sequence[Column] = ()) -> list[int]:
    """The numbers of a frame's rows by noise: as `columns` has them, else with rising levels.

    Kinds stay in their order, metrics apart, and rows of one noise as they are.
    """
    points = list(zip(frame["noise"], frame["level"], strict=True))
    kinds = list(dict.fromkeys(kind for kind, _ in points))
    known = {column: at for at, column in enumerate(columns)}
    metrics = (
        list(frame["metric"]) if "label" in frame and "metric" in frame else [""] * len(points)
    )
    order = list(dict.fromkeys(metrics))

    def place(at: int) -> tuple[int, int, int, float]:
        kind, level = points[at]
        return order.index(metrics[at]), known.get(points[at], 0), kinds.index(kind), level

    return sorted(range(len(points)), key=place)
