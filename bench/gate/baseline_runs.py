"""The runs that a run is compared with: one that was named, or the newest of a folder."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import store
from bench.analysis import Scores, united, with_labels
from bench.analysis.scores import Columns
from bench.core import Scale, StorageError, UsageError, printable

if TYPE_CHECKING:
    import pandas as pd

# Two runs that differ in these are compared, and the verdict says so.
_NOTED = ("preset", "epochs", "batch_size", "tune", "limit", "device")
_POINT = ["dataset", "method", "params", "noise", "clip", "level", "train", "regime"]


@dataclass(frozen=True)
class Baseline:
    """What a run is compared with.

    Attributes:
        new: scores of the run that is judged, by the metrics that may be compared; of no cells
            where no baseline run may be.
        old: scores of the cells that both have.
        cells: all done ones of the newest run that has cells in common, else of the newest.
        notes: which runs count, which do not, and what differs in how they were made.
    """

    new: Scores
    old: Scores
    cells: pd.DataFrame
    notes: list[str]


@dataclass(frozen=True)
class _Comparable:
    """A baseline run by the metrics that may be compared: it has no columns of those left out."""

    run: store.Run
    left_out: Collection[str]

    @property
    def scales(self) -> dict[str, Scale]:
        scales = self.run.manifest.scales
        return {label: scale for label, scale in scales.items() if label not in self.left_out}

    def images(self, key: str) -> Columns:
        columns = self.run.images(key)
        return {name: values for name, values in columns.items() if name not in self.left_out}


def find_baseline(path: Path, run: store.Run, cells: pd.DataFrame) -> Baseline:
    """What a run is compared with.

    Args:
        path: a run, or a folder of runs, of which the newest that measured a cell counts.
        run: the one that is judged.
        cells: its `cells()`.

    Raises:
        UsageError: it is the run itself.
        StorageError: the run that was named is damaged, or there is none.
    """
    import pandas as pd

    named = store.locate(path)
    if store.is_run(named) or store.is_pack(named):
        runs, notes = [store.open_run(named)], list[str]()
        if runs[0].path.resolve() == run.path.resolve():
            raise UsageError(f"the baseline {path} is the run itself: name another run")
    else:
        runs, notes = _earlier_runs(path, run)
    wanted = set(points(cells))
    frames: list[pd.DataFrame] = []
    newest = cells[:0]
    comparable: list[_Comparable] = []
    for other in runs:
        if reason := _incomparable(run, other):
            notes.append(f"not compared with {other.path}: {reason}")
            continue
        try:
            theirs = other.cells()
            theirs = theirs[theirs["status"] == "done"]
            both = theirs.loc[[point in wanted for point in points(theirs)]]
            if not store.is_run(named):
                for _ in Scores.of_run(other, both):
                    """Read once before it counts: one of a folder's many may be damaged."""
        except StorageError as error:
            if store.is_run(named) or store.is_pack(
                named
            ):  # the one that was named, not one of a folder's many
                raise
            notes.append(f"not compared with {other.path}: {error}")
            continue
        left_out = _metrics_that_differ(run, other)
        comparable.append(_Comparable(other, left_out))
        if newest.empty or (len(both) and not frames):
            newest = theirs
        if len(both):
            wanted -= set(points(theirs))
            frames.append(both.assign(run=len(comparable) - 1))
            notes.append(f"compared with {other.path}, ended {_ended(other)}")
            notes += _settings_that_differ(run, other)
            notes += [f"not compared: {reason}" for reason in left_out.values()]
    common = pd.concat(frames, ignore_index=True) if frames else cells[:0].assign(run=0)
    used = [comparable[number] for number in dict.fromkeys(common["run"])] or comparable[:1]
    new = Scores.of_run(run, cells if used else cells[:0])
    # Where nothing may be compared there is nothing to say of what either side lacks.
    scales = united(part.scales for part in used) if used else new.scales
    lacking = {label for part in used for label in part.left_out if label not in scales}
    kept = {label: scale for label, scale in new.scales.items() if label not in lacking}
    old = Scores(with_labels(common), comparable, scales)
    return Baseline(Scores(new.cells, [run], kept), old, newest, notes)


def _earlier_runs(path: Path, run: store.Run) -> tuple[list[store.Run], list[str]]:
    """The runs in a folder that ended before this one, the newest first; what is left out."""
    folders = store.run_folders(path)
    if not folders:
        raise StorageError(
            f"there is no run {path}, neither a folder nor a name in results/, nor a folder of runs"
        )
    runs: list[store.Run] = []
    notes: list[str] = []
    for folder in folders:
        try:
            runs.append(store.open_run(folder))
        except StorageError as error:
            notes.append(f"not compared with {folder}: {error}")
    # By what they say themselves: files copied or checked out are all of today.
    earlier = [
        other
        for other in runs
        if other.path.resolve() != run.path.resolve() and _ended(other) <= _ended(run)
    ]
    notes += [] if earlier else [f"there is no earlier run in the baseline {path}"]
    return sorted(earlier, key=_ended, reverse=True), notes


def _ended(run: store.Run) -> str:
    """When a run was worked on last, as text that sorts."""
    return run.manifest.ended or run.manifest.started


def points(cells: pd.DataFrame) -> list[tuple[Any, ...]]:
    """What was measured in each cell, but for the seed."""
    frame = cells[_POINT].astype(object).where(cells[_POINT].notna(), None)
    return list(frame.itertuples(index=False, name=None))


def _incomparable(run: store.Run, other: store.Run) -> str:
    """Why no number of one run may stand beside one of the other; empty if they may."""
    mine, theirs = run.manifest, other.manifest
    if mine.protocol != theirs.protocol:
        return f"measured under protocol {theirs.protocol}, not {mine.protocol}"
    rounded = theirs.settings.quantize
    if mine.settings.quantize != rounded:
        return f"its outputs were {'' if rounded else 'not '}rounded to 8 bits"
    if mine.settings.split != theirs.settings.split:
        return f"measured on {theirs.settings.split} images, not on {mine.settings.split} images"
    if max(len(side.settings.noise_seeds) for side in (mine, theirs)) > 1:
        return "runs with several noise seeds are not compared"
    differ = _metrics_that_differ(run, other)
    if differ and differ.keys() == mine.metrics.keys() & theirs.metrics.keys():
        return "; ".join(differ.values())
    return ""


def _metrics_that_differ(run: store.Run, other: store.Run) -> dict[str, str]:
    """Why no number of a metric that both runs have may stand beside the other's, by label."""
    differ = {}
    for label, mine in run.manifest.metrics.items():
        theirs = other.manifest.metrics.get(label)
        if theirs is None:
            continue
        if not mine.scale.agrees(theirs.scale):
            what = f"is another there: {theirs.scale.heading}, {theirs.better} is better"
        elif mine.same_code(theirs):
            continue
        elif mine.code_of_others == theirs.code_of_others:
            what = "has learned something else"
        else:
            what = "was measured by other code"
        differ[label] = printable(f"the metric {label} {what}")
    return differ


def _settings_that_differ(run: store.Run, other: store.Run) -> list[str]:
    notes = []
    for name in _NOTED:
        here, there = (getattr(side.manifest.settings, name) for side in (run, other))
        if here != there:
            values = f"{_value_text(here)} here, {_value_text(there)} there"
            notes.append(f"the runs differ in {name.replace('_', '-')}: {values}")
    return notes


def _value_text(value: Any) -> str:
    return "the default" if value is None else str(value)
