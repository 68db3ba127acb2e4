"""Quality over noise level and over speed; the training's losses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bench.analysis import prominent
from bench.core import level_text, noise_text
from bench.report.content import style, timing
from bench.report.content.chart_data import LOSSES_CAPTION, loss_range, loss_terms
from bench.report.content.cost_points import cost_axes, cost_points
from bench.report.content.costs import device_text
from bench.report.content.metrics import title
from bench.report.figures.figure import Drawn, Figure, panel_grid, within_bounds

if TYPE_CHECKING:
    import pandas as pd

    from bench.core import Scale
    from bench.report.content.section import Section


def quality(section: Section) -> Drawn:
    """The metrics over the noise level, two to a figure."""
    known = section.summary[section.summary["mean"].notna()]
    metrics = [metric for metric in prominent(section.scales) if metric in set(known["metric"])]
    drawn = []
    for number in range(0, len(metrics), 2):
        scales = {metric: section.scales[metric] for metric in metrics[number : number + 2]}
        data = known[known["metric"].isin(scales)]
        noises = data[["noise", "level"]].drop_duplicates()
        single = len(noises) == data["noise"].nunique() > 1
        name = f"quality-{number // 2 + 1}" if number else "quality"
        drawn.append((_single_levels if single else _over_levels)(section, data, scales, name))
    return drawn


def _over_levels(
    section: Section, data: pd.DataFrame, scales: Mapping[str, Scale], name: str
) -> tuple[Figure, Any]:
    """Metrics over the levels of each kind of noise."""
    import seaborn as sns

    colours, markers = style.assign(section.labels)
    grid = sns.relplot(
        data=data,
        x="level",
        y="mean",
        col="metric",
        col_order=list(scales),
        row="noise" if data["noise"].nunique() > 1 else None,
        hue="label",
        style="label",
        palette=colours,
        markers=markers,
        dashes=False,
        kind="line",
        markersize=6,
        height=3.6,
        aspect=style.WIDTH / len(scales) / 4.1,
        facet_kws={"sharey": False, "sharex": False},
    )
    for key, axes in grid.axes_dict.items():
        metric = key[-1] if isinstance(key, tuple) else key
        noise = key[0] if isinstance(key, tuple) else data["noise"].iloc[0]
        axes.set(xlabel=f"{noise} noise level", ylabel=scales[metric].heading, title="")
        here = data[(data["metric"] == metric) & (data["noise"] == noise)]
        levels = sorted(here["level"].unique())
        axes.set_xticks(levels, [level_text(level) for level in levels])
        for label, part in here.groupby("label", sort=False):
            axes.errorbar(
                part["level"], part["mean"], _bars(part), fmt="none", ecolor=colours[label]
            )
        within_bounds(axes, scales[metric])
    grid.figure.subplots_adjust(wspace=0.25)
    sns.move_legend(
        grid, "center left", bbox_to_anchor=(grid.figure.subplotpars.right, 0.5), title=None
    )
    caption = (
        f"Mean over the {section.split} images of {_named(scales)} against the noise level; bars "
        "are 95% confidence intervals of the mean (often smaller than the marker). `identity` is "
        f"the noisy image itself: {_harmful(scales)}."
    )
    return Figure(name, "Quality over noise level", caption), grid.figure


def _single_levels(
    section: Section, data: pd.DataFrame, scales: Mapping[str, Scale], name: str
) -> tuple[Figure, Any]:
    """Metrics under several noises of one level each: a column a noise, no lines between."""
    import matplotlib.pyplot as plt

    colours, markers = style.assign(section.labels)
    canvas, panels = plt.subplots(
        1, len(scales), figsize=(style.WIDTH, 3.8), layout="constrained", squeeze=False
    )
    noises = list(dict.fromkeys(zip(data["noise"], data["level"], strict=True)))
    labels = list(dict.fromkeys(data["label"]))
    for axes, (metric, scale) in zip(panels.flat, scales.items(), strict=True):
        here = data[data["metric"] == metric]
        for number, label in enumerate(labels):
            part = here[here["label"] == label].set_index(["noise", "level"])
            # Side by side within a column, so that none hides another.
            shift = 0.6 * ((number + 0.5) / len(labels) - 0.5)
            known = [i for i, noise in enumerate(noises) if noise in part.index]
            rows = part.loc[[noises[i] for i in known]]
            axes.errorbar(
                [i + shift for i in known],
                rows["mean"],
                _bars(rows),
                fmt=markers[label],
                color=colours[label],
                markersize=6,
                label=label,
            )
        axes.set_xticks(range(len(noises)), [noise_text(*noise) for noise in noises])
        axes.set(ylabel=scale.heading, xlim=(-0.5, len(noises) - 0.5))
        axes.grid(visible=False, axis="x")
        within_bounds(axes, scale)
    canvas.legend(
        *panels[0, 0].get_legend_handles_labels(),
        loc="outside lower center",
        ncols=7,
        frameon=False,
    )
    caption = (
        f"Mean over the {section.split} images of {_named(scales)} under each noise; bars are 95% "
        "confidence intervals of the mean (often smaller than the marker). `identity` is the noisy "
        f"image itself: {_harmful(scales, line=False)}."
    )
    return Figure(name, "Quality under each noise", caption), canvas


def _named(scales: Mapping[str, Scale]) -> str:
    return " and ".join(title(scale) for scale in scales.values())


def _harmful(scales: Mapping[str, Scale], *, line: bool = True) -> str:
    """On which side of the noisy image a method does harm."""
    it = "its line" if line else "it"
    sides = {"below" if scale.higher else "above" for scale in scales.values()}
    if len(sides) == 1:
        return f"{sides.pop()} {it} a method does harm"
    said = (f"{'below' if s.higher else 'above'} {it} by {title(s)}" for s in scales.values())
    return f"{' and '.join(said)} a method does harm"


def _bars(rows: Any) -> list[Any]:
    """Lengths of the error bars below and above the means."""
    return [rows["mean"] - rows["low"], rows["high"] - rows["mean"]]


def speed(section: Section) -> Drawn:
    """The first metric against what an image costs, a panel a level."""
    axes_known = cost_axes(section)
    if not axes_known:
        return []
    axis, metric = axes_known[0], section.first_metric
    scale = section.scales[metric]
    panels = cost_points(section, axis, metric)
    colours, markers = style.assign(section.labels)
    canvas, grid = panel_grid(len(panels), 3.2, sharex=True)
    for axes, (column, points) in zip(grid.flat, panels.items(), strict=False):
        for point in points:
            axes.plot(
                point.cost,
                point.quality,
                markers[point.label],
                color=colours[point.label],
                markersize=8,
                label=point.label,
            )
        axes.set(xscale="log", title=noise_text(*column), xlabel=axis.title)
        style.powers(axes.xaxis)
        axes.margins(x=0.15, y=0.15)
        within_bounds(axes, scale)
    for axes in grid[:, 0]:
        axes.set_ylabel(scale.heading)
    handles: dict[str, Any] = {}
    for axes in grid.flat:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    canvas.legend(
        handles.values(), handles.keys(), loc="outside lower center", ncols=8, frameon=False
    )
    where = "; ".join(
        sorted({device_text(meta) for meta in section.metadata if meta.conditions.device})
    )
    up = "Up" if scale.higher else "Down"
    caption = (
        f"Mean {title(scale)} against {axis.meaning} ({where}). {up} and to the left is better. "
        f"{timing.notes(section)}"
    ).strip()
    return [(Figure("speed", "Quality against speed", caption), canvas)]


def losses(section: Section) -> Drawn:
    """Loss terms over the epochs, a panel for each method and term."""
    import seaborn as sns

    data = loss_terms(section)
    if data.empty:
        return []
    data["panel"] = data["label"] + "\n" + data["term"]
    panels = data["panel"].nunique()
    columns = min(3, panels)
    data["line"] = data["seed"].astype(str)
    grid = sns.relplot(
        data=data.rename(columns={"trained": "trained on"}),
        x="epoch",
        y="value",
        col="panel",
        col_wrap=columns,
        hue="trained on",
        style="split",
        units="line",
        estimator=None,
        palette=sns.color_palette("viridis", data["trained"].nunique()),
        kind="line",
        height=3.0,
        aspect=style.WIDTH / columns / 3.7,
        facet_kws={"sharey": False, "sharex": False},
    )
    grid.set_titles("{col_name}")
    grid.set_axis_labels("epoch", "loss per image")
    for panel, axes in grid.axes_dict.items():
        axes.set_ylim(*loss_range(data[data["panel"] == panel]))
        axes.xaxis.get_major_locator().set_params(integer=True)
    sns.move_legend(grid, "upper left", bbox_to_anchor=(grid.figure.subplotpars.right + 0.01, 0.98))
    return [(Figure("training", "Training", LOSSES_CAPTION), grid.figure)]
