"""Runs and files -> a verdict: what `bench check` and `bench compare` put together."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import gate, store
from bench.analysis import Scores, problems, tuples, with_labels
from bench.core import StorageError, UsageError, noise_text
from bench.gate import Comparison, Judgement, Verdict

if TYPE_CHECKING:
    import pandas as pd

# Two runs that differ in these are compared, and the verdict says so.
_NOTED = ("preset", "epochs", "batch_size", "tune", "limit", "device")
_POINT = ["dataset", "method", "params", "noise", "clip", "level", "train", "regime"]


def check_run(
    run: store.Run,
    *,
    thresholds: Path | None = None,
    baseline: Path | None = None,
    tolerance: Mapping[str, float] = gate.TOLERANCE,
) -> Verdict:
    """Hold a run against a thresholds file, a baseline, or both.

    Args:
        run: what was measured.
        thresholds: a TOML file, see `bench.gate.thresholds`.
        baseline: a run, or a folder of runs, of which the newest that measured a cell counts.
        tolerance: drops up to these are no regression, by metric.

    Raises:
        UsageError: the file is not there or not understood.
        StorageError: a run is damaged, or there is none.
    """
    if thresholds is not None:
        _refuse_thresholds(run)
    cells = run.cells()
    scores = Scores.of_run(run, cells)
    judgements: list[Judgement] = []
    notes: list[str] = []
    if thresholds is not None:
        limits = gate.parse(_read(thresholds), str(thresholds))
        judgements += gate.judge(limits, scores, cells)
        if not limits:
            nothing = f"{thresholds} holds no [[threshold]]"
            judgements.append(Judgement("unmatched", str(thresholds), "", reason=nothing))
    if baseline is not None:
        older = _baseline(baseline, run, cells)
        comparisons, unpaired = gate.compare(scores, older.scores, tolerance)
        judgements += [_judgement(comparison, tolerance) for comparison in comparisons]
        notes += [*older.notes, *unpaired]
        lost = _missing(cells, older.cells)
        if comparisons:
            judgements += lost
        else:
            notes += [f"{judgement.subject}: only in the baseline" for judgement in lost]
        if not comparisons and thresholds is not None:
            nothing = "nothing could be paired"
            judgements.append(Judgement("unmatched", f"baseline {baseline}", "", reason=nothing))
    return Verdict(run.name, judgements, _problems(run, cells), notes)


def update_thresholds(run: store.Run, path: Path) -> tuple[gate.Updated, list[str], list[str]]:
    """Write a run's PSNR and SSIM minima into a thresholds file.

    Returns:
        What was set; the labels of random methods that were measured with but one seed; and a
        line for each cell of the run that failed or has no result.

    Raises:
        UsageError: the file is not understood, or the run has no result.
        StorageError: it cannot be written.
    """
    _refuse_thresholds(run)
    text = _read(path, new=True)
    gate.parse(text, str(path))
    cells = run.cells()
    scores = Scores.of_run(run, cells)
    if not len(scores):
        raise UsageError(f"{run.path} has no result to take thresholds from")
    updated = gate.update(text, scores, run.name)
    store.write_text(path, updated.text)
    random = scores.cells[scores.cells["seed"].notna()]
    seeds = random.groupby("label", sort=False)["seed"].nunique()
    single = [str(label) for label in seeds[seeds == 1].index]
    return updated, single, _problems(run, cells)


def _read(path: Path, *, new: bool = False) -> str:
    """A file's text; nothing of one that is not there, where it may be `new`."""
    try:
        if new and path.exists() and not path.is_file():  # a pipe would be waited for
            raise UsageError(f"cannot update {path}: it is no file")
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        if new and isinstance(error, (FileNotFoundError, NotADirectoryError)):
            return ""
        if isinstance(error, FileNotFoundError):
            raise UsageError(
                f"there is no file {path}: `bench check --update --thresholds {path}` makes one "
                "from a run"
            ) from None
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not valid TOML: {error}") from error


@dataclass(frozen=True)
class _Baseline:
    """What a run is compared with.

    Attributes:
        scores: of the cells that both have.
        cells: all done ones of the newest run that has cells in common, else of the newest.
        notes: which runs count, which do not, and what differs in how they were made.
    """

    scores: Scores
    cells: pd.DataFrame
    notes: list[str]


def _baseline(path: Path, run: store.Run, cells: pd.DataFrame) -> _Baseline:
    import pandas as pd

    named = store.locate(path)
    if store.is_run(named):
        runs, notes = [store.open_run(named)], list[str]()
        if runs[0].path.resolve() == run.path.resolve():
            raise UsageError(f"the baseline {path} is the run itself: name another run")
    else:
        runs, notes = _earlier_runs(path, run)
    wanted = set(_points(cells))
    frames: list[pd.DataFrame] = []
    newest = cells[:0]
    for number, other in enumerate(runs):
        if reason := _incomparable(run, other):
            notes.append(f"not compared with {other.path}: {reason}")
            continue
        try:
            theirs = other.cells()
            theirs = theirs[theirs["status"] == "done"]
            both = theirs.loc[[point in wanted for point in _points(theirs)]]
            if not store.is_run(named):
                for _ in Scores.of_run(other, both):
                    """Read once before it counts: one of a folder's many may be damaged."""
        except StorageError as error:
            if store.is_run(named):  # the one that was named, not one of a folder's many
                raise
            notes.append(f"not compared with {other.path}: {error}")
            continue
        if newest.empty or (len(both) and not frames):
            newest = theirs
        if len(both):
            wanted -= set(_points(theirs))
            frames.append(both.assign(run=number))
            notes.append(f"compared with {other.path}, ended {_ended(other)}")
            notes += _settings_that_differ(run, other)
    common = pd.concat(frames, ignore_index=True) if frames else cells[:0].assign(run=0)
    return _Baseline(Scores(with_labels(common), runs), newest, notes)


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


def _points(cells: pd.DataFrame) -> list[tuple[Any, ...]]:
    """What was measured in each cell, but for the seed."""
    frame = cells[_POINT].astype(object).where(cells[_POINT].notna(), None)
    return list(frame.itertuples(index=False, name=None))


def _missing(cells: pd.DataFrame, baseline: pd.DataFrame) -> list[Judgement]:
    """A judgement for each point that the baseline measured and the run did not."""
    have = set(_points(cells[cells["status"] == "done"]))
    labelled = with_labels(baseline)
    lost = [point not in have for point in _points(baseline)]
    columns = ("dataset", "label", "noise", "level")
    return [
        Judgement(
            "undecided",
            Judgement.subject_of(dataset, label, noise, level),
            "",
            reason="the baseline has it, and this run has no result",
            about={"dataset": dataset, "method": label, "noise": noise, "levels": [level]},
        )
        for dataset, label, noise, level in dict.fromkeys(tuples(labelled.loc[lost], *columns))
    ]


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
    return ""


def _refuse_thresholds(run: store.Run) -> None:
    """Raise `UsageError` for what was not measured as thresholds are: on test images, once each."""
    settings = run.manifest.settings
    if settings.split != "test":
        raise UsageError(
            f"{run.path} measured {settings.split} images; thresholds are of test images"
        )
    if len(settings.noise_seeds) > 1:
        raise UsageError(f"{run.path} has several noise seeds; thresholds are of one")


def _settings_that_differ(run: store.Run, other: store.Run) -> list[str]:
    notes = []
    for name in _NOTED:
        here, there = (getattr(side.manifest.settings, name) for side in (run, other))
        if here != there:
            values = f"{_value_text(here)} here, {_value_text(there)} there"
            notes.append(f"the runs differ in {name.replace('_', '-')}: {values}")
    return notes


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'s' * (number > 1)}"


def _value_text(value: Any) -> str:
    return "the default" if value is None else str(value)


def _judgement(comparison: Comparison, tolerance: Mapping[str, float]) -> Judgement:
    name, metric = comparison.name, comparison.metric
    levels = [noise_text(name["noise"], level) for level in name["levels"]]
    where = levels[0] if len(levels) == 1 else f"{name['noise']}, {len(levels)} levels"
    low, high = (
        None if math.isnan(value) else value for value in (comparison.low, comparison.high)
    )
    change = gate.number(metric, comparison.difference, "+")
    if low is not None and high is not None and low != high:
        ends = (gate.number(metric, value, "+") for value in (low, high))
        change += f" [{', '.join(ends)}]"
    counts = _counted(comparison.images, "image")
    if comparison.seeds:
        counts += f", {_counted(comparison.seeds, 'seed')}"
    return Judgement(
        comparison.verdict,
        f"{name['label']} at {where} on {name['dataset']}",
        metric,
        value=comparison.new,
        against=f"baseline {gate.number(metric, comparison.old)}",
        reason="; ".join(filter(None, (change, comparison.reason, counts))),
        about={
            "dataset": name["dataset"],
            "method": name["label"],
            "trained_on": name["trained"] or None,
            "noise": name["noise"],
            "levels": name["levels"],
            "baseline": comparison.old,
            "difference": comparison.difference,
            "interval": [low, high],
            "tolerance": tolerance[metric],
            "identical": comparison.reason == "identical",
            "images": comparison.images,
            "seeds": comparison.seeds,
        },
    )


def _problems(run: store.Run, cells: pd.DataFrame) -> list[str]:
    """A line for each cell that failed or has no result."""
    lines = [
        f"{where} failed: {reason}"
        for status, where, reason in problems(with_labels(cells))
        if status == "failed"
    ]
    of = len(set(run.manifest.cells))
    if missing := of - len(cells):
        lines.append(f"{missing} of {of} cells have no result: the run is unfinished")
    return lines
