"""What each method costs: time, multiply-adds, training and tuning time, size and memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from bench.core import counted, duration_text, prefixed, significant
from bench.report.content import timing
from bench.report.content.words import outside

if TYPE_CHECKING:
    from bench.report.content.section import Section
    from bench.store import CellMeta

#: The columns of times, which are marked where a method was not timed alone.
_TIMES = ("ms per megapixel", "seconds per image", "training (s)", "tuning (s)")

_MEANS = {
    "ms per megapixel": (
        "Milliseconds per megapixel are of denoise calls with one image, the median one; pixels "
        "are counted once, whatever their channels."
    ),
    "multiply-adds": (
        "Multiply-adds are of one image{shape}, by torch's products and convolutions; of filters, "
        "and of what computes without torch, none are shown."
    ),
    "seconds per image": (
        "Seconds per image are an image's share of denoise calls with a whole batch, of the median "
        "one; after ± half the distance between the calls' quartiles."
    ),
    "memory growth (MiB)": (
        "Memory growth is by how much the resident memory of the process grows within a denoise "
        "call, its largest."
    ),
    "peak memory (MiB)": (
        "Peak memory is the whole process's while the method's cells ran, its largest, whatever "
        "else the process had loaded."
    ),
    "peak device memory (MiB)": (
        "Peak device memory is what torch had allocated on the GPU within a denoise call, weights "
        "included, its largest."
    ),
}


@dataclass(frozen=True)
class Cost:
    """An entry of the table: its text, and the number that it is sorted by."""

    text: str
    value: float | None

    @property
    def exact(self) -> float | str | None:
        """The number, or the text of what is none; None where it is not known."""
        return self.text if self.value is None and self is not _NONE else self.value


_NONE = Cost("–", None)


def costs(section: Section) -> dict[str, dict[str, Cost]]:
    """Column -> a method's label -> entry; only columns that something was measured for.

    Medians over levels and seeds; of sizes and memory the largest.
    """
    cells = _done(section)
    columns = {
        "ms per megapixel": _medians(cells, "milliseconds_per_megapixel"),
        "multiply-adds": _medians(cells, "multiply_adds", prefixed),
        "seconds per image": {label: _speed(metas) for label, metas in cells.items()},
        "batch": {label: _batch(metas) for label, metas in cells.items()},
        "device": {label: _device(metas) for label, metas in cells.items()},
        "training (s)": _medians(cells, "fit_seconds"),
        "tuning (s)": _medians(cells, "tune_seconds"),
        "parameters": {
            label: Cost(f"{most:,}", most)
            for label, metas in cells.items()
            for most in [max(meta.parameters for meta in metas)]
        },
        "memory growth (MiB)": _largest(cells, "memory_growth_bytes"),
        "peak memory (MiB)": _largest(cells, "peak_memory_bytes"),
        "peak device memory (MiB)": _largest(cells, "peak_device_bytes"),
    }
    busy = timing.disturbed(section)
    for name in _TIMES:
        columns[name] = {
            label: _marked(cost) if label in busy else cost for label, cost in columns[name].items()
        }
    return {
        name: column
        for name, column in columns.items()
        if any(cost is not _NONE for cost in column.values())
    }


def _marked(cost: Cost) -> Cost:
    """With the mark of what was not timed alone."""
    return cost if cost is _NONE else Cost(f"{timing.MARK}{cost.text}", cost.value)


def costs_note(section: Section) -> str:
    """What the columns mean, and which times are not those of a quiet machine."""
    cells = _done(section)
    said = ["Medians over levels and seeds; training and tuning are per noise level."]
    shown, shape = costs(section), _image_shape(cells)
    said += [text.format(shape=shape) for name, text in _MEANS.items() if name in shown]
    return " ".join(filter(None, [*said, timing.notes(section)]))


def _done(section: Section) -> dict[str, list[CellMeta]]:
    """Label -> its cells that are done."""
    cells: dict[str, list[CellMeta]] = {}
    for row, meta in zip(section.rows(), section.metadata, strict=True):
        if meta.status == "done":
            cells.setdefault(row.label, []).append(meta)
    return cells


def _image_shape(cells: Mapping[str, Sequence[CellMeta]]) -> str:
    """What of one image is counted, where it is the same for all."""
    known = [meta.conditions.image_shape for metas in cells.values() for meta in metas]
    sizes = {"x".join(map(str, shape[1:])) for shape in known if len(shape) == 3}
    return f" of {sizes.pop()}" if len(sizes) == 1 else ""


def _batch(metas: Sequence[CellMeta]) -> Cost:
    """Images of the largest call."""
    most = max((meta.conditions.batch_size or 0 for meta in metas), default=0)
    return Cost(f"{most:,}", most) if most else _NONE


def _device(metas: Sequence[CellMeta]) -> Cost:
    """Where it computed, and in how many threads."""
    names = dict.fromkeys(device_text(meta) for meta in metas if meta.conditions.device)
    return Cost("; ".join(map(outside, names)), None) if names else _NONE


def device_text(meta: CellMeta) -> str:
    """Where a cell's method computed, and in how many threads."""
    conditions = meta.conditions
    threads = conditions.threads
    if conditions.device != "cpu" or not threads:
        return conditions.device
    return f"{conditions.device}, {counted(threads, 'thread')}"


def _speed(metas: Sequence[CellMeta]) -> Cost:
    times = [1 / meta.images_per_second for meta in metas if meta.images_per_second]
    if not times:
        return _NONE
    quartiles = [meta.conditions.seconds_per_image for meta in metas]
    spreads = [(q[2] - q[0]) / 2 / q[1] for q in quartiles if len(q) == 3 and q[1]]
    spread = f" ± {math.ceil(100 * median(spreads))}%" if spreads else ""
    return Cost(duration_text(median(times)) + spread, median(times))


def _medians(
    cells: Mapping[str, Sequence[CellMeta]], name: str, text: Callable[[float], str] = significant
) -> dict[str, Cost]:
    """The methods' medians."""
    entries = {}
    for label, metas in cells.items():
        known = _known(metas, name)
        entries[label] = Cost(text(median(known)), median(known)) if known else _NONE
    return entries


def _largest(cells: Mapping[str, Sequence[CellMeta]], name: str) -> dict[str, Cost]:
    """Of bytes, the methods' largest in MiB."""
    entries = {}
    for label, metas in cells.items():
        most = max(_known(metas, name), default=None)
        entries[label] = _NONE if most is None else _mebibytes(most / 2**20)
    return entries


def _mebibytes(size: float) -> Cost:
    return Cost(significant(size) if size >= 1 else "< 1", size)


def _known(metas: Sequence[CellMeta], name: str) -> list[float]:
    values = (getattr(meta, name) for meta in metas)
    return [value for value in values if value is not None]
