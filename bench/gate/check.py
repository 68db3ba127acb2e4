"""Runs and files -> a verdict: what `bench check` and `bench compare` put together."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from bench import gate, store
from bench.analysis import Scores, problems, tuples, with_labels
from bench.core import UsageError, counted, nearest, noise_text
from bench.gate import Comparison, Judgement, Verdict
from bench.gate.baseline_runs import find_baseline, points
from bench.gate.changes import change, changes, image_text
from bench.gate.tolerance import tolerance_of

if TYPE_CHECKING:
    import pandas as pd


def check_run(
    run: store.Run,
    *,
    thresholds: Path | None = None,
    baseline: Path | None = None,
    tolerance: Mapping[str, float] | None = None,
    worst: float | None = None,
) -> Verdict:
    """Hold a run against a thresholds file, a baseline, or both.

    Args:
        run: what was measured.
        thresholds: a TOML file, see `bench.gate.thresholds`.
        baseline: a run, or a folder of runs, of which the newest that measured a cell counts.
        tolerance: drops up to these are no regression, by metric; of others that of
            `gate.tolerance.tolerance_of`.
        worst: the drop in dB that no single image may exceed against the baseline; None for what
            the thresholds file says.

    Raises:
        UsageError: the file is not there or not understood, or a tolerance is of a metric that the
            run has not.
        StorageError: a run is damaged, or there is none.
    """
    if thresholds is not None:
        _refuse_thresholds(run)
    cells = run.cells()
    scores = Scores.of_run(run, cells)
    tolerances = allowed(run, tolerance)
    judgements: list[Judgement] = []
    notes: list[str] = []
    changed: list[str] = []
    if thresholds is not None:
        limits = gate.parse(_read(thresholds), str(thresholds))
        judged, raisable = gate.judge(
            limits.thresholds, scores, cells, run.manifest.settings.preset
        )
        judgements += judged
        notes += [f"may be raised with --update, {line}" for line in raisable]
        worst = limits.worst if worst is None else worst
        if not limits.thresholds and limits.worst is None:
            judgements.append(_nothing(str(thresholds), f"{thresholds} holds no [[threshold]]"))
        if limits.worst is not None and baseline is None:
            judgements.append(_nothing("worst image", "is held against a run: give --baseline"))
    if baseline is not None:
        older = find_baseline(baseline, run, cells)
        comparisons, unpaired = gate.compare(older.new, older.old, tolerance)
        judgements += [_judgement(comparison, tolerances) for comparison in comparisons]
        notes += [*older.notes, *unpaired]
        lost = _missing(cells, older.cells)
        if comparisons:
            judgements += lost
            judgements += [] if worst is None else _worst_images(comparisons, worst)
            changed = changes(older.new, older.old, comparisons)
        else:
            notes += [f"{judgement.subject}: only in the baseline" for judgement in lost]
        if not comparisons and thresholds is not None:
            judgements.append(_nothing(f"baseline {baseline}", "nothing could be paired"))
    return Verdict(run.name, judgements, _problems(run, cells), notes, changed)


def allowed(run: store.Run, tolerance: Mapping[str, float] | None = None) -> dict[str, float]:
    """The tolerance of each metric of a run: what is given, else that of `tolerance_of`.

    Raises:
        UsageError: one is given of a metric that the run has not.
    """
    given = tolerance or {}
    for label in given:
        if label not in run.manifest.scales:
            known = nearest(label, run.manifest.scales)
            raise UsageError(f"--tolerance: the run has no metric {label!r}: {known}")
    return {label: tolerance_of(of) for label, of in run.manifest.scales.items()} | dict(given)


def _nothing(subject: str, reason: str) -> Judgement:
    """That something was to be checked, and nothing was there to check it with."""
    return Judgement("unmatched", subject, "", reason=reason)


def update_thresholds(run: store.Run, path: Path) -> tuple[gate.Updated, list[str], list[str]]:
    """Write a run's limits into a thresholds file.

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
    updated = gate.update(text, scores, run.name, run.manifest.settings.preset)
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


def _missing(cells: pd.DataFrame, baseline: pd.DataFrame) -> list[Judgement]:
    """A judgement for each point that the baseline measured and the run did not."""
    have = set(points(cells[cells["status"] == "done"]))
    labelled = with_labels(baseline)
    lost = [point not in have for point in points(baseline)]
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


def _refuse_thresholds(run: store.Run) -> None:
    """Raise `UsageError` for what was not measured as thresholds are: on test images, once each."""
    settings = run.manifest.settings
    if settings.split != "test":
        raise UsageError(
            f"{run.path} measured {settings.split} images; thresholds are of test images"
        )
    if len(settings.noise_seeds) > 1:
        raise UsageError(f"{run.path} has several noise seeds; thresholds are of one")


def _counts(comparison: Comparison) -> str:
    """Of how many images, units and seeds a comparison is."""
    counts = counted(comparison.images, "image")
    if comparison.units < comparison.images:
        counts += f" of {counted(comparison.units, 'unit')}"
    new_seeds, old_seeds = comparison.seeds
    if comparison.paired and new_seeds:
        counts += f", {counted(new_seeds, 'seed')}"
    elif new_seeds:
        counts += f", {new_seeds} and {old_seeds} other seeds"
    return counts


def _judgement(comparison: Comparison, tolerance: Mapping[str, float]) -> Judgement:
    name, metric = comparison.name, comparison.metric
    levels = [noise_text(name["noise"], level) for level in name["levels"]]
    where = levels[0] if len(levels) == 1 else f"{name['noise']}, {len(levels)} levels"
    about = {
        "dataset": name["dataset"],
        "method": name["label"],
        "trained_on": name["trained"] or None,
        "noise": name["noise"],
        "levels": name["levels"],
        "baseline": comparison.old,
    }
    subject = f"{name['label']} at {where} on {name['dataset']}"
    against = f"baseline {gate.number(metric, comparison.old)}"
    if not comparison.images:
        return Judgement(
            comparison.verdict, subject, metric, against=against, reason=comparison.reason,
            about=about,
        )  # fmt: skip
    low, high = (
        None if math.isnan(value) else value for value in (comparison.low, comparison.high)
    )
    change = gate.number(metric, comparison.difference, "+")
    if low is not None and high is not None and low != high:
        ends = (gate.number(metric, value, "+") for value in (low, high))
        change += f" [{', '.join(ends)}]"
    counts = _counts(comparison)
    why = comparison.reason
    if comparison.verdict == "undecided" and not why:
        why = _not_ruled_out(comparison)
    known = not math.isnan(comparison.detectable)
    detectable = gate.number(metric, comparison.detectable) if known else ""
    return Judgement(
        comparison.verdict,
        subject,
        metric,
        value=comparison.new,
        against=against,
        reason="; ".join(filter(None, (change, why, counts))),
        detectable=detectable,
        about={
            **about,
            "difference": comparison.difference,
            "interval": [low, high],
            "tolerance": tolerance[metric],
            "identical": comparison.reason == "identical",
            "images": comparison.images,
            "units": comparison.units,
            "seeds": comparison.seeds[0],
            "paired_seeds": comparison.paired,
            "detectable": comparison.detectable if known else None,
            "moved": [
                {**asdict(moved), "difference": moved.difference} for moved in comparison.moved
            ],
        },
    )


def _not_ruled_out(comparison: Comparison) -> str:
    """The change for the worse that may be."""
    if comparison.scale.higher:
        return f"a drop of {gate.number(comparison.metric, -comparison.low)} is not ruled out"
    return f"a rise of {gate.number(comparison.metric, comparison.high)} is not ruled out"


def _worst_images(comparisons: Sequence[Comparison], limit: float) -> list[Judgement]:
    """A judgement for each method and noise where an image falls by more; one where none does."""
    if all(comparison.metric != "psnr" for comparison in comparisons):
        return [_nothing("worst image", "is a drop of psnr, which the runs have not both")]
    entries = [(c.worst, c) for c in comparisons if c.metric == "psnr" and c.worst is not None]
    judgements = [
        Judgement(
            "regressed" if worst.difference < -limit else "held",
            Judgement.subject_of(
                comparison.name["dataset"],
                comparison.name["label"],
                comparison.name["noise"],
                comparison.name["levels"][0],
            ),
            "psnr, worst image",
            value=worst.new,
            against=f"baseline {gate.number('psnr', worst.old)}",
            reason=f"{change(worst, comparison)}, {image_text(worst).rstrip(',')}; "
            f"limit {limit:g} dB",
            about={
                "dataset": comparison.name["dataset"],
                "method": comparison.name["label"],
                "noise": comparison.name["noise"],
                "levels": comparison.name["levels"],
                **asdict(worst),
                "difference": worst.difference,
                "worst": limit,
            },
        )
        for worst, comparison in sorted(entries, key=lambda entry: entry[0].difference)
    ]
    return [one for one in judgements if one.verdict == "regressed"] or judgements[:1]


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
