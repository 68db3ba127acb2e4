"""What a manifest says of the data set that was measured on."""

from __future__ import annotations

from typing import Annotated, ClassVar

import pydantic

from bench.core import Dataset, Range
from bench.core.dataset import MeasuredSplit
from bench.store.json_model import Count, JsonModel


class RecordedSizes(JsonModel):
    """Number of images in each split."""

    train: Count = 0
    validation: Count = 0
    test: Count
    __pydantic_extra__: dict[str, Count]


class RecordedRange(JsonModel):
    """What stored values mean, see `bench.core.Range`; of early manifests nobody stated it."""

    low: float = 0.0
    high: float = 1.0
    unit: str = ""
    clamp: bool = True

    @property
    def range(self) -> Range:
        """As the rest of the package has it."""
        return Range(self.low, self.high, self.unit, self.clamp)


class RecordedOverlap(JsonModel):
    """Measured images that training images show: how many, of how many that were looked at."""

    #: Share from which on it matters.
    MATTERS: ClassVar[float] = 0.01

    images: Count
    looked_at: Annotated[Count, pydantic.Field(ge=1)]

    @property
    def leak(self) -> bool:
        """So many that what learned from these has seen the measured images."""
        return self.images > 0 and self.images >= self.MATTERS * self.looked_at


class RecordedDataset(JsonModel):
    """The data set, see `bench.core.Dataset`; `units` counts those of the measured split.

    `overlap` is with the training images, see `bench.datasets.overlap`: None where none was found
    or nobody looked. `elsewhere` is with data sets that others trained on, by name, where these
    were looked at.
    """

    name: str
    fingerprint: str
    sizes: RecordedSizes
    note: str
    left_out: list[str] = pydantic.Field(default_factory=list)
    training: str = ""
    training_fingerprint: str = ""
    range: RecordedRange = pydantic.Field(default_factory=RecordedRange)
    frames: Count = 0
    truth: bool = True
    units: Count | None = None
    overlap: RecordedOverlap | None = None
    elsewhere: dict[str, RecordedOverlap] = pydantic.Field(default_factory=dict)

    @classmethod
    def of(cls, data: Dataset, split: MeasuredSplit = "test") -> RecordedDataset:
        """What a manifest keeps of a data set, of which a split is measured."""
        return cls(
            name=data.name,
            fingerprint=data.fingerprint,
            sizes=RecordedSizes.model_validate(dict(data.sizes)),
            note=data.note,
            left_out=list(data.left_out),
            training=data.training,
            training_fingerprint=data.training_fingerprint,
            range=RecordedRange(**data.range.as_dict()),
            frames=data.frames,
            truth=data.truth,
            units=len(set(data.units(split).tolist())) if data.units else None,
        )

    @property
    def given(self) -> bool:
        """The noise came with the images, and none was drawn."""
        return self.frames > 0

    @property
    def trained_on(self) -> str:
        """Name of the data set that training and validation images come from."""
        return self.training or self.name

    @property
    def trained_fingerprint(self) -> str:
        """Of that data set; early manifests, which do not say, trained on their own images."""
        return self.training_fingerprint or self.fingerprint
