"""Takes thresholds from a run, into a file that people edit too."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.analysis import Scores
from bench.core import Scale, UsageError
from bench.gate.measured import Point, measured
from bench.gate.thresholds import level_of
from bench.gate.tolerance import tolerances
from bench.gate.verdict import Judgement, number

_HEAD = "# Limits for `bench check`; see docs/gate.md.\n"


@dataclass(frozen=True)
class Updated:
    """What became of a file.

    Attributes:
        text: its new text.
        added, raised, lowered: numbers of limits: minima and, where less is better, maxima.
        kept: number of limits that stay as they are.
        maxima: there are such.
        raisable: limits set by hand that the run exceeds by more than the tolerance, in words.
    """

    text: str
    added: int = 0
    raised: int = 0
    lowered: int = 0
    kept: int = 0
    maxima: bool = False
    raisable: Sequence[str] = ()

    @property
    def count(self) -> int:
        """The limits that the run set or confirmed."""
        return self.added + self.raised + self.lowered + self.kept


def update(text: str, scores: Scores, run: str, preset: str = "") -> Updated:
    """A thresholds file's text, brought up to a run.

    Each metric of each method at each noise (but MSE beside PSNR) gets the minimum

        mean - 3 sqrt(s_image^2 / n + s_seed^2 / k),

    n images and k seeds, or where less is better the maximum with a plus (one image's share of the
    metric's range is the margin where all values are the best), and what they were made from. What
    would not change stays as it is, with the run that it was made from; so do comments, entries
    set by hand (without `made_from`) and entries of points that the run did not measure.

    Args:
        text: of the file, empty for a new one; `parse` has accepted it.
        scores: of the run.
        run: its name.
        preset: that it was made with.

    Raises:
        UsageError: the entries stand in an inline array, which cannot be added to; or a limit set
            by hand lies on the wrong side of one to be set.
    """
    import tomlkit
    from tomlkit.items import AoT

    document = tomlkit.parse(text)
    tables: Any = document.get("threshold", tomlkit.aot())
    if not isinstance(tables, AoT):
        raise UsageError("to be updated, thresholds are written as tables [[threshold]]")
    known = _known(tables)
    added = tomlkit.aot()
    counts = dict.fromkeys(("added", "raised", "lowered", "kept"), 0)
    raisable = []
    tolerance = tolerances(scores.scales)
    for point, metric, entry in _limits(scores, preset):
        dataset, label, noise, level = point
        end = "min" if "min" in entry else "max"
        table = known.get((*point, metric, end))
        if table is not None and "made_from" not in table:
            gain = (entry[end] - table[end]) * (1 if end == "min" else -1)
            if gain > tolerance[metric]:
                limits = (number(metric, value) for value in (table[end], entry[end]))
                where = Judgement.subject_of(*point)
                raisable.append(f"{metric} of {where}: {' → '.join(limits)}")
            continue
        if table is None:
            table = tomlkit.table()
            values = {"method": label, "dataset": dataset, "noise": noise, "level": level}
            table.update({**values, "metric": metric})
            added.append(table)
        _refuse_crossed(table, entry, f"the {metric} of {label}")
        counts[_change(table.get(end), entry[end])] += 1
        if any(table.get(key) != value for key, value in entry.items()):
            _set(table, {end: entry[end], "made_from": run, **entry})
    text = tomlkit.dumps(document) if text.strip() else _HEAD
    if added:
        # As text, since tomlkit neither begins a line nor leaves one empty before what it adds.
        text = f"{text.rstrip()}\n\n{tomlkit.dumps({'threshold': added})}"
    maxima = any(not scores.scales[metric].higher for metric in tolerance)
    return Updated(text, **counts, maxima=maxima, raisable=tuple(raisable))


def _known(tables: Iterable[Any]) -> dict[tuple[Any, ...], Any]:
    """The entries by what they speak of, and the end that they limit.

    Where one of ours and one set by hand speak of the same, ours comes last and is found.
    """
    return {
        (*_point_of(table), end): table
        for table in sorted(tables, key=lambda table: "made_from" in table)
        for end in ("min", "max")
        if end in table
    }


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
    """What an entry speaks of, as `_limits` names it."""
    texts = (table.get(key) for key in ("dataset", "method", "noise"))
    return (*texts, level_of(table.get("level"), "level"), table["metric"])


def _refuse_crossed(table: Mapping[str, Any], entry: Mapping[str, Any], what: str) -> None:
    """Raise `UsageError` where the entry's other limit, set by hand, excludes the one to be set."""
    if "min" in entry and table.get("max", math.inf) < entry["min"]:
        raise UsageError(
            f"the maximum {table['max']:g} for {what} is below the minimum {entry['min']:g} to be "
            "set: raise it or remove it"
        )
    if "max" in entry and table.get("min", -math.inf) > entry["max"]:
        raise UsageError(
            f"the minimum {table['min']:g} for {what} is above the maximum {entry['max']:g} to be "
            "set: lower it or remove it"
        )


def _limits(scores: Scores, preset: str) -> Iterator[tuple[Point, str, dict[str, Any]]]:
    """Point and metric -> the limit, and what it is made from."""
    wanted = tolerances(scores.scales)
    for point, metric, found in measured(scores):
        if metric not in wanted:
            continue
        scale = scores.scales[metric]
        made_from = {"images": found.images, "seeds": found.seeds, "preset": preset}
        entry = {key: value for key, value in made_from.items() if value}
        yield point, metric, {**_rounded(found.limit(scale), scale), **entry}


def _rounded(limit: float, scale: Scale) -> dict[str, float]:
    """A limit with few decimals, and no tighter than it is; finer than the tolerance."""
    unit = 10 ** (scale.decimals + (scale.unit != "dB"))
    if scale.higher:
        return {"min": math.floor(limit * unit) / unit}
    return {"max": math.ceil(limit * unit) / unit}
