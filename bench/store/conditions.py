"""Whether runs' numbers can stand in one table, and which is shown where two measured the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bench.core import Scale, UsageError, method_label, noise_name, printable

if TYPE_CHECKING:
    from bench.store.cell_meta import CellMeta, RecordedCell
    from bench.store.run import Run

#: Metrics of this origin are held to what they always gave, whatever their code.
_BUILT_IN = "built in"
#: How fields of a cell are called where runs differ in them; others as they are.
_WORDS = {"source": "code", "recipe": "training recipe", "limit": "number of images"}
#: A method's label, the noise's full name and its level.
Entry = tuple[str, str, float]


def check_comparable(runs: Sequence[Run], remedy: str = "report them apart") -> None:
    """Refuse runs whose numbers cannot stand in one table, or in one table a data set.

    Args:
        runs: of one data set or several.
        remedy: what to do instead.

    Raises:
        UsageError: they follow different protocols, measured one data set under conditions that
            differ, or mean two things by one metric.
    """
    for run in runs[1:]:
        _same(runs[0], run, ("protocol", "conventions"), remedy)
    _same_metrics(runs, remedy)
    first_of: dict[str, Run] = {}
    for run in runs:
        first = first_of.setdefault(run.manifest.dataset.name, run)
        _same(first, run, ("fingerprint", "training", "quantize", "split", "draws"), remedy)


def newest_first(runs: Sequence[Run]) -> list[Run]:
    """Runs by when they were started; by name too: two may have been within a second."""
    return sorted(runs, key=lambda run: (run.manifest.started, run.name), reverse=True)


def shown(
    metadata: Sequence[CellMeta], of_run: Sequence[int], runs: Sequence[Run]
) -> tuple[list[bool], list[str]]:
    """Which cells are shown, and the conflicts between runs.

    A cell that several runs hold is taken once. Where they measured an entry of the table with
    differing code or settings, the newest run's is taken.

    Args:
        metadata: of the runs' cells, the newest run's first.
        of_run: the position in `runs` of each one's.
        runs: the newest first.
    """
    first: dict[Entry, tuple[int, dict[str, Any]]] = {}
    keys: set[str] = set()
    kept: list[bool] = []
    conflicts: dict[tuple[str, int, int], dict[str, None]] = {}
    for meta, number in zip(metadata, of_run, strict=True):
        entry, measured = entry_of(meta.cell), _measured(meta.cell)
        newest, known = first.setdefault(entry, (number, measured))
        kept.append(measured == known and meta.key not in keys)
        keys.add(meta.key)
        if differing := sorted(_WORDS.get(n, n) for n in known if measured.get(n) != known[n]):
            kind = (" and ".join(differing), newest, number)
            conflicts.setdefault(kind, {})[entry[0]] = None
    return kept, [
        f"{', '.join(labels)}: the {what} differs between {runs[newest].name}, which is shown, and "
        f"{runs[other].name}"
        for (what, newest, other), labels in conflicts.items()
    ]


def entry_of(cell: RecordedCell) -> Entry:
    """Where a cell stands in a table."""
    regime = cell.train.regime if cell.train else ""
    label = method_label(cell.method, cell.params, regime)
    return label, noise_name(cell.noise.kind, cell.noise.clip), cell.noise.level


def _measured(cell: RecordedCell) -> dict[str, Any]:
    """What the cells of an entry have in common; a training seed is what they may differ in."""
    measured = cell.model_dump(exclude={"seed", "tune_by", "tune_on"}, exclude_unset=True)
    if cell.tune_by != "psnr" and cell.tune:
        measured["tuned by"] = cell.tune_by
    if cell.tune_on != "clean" and cell.tune:
        measured["tuned on"] = cell.tune_on
    return measured


def _same(first: Run, second: Run, names: Sequence[str], remedy: str) -> None:
    """Refuse two runs that differ in what makes numbers comparable."""
    ours, theirs = _conditions(first), _conditions(second)
    for name in names:
        if ours[name] != theirs[name]:
            values = "" if name == "conventions" else f" ({ours[name]} and {theirs[name]})"
            raise UsageError(
                f"{first.path} and {second.path} differ in {name}{values}, so their numbers cannot "
                f"stand in one table: {remedy}"
            )


def _same_metrics(runs: Sequence[Run], remedy: str) -> None:
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
                    f"table: {remedy}"
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
