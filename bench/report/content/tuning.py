"""What tuning tried: how much a parameter matters, and what is to be known of the choice."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.core import Scale, noise_text
from bench.report.content.prose import tuned_by
from bench.report.content.rows import Column
from bench.report.content.words import outside

if TYPE_CHECKING:
    from bench.report.content.section import Section
    from bench.store import CellMeta

TUNING_TITLE = "Tuning"

# dB below the chosen setting that are shown, at most and at least: what is worse was far from
# being chosen, and what matters less is to look so.
_SPAN = (3.0, 0.1)
# Failed settings that are named one by one.
_NAMED = 10


@dataclass(frozen=True)
class Curve:
    """How the best mean on validation images depends on a parameter, under one noise.

    Attributes:
        column: the noise.
        values: of the parameter, rising.
        differences: of the best score of the settings with that value to the chosen one's: below
            0 where it is worse.
        chosen: the value that the method was run with.
        at_edge: it is the last that may be tried, though better ones may lie beyond.
        scale: of the metric that was tuned by.
    """

    column: Column
    values: tuple[float, ...]
    differences: tuple[float, ...]
    chosen: float
    at_edge: bool
    scale: Scale

    @property
    def axis(self) -> str:
        """What the differences are."""
        title, unit = self.scale.title, self.scale.unit
        shown = f" ({unit})" if unit else ""
        if self.scale.higher:
            return f"{title} less the chosen setting's{shown}"
        return f"the chosen setting's {title} less this{shown}"


def tuning_caption(section: Section) -> str:
    """What the curves show."""
    return (
        f"Mean {tuned_by(section)} on validation images, less that of the chosen setting, against "
        "the value of each parameter that is a number: of the settings tried with that value the "
        "best. Large markers are the values that methods were run with; hollow ones are the last "
        "that may be tried, so that better ones may lie beyond. Of several training seeds the "
        "first is drawn."
    )


def tuning_curves(section: Section) -> dict[tuple[str, str], list[Curve]]:
    """(Method, parameter) -> a curve a noise, of parameters that are numbers."""
    curves: dict[tuple[str, str], dict[Column, Curve]] = {}
    for cell, meta in zip(section.rows(), section.metadata, strict=True):
        for name in meta.trials[0][0] if meta.trials else ():
            curve = _curve(section.tuned_by(cell, meta), cell.column, meta, name)
            if curve is not None:
                curves.setdefault((cell.label, name), {}).setdefault(cell.column, curve)
    return {entry: list(by_column.values()) for entry, by_column in curves.items()}


def _curve(scale: Scale, column: Column, meta: CellMeta, name: str) -> Curve | None:
    """None where the values are no numbers, or only one."""
    sign = 1 if scale.higher else -1
    tried = [(setting.get(name), sign * score) for setting, score in meta.trials]
    chosen = meta.chosen.get(name)
    if not (_numbers(value for value, _ in tried) and _numbers([chosen])):
        return None
    best: dict[Any, float] = {}
    for value, score in tried:
        best[value] = max(score, best.get(value, -math.inf))
    highest = max(best.values())
    if len(best) < 2 or not math.isfinite(highest):
        return None
    values = tuple(sorted(best))
    differences = tuple(best[value] - highest for value in values)
    return Curve(column, values, differences, float(chosen or 0), name in meta.at_edge, scale)


def _numbers(values: Iterable[Any]) -> bool:
    return all(type(value) in (int, float) and math.isfinite(value) for value in values)


def geometric(curves: Sequence[Curve]) -> bool:
    """Whether a parameter's values are to be shown on a logarithmic axis."""
    return decades({value for curve in curves for value in curve.values})


def decades(values: Iterable[float]) -> bool:
    """Whether values span decades, in steps that grow with them.

    >>> decades([2, 5, 10, 20, 50]), decades([100, 300, 500, 1000]), decades([0, 1, 100])
    (True, False, False)
    """
    values = sorted(values)
    steps = [after - before for before, after in itertools.pairwise(values)]
    return values[0] > 0 and values[-1] >= 10 * values[0] and max(steps) >= 4 * min(steps)


def shown_range(curves: Sequence[Curve]) -> tuple[float, float]:
    """Ends of the axis of differences, in the metric's unit."""
    most, least = _SPAN if curves[0].scale.unit == "dB" else (math.inf, 1e-6)
    lowest = min(min(curve.differences) for curve in curves)
    span = min(most, max(least, -lowest))
    return -1.08 * span, 0.08 * span


def tuning_notes(section: Section) -> list[str]:
    """What a reader must know of the tuned values: where they end, what failed; sentences."""
    return [*_regrets(section), *_edges(section), *_failures(section)]


def _regrets(section: Section) -> Iterator[str]:
    """What it cost to choose without clean images, where these are there to tell."""
    lost: dict[str, dict[str, float]] = {}
    for cell, meta in zip(section.rows(), section.metadata, strict=True):
        if meta.regret is not None:
            at = lost.setdefault(cell.label, {})
            noise = noise_text(*cell.column)
            at[noise] = max(meta.regret, at.get(noise, 0.0))
    if lost:
        named = "; ".join(
            f"{outside(label)} "
            + ", ".join(f"{regret:.2f} dB at {outside(noise)}" for noise, regret in at.items())
            for label, at in lost.items()
        )
        yield (
            "Clean validation images had no part in the choice. By their mean PSNR, the best "
            f"setting that was tried would have been better by (regret): {named}."
        )


def _edges(section: Section) -> Iterator[str]:
    at: dict[str, dict[str, None]] = {}
    for cell, meta in zip(section.rows(), section.metadata, strict=True):
        for name, end in meta.at_edge.items():
            text = f"{outside(cell.label)}: {outside(name)} {outside(meta.chosen.get(name))}"
            at.setdefault(f"{text} is the {outside(end)} value tried", {})[
                noise_text(*cell.column)
            ] = None
    if at:
        named = "; ".join(
            f"{text} (at {outside(', '.join(noises))})" for text, noises in at.items()
        )
        yield f"Chosen at the end of what may be tried, so that better may lie beyond: {named}."


def _failures(section: Section) -> Iterator[str]:
    at: dict[str, dict[str, None]] = {}
    for cell, meta in zip(section.rows(), section.metadata, strict=True):
        for setting, reason in meta.failed_trials:
            values = ", ".join(f"{name}={value}" for name, value in setting.items())
            text = f"{outside(cell.label)} with {outside(values)}: {outside(reason)}"
            at.setdefault(text, {})[noise_text(*cell.column)] = None
    if at:
        texts = [f"{text} (at {outside(', '.join(noises))})" for text, noises in at.items()]
        more = f"; and {len(texts) - _NAMED} more" if len(texts) > _NAMED else ""
        named = "; ".join(texts[:_NAMED])
        yield f"Settings that failed in tuning, and could not be chosen: {named}{more}."
