"""The figures of a report, each as PNG and SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.core import noise_text
from bench.report import style
from bench.summary import UNITS

if TYPE_CHECKING:
    import pandas as pd

    from bench.report.contents import Contents

# The picture grid: so many images of each level, and so many levels side by side.
_IMAGES = 4
_LEVELS = 3


@dataclass(frozen=True)
class Figure:
    """A drawn figure: its file's stem and what it shows."""

    name: str
    title: str
    caption: str


def draw(contents: Contents, folder: Path) -> list[Figure]:
    """Draw what the run has data for; the figures in the order of the page."""
    import matplotlib.pyplot as plt

    style.use()
    drawn = []
    for make in (_examples, _quality, _speed, _losses):
        for figure, canvas in make(contents):
            for suffix in ("png", "svg"):
                canvas.savefig(
                    folder / f"{figure.name}.{suffix}",
                    bbox_inches="tight",
                    metadata={"Date": None} if suffix == "svg" else {"Software": None},
                )
            plt.close(canvas)
            drawn.append(figure)
    return drawn


Drawn = list[tuple[Figure, Any]]


def _quality(contents: Contents) -> Drawn:
    """PSNR and SSIM over the noise level."""
    import seaborn as sns

    colours, markers = style.assign(contents.labels)
    data = contents.summary[contents.summary["metric"].isin(("psnr", "ssim"))]
    if data.empty:
        return []
    grid = sns.relplot(
        data=data,
        x="level",
        y="mean",
        col="metric",
        row="noise" if data["noise"].nunique() > 1 else None,
        hue="label",
        style="label",
        palette=colours,
        markers=markers,
        dashes=False,
        kind="line",
        markersize=6,
        height=3.6,
        aspect=style.WIDTH / 2 / 4.1,
        facet_kws={"sharey": False, "sharex": False},
    )
    for key, axes in grid.axes_dict.items():
        metric = key[-1] if isinstance(key, tuple) else key
        noise = key[0] if isinstance(key, tuple) else data["noise"].iloc[0]
        axes.set(xlabel=f"{noise} noise level", ylabel=UNITS[metric], title="")
        here = data[(data["metric"] == metric) & (data["noise"] == noise)]
        axes.set_xticks(sorted(here["level"].unique()))
        for label, part in here.groupby("label", sort=False):
            axes.errorbar(
                part["level"], part["mean"], part["half_width"], fmt="none", ecolor=colours[label]
            )
    grid.figure.subplots_adjust(wspace=0.25)
    sns.move_legend(
        grid, "center left", bbox_to_anchor=(grid.figure.subplotpars.right, 0.5), title=None
    )
    caption = (
        "Mean over the test images of PSNR and SSIM against the noise level; bars are 95% "
        "confidence intervals of the mean (often smaller than the marker). `identity` is the "
        "noisy image itself: below its line a method does harm."
    )
    return [(Figure("quality", "Quality over noise level", caption), grid.figure)]


def _speed(contents: Contents) -> Drawn:
    """PSNR against images a second, a panel a level."""
    import matplotlib.pyplot as plt

    cells = contents.cells
    timed = cells[(cells["status"] == "done") & (cells["method"] != "identity")]
    if timed.empty:
        return []
    colours, markers = style.assign(contents.labels)
    psnr = contents.summary[contents.summary["metric"] == "psnr"]
    speeds = timed.groupby(["label", "noise", "level"], sort=False)["images_per_second"].median()
    points = psnr.join(speeds, on=["label", "noise", "level"]).dropna(subset="images_per_second")
    panels = list(points.groupby(["noise", "level"], sort=False))
    columns = min(3, len(panels))
    rows = -(-len(panels) // columns)
    canvas, grid = plt.subplots(
        rows,
        columns,
        figsize=(style.WIDTH, 3.2 * rows),
        squeeze=False,
        sharex=True,
        layout="constrained",
    )
    for axes in grid.flat[len(panels) :]:
        axes.set_visible(False)
    for axes, (key, part) in zip(grid.flat, panels, strict=False):
        for row in part.itertuples():
            axes.plot(
                row.images_per_second,
                row.mean,
                markers[row.label],
                color=colours[row.label],
                markersize=8,
                label=row.label,
            )
        axes.set(xscale="log", title=noise_text(*key), xlabel="images per second")
        axes.margins(x=0.15, y=0.15)
    for axes in grid[:, 0]:
        axes.set_ylabel(UNITS["psnr"])
    known: dict[str, Any] = {}
    for axes in grid.flat:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            known.setdefault(label, handle)
    canvas.legend(known.values(), known.keys(), loc="outside lower center", ncols=8, frameon=False)
    where = "; ".join(
        sorted({_conditions(meta) for meta in contents.metadata if meta["conditions"]})
    )
    caption = (
        f"Mean PSNR against speed, the denoise call alone ({where}). Up and to the right is better."
    )
    return [(Figure("speed", "Quality against speed", caption), canvas)]


def _conditions(meta: Any) -> str:
    conditions = meta["conditions"]
    threads = conditions["threads"]
    return f"{conditions['device']}, {threads} thread{'s' if threads != 1 else ''}"


def _losses(contents: Contents) -> Drawn:
    """Loss terms over the epochs, a panel for each method and term."""
    import pandas as pd
    import seaborn as sns

    parts = []
    for cell in contents.cells.itertuples():
        history = contents.run.history(str(cell.key))
        parts.append(history.assign(label=cell.label, trained=cell.train, seed=cell.seed))
    data = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["epoch"])
    if data.empty:
        return []
    # Cells tested at other levels share a training.
    data = data.drop_duplicates(["label", "trained", "seed", "epoch", "split", "term"])
    data["panel"] = data["label"] + ": " + data["term"].replace({"kl": "KL divergence"})
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
        # The first epochs' fall must not flatten the rest.
        values = data[data["panel"] == panel]
        late = values[values["epoch"] > values["epoch"].max() * 0.05]["value"]
        room = 0.05 * (late.max() - late.min()) or 1.0
        axes.set_ylim(late.min() - room, late.max() + room)
    sns.move_legend(grid, "center right")
    caption = (
        "Loss terms per epoch on training images (solid, fresh noise each epoch) and validation "
        "images (dashed, the same noise each time), summed over pixels, mean over images; cross-"
        "entropies and KL divergences in nats."
    )
    return [(Figure("training", "Training", caption), grid.figure)]


def _examples(contents: Contents) -> Drawn:
    """Clean, noisy and restored images, a few a level."""
    done = contents.cells[contents.cells["status"] == "done"]
    columns = list(dict.fromkeys(zip(done["noise"], done["level"], strict=True)))
    result = []
    for start in range(0, len(columns), _LEVELS):
        shown = columns[start : start + _LEVELS]
        canvas = _example_grid(contents, done, shown)
        if canvas is None:
            continue
        number = f"-{start // _LEVELS + 1}" if len(columns) > _LEVELS else ""
        levels = "; ".join(noise_text(*column) for column in shown)
        caption = (
            f"The same test images at {levels}: clean, noisy (`identity`), and as each method "
            "restores them. They are chosen by position, not by result."
        )
        result.append((Figure(f"examples{number}", "Examples", caption), canvas))
    return result


def _example_grid(
    contents: Contents, done: pd.DataFrame, columns: Sequence[tuple[str, float]]
) -> Any:
    import matplotlib.pyplot as plt

    labels = [label for label in contents.labels if label in set(done["label"])]
    samples: dict[tuple[str, tuple[str, float]], dict[str, list[Any]]] = {}
    for cell in done.drop_duplicates(["label", "noise", "level"]).itertuples():
        point = (str(cell.label), (str(cell.noise), float(cell.level)))
        if point[1] in columns:
            samples[point] = contents.run.samples(str(cell.key))
    first = next((s for s in samples.values() if s["image"]), None)
    if first is None:
        return None
    shown = min(_IMAGES, len(first["image"]))
    rows = ["clean", "noisy", *(label for label in labels if label != "identity")]
    across = shown * len(columns)
    side = min(style.WIDTH / across, 1.5)  # of an image, in inches
    height, width = first["clean"][0].shape[-2:]
    canvas, grid = plt.subplots(
        len(rows),
        across + len(columns) - 1,
        figsize=(side * across, 0.9 * side * len(rows) * height / width),
        squeeze=False,
        gridspec_kw={
            "wspace": 0.04,
            "hspace": 0.04,
            "width_ratios": ([1] * shown + [0.25]) * (len(columns) - 1) + [1] * shown,
        },
    )
    for axes in grid.flat:
        axes.set_axis_off()
    for block, column in enumerate(columns):
        offset = block * (shown + 1)
        middle = grid[0, offset + (shown - 1) // 2]
        middle.set_title(noise_text(*column), x=0.5 if shown % 2 else 1.02)
        for index, name in enumerate(rows):
            pick = _row(samples, labels, name, column)
            for image in range(shown):
                if pick is not None and image < len(pick):
                    _show(grid[index, offset + image], pick[image])
    for index, name in enumerate(rows):
        grid[index, 0].text(
            -0.12, 0.5, name, ha="right", va="center", transform=grid[index, 0].transAxes
        )
    return canvas


def _row(
    samples: dict[tuple[str, tuple[str, float]], dict[str, list[Any]]],
    labels: Sequence[str],
    name: str,
    column: tuple[str, float],
) -> list[Any] | None:
    """The images of one row of the grid at one level."""
    if name in ("clean", "noisy"):
        for label in labels:
            if (label, column) in samples:
                return samples[label, column][name]
        return None
    found = samples.get((name, column))
    return found["restored"] if found else None


def _show(axes: Any, image: Any) -> None:
    """One image (C, H, W), shown from 0 to 1."""
    pixels = np.clip(np.moveaxis(image, 0, -1), 0, 1)
    if pixels.shape[-1] == 1:
        axes.imshow(pixels[..., 0], cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    else:
        axes.imshow(pixels, interpolation="nearest")
