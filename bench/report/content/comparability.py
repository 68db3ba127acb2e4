"""Which runs may stand in one table, and what is shown where they measured the same differently."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bench.core import Scale, UsageError, printable
from bench.report.content.rows import Column, cell_rows

if TYPE_CHECKING:
    import pandas as pd

    from bench.store import CellMeta, Run

#: Metrics of this origin are held to what they always gave, whatever their code.
_BUILT_IN = "built in"
#: How fields of a cell are called where runs differ in them; others as they are.
_WORDS = {"source": "code", "recipe": "training recipe", "limit": "number of images"}


def comparable(first: Run, second: Run, names: Sequence[str]) -> None:
    """Refuse two runs that differ in what makes numbers comparable."""
    ours, theirs = _conditions(first), _conditions(second)
    for name in names:
        if ours[name] != theirs[name]:
            shown = "" if name == "conventions" else f" ({ours[name]} and {theirs[name]})"
            raise UsageError(
                f"{first.path} and {second.path} differ in {name}{shown}, so their numbers cannot "
                "stand in one table: report them apart"
            )


def same_metrics(runs: Sequence[Run]) -> None:
    """Refuse runs in which one metric is two things."""
    known: dict[str, tuple[Run, Scale]] = {}
    for run in runs:
        for label, scale in run.manifest.scales.items():
            other, theirs = known.setdefault(label, (run, scale))
            if not scale.agrees(theirs):
                said = (f"{one.heading}, {one.better} is better" for one in (theirs, scale))
                raise UsageError(
                    f"{other.path} and {run.path} differ in the metric {printable(label)} "
                    f"({printable(' and '.join(said))}), so their numbers cannot stand in one "
                    "table: report them apart"
                )


def metrics_that_differ(runs: Sequence[Run]) -> list[str]:
    """The metrics of which runs have other code, or that have learned something else."""
    known: dict[tuple[str, str], tuple[Run, str]] = {}
    differing = []
    for run in runs:
        for label, metric in run.manifest.metrics.items():
            code = metric.source if metric.origin != _BUILT_IN else ""
            said = {"the code": code, "what it has learned": metric.fitted}
            for what, digest in said.items():
                other, theirs = known.setdefault((label, what), (run, digest))
                if digest and theirs and digest != theirs:
                    differing.append(
                        f"the metric {label}: {what} differs between {other.name} and {run.name}"
                    )
    return differing


def _conditions(run: Run) -> dict[str, Any]:
    """What makes numbers comparable."""
    manifest, data = run.manifest, run.manifest.dataset
    return {
        "protocol": manifest.protocol,
        # Of outputs they say whether these were rounded, which is looked at by data set.
        "conventions": {**manifest.conventions, "outputs": "", "noise": ""},
        "fingerprint": data.fingerprint,
        "training": data.trained_on,
        "quantize": manifest.settings.quantize,
        "split": manifest.settings.split,
        "draws": manifest.settings.noise_seeds,
    }


def merged(
    cells: pd.DataFrame, metadata: Sequence[CellMeta], runs: Sequence[Run]
) -> tuple[list[bool], list[str]]:
    """Which cells are shown, and the conflicts between runs; `cells` are the newest run's first."""
    shown: dict[tuple[str, Column], tuple[int, dict[str, Any]]] = {}
    keys: set[str] = set()
    kept: list[bool] = []
    conflicts: dict[tuple[str, int, int], dict[str, None]] = {}
    for cell, meta in zip(cell_rows(cells), metadata, strict=True):
        entry = (cell.label, cell.column)
        # A training seed is what an entry's cells may differ in.
        measured = meta.cell.model_dump(exclude={"seed", "tune_by", "tune_on"}, exclude_unset=True)
        if meta.cell.tune_by != "psnr" and meta.cell.tune:
            measured["tuned by"] = meta.cell.tune_by
        if meta.cell.tune_on != "clean" and meta.cell.tune:
            measured["tuned on"] = meta.cell.tune_on
        newest, known = shown.setdefault(entry, (cell.run, measured))
        kept.append(measured == known and cell.key not in keys)
        keys.add(cell.key)
        if differing := sorted(_WORDS.get(n, n) for n in known if measured.get(n) != known[n]):
            kind = (" and ".join(differing), newest, cell.run)
            conflicts.setdefault(kind, {})[entry[0]] = None
    return kept, [
        f"{', '.join(labels)}: the {what} differs between {runs[newest].name}, which is shown, and "
        f"{runs[other].name}"
        for (what, newest, other), labels in conflicts.items()
    ]
