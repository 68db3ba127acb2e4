"""Runs and files -> a verdict: what `bench check` and `bench compare` put together."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import check, store
from bench.check import Comparison, Finding, Verdict
from bench.core import StorageError, UsageError, noise_text
from bench.summary import problems, with_labels

if TYPE_CHECKING:
    import pandas as pd

# Two runs that differ in these are compared, and the verdict says so.
_TOLD = ("preset", "epochs", "tune", "device")


def check_run(
    run: store.Run,
    *,
    thresholds: Path | None = None,
    baseline: Path | None = None,
    tolerance: Mapping[str, float] = check.TOLERANCE,
) -> Verdict:
    """Hold a run against a thresholds file, a baseline, or both.

    Args:
        run: what was measured.
        thresholds: a TOML file, see `bench.check.thresholds`.
        baseline: a run, or a folder of runs, of which the newest that measured a cell counts.
        tolerance: drops up to these are no regression, by metric.

    Raises:
        UsageError: the file is not there or not understood.
        StorageError: a run is damaged, or there is none.
    """
    cells, records = run.cells(), run.records()
    findings: list[Finding] = []
    notes: list[str] = []
    if thresholds is not None:
        limits = check.parse(_read(thresholds), str(thresholds))
        findings += check.judge(limits, records, cells)
    if baseline is not None:
        older, notes = _baseline(baseline, run, cells)
        comparisons, unpaired = check.compare(records, older, tolerance)
        if not comparisons and thresholds is not None:
            findings.append(
                Finding("unmatched", f"baseline {baseline}", "", reason="nothing could be paired")
            )
        findings += [_finding(comparison, tolerance) for comparison in comparisons]
        notes += unpaired
    return Verdict(run.name, findings, _problems(run, cells), notes)


def update_thresholds(run: store.Run, path: Path) -> tuple[int, list[str]]:
    """Write a run's PSNR and SSIM minima into a thresholds file.

    Returns:
        The number of thresholds, and the labels of random methods that have but one seed.

    Raises:
        UsageError: the file is not understood, or the run has no result.
        StorageError: it cannot be written.
    """
    text = _read(path) if path.exists() else ""
    check.parse(text, str(path))
    records = run.records()
    if records.empty:
        raise UsageError(f"{run.path} has no result to take thresholds from")
    text, count = check.update(text, records, run.name)
    store.write_text(path, text)
    random = with_labels(records[records["seed"].notna()]).groupby("label", sort=False)
    seeds = random["seed"].nunique()
    return count, [str(label) for label in seeds[seeds == 1].index]


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UsageError(
            f"there is no file {path}: `bench check --update --thresholds {path}` makes one from a "
            "run"
        ) from None
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not valid TOML: {error}") from error


def _baseline(path: Path, run: store.Run, cells: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Records to compare a run with, and what differs in how they were made."""
    import pandas as pd

    runs, notes = _runs(path, run)
    wanted = set(_identities(cells))
    frames = []
    for other in runs:
        reason = _incomparable(run, other)
        if reason:
            notes.append(f"{other.path}: {reason}")
            continue
        try:
            theirs = other.cells()
            theirs = theirs[theirs["status"] == "done"]
            keys = [
                key
                for key, identity in zip(theirs["key"], _identities(theirs), strict=True)
                if identity in wanted or len(runs) == 1
            ]
            records = other.records(keys)
        except StorageError as error:
            if store.is_run(path):  # the one that was named, not one of a folder's many
                raise
            notes.append(f"left out: {error}")
            continue
        wanted -= set(_identities(theirs))
        if keys:
            frames.append(records)
            notes += _settings_that_differ(run, other)
    empty = run.records([])
    return (pd.concat(frames, ignore_index=True) if frames else empty), notes


def _runs(path: Path, run: store.Run) -> tuple[list[store.Run], list[str]]:
    """The run at `path`, or those in that folder, the newest first; and what is left out."""
    if store.is_run(path):
        other = store.open_run(path)
        if other.path.resolve() == run.path.resolve():
            raise UsageError(f"the baseline {path} is the run itself: name another run")
        return [other], []
    folders = store.run_folders(path)
    if not folders:
        raise StorageError(f"there is no run in the baseline {path}: name a run, or its folder")
    runs, notes = [], []
    for folder in reversed(folders):
        if folder.resolve() == run.path.resolve():
            continue
        try:
            runs.append(store.open_run(folder))
        except StorageError as error:
            notes.append(f"left out: {error}")
    return runs, notes if runs else [*notes, f"there is no other run in the baseline {path}"]


def _identities(cells: pd.DataFrame) -> list[tuple[Any, ...]]:
    columns = ["dataset", "method", "params", "noise", "clip", "level", "train", "seed"]
    frame = cells[columns].astype(object).where(cells[columns].notna(), None)
    return list(frame.itertuples(index=False, name=None))


def _incomparable(run: store.Run, other: store.Run) -> str:
    """Why no number of one run may stand beside one of the other; empty if they may."""
    mine, theirs = run.manifest, other.manifest
    if mine["protocol"] != theirs["protocol"]:
        return f"measured under protocol {theirs['protocol']}, not {mine['protocol']}"
    rounded = theirs["settings"].get("quantize")
    if mine["settings"].get("quantize") != rounded:
        return f"its outputs were {'' if rounded else 'not '}rounded to 8 bits"
    return ""


def _settings_that_differ(run: store.Run, other: store.Run) -> list[str]:
    mine, theirs = run.manifest["settings"], other.manifest["settings"]
    return [
        f"the runs differ in {name}: {mine.get(name)} here, {theirs.get(name)} in {other.path}"
        for name in _TOLD
        if mine.get(name) != theirs.get(name)
    ]


def _finding(comparison: Comparison, tolerance: Mapping[str, float]) -> Finding:
    name, metric = comparison.name, comparison.metric
    levels = [noise_text(name["noise"], level) for level in name["levels"]]
    where = levels[0] if len(levels) == 1 else f"{name['noise']}, {len(levels)} levels"
    trained = f" (trained on {name['trained']})" if name["trained"] else ""
    bound = None if math.isnan(comparison.bound) else comparison.bound
    reason = comparison.reason
    if not reason and bound is not None:
        reason = f"difference ≤ {check.number(metric, bound, '+')} with 95% confidence"
    seeds = f", {comparison.seeds} seeds" if comparison.seeds else ""
    return Finding(
        comparison.verdict,
        f"{name['label']}{trained} at {where} on {name['dataset']}",
        metric,
        value=comparison.new,
        required=f"≥ {check.number(metric, comparison.old)} - {tolerance[metric]:g}",
        reason=f"{reason}; {comparison.images:,} images{seeds}",
        difference=comparison.difference,
        bound=bound,
    )


def _problems(run: store.Run, cells: pd.DataFrame) -> list[str]:
    """A line for each cell that failed or has no result."""
    lines = [
        f"{where} failed: {reason}"
        for status, where, reason in problems(with_labels(cells))
        if status == "failed"
    ]
    missing = len(run.manifest["cells"]) - len(cells)
    if missing:
        of = len(run.manifest["cells"])
        lines.append(f"{missing} of {of} cells have no result: the run is unfinished")
    return lines
