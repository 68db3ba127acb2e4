"""How long one image takes, on which device, and whether that was measured in quiet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from bench.core import IDENTITY, duration_text
from bench.report.content import timing
from bench.report.content.words import outside

if TYPE_CHECKING:
    from bench.report.content.section import Section
    from bench.store import CellMeta


@dataclass(frozen=True)
class Device:
    """What a method computed on.

    Attributes:
        kind: "CPU" or "GPU".
        name: the processor's, as its machine calls it; "" where that is not known.
        threads: that might be used; of a GPU 0.
    """

    kind: str
    name: str
    threads: int

    @property
    def text(self) -> str:
        """In words."""
        threads = f"{self.threads} thread{'s' * (self.threads > 1)} of " if self.threads else ""
        return f"{threads}{outside(self.name) or 'a machine that is not known'}"


@dataclass(frozen=True)
class Speed:
    """How long a method takes for an image on one device.

    Attributes:
        seconds: the median over noises and training seeds.
        device: where.
        disturbed: it was not timed alone on a quiet machine, see `timing`.
    """

    seconds: float
    device: Device
    disturbed: bool

    @property
    def text(self) -> str:
        """As tables show it."""
        return f"{timing.MARK if self.disturbed else ''}{duration_text(self.seconds)}"


@dataclass(frozen=True)
class Speeds:
    """The methods' speeds: of each on every device that it was timed on, the most used first.

    Attributes:
        alone: an image was denoised by itself; else it is its share of a batch.
        methods: label -> speeds.
        names: how tables call the devices: "CPU"; of several by their threads, or numbered.
    """

    alone: bool = True
    methods: Mapping[str, Sequence[Speed]] = field(default_factory=dict)
    names: Mapping[Device, str] = field(default_factory=dict)

    @classmethod
    def of(cls, section: Section) -> Speeds:
        """Those of a data set's cells that are done."""
        cells = [
            (row.label, row.run, meta)
            for row, meta in zip(section.rows(), section.metadata, strict=True)
            if meta.status == "done"
        ]
        restoring = [meta for _, _, meta in cells if meta.cell.method != IDENTITY]
        alone = bool(restoring) and all(_alone(meta) is not None for meta in restoring)
        timed: dict[str, dict[Device, list[tuple[float, bool]]]] = {}
        for label, run, meta in cells:
            seconds = _alone(meta) if alone else _in_batches(meta)
            if seconds is not None:
                machine = section.runs[run].manifest.machine
                name = machine.cpu if meta.conditions.device == "cpu" else machine.gpu or ""
                device = _device(meta, name)
                entry = seconds, timing.is_disturbed(meta, machine.cores)
                timed.setdefault(label, {}).setdefault(device, []).append(entry)
        speeds = {label: _speeds(by_device) for label, by_device in timed.items()}
        return cls(alone, speeds, _names(speeds))

    def of_kind(self, label: str, kind: str = "") -> Speed | None:
        """A method's speed on a kind of device; by default on that it was timed on most often."""
        speeds = self.methods.get(label, ())
        return next((speed for speed in speeds if kind in ("", speed.device.kind)), None)

    def text(self, label: str) -> str:
        """How long a method takes for an image: `0.4 ms`; on each of several devices."""
        return "; ".join(speed.text for speed in self.methods.get(label, ())) or "–"

    def seconds(self, label: str) -> float | None:
        """The same as a number, of the device that it was timed on most often."""
        return next((speed.seconds for speed in self.methods.get(label, ())), None)

    def device(self, label: str) -> str:
        """What a method was timed on."""
        return "; ".join(self.names[speed.device] for speed in self.methods.get(label, ())) or "–"

    @property
    def note(self) -> str:
        """What the columns are, in sentences; "" where nothing was timed."""
        if not self.methods:
            return ""
        how = "an image by itself" if self.alone else "an image's share of a batch"
        said = [f"Time is of the denoise call, {how}, the median over noises and trainings."]
        said += [f"{name}: {device.text}." for device, name in self.names.items()]
        if any(speed.disturbed for speeds in self.methods.values() for speed in speeds):
            said.append(f"{timing.MARK}: not timed alone on a quiet machine.")
        return " ".join(said)


def _speeds(by_device: Mapping[Device, Sequence[tuple[float, bool]]]) -> list[Speed]:
    most = sorted(by_device.items(), key=lambda entry: -len(entry[1]))
    return [
        Speed(median(seconds for seconds, _ in timed), device, any(busy for _, busy in timed))
        for device, timed in most
    ]


def _names(speeds: Mapping[str, Sequence[Speed]]) -> dict[Device, str]:
    devices = sorted(
        {speed.device for own in speeds.values() for speed in own},
        key=lambda one: (one.kind, one.name, one.threads),
    )
    names = {}
    for device in devices:
        alike = [one for one in devices if one.kind == device.kind]
        if len(alike) == 1:
            names[device] = device.kind
        elif len({one.name for one in alike}) == 1 and all(one.threads for one in alike):
            names[device] = f"{device.kind} ×{device.threads}"
        else:
            names[device] = f"{device.kind} {alike.index(device) + 1}"
    return names


def _device(meta: CellMeta, name: str) -> Device:
    conditions = meta.conditions
    if conditions.device in ("cpu", ""):
        return Device("CPU", name, conditions.threads or 0)
    return Device(
        "GPU" if conditions.device.startswith("cuda") else outside(conditions.device), name, 0
    )


def _alone(meta: CellMeta) -> float | None:
    """Seconds of an image of the data set's by itself; None where that was not measured."""
    shape, per_megapixel = meta.conditions.image_shape, meta.milliseconds_per_megapixel
    if per_megapixel is None or len(shape) != 3:
        return None
    return per_megapixel / 1e3 * float(np.prod(shape[1:])) / 1e6


def _in_batches(meta: CellMeta) -> float | None:
    return 1 / meta.images_per_second if meta.images_per_second else None
