"""Takes thresholds from a run, into a file that people edit too."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.analysis import Scores
from bench.core import UsageError
from bench.gate.measured import Point, measured
from bench.gate.pairing import TOLERANCE
from bench.gate.thresholds import level_of
from bench.gate.verdict import Judgement, number

_DECIMALS = {"psnr": 2, "ssim": 4}
_HEAD = "# Limits for `bench check`; see docs/gate.md.\n"


@dataclass(frozen=True)
class Updated:
    """What became of a file.

    Attributes:
        text: its new text.
        added, raised, lowered: numbers of minima.
        kept: number of minima that stay as they are.
        raisable: minima set by hand that the run exceeds by more than the tolerance, in words.
    """

    text: str
    added: int = 0
    raised: int = 0
    lowered: int = 0
    kept: int = 0
    raisable: Sequence[str] = ()

    @property
    def count(self) -> int:
        """The minima that the run set or confirmed."""
        return self.added + self.raised + self.lowered + self.kept


def update(text: str, scores: Scores, run: str, preset: str = "") -> Updated:
    """A thresholds file's text, brought up to a run.

    PSNR and SSIM of each method at each noise get the minimum

        mean - 3 sqrt(s_image^2 / n + s_seed^2 / k),

    n images and k seeds, and what they were made from. What would not change stays as it is, with
    the run that it was made from; so do comments, entries set by hand (without `made_from`) and
    entries of points that the run did not measure.

    Args:
        text: of the file, empty for a new one; `parse` has accepted it.
        scores: of the run.
        run: its name.
        preset: that it was made with.

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
    counts = dict.fromkeys(("added", "raised", "lowered", "kept"), 0)
    raisable = []
    for point, metric, entry in _minima(scores, preset):
        dataset, label, noise, level = point
        table = known.get((*point, metric))
        if table is not None and "made_from" not in table:
            if entry["min"] > table["min"] + TOLERANCE[metric]:
                limits = (number(metric, value) for value in (table["min"], entry["min"]))
                where = Judgement.subject_of(*point)
                raisable.append(f"{metric} of {where}: {' → '.join(limits)}")
            continue
        if table is None:
            table = tomlkit.table()
            values = {"method": label, "dataset": dataset, "noise": noise, "level": level}
            table.update({**values, "metric": metric})
            added.append(table)
        if table.get("max", math.inf) < entry["min"]:
            raise UsageError(
                f"the maximum {table['max']:g} for the {metric} of {label} is below the minimum "
                f"{entry['min']:g} to be set: raise it or remove it"
            )
        counts[_change(table.get("min"), entry["min"])] += 1
        if any(table.get(key) != value for key, value in entry.items()):
            _set(table, {"min": entry["min"], "made_from": run, **entry})
    text = tomlkit.dumps(document) if text.strip() else _HEAD
    if added:
        # As text, since tomlkit neither begins a line nor leaves one empty before what it adds.
        text = f"{text.rstrip()}\n\n{tomlkit.dumps({'threshold': added})}"
    return Updated(text, **counts, raisable=tuple(raisable))


def _change(before: float | None, after: float) -> str:
    if before is None:
        return "added"
    return "kept" if before == after else "raised" if after > before else "lowered"


def _set(table: Any, entries: Mapping[str, Any]) -> None:
    """Set entries, new ones above the comments and empty lines that end a table."""
    body = table.value.body
    ending: list[Any] = []
    while body and body[-1][0] is None:
        ending.insert(0, body.pop()[1])
    for key in ("images", "seeds", "preset"):
        if key in table and key not in entries:
            table.remove(key)
    for key, value in entries.items():
        table[key] = value
    for item in ending:
        table.add(item)


def _point_of(table: Mapping[str, Any]) -> tuple[Any, ...]:
    """What an entry speaks of, as `_minima` names it; one without a minimum is none of ours."""
    if "min" not in table:
        return ()
    texts = (table.get(key) for key in ("dataset", "method", "noise"))
    return (*texts, level_of(table.get("level"), "level"), table["metric"])


def _minima(scores: Scores, preset: str) -> Iterator[tuple[Point, str, dict[str, Any]]]:
    """Point and metric -> the minimum, and what it is made from."""
    for point, metric, found in measured(scores):
        if metric not in _DECIMALS:
            continue
        scale = 10 ** _DECIMALS[metric]
        made_from = {"images": found.images, "seeds": found.seeds, "preset": preset}
        entry = {key: value for key, value in made_from.items() if value}
        yield point, metric, {"min": math.floor(found.minimum * scale) / scale, **entry}
