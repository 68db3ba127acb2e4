"""Over which images means are, where it is not all, and why a metric has no value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from bench.core import noise_text, without_home
from bench.report.content.metrics import title
from bench.report.content.words import outside

if TYPE_CHECKING:
    from bench.report.content.section import Section


#: Methods, each with the noises under which there is something of it.
_Where = Mapping[str, Mapping[str, None]]


def fewer_images(section: Section, metrics: Sequence[str] | None = None) -> str:
    """Means over a part of the images only, those that are missing, and those that caps rule.

    Args:
        section: the data set.
        metrics: those that are shown, of which alone it is said; None for all.
    """
    if section.summary.empty:
        return ""
    shown = [label for label in section.scales if metrics is None or label in metrics]
    return " ".join(
        [*_of_methods(section, shown), *_missing(section, shown), *_capped(section, shown)]
    )


def _of_methods(section: Section, shown: Sequence[str]) -> Iterator[str]:
    """Methods, and metrics of methods, that have fewer images than others."""
    explained = _explained(section)
    points = section.summary[["metric", "label", "noise", "level"]].itertuples(index=False)
    told = np.array([tuple(point) in explained for point in points])
    without = section.summary["images"] == 0
    summary = section.summary[~(without & told)]
    counts = summary.groupby(["label", "metric"], sort=False)["images"].min().unstack()
    most = counts.max(axis=1)
    fewer = most[most < section.images]
    if len(fewer):
        named = ", ".join(f"{outside(label)}: {count:,.0f}" for label, count in fewer.items())
        yield f"On fewer images: {named}."
    for metric in (metric for metric in shown if metric in counts):
        missing: dict[str, list[str]] = {}
        for label, count in counts[metric][counts[metric] < most].items():
            missing.setdefault(f"{count:,.0f} of {most[str(label)]:,.0f}", []).append(
                outside(label)
            )
        for number, labels in missing.items():
            which = "" if len(labels) == len(counts) else f" ({', '.join(labels)})"
            yield f"{title(section.scales[metric])} is over {number} images{which}."


def _explained(section: Section) -> set[tuple[str, str, str, float]]:
    """Metric, method and noise of cells that have no such column, of which it is said why."""
    return {
        (metric, cell.label, *cell.column)
        for cell, meta in zip(section.rows(), section.metadata, strict=True)
        if meta.status == "done"
        for metric in section.scales
        if metric in meta.unmeasured or metric not in section.runs[cell.run].manifest.metrics
    }


def _missing(section: Section, shown: Sequence[str]) -> Iterator[str]:
    """Why cells have no value of a metric: what went wrong, or that nobody asked for it."""
    failed: dict[tuple[str, str], dict[str, dict[str, None]]] = {}
    asked: dict[str, dict[str, dict[str, None]]] = {}
    valued: set[str] = set()
    unasked: dict[tuple[str, str], None] = {}
    for cell, meta in zip(section.rows(), section.metadata, strict=True):
        run = section.runs[cell.run]
        noise = noise_text(*cell.column)
        for metric in shown if meta.status == "done" else ():
            if metric not in run.manifest.metrics and metric not in meta.unmeasured:
                unasked[metric, run.name] = None
                continue
            asked.setdefault(metric, {}).setdefault(cell.label, {})[noise] = None
            if reason := meta.unmeasured.get(metric):
                failed.setdefault((metric, reason), {}).setdefault(cell.label, {})[noise] = None
            else:
                valued.add(metric)
    reasons = Counter(metric for metric, _ in failed)
    for (metric, reason), lacking in failed.items():
        alone = metric not in valued and reasons[metric] == 1
        where = "any method" if alone else _where(lacking, asked[metric])
        why = outside(without_home(reason)).rstrip(".")
        yield f"{title(section.scales[metric])} has no value of {where}: {why}."
    for metric, name in unasked:
        yield (
            f"{title(section.scales[metric])} was not measured in {outside(name)}: "
            f"`bench score {outside(name)} --metrics {outside(metric)}{_plugin(section, metric)}` "
            "adds it."
        )


def _where(lacking: _Where, asked: _Where) -> str:
    """Methods with their noises, those of the same noises together."""
    alike: dict[str, list[str]] = {}
    for label, noises in lacking.items():
        every = len(noises) > 1 and noises.keys() == asked[label].keys()
        at = "under every noise" if every else f"at {outside(', '.join(noises))}"
        alike.setdefault(at, []).append(outside(label))
    return "; ".join(f"{', '.join(labels)} {at}" for at, labels in alike.items())


def _plugin(section: Section, metric: str) -> str:
    """The option by which a command finds a metric that is a file; else ""."""
    origins = (
        run.manifest.metrics[metric].origin
        for run in section.runs
        if metric in run.manifest.metrics
    )
    files = [origin.removeprefix("file ") for origin in origins if origin.startswith("file ")]
    return f" --plugin {outside(files[0])}" if files else ""


def _capped(section: Section, shown: Sequence[str]) -> Iterator[str]:
    """Where means say little, since many images have the highest value that is given."""
    capped = section.summary[section.summary["capped"] > 0]
    capped = capped[capped["metric"].isin(shown)]
    for metric, part in capped.groupby("metric", sort=False):
        scale = section.scales[str(metric)]
        points = zip(part["label"], part["noise"], part["level"], strict=True)
        named = ", ".join(
            f"{share:.0%} of {outside(label)}'s at {outside(noise_text(noise, level))}"
            for (label, noise, level), share in zip(points, part["capped"], strict=True)
        )
        yield (
            f"{title(scale)} ends at {scale.cap:g} dB, which so many images reach that means say "
            f"little: {named}."
        )
