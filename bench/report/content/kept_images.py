"""The single images of runs: which were kept, as each method restored them, with their scores."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any

import numpy as np

from bench import analysis
from bench.core import (
    SAMPLE_SIDE,
    Scale,
    UsageError,
    method_label,
    middle,
    noise_name,
    noise_text,
)
from bench.report.content.rows import Column
from bench.report.content.samples import common_positions

if TYPE_CHECKING:
    from bench.core import Array, Dataset
    from bench.store import CellMeta, Run

#: Opens the data that a run was measured on.
Opener = Callable[["Run"], "Dataset"]


@dataclass(frozen=True)
class Picture:
    """One image as a method restored it; of large ones the middle.

    Attributes:
        clean: float32 (C, H, W); None where there is no ground truth.
        noisy: the same, may leave [0, 1]; of the same noise for every method.
        restored: the same.
        scores: metric -> its value of the whole image, NaN where it has none.
        digest: of the noisy pixels of the whole image; None where it was not recorded.
    """

    clean: Array | None
    noisy: Array
    restored: Array
    scores: Mapping[str, float]
    digest: int | None


@dataclass(frozen=True)
class KeptCells:
    """The finished cells of runs on one data set, by method and noise.

    Attributes:
        runs: the newest first: of what several measured, its is shown.
        entries: label and noise -> the cells, of several training seeds the first's first.
    """

    runs: Sequence[Run]
    entries: Mapping[tuple[str, Column], Sequence[tuple[Run, CellMeta]]]

    @classmethod
    def of(cls, runs: Iterable[Run]) -> KeptCells:
        """Read what cells there are; their images are read when they are asked for.

        Raises:
            UsageError: the runs are of several data sets.
            StorageError: a run is damaged.
        """
        newest = sorted(runs, key=lambda run: (run.manifest.started, run.name), reverse=True)
        first = newest[0].manifest
        for run in newest[1:]:
            other = run.manifest
            for what, ours, theirs in (
                ("data", first.dataset.fingerprint, other.dataset.fingerprint),
                ("split", first.settings.split, other.settings.split),
            ):
                if ours != theirs:
                    raise UsageError(
                        f"{newest[0].path} and {run.path} are of another {what}: their images "
                        "cannot stand in one figure"
                    )
        entries: dict[tuple[str, Column], list[tuple[Run, CellMeta]]] = {}
        for run in newest:
            for meta in run.metadata():
                if meta.status == "done":
                    found = entries.setdefault(_entry(meta), [])
                    if not found or found[0][0] is run:
                        found.append((run, meta))
        return cls(newest, entries)

    @property
    def columns(self) -> list[Column]:
        """The noises measured, in the runs' order."""
        return list(dict.fromkeys(column for _, column in self.entries))

    @property
    def scales(self) -> dict[str, Scale]:
        """How the metrics' numbers are read, by label."""
        return dict(analysis.united(run.manifest.scales for run in self.runs))

    def labels(self, columns: Sequence[Column] = ()) -> list[str]:
        """The methods measured under all of some noises."""
        labels = dict.fromkeys(label for label, _ in self.entries)
        return [one for one in labels if all((one, column) in self.entries for column in columns)]

    def trainings(self, label: str, column: Column) -> int:
        """Number of training seeds that a method has."""
        return len(self.entries.get((label, column), ()))

    def best(self, labels: Sequence[str], columns: Sequence[Column], metric: str) -> list[str]:
        """Methods by their mean over images and noises, the best first."""

        def mean(label: str) -> float:
            values = [self._mean(label, column, metric) for column in columns]
            worst = float("-inf")
            mean = fmean(values)
            if np.isnan(mean):
                return worst
            return mean if self.scales[metric].higher else -mean

        return sorted(labels, key=mean, reverse=True)

    def _mean(self, label: str, column: Column, metric: str) -> float:
        run, meta = self.entries[label, column][0]
        values = run.images(meta.key).get(metric)
        return float("nan") if values is None else float(np.mean(values, dtype=np.float64))

    def common(self, labels: Sequence[str], column: Column) -> list[int]:
        """Positions of the images that each of some methods can show, those to be taken first.

        First those that cells kept as samples, which were chosen before any method was run.
        """
        entries = [self.entries[label, column][0] for label in labels]
        samples = [run.samples(meta.key) for run, meta in entries]
        positions = dict.fromkeys(common_positions(samples))
        if all(run.has_outputs(meta.key) for run, meta in entries):
            measured = [run.images(meta.key)["image"].tolist() for run, meta in entries]
            everywhere = set(measured[0]).intersection(*measured)
            positions |= dict.fromkeys(one for one in measured[0] if one in everywhere)
        return list(positions)

    def pictures(
        self,
        label: str,
        column: Column,
        positions: Sequence[int],
        opener: Opener | None = None,
    ) -> dict[int, Picture]:
        """A method's images at some positions, under the first draw of the noise.

        Raises:
            UsageError: one of them was not kept.
            StorageError, DataError: what was kept is damaged, or the data are not here.
        """
        run, meta = self.entries[label, column][0]
        kept = run.samples(meta.key)
        found = {}
        for number, position in enumerate(kept["image"]):
            clean = kept["clean"][number] if kept["clean"] else None
            found[position] = (clean, kept["noisy"][number], kept["restored"][number])
        missing = [position for position in positions if position not in found]
        if missing and opener is not None and run.has_outputs(meta.key):
            found |= _from_outputs(run, meta, missing, opener)
        for position in positions:
            if position not in found:
                raise UsageError(_not_kept(run, label, column, position, kept["image"]))
        rows = run.images(meta.key)
        return {
            position: Picture(*found[position], *_scores(rows, position, self.scales))
            for position in positions
        }


def _entry(meta: CellMeta) -> tuple[str, Column]:
    """A cell's method and noise, as tables call them."""
    cell, noise = meta.cell, meta.cell.noise
    label = method_label(cell.method, cell.params, cell.train.regime if cell.train else "")
    return label, (noise_name(noise.kind, noise.clip), noise.level)


def _from_outputs(
    run: Run, meta: CellMeta, positions: Sequence[int], opener: Opener
) -> dict[int, tuple[Array | None, Array, Array]]:
    """Clean, noisy and restored images of a cell whose outputs were kept; its noise drawn again."""
    from bench.evaluation.restoring import cell_of, kept

    cell, wanted = cell_of(meta.cell), set(positions)
    first = cell.noise_seeds[0]
    found: dict[int, tuple[Array | None, Array, Array]] = {}
    for part in kept(cell, run.outputs(meta.key), opener(run), {"noisy"}):
        for row, position in enumerate(part.positions.tolist()):
            if position in wanted and part.noise_seed == first:
                of = part.images
                clean = None if of.clean is None else middle(of.clean[row], SAMPLE_SIDE)
                noisy, restored = (middle(x[row], SAMPLE_SIDE) for x in (of.noisy, of.restored))
                found[position] = (clean, noisy, restored)
        if len(found) == len(wanted):
            break
    return found


def _not_kept(run: Run, label: str, column: Column, position: int, kept: Sequence[int]) -> str:
    """What to say of an image that is not there."""
    at = f"image {position} of {label} at {noise_text(*column)}"
    if not kept:
        return f"{run.path} kept no images, so {at} cannot be shown: measure with --keep outputs"
    there = ", ".join(map(str, kept))
    return f"{at} was not kept: ask for one of {there}, or measure with --keep outputs"


def _scores(
    rows: Mapping[str, Any], position: int, scales: Iterable[str]
) -> tuple[dict[str, float], int | None]:
    """The metrics of an image under the first noise seed, and the digest of its noisy pixels."""
    at = int(np.flatnonzero(rows["image"] == position)[0])
    scores = {name: float(rows[name][at]) for name in scales if name in rows}
    return scores, int(rows["digest"][at]) if "digest" in rows else None
