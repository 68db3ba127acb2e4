"""Quality over the noise level, or under each noise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.analysis import prominent
from bench.core import IDENTITY, level_text, noise_text
from bench.report.content.metrics import title
from bench.report.content.style import Look, looks, method_name
from bench.report.figures import direct_labels
from bench.report.figures.figure import Drawn, Figure, within_bounds
from bench.report.figures.typesetting import HIGHEST, WIDTH

if TYPE_CHECKING:
    import pandas as pd

    from bench.core import Scale
    from bench.report.content.section import Section

# Methods from which on the best one of each name has a colour and the others are grey.
_COLOURED = 8
_MUTED, _MUTED_TEXT = "#bdbdbd", "#6e6e6e"
# Methods from which on lines lie on each other, so that a second panel compares them with the best.
_CROWDED = 4
# Inches: room for an axis' numbers and title at the left, and for those below; a title's height.
_LEFT, _BELOW, _ABOVE, _LEAST = 0.6, 0.45, 0.12, 1.9
# Points: a line's width, and how near two lines are where one would hide the other.
_LINE, _HIDDEN = 1.2, 1.2
# Panels side by side of kinds of noise that have a single level.
_SIDE_BY_SIDE = 4


def quality(section: Section) -> Drawn:
    """The metrics over the noise level, a figure each; of many kinds of noise several."""
    known = section.summary[section.summary["mean"].notna()]
    metrics = [metric for metric in prominent(section.scales) if metric in set(known["metric"])]
    drawn: Drawn = []
    for metric in metrics:
        data, scale = known[known["metric"] == metric], section.scales[metric]
        levels = data.groupby("noise", sort=False)["level"].nunique()
        over = list(levels.index[levels > 1])
        step = _kinds_at_once(data)
        parts = [(over[at : at + step], _over_levels) for at in range(0, len(over), step)]
        parts += [(list(levels.index[levels == 1]), _single_levels)]
        for kinds, make in parts:
            if kinds:
                name = f"quality-{len(drawn) + 1}" if drawn else "quality"
                drawn.append(make(section, data[data["noise"].isin(kinds)], scale, name))
    return drawn


def _height(data: pd.DataFrame) -> float:
    """Inches of a panel that has room for the names of its lines."""
    return min(
        max(_LEAST, direct_labels.LINE * (data["label"].nunique() + 1)), HIGHEST - _BELOW - _ABOVE
    )


def _kinds_at_once(data: pd.DataFrame) -> int:
    """Kinds of noise that have room below each other on a page."""
    return max(1, int(HIGHEST // (_height(data) + _BELOW + _ABOVE)))


@dataclass(frozen=True)
class _Lines:
    """How the methods of a figure are drawn: in colour, or in grey behind the others."""

    looks: Mapping[str, Look]
    coloured: frozenset[str]

    @classmethod
    def of(cls, section: Section, data: pd.DataFrame, scale: Scale) -> _Lines:
        labels = list(dict.fromkeys(data["label"]))
        coloured = frozenset(labels)
        if len(labels) > _COLOURED:
            sign = -1 if scale.higher else 1
            loss = (sign * _below_best(data, scale)).groupby(data["label"]).mean()
            best: dict[str, str] = {}
            for label in sorted(labels, key=lambda label: loss[label]):
                best.setdefault(method_name(label), label)
            coloured = frozenset(best.values())
        return cls(looks(section.labels), coloured)

    def line(self, label: str) -> dict[str, Any]:
        """What `plot` takes for a line."""
        look = self.looks[label]
        shown = label in self.coloured
        return {
            "color": look.colour if shown else _MUTED,
            "linestyle": (0, look.dash) if look.dash else "-",
            "marker": look.marker,
            "zorder": 3 if shown else 2,
        }

    def text(self, label: str) -> str:
        """Colour of its name."""
        return self.looks[label].colour if label in self.coloured else _MUTED_TEXT


def _below_best(data: pd.DataFrame, scale: Scale) -> pd.Series[float]:
    """How far each mean is from the best one under its noise: 0, or on the worse side."""
    best = data.groupby(["noise", "level"])["mean"].transform("max" if scale.higher else "min")
    return data["mean"] - best


def _over_levels(
    section: Section, data: pd.DataFrame, scale: Scale, name: str
) -> tuple[Figure, Any]:
    """A metric over the levels of each kind of noise, a row a kind."""
    import matplotlib.pyplot as plt

    labels = list(dict.fromkeys(data["label"]))
    kinds = list(dict.fromkeys(data["noise"]))
    lines = _Lines.of(section, data, scale)
    compared = len(labels) > _CROWDED
    room = direct_labels.room(labels)
    panels = (WIDTH - _LEFT * (1 + compared) - room) / (1 + compared)
    height = _height(data)
    row = height + _BELOW + _ABOVE
    canvas = plt.figure(figsize=(WIDTH, row * len(kinds)))
    data = data.assign(below=_below_best(data, scale))
    for number, kind in enumerate(kinds):
        part = data[data["noise"] == kind]
        for at in range(1 + compared):
            left = _LEFT + at * (panels + _LEFT)
            bottom = row * (len(kinds) - 1 - number) + _BELOW
            place = (left / WIDTH, bottom / row / len(kinds))
            size = (panels / WIDTH, height / row / len(kinds))
            axes = canvas.add_axes((*place, *size))
            axes.set_xlabel(f"{kind} noise level")
            _levels(axes, part)
            if at:
                _beside_best(axes, part["below"], scale)
                _draw(axes, part.assign(mean=part["below"]), lines, bars=False)
            else:
                _absolute(axes, part, scale)
                _draw(axes, part, lines)
                within_bounds(axes, scale)
        shown = "below" if compared else "mean"
        ends = part.sort_values("level").groupby("label", sort=False).tail(1)
        names = zip(ends["label"], ends["level"], ends[shown], strict=True)
        direct_labels.at_ends(
            axes,
            [direct_labels.Name(label, lines.text(label), x, y) for label, x, y in names],
            height,
        )
    return Figure(name, "Quality over noise level", _caption(section, scale, lines, data)), canvas


def _levels(axes: Any, part: pd.DataFrame) -> None:
    """The levels along a panel, with a little room."""
    levels = sorted(part["level"].unique())
    axes.set_xticks(levels, [level_text(level) for level in levels])
    room = 0.06 * (levels[-1] - levels[0])
    axes.set_xlim(levels[0] - room, levels[-1] + room)


def _draw(axes: Any, part: pd.DataFrame, lines: _Lines, *, bars: bool = True) -> None:
    """The lines of a panel whose axes are set; one that another would hide is drawn wider."""
    rows = {
        str(label): own.sort_values("level") for label, own in part.groupby("label", sort=False)
    }
    order = sorted(rows, key=lambda label: label in lines.coloured)  # grey ones behind
    for number, label in enumerate(order):
        own = rows[label]
        shown = label in lines.coloured
        hidden = shown and any(_same(axes, own, rows[other]) for other in order[number + 1 :])
        axes.errorbar(
            own["level"],
            own["mean"],
            _bars(own) if bars else None,
            linewidth=2.6 * _LINE if hidden else _LINE,
            markersize=6 if hidden else 3.5,
            elinewidth=0.7,
            markeredgewidth=0,
            **lines.line(label),
        )


def _same(axes: Any, one: pd.DataFrame, other: pd.DataFrame) -> bool:
    """Whether two lines lie on each other from one level to another, or at the only one."""
    both = one.merge(other, on="level", suffixes=("", "_other"))
    places = [
        axes.transData.transform(np.column_stack([both["level"], both[name]]))[:, 1]
        for name in ("mean", "mean_other")
    ]
    close = abs(places[0] - places[1]) * 72 / axes.figure.dpi < _HIDDEN
    return bool((close[1:] & close[:-1]).any() if len(close) > 1 else close.any())


def _absolute(axes: Any, part: pd.DataFrame, scale: Scale) -> None:
    """An axis of the means with their intervals."""
    values = part[["mean", "low", "high"]].to_numpy(dtype=float)
    values = values[np.isfinite(values)]  # one image has no interval
    low, high = values.min(), values.max()
    room = 0.05 * (high - low) or 1.0
    axes.set(ylim=(low - room, high + room), ylabel=scale.heading)


def _beside_best(axes: Any, below: pd.Series[float], scale: Scale) -> None:
    """An axis on which small differences to the best are seen beside large ones."""
    from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

    side = "below" if scale.higher else "above"
    axes.set_ylabel(f"{scale.unit or scale.title} {side} the best")
    gaps = abs(below)
    ticks = _ticks(gaps[gaps > 0])
    if ticks:
        axes.set_yscale("symlog", linthresh=ticks[0], linscale=0.5)
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_locator(FixedLocator([0, *(np.sign(below.sum()) * t for t in ticks)]))
        axes.yaxis.set_major_formatter(FixedFormatter(["best", *(f"{tick:g}" for tick in ticks)]))
    room = 1.25 * gaps.max() or 1.0
    small = 0.12 * (ticks[0] if ticks else room)
    axes.set_ylim((-room, small) if scale.higher else (-small, room))


def _ticks(gaps: pd.Series[float]) -> list[float]:
    """1, 2 and 5 times powers of ten, from a quarter of the middle gap to the largest one."""
    if gaps.empty:
        return []
    powers = range(-12, 13)
    steps = [float(f"{factor}e{power}") for power in powers for factor in (1, 2, 5)]
    least = max(step for step in steps if step <= gaps.median() / 4 or step == steps[0])
    return [step for step in steps if least <= step <= 1.2 * gaps.max()]


def _single_levels(
    section: Section, data: pd.DataFrame, scale: Scale, name: str
) -> tuple[Figure, Any]:
    """A metric under kinds of noise of one level each: a panel a noise, a row a method.

    The method that is nearest to the best, on average, comes first.
    """
    import matplotlib.pyplot as plt

    look = looks(section.labels)
    loss = abs(_below_best(data, scale)).groupby(data["label"], sort=False).mean()
    labels = list(loss.sort_values(kind="stable").index)
    noises = list(dict.fromkeys(zip(data["noise"], data["level"], strict=True)))
    across = min(_SIDE_BY_SIDE, len(noises))
    rows = -(-len(noises) // across)
    height = min(0.75 + direct_labels.LINE * 1.25 * len(labels), HIGHEST / rows)
    canvas, grid = plt.subplots(
        rows, across, figsize=(WIDTH, rows * height), sharey=True, squeeze=False,
        layout="constrained",
    )  # fmt: skip
    for axes, (noise, level) in zip(grid.flat, noises, strict=False):
        part = data[(data["noise"] == noise) & (data["level"] == level)].set_index("label")
        for number, label in enumerate(labels):
            if label in part.index:
                row = part.loc[[label]]
                axes.errorbar(
                    row["mean"],
                    [number],
                    xerr=_bars(row),
                    fmt=look[label].marker,
                    color=look[label].colour,
                    elinewidth=0.8,
                )
        low, high = axes.get_xlim()
        axes.set_xlim(max(low, scale.least), min(high, scale.most))
        axes.set(title=noise_text(noise, level), xlabel=scale.heading)
        axes.locator_params(axis="x", nbins=4)
    first = grid[0, 0]  # whose rows the others share
    first.set_ylim(len(labels) - 0.4, -0.6)
    first.set_yticks(range(len(labels)), labels)
    for axes in grid[:, 0]:
        for text, label in zip(axes.get_yticklabels(), labels, strict=True):
            text.set_color(look[label].colour)
    for axes in grid.flat[len(noises) :]:
        axes.set_visible(False)
    caption = (
        f"Mean over the {section.split} images of {title(scale)} under each noise; bars are 95% "
        "confidence intervals of the mean (often smaller than the marker). `identity` is the noisy "
        f"image itself: {_harmful(scale, line=False)}."
    )
    return Figure(name, "Quality under each noise", caption), canvas


def _caption(section: Section, scale: Scale, lines: _Lines, data: pd.DataFrame) -> str:
    compared = data["label"].nunique() > _CROWDED
    side = "below" if scale.higher else "above"
    said = (
        f"Mean over the {section.split} images of {title(scale)} against the noise level; bars are "
        "95% confidence intervals of the mean (often smaller than the marker). "
    )
    if compared:
        said = (
            f"Left: {said[:1].lower()}{said[1:]}Right: how far each mean is {side} the best one at "
            "that level, stretched near 0. "
        )
    if len(lines.coloured) < data["label"].nunique():
        said += "Of methods of one name the best is coloured, the others are grey. "
    if IDENTITY in set(data["label"]):
        said += f"`identity` is the noisy image itself: {_harmful(scale)}. "
    return said + "Where lines lie on each other, the wider one is behind."


def _harmful(scale: Scale, *, line: bool = True) -> str:
    """On which side of the noisy image a method does harm."""
    it = "its line" if line else "it"
    return f"{'below' if scale.higher else 'above'} {it} a method does harm"


def _bars(rows: Any) -> list[Any]:
    """Lengths of the error bars below and above the means."""
    return [rows["mean"] - rows["low"], rows["high"] - rows["mean"]]
