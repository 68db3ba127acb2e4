"""Over which images means are, where it is not all, and why a metric has no value."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from bench.core import noise_text
from bench.report.content.metrics import title
from bench.report.content.prose import outside

if TYPE_CHECKING:
    from bench.report.content.section import Section


def fewer_images(section: Section) -> str:
    """Means over a part of the images only, those that are missing, and those that caps rule."""
    if section.summary.empty:
        return ""
    return " ".join([*_of_methods(section), *_missing(section), *_capped(section)])


def _of_methods(section: Section) -> Iterator[str]:
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
    for metric in (metric for metric in section.scales if metric in counts):
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


def _missing(section: Section) -> Iterator[str]:
    """Why cells have no value of a metric: what went wrong, or that nobody asked for it."""
    failed: dict[tuple[str, str], dict[str, dict[str, None]]] = {}
    unasked: dict[tuple[str, str], None] = {}
    for cell, meta in zip(section.rows(), section.metadata, strict=True):
        run = section.runs[cell.run]
        for metric in section.scales if meta.status == "done" else ():
            if reason := meta.unmeasured.get(metric):
                noises = failed.setdefault((metric, reason), {}).setdefault(cell.label, {})
                noises[noise_text(*cell.column)] = None
            elif metric not in run.manifest.metrics:
                unasked[metric, run.name] = None
    for (metric, reason), labels in failed.items():
        where = "; ".join(
            f"{outside(label)} at {outside(', '.join(noises))}" for label, noises in labels.items()
        )
        why = outside(reason).rstrip(".")
        yield f"{title(section.scales[metric])} has no value of {where}: {why}."
    for metric, name in unasked:
        yield (
            f"{title(section.scales[metric])} was not measured in {outside(name)}: "
            f"`bench score {outside(name)} --metrics {outside(metric)}` adds it."
        )


def _capped(section: Section) -> Iterator[str]:
    """Where means say little, since many images have the highest value that is given."""
    capped = section.summary[section.summary["capped"] > 0]
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
