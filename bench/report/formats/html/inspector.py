"""What the page's image inspector shows: images as bytes, and what was measured on each.

Pixels are rounded to 8 bits. So that the page stays small, all images together take no more than
`BUDGET`: of larger images the middle is shown, then fewer of them.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.core import SAMPLE_SIDE, middle, noise_text, printable
from bench.report.content.metrics import unit
from bench.report.content.rows import Column
from bench.report.content.samples import (
    DEVIATION_SHOWN,
    Samples,
    common_positions,
    kept_samples,
)

if TYPE_CHECKING:
    from bench.analysis.scores import Columns
    from bench.core import Scale
    from bench.report.content.section import Section
    from bench.report.formats.html.traces import Styles

#: Bytes of all images of a page.
BUDGET = 3_000_000
#: Sizes tried until the images fit: how many of them, and pixels a side.
_SIZES = ((10, 4096), (10, 256), (10, 192), (10, 128), (10, 96), (6, 64), (4, 64), (2, 48), (1, 32))
#: Most that a browser writes without complaint, and anybody reads.
_DECIMALS = 20
_CASES = ("worst", "median", "best")


def inspector(section: Section, styles: Styles, budget: int = BUDGET) -> dict[str, Any] | None:
    """The inspector's data, ready for JSON; None where no images were kept.

    `metrics`: how the values of each panel's `scores` are read. `noises`: for each noise its
    `images` (position, clean, noisy and a panel for each method) and its `cases` (for worst, median
    and best a panel for each method, of an image of its own). Without ground truth clean is None.
    Images are indices in `pixels`: height, width, channels and base64 of rows of bytes.
    """
    images = _Images(section, styles)
    if not images.samples:
        return None
    for handful, side in _SIZES:
        pixels = _Pixels(side)
        data = images.data(handful, pixels)
        if pixels.size <= budget:
            break
    note = "Pixels are rounded to 8 bits."
    if pixels.cut:
        side = min(side, SAMPLE_SIDE)
        note += (
            f" Of larger images the middle is shown, {side} pixels a side; values are of the whole."
        )
    return {
        **data,
        "metrics": _metrics(section.scales),
        "pixels": pixels.stored,
        "note": note,
        "deviation": DEVIATION_SHOWN,
    }


def _metrics(scales: Mapping[str, Scale]) -> list[dict[str, Any]]:
    """How the panels name each value: the first by its unit alone, where it has one."""
    return [
        {
            "title": printable("" if not number and unit(scale) else scale.title),
            "unit": printable(unit(scale)).strip(),
            "decimals": min(scale.decimals, _DECIMALS),
        }
        for number, scale in enumerate(scales.values())
    ]


class _Pixels:
    """Images, each once."""

    def __init__(self, side: int) -> None:
        self.stored: list[list[Any]] = []
        self.size, self.cut = 0, False
        self._side = side
        self._known: dict[tuple[Any, ...], int] = {}

    def add(self, image: Any, most: float = 1.0) -> int:
        """Store an image (C, H, W) of values from 0 to `most`; its index in `stored`."""
        shown = np.moveaxis(middle(image, self._side), 0, -1)
        # What may be the middle of a larger image already, as cells keep it, is told likewise.
        self.cut |= shown.size < image.size or SAMPLE_SIDE in image.shape[-2:]
        data = np.round(np.clip(shown / most, 0, 1) * 255).astype(np.uint8)
        key = (data.shape, data.tobytes())
        if key not in self._known:
            self._known[key] = len(self.stored)
            self.stored.append([*data.shape, base64.b64encode(key[1]).decode()])
            self.size += data.size
        return self._known[key]


class _Images:
    """The kept images of a data set's cells, with what was measured on each."""

    def __init__(self, section: Section, styles: Styles) -> None:
        self._styles = styles
        self.samples: dict[Column, dict[str, Samples]] = {}
        for label, column, samples in kept_samples(section):
            self.samples.setdefault(column, {})[label] = samples
        # Of each image that was kept its metrics, and which images are the cases.
        self._metrics: dict[tuple[Column, str], dict[int, list[float | None]]] = {}
        self._cases: dict[tuple[Column, str], list[int]] = {}
        for (noise, level, label), part in section.scores.by("noise", "level", "label"):
            entry = ((noise, level), label)
            if kept := self.samples.get(entry[0], {}).get(label):
                scores = next(iter(part))  # of several seeds the first's, as the images are
                if section.draws > 1:  # and of several draws of noise
                    first = scores["noise_seed"] == scores["noise_seed"][0]
                    scores = {name: values[first] for name, values in scores.items()}
                rows = {int(position): row for row, position in enumerate(scores["image"])}
                self._metrics[entry] = {
                    position: [_number(scores[name][rows[position]]) for name in section.scales]
                    for position in kept["image"]
                }
                self._cases[entry] = [
                    int(scores["image"][row]) for row in _cases(section.scales, scores)
                ]

    def data(self, handful: int, pixels: _Pixels) -> dict[str, Any]:
        noises = []
        for column, samples in self.samples.items():
            positions = common_positions(samples.values())[:handful]
            images = []
            for index, position in enumerate(positions):
                first = next(iter(samples.values()))
                images.append(
                    {
                        "position": position,
                        "clean": _clean(first, index, pixels),
                        "noisy": pixels.add(first["noisy"][index]),
                        "panels": [
                            self._panel(column, label, kept, index, pixels)
                            for label, kept in samples.items()
                        ],
                    }
                )
            noises.append(
                {
                    "name": printable(noise_text(*column)),
                    "images": images,
                    "cases": self._case_panels(column, samples, pixels),
                }
            )
        return {"noises": noises}

    def _case_panels(
        self, column: Column, samples: Mapping[str, Samples], pixels: _Pixels
    ) -> dict[str, list[Any]]:
        """The panels of each method's worst, median and best image, where it kept them."""
        cases: dict[str, list[Any]] = {}
        for label, kept in samples.items():
            for name, position in zip(_CASES, self._cases[column, label], strict=False):
                if position in kept["image"]:
                    index = kept["image"].index(position)
                    panel = self._panel(column, label, kept, index, pixels)
                    panel["clean"] = _clean(kept, index, pixels)
                    panel["noisy"] = pixels.add(kept["noisy"][index])
                    cases.setdefault(name, []).append(panel)
        return cases

    def _panel(
        self, column: Column, label: str, kept: Samples, index: int, pixels: _Pixels
    ) -> dict[str, Any]:
        position = kept["image"][index]
        return {
            "method": self._styles.index[label],
            "position": position,
            "image": pixels.add(kept["restored"][index]),
            "deviation": pixels.add(kept["deviation"][index], DEVIATION_SHOWN)
            if kept["deviation"]
            else None,
            "scores": self._metrics[column, label][position],
        }


def _clean(kept: Samples, index: int, pixels: _Pixels) -> int | None:
    """A clean image; None where there is no ground truth."""
    return pixels.add(kept["clean"][index]) if kept["clean"] else None


def _cases(scales: Mapping[str, Scale], scores: Columns) -> list[int]:
    """Rows of the worst, the median and the best value of the first metric that has some."""
    for name, scale in scales.items():
        values = scores[name] if scale.higher else -scores[name]
        order = np.argsort(values, kind="stable")  # what has no value comes last
        order = order[: int(np.isfinite(values).sum())]
        if len(order):
            return [int(order[rank]) for rank in (0, (len(order) - 1) // 2, -1)]
    return []


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(f"{value:.5g}")
