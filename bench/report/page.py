"""The report's page in Markdown, made to be read on GitHub, and its tables as CSV."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from bench import summary as tables
from bench.core import MATCHED, noise_text
from bench.core import markdown_text as _text
from bench.report.figures import UNCERTAINTY
from bench.summary import DECIMALS, METRICS, UNITS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.report.contents import Contents
    from bench.report.figures import Figure


def markdown(sections: Sequence[tuple[Contents, list[Figure]]]) -> str:
    """The page: for each data set its contents with their figures."""
    return "\n\n".join(_section(contents, figures) for contents, figures in sections) + "\n"


def _section(contents: Contents, figures: list[Figure]) -> str:
    data = contents.dataset
    title = data["name"] + (" (stand-in for MNIST)" if data["note"] else "")
    parts = [
        f"# Denoising {_text(title)}: {len(contents.labels)} methods compared",
        _lead(contents),
    ]
    parts.append(_winners(contents))
    parts += [_metric_section(contents, metric) for metric in METRICS]
    for name in dict.fromkeys(figure.title for figure in figures):
        parts.append(f"## {name}")
        parts += [_figure(figure) for figure in figures if figure.title == name]
        if name == UNCERTAINTY:
            parts.append(_calibration(contents))
    parts += [_chosen(contents), _costs(contents), _problems(contents), _footer(contents)]
    return "\n\n".join(part for part in parts if part)


def write_csv(contents: Contents, folder: Path) -> None:
    """`summary.csv`: a row for each method, level and metric; `cells.csv`: a row a cell.

    And a table a metric.
    """
    suffix = contents.suffix
    contents.summary.to_csv(folder / f"summary{suffix}.csv", index=False)
    cells = contents.cells.assign(
        run=[contents.runs[place].name for place in contents.cells["run"]]
    )
    cells.to_csv(folder / f"cells{suffix}.csv", index=False)
    for metric in METRICS if len(contents.summary) else ():
        mean, _ = tables.table(contents.summary, metric)
        mean.columns = [noise_text(*column) for column in mean.columns]
        mean.to_csv(folder / f"{metric}{suffix}.csv")


def _lead(contents: Contents) -> str:
    data = contents.dataset
    lines = []
    if data["note"]:
        lines.append(f"> **Not MNIST.** {_text(data['note'])}")
    if left_out := data.get("left_out"):
        lines.append(f"> **Files left out.** {_text('; '.join(left_out))}.")
    for run in contents.runs:
        planned, finished = len(run.manifest["cells"]), len(run.finished())
        if finished < planned:
            which = f"{_text(run.name)}: " if len(contents.runs) > 1 else ""
            lines.append(
                f"> **Unfinished.** {which}{finished} of {planned} cells have a result; the run's "
                "command goes on from there."
            )
    if contents.conflicts:
        lines.append(f"> **Runs that differ.** {_text('; '.join(contents.conflicts))}.")
    noises = ", ".join(
        dict.fromkeys(
            noise_text(*c) for c in contents.cells[["noise", "level"]].itertuples(index=False)
        )
    )
    lines.append(
        f"{contents.images:,} test images of {_text(data['name'])}; noise: {noises}; "
        f"{_seeds(contents)}{'; '.join(_conditions(contents))}."
    )
    if fewer := _fewer_images(contents):
        lines.append(fewer)
    return "\n\n".join(lines)


def _conditions(contents: Contents) -> list[str]:
    """How the runs trained and tuned; once where it is the same for all."""
    said: dict[str, list[str]] = {}
    for run in contents.runs:
        settings = run.manifest["settings"]
        text = f"preset `{settings['preset']}`"
        text += f", {settings['epochs']} epochs" if settings["epochs"] else ""
        if settings.get("batch-size"):
            text += f" of batches of {settings['batch-size']}"
        text += "; outputs rounded to 8 bits" if settings["quantize"] else ""
        text += "; the methods' tunable parameters were " + (
            "chosen on validation images for each noise level"
            if settings["tune"]
            else "left at their defaults"
        )
        said.setdefault(text, []).append(_text(run.name))
    if len(said) == 1:
        return list(said)
    return [f"{text} ({', '.join(names)})" for text, names in said.items()]


def _fewer_images(contents: Contents) -> str:
    """The methods that were tried on a part of the images only."""
    counts = contents.summary.groupby("label", sort=False)["images"].min()
    fewer = counts[counts < contents.images]
    if fewer.empty:
        return ""
    named = ", ".join(f"{_text(str(label))}: {count:,}" for label, count in fewer.items())
    return f"On fewer images: {named}."


def _seeds(contents: Contents) -> str:
    """The training seeds, most methods' first; nothing where nothing is random."""
    labels: dict[str, list[str]] = {}
    for label, part in contents.cells.groupby("label", sort=False):
        if seeds := ", ".join(map(str, sorted(part["seed"].dropna().unique()))):
            labels.setdefault(seeds, []).append(_text(str(label)))
    (most, _), *others = sorted(labels.items(), key=lambda item: -len(item[1])) or [("", [])]
    if not most:
        return ""
    rest = "".join(f" (of {', '.join(names)}: {seeds})" for seeds, names in others)
    return f"training seeds: {most}{rest}; "


def _winners(contents: Contents) -> str:
    """The best method under each noise, where there are several kinds."""
    if contents.summary.empty or contents.summary["noise"].nunique() < 2:
        return ""
    columns: dict[str, dict[str, str]] = {}
    for metric in ("psnr", "ssim"):
        mean, half_width = tables.table(contents.summary, metric)
        marks = tables.marks(mean, half_width, metric)
        for column in mean.columns:
            best = str(marks[column].eq("best").idxmax())
            near = [_text(str(label)) for label in marks.index[marks[column] == "near"]]
            entry = f"**{_text(best)}** {mean.loc[best, column]:.{DECIMALS[metric]}f}"
            entry += f" († {', '.join(near)})" if near else ""
            columns.setdefault(noise_text(*column), {})[f"best {UNITS[metric]}"] = entry
    frame = pd.DataFrame(columns).T
    frame.index.name = "noise"
    return (
        "## Best under each noise\n\n"
        f"{frame.to_markdown(disable_numparse=True)}\n\n"
        "By the mean over images; †: within the 95% interval of the best's mean."
    )


def _metric_section(contents: Contents, metric: str) -> str:
    """A metric's tables, one a kind of noise."""
    if contents.summary.empty:
        return ""
    mean, half_width = tables.table(contents.summary, metric)
    marks = tables.marks(mean, half_width, metric)
    worse = {
        (row.label, (row.noise, row.level)): row.difference
        for row in contents.harm[contents.harm["metric"] == metric].itertuples()
    }
    lines = [f"## {UNITS[metric]}"]
    noises = list(dict.fromkeys(noise for noise, _ in mean.columns))
    for noise in noises:
        shown = pd.DataFrame(index=[_text(label) for label in mean.index])
        for column in mean.columns[[name == noise for name, _ in mean.columns]]:
            shown[noise_text(*column)] = [
                _entry(
                    mean.loc[label, column],
                    half_width.loc[label, column],
                    marks.loc[label, column],
                    (label, column) in worse,
                    DECIMALS[metric],
                )
                for label in mean.index
            ]
        shown.index.name = "method"
        lines += [f"### {_text(noise)}"] if len(noises) > 1 else []
        lines.append(shown.to_markdown(disable_numparse=True))
    better = "higher" if METRICS[metric] else "lower"
    lines.append(
        f"Mean over images ± half-width of its 95% confidence interval; {better} is better. Bold: "
        "the best; †: within the best's interval; ▾: worse than `identity`, the noisy image "
        "itself, by more than the 95% interval of the paired difference."
    )
    if worse:
        lines.append(_harm(contents, worse, DECIMALS[metric]))
    lines.append(
        f"[As CSV]({metric}{contents.suffix}.csv); all metrics with their intervals: "
        f"[summary{contents.suffix}.csv](summary{contents.suffix}.csv)."
    )
    return "\n\n".join(lines)


def _entry(value: float, width: float, mark: str, worse: bool, decimals: int) -> str:
    """A cell of a metric's table."""
    if pd.isna(value):
        return "–"
    entry = f"{value:.{decimals}f}"
    entry = f"**{entry}**" if mark == "best" else entry
    entry += "" if pd.isna(width) else f" ± {width:.{decimals}f}"
    return entry + (" †" if mark == "near" else "") + (" ▾" if worse else "")


def _harm(contents: Contents, worse: dict[tuple[str, Any], float], decimals: int) -> str:
    """Where methods are worse than doing nothing, with what each of them is."""
    named = "; ".join(
        f"{label} at {noise_text(*column)} ({difference:+.{decimals}f})"
        for (label, column), difference in worse.items()
    )
    methods = dict(zip(contents.cells["label"], contents.cells["method"], strict=True))
    about = contents.about
    named_once = dict.fromkeys(methods[label] for label, _ in worse)
    explained = " ".join(
        f"{_text(name)}: {_text(about[name]['summary'])}" for name in named_once if name in about
    )
    return f"Worse than doing nothing: {_text(named)}. {explained}".strip()


def _figure(figure: Figure) -> str:
    return (
        f'<img src="{figure.name}.png" alt="{figure.title}" width="900">\n\n'
        f"*{figure.caption}* ([SVG]({figure.name}.svg))"
    )


def _chosen(contents: Contents) -> str:
    """What each method was run with."""
    rows: dict[str, dict[str, str]] = {}
    for cell, meta in zip(contents.cells.itertuples(), contents.metadata, strict=True):
        if meta["status"] != "done":
            continue
        values = ", ".join(f"{name}={value}" for name, value in meta["chosen"].items())
        score = meta["chosen_score"]
        scored = f" ({score:.2f} dB)" if score is not None else ""
        column = noise_text(str(cell.noise), float(cell.level))
        rows.setdefault(_text(str(cell.label)), {})[column] = _text(values) + scored or "–"
    if not rows:
        return ""
    frame = pd.DataFrame(rows).T.fillna("–")
    known = {_text(str(cell.label)): _knows(contents, cell) for cell in contents.cells.itertuples()}
    frame.insert(0, "knows the noise", [known[label] for label in frame.index])
    frame.index.name = "method"
    return (
        "## Parameters\n\n"
        f"{frame.to_markdown(disable_numparse=True)}\n\n"
        "What each method ran with; in brackets the mean PSNR on validation images by which tuned "
        "values were chosen. Parameters that the user typed are not tuned."
    )


def _knows(contents: Contents, cell: Any) -> str:
    """What a method knows of the noise that it meets."""
    about = contents.about.get(cell.method, {})
    if json.loads(cell.params).get("sigma") == "estimate":
        return "estimates it"
    if about.get("learns") and pd.notna(cell.train):
        return "trained on it" if cell.regime == MATCHED else f"trained on {cell.train}"
    return "is told" if about.get("told_noise") else "blind"


def _calibration(contents: Contents) -> str:
    """How far predicted deviations are from the errors, a figure a method and level."""
    rows: dict[str, dict[str, str]] = {}
    for (label, noise, level), (error, ratio) in contents.calibrations().items():
        rows.setdefault(_text(label), {})[noise_text(noise, level)] = f"{error:.3f} (x {ratio:.1f})"
    if not rows:
        return ""
    frame = pd.DataFrame(rows).T.fillna("–")
    frame.index.name = "method"
    return (
        f"{frame.to_markdown(disable_numparse=True)}\n\n"
        "Calibration error (after Laves et al. 2020): the mean over the bins of the figure of "
        "|observed - predicted|; 0 is calibrated. In brackets how many times as large as predicted "
        "the errors are, in root mean squares over all pixels. Means over seeds."
    )


def _costs(contents: Contents) -> str:
    """Speed, training and tuning time, size and memory of each method."""
    done = contents.cells[contents.cells["status"] == "done"]
    if done.empty:
        return ""
    grouped = done.groupby("label", sort=False)
    columns = {
        "images per second": (grouped["images_per_second"].median(), "{:,.0f}"),
        "training (s)": (grouped["fit_seconds"].median(), "{:.1f}"),
        "tuning (s)": (grouped["tune_seconds"].median(), "{:.1f}"),
        "parameters": (grouped["parameters"].max(), "{:,}"),
        "peak memory (MiB)": (grouped["peak_memory_bytes"].max() / 2**20, "{:,.0f}"),
    }
    frame = pd.DataFrame(
        {
            name: ["–" if pd.isna(value) else form.format(value) for value in values]
            for name, (values, form) in columns.items()
        },
        index=[_text(label) for label in grouped["images_per_second"].median().index],
    )
    frame.index.name = "method"
    aligned = ["left"] + ["right"] * len(columns)
    return (
        "## Time and memory\n\n"
        f"{frame.to_markdown(disable_numparse=True, colalign=aligned)}\n\n"
        "Medians over levels and seeds; training and tuning are per noise level. Peak memory is "
        "the whole process's while the method's cells ran, its largest."
    )


def _problems(contents: Contents) -> str:
    problems = tables.problems(contents.cells)
    if not problems:
        return ""
    rows = [(status, _text(cell), _text(reason)) for status, cell, reason in problems]
    frame = pd.DataFrame(rows, columns=["status", "cell", "reason"])
    return f"## Failed and skipped\n\n{frame.to_markdown(index=False, disable_numparse=True)}"


def _footer(contents: Contents) -> str:
    """How each run was made."""
    several = len(contents.runs) > 1
    parts = [
        "## How these numbers were made",
        f"Protocol version {contents.runs[0].manifest['protocol']}.",
    ]
    for run in contents.runs:
        parts += [f"### {_text(run.name)}"] if several else []
        parts.append(_made(run.manifest))
    return "\n\n".join(parts)


def _made(manifest: dict[str, Any]) -> str:
    machine = manifest["machine"]
    memory = machine["memory_bytes"]
    hardware = [machine["cpu"], f"{machine['cores']} cores"]
    hardware += [f"{memory / 2**30:.0f} GiB"] if memory else []
    hardware += [machine["gpu"]] if machine["gpu"] else []
    versions = ", ".join(f"{name} {version}" for name, version in manifest["versions"].items())
    git = manifest["git"]
    code = (
        f"{git['commit'][:12]}{' with uncommitted changes' if git['dirty'] else ''}" if git else ""
    )
    data = manifest["dataset"]
    earlier = manifest.get("earlier", [])
    sizes = ", ".join(f"{count:,} {split}" for split, count in data["sizes"].items())
    training = ""
    if data.get("training", data["name"]) != data["name"]:
        training = (
            f"; trained and tuned on {_text(data['training'])}, fingerprint "
            f"`{data['training_fingerprint']}`"
        )
    lines = [
        f"- Command: `{manifest['command']}`",
        f"- Data: {_text(data['name'])} ({sizes}), fingerprint `{data['fingerprint']}`{training}",
        f"- Machine: {_text(', '.join(hardware))}; {_text(machine['os'])}",
        f"- Versions: {_text(versions)}" + (f"; code at `{code}`" if code else ""),
        f"- Started {manifest['started']}, ended {manifest['ended'] or 'not yet'}"
        + (f"; taken up {len(earlier)} times before" if earlier else ""),
    ]
    lines += [f"- {name}: {_text(text)}" for name, text in manifest["conventions"].items()]
    settings = json.dumps(manifest["settings"], indent=2)
    return (
        "\n".join(lines)
        + f"\n\n<details><summary>All settings</summary>\n\n```json\n{settings}\n```\n\n</details>"
    )
