"""A run's manifest: what was asked for, on which data, by which code, on which machine."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

import pydantic

from bench.core import (
    CONVENTIONS,
    DEFAULT_SCALES,
    MATCHED,
    PROTOCOL_VERSION,
    RESERVED,
    Cell,
    Dataset,
    Scale,
    TuneOn,
)
from bench.core.dataset import MeasuredSplit
from bench.core.learning import Family, Supervision
from bench.core.metric import Better
from bench.core.tiling import SIDE
from bench.store.json_model import Amount, Count, JsonModel
from bench.store.recorded_data import RecordedDataset

#: Of what is written; earlier ones can be read.
FORMAT_VERSION = 3
#: What the note begins with by which a run tells that it was merged of several.
MERGED = "merged of the runs"


class RecordedSettings(JsonModel):
    """The settings of a run, under the command line's names (`batch-size`).

    What early manifests lack has its default. The settings themselves, with their checks, are
    `bench.planning.settings.Settings`.
    """

    model_config = pydantic.ConfigDict(alias_generator=lambda name: name.replace("_", "-"))

    dataset: str
    train_dataset: str | None = None
    range: Annotated[list[float], pydantic.Field(min_length=2, max_length=2)] | None = None
    methods: list[str]
    noise: list[float | str]
    clip: bool
    train_noise: list[str] = pydantic.Field(default_factory=lambda: [MATCHED])
    seeds: list[Count]
    noise_seeds: list[Count] = pydantic.Field(default_factory=lambda: [0])
    split: MeasuredSplit = "test"
    limit: Count | None
    epochs: Count | None
    batch_size: Count | None = None
    preset: str
    tune: bool
    tune_by: str = "psnr"
    tune_on: TuneOn = "clean"
    sigma: Amount | None = None
    quantize: bool
    tile: Count | None = SIDE
    sealed: bool = False
    device: str


class RecordedMethod(JsonModel):
    """A method, as it said itself: see `bench.plugins.contract.Method`.

    Attributes:
        family, supervision: see `bench.core.learning`; None where early manifests do not say.
        trained_on: label of the method with its parameters -> the data sets that it was trained on
            elsewhere, each with its levels in words; None where nobody says. What is trained here
            is not in it: its cells say on what.
    """

    summary: str
    reference: str
    origin: str = ""
    told_noise: bool = False
    learns: bool = False
    family: Family | None = None
    supervision: Supervision | None = None
    trained_on: dict[str, list[str] | None] = pydantic.Field(default_factory=dict)


class RecordedMetric(JsonModel):
    """A metric, as it said itself, see `bench.plugins.metric`; of built-in early ones, as it was.

    Attributes:
        source: digest of its code; empty where early manifests do not say.
        fitted: digest of what it learned from the training images; empty where it learns nothing.
    """

    title: str
    unit: str = ""
    better: Better
    decimals: Annotated[Count, pydantic.Field(le=12)] = 3
    least: float | None = None
    most: float | None = None
    needs: list[str] = pydantic.Field(default_factory=list)
    summary: str = ""
    reference: str = ""
    origin: str = ""
    note: str = ""
    source: str = ""
    fitted: str = ""

    @property
    def scale(self) -> Scale:
        """How its numbers are read."""
        least = -math.inf if self.least is None else self.least
        most = math.inf if self.most is None else self.most
        return Scale(self.title, self.unit, self.better, self.decimals, least, most)

    def same_code(self, other: RecordedMetric) -> bool:
        """Whether the two give the same numbers, as far as the manifests say."""
        learned = self.fitted == other.fitted or not (self.fitted and other.fitted)
        return learned and self.code_of_others == other.code_of_others

    @property
    def code_of_others(self) -> str:
        """Digest of its code; empty where it is bench's own, of which the protocol tells."""
        return "" if self.origin == "built in" else self.source

    @property
    def code(self) -> str:
        """What the columns of one code have in common: of bench's own what it learned."""
        return self.fitted if self.origin == "built in" else self.source


def _early_metrics() -> dict[str, RecordedMetric]:
    """Those of manifests that do not name them, of formats 1 and 2."""
    return {label: RecordedMetric(**asdict(scale)) for label, scale in DEFAULT_SCALES.items()}


class Git(JsonModel):
    """The checkout that measured."""

    commit: str
    dirty: bool


class Machine(JsonModel):
    """The machine that measured; memory in bytes, where it is known, and the load before."""

    os: str
    cpu: str
    cores: Count
    load: Amount | None = None
    memory_bytes: Count | None
    gpu: str | None


class Session(JsonModel):
    """What a manifest says of a process that worked on the run; None where it says nothing."""

    started: str | None = None
    ended: str | None = None
    command: str | None = None
    versions: dict[str, str] | None = None
    git: Git | None = None
    plugins: dict[str, Git | None] | None = None
    machine: Machine | None = None
    device: str | None = None
    threads: Count | None = None


class PlannedCell(JsonModel):
    """A cell as it was planned: its method's label, the noise it is tested on, its seed."""

    label: str
    noise: str
    seed: Count | None = None


class Manifest(JsonModel):
    """All that holds for the whole of a run.

    Attributes:
        format: version of the files' format, see `bench.store.run`.
        protocol: version of the protocol: numbers of two protocols are not comparable.
        conventions: what makes numbers comparable, in words: see `bench.core.CONVENTIONS`.
        settings: what was asked for, after defaults.
        dataset: the data, by name and content.
        methods: name of each method -> what it says of itself.
        metrics: label of each metric -> what it says of itself; the first leads where one must.
        notes: what readers of the numbers should know of how the run was planned, a sentence each.
        cells: the keys of the cells, in the plan's order.
        planned: key -> what cell it is, also of those that have no result as yet; early manifests
            do not say.
        device: where torch computed in the last session: "cpu" or "cuda".
        threads: that a cell computed with in the last session.
        command: that started the last session.
        versions: package -> version; of the last session, as git and machine are.
        git: the checkout; None outside of one.
        plugins: name of each method that is not bench's own, and kind and name of each other plugin
            -> the checkout of its file; None where no checkout tracks it.
        files: label of each method and metric whose parameters name files -> path of each, as
            typed -> SHA-256 of what it held.
        machine: the hardware.
        started, ended: of the last session, ISO 8601 in UTC; None while it has not ended.
        earlier: the sessions before it.
    """

    format: Count
    protocol: Count
    conventions: dict[str, str]
    settings: RecordedSettings
    dataset: RecordedDataset
    methods: dict[str, RecordedMethod]
    metrics: dict[str, RecordedMetric] = pydantic.Field(
        default_factory=_early_metrics, min_length=1
    )
    notes: list[str] = pydantic.Field(default_factory=list)
    cells: list[str]
    planned: dict[str, PlannedCell] = pydantic.Field(default_factory=dict)
    device: str | None = None
    threads: Count | None = None
    command: str
    versions: dict[str, str]
    git: Git | None
    plugins: dict[str, Git | None] = pydantic.Field(default_factory=dict)
    files: dict[str, dict[str, str]] = pydantic.Field(default_factory=dict)
    machine: Machine
    started: str
    ended: str | None
    earlier: list[Session] = pydantic.Field(default_factory=list)

    @classmethod
    def of(
        cls,
        settings: Mapping[str, Any],
        data: Dataset,
        methods: Mapping[str, RecordedMethod],
        cells: Iterable[Cell],
        *,
        metrics: Mapping[str, RecordedMetric] | None = None,
        device: str,
        threads: int,
        command: str,
        notes: Sequence[str] = (),
        environment: Mapping[str, Any],
    ) -> Manifest:
        """The manifest of a run that starts now.

        Args:
            settings: under the command line's names, see `RecordedSettings`.
            data: the data set that is measured on.
            methods: name -> what the method says of itself.
            cells: in the plan's order.
            metrics: label -> what the metric says of itself; None for psnr, ssim and mse.
            device: where torch computes.
            threads: that a cell computes with.
            command: what made the run.
            notes: what readers of its numbers should know.
            environment: versions, git, plugins and machine, see
                `bench.execution.environment.describe`.
        """
        recorded, cells = RecordedSettings.model_validate(settings), list(cells)
        return cls(
            format=FORMAT_VERSION,
            protocol=PROTOCOL_VERSION,
            conventions=conventions(recorded.quantize, data.range.clamp, given=data.given),
            settings=recorded,
            dataset=RecordedDataset.of(data, recorded.split),
            methods=dict(methods),
            metrics=_early_metrics() if metrics is None else dict(metrics),
            notes=list(notes),
            cells=[cell.key for cell in cells],
            planned={
                cell.key: PlannedCell(label=cell.label, noise=str(cell.noise), seed=cell.seed)
                for cell in cells
            },
            device=device,
            threads=threads,
            command=command,
            started=timestamp(),
            ended=None,
            **environment,
        )

    @pydantic.field_validator("metrics")
    @classmethod
    def _have_columns(cls, metrics: dict[str, RecordedMetric]) -> dict[str, RecordedMetric]:
        if taken := sorted(set(metrics).intersection(RESERVED)):
            raise ValueError(f"a metric is called {taken[0]}, as another column of records")
        return metrics

    @property
    def scales(self) -> dict[str, Scale]:
        """How the numbers of its metrics are read, by their labels."""
        return {label: metric.scale for label, metric in self.metrics.items()}

    @property
    def merged(self) -> bool:
        """Whether it was merged of several runs, which may differ in what `settings` say."""
        return any(note.startswith(MERGED) for note in self.notes)

    def session(self) -> Session:
        """What it says of the last session, as `earlier` keeps it."""
        return Session(**{name: getattr(self, name) for name in Session.model_fields})


def conventions(quantize: bool, clamp: bool = True, given: bool = False) -> dict[str, str]:
    """`bench.core.CONVENTIONS`, with what is done to outputs and where the noise comes from.

    >>> conventions(quantize=True)["outputs"]
    'clamped to [0, 1] once, before any metric; then rounded to 8 bits'
    """
    outputs = CONVENTIONS["outputs"] if clamp else "not clamped"
    outputs += "; then rounded to 8 bits" if quantize else ""
    noise = "came with the images; none is drawn" if given else CONVENTIONS["noise"]
    return {**CONVENTIONS, "outputs": outputs, "noise": noise}


def timestamp() -> str:
    """The time in UTC, to the second: `2026-11-26T06:55:32+00:00`."""
    return datetime.now(UTC).isoformat(timespec="seconds")
