"""The metrics of a cell's images, as they come: columns, and why one is missing."""

from __future__ import annotations

import contextlib
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.core import Restoration, Scale, Unsupported, in_threads
from bench.core.metric import Need
from bench.core.process_state import set_back
from bench.metrics.psnr import decibels
from bench.plugins.kinds import METRICS
from bench.plugins.metric import BadValues, Measure
from bench.plugins.plugin import BUILT_IN
from bench.plugins.sources import Registry

if TYPE_CHECKING:
    import numpy.typing as npt

    from bench.core import Values

#: Label -> the metric with its parameters; the first one leads where one must.
Measures = Mapping[str, Measure]
# What is said where images lack what a metric needs.
_WITHOUT = {
    "clean": "there are no clean images, which it needs",
    "frames": "there is one noisy frame of each scene, and it needs two",
}
# Characters of what a metric's error says that are kept.
_REASON = 1000


def built_in(*names: str) -> Measures:
    """Metrics that come with bench, at their defaults."""
    registry = Registry(kind=METRICS)
    return {name: registry.load(name).create({}) for name in names}


def need(measures: Measures, what: Need) -> bool:
    """Whether one of the metrics needs that."""
    return any(what in measure.metric.needs for measure in measures.values())


class Measurements:
    """What is measured of images that come by batches.

    A metric that raises, or gives what no metric may give, has no column, and costs nothing else.

    Args:
        measures: what to measure.
        threads: that metrics may use which say that they can.

    Attributes:
        unmeasured: label -> why there is no column.
    """

    def __init__(self, measures: Measures, threads: int = 1) -> None:
        self._measures, self._threads = measures, threads
        self._parts: dict[str, list[Values]] = {label: [] for label in measures}
        self.unmeasured: dict[str, str] = {}

    def need(self, what: Need) -> bool:
        """Whether one of the metrics needs that."""
        return need(self._measures, what)

    def add(self, images: Restoration) -> None:
        """Measure a batch."""
        wanted = {k: v for k, v in self._measures.items() if k not in self.unmeasured}
        with apart(*wanted.values()):
            self._add(wanted, images)

    def _add(self, wanted: Measures, images: Restoration) -> None:
        shared = {k: v for k, v in wanted.items() if v.metric.declared.threads}
        if shared:
            parts = in_threads(
                lambda rows: _measured(shared, images.only(slice(rows[0], rows[-1] + 1))),
                self._threads,
                np.arange(len(images.restored)),
            )
            for label in shared:
                self._note(label, *(part[label] for part in parts))
        alone = {k: v for k, v in wanted.items() if k not in shared}
        for label, values in _measured(alone, images).items():
            self._note(label, values)

    def columns(self) -> dict[str, npt.NDArray[np.float32]]:
        """Of each metric that has one, float32 (N,) of all images so far."""
        return {
            label: np.concatenate(parts).astype(np.float32)
            for label, parts in self._parts.items()
            if parts and label not in self.unmeasured
        }

    def leading(self) -> tuple[npt.NDArray[np.float32], Scale] | None:
        """The column of the first metric that has one, and how it is read."""
        for label, parts in self._parts.items():
            if parts and label not in self.unmeasured:
                return np.concatenate(parts).astype(np.float32), self._measures[label].scale
        return None

    def _note(self, label: str, *parts: Values | str) -> None:
        for values in parts:
            if isinstance(values, str):
                self.unmeasured.setdefault(label, values)
            else:
                self._parts[label].append(values)


def _measured(measures: Measures, images: Restoration) -> dict[str, Values | str]:
    """The values of each metric, or why there are none."""
    found: dict[str, Values | str] = {}
    for label in sorted(measures, key="psnr".__eq__):
        measure, error = measures[label], found.get("mse")
        if label == "psnr" and isinstance(error, np.ndarray) and measure.metric.origin == BUILT_IN:
            found[label] = decibels(error)  # the same to the bit, and the pixels are read once
        else:
            found[label] = _values_or_reason(measure, images)
    return found


def _values_or_reason(measure: Measure, images: Restoration) -> Values | str:
    for name in measure.metric.needs:
        if getattr(images, name) is None:
            return _WITHOUT.get(name, f"the images have no {name}")
    try:
        return measure(own(measure, images))
    except (Exception, SystemExit) as error:
        return reason(error, measure)


def apart(*measures: Measure) -> contextlib.AbstractContextManager[object]:
    """A block after which the process is as it was, if metrics are others' than bench's."""
    ours = all(measure.metric.origin == BUILT_IN for measure in measures)
    return contextlib.nullcontext() if ours else set_back()


def own(measure: Measure, images: Restoration) -> Restoration:
    """The images for a metric: others' metrics may write into theirs, and harm only themselves."""
    return images if measure.metric.origin == BUILT_IN else images.copied()


def reason(error: BaseException, measure: Measure) -> str:
    """What went wrong with a metric, in one line, with the line of its file where it did."""
    try:
        text = " ".join(str(error)[:_REASON].split()) or type(error).__name__
    except Exception:  # its own exception may be broken too
        text = "(it cannot say why)"
    if isinstance(error, (BadValues, Unsupported)):
        return text
    file: Any = getattr(sys.modules.get(measure.metric.target.__module__), "__file__", None)
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == file]
    where = f" ({Path(file).name}, line {lines[-1]})" if lines else ""
    return f"{type(error).__name__}: {text}{where}"
