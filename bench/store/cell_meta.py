"""A cell's metadata: all that is one value of a cell, as its file holds it beside the rows."""

from __future__ import annotations

import json
import re
from typing import Annotated, Any

import pydantic

from bench.core import MATCHED, Record, Status, TuneOn, canonical_json, cell_key, printable
from bench.store.json_model import Amount, Count, JsonModel, Parameters, Score, Seconds, misfit


def _object(text: str) -> str:
    """JSON of an object, with numbers that it can be written again with; raises `ValueError`."""
    value = json.loads(text)
    if not isinstance(value, dict):
        raise ValueError("it is no JSON object")
    canonical_json(value)
    return text


def _finite(value: dict[str, Any]) -> dict[str, Any]:
    """What can be written as JSON; raises `ValueError`."""
    canonical_json(value)
    return value


#: JSON of an object, as a text.
_Object = Annotated[str, pydantic.AfterValidator(_object)]
#: Of a noise, in the unit of its kind; 0 where it came with the images and nobody stated it.
_Level = Amount
_Pixels = Annotated[Count, pydantic.Field(ge=1)]


class RecordedNoise(JsonModel):
    """A noise, see `bench.core.Noise`; of a plugin's, with the digest of its code."""

    kind: str
    level: _Level
    clip: bool
    source: str = ""


class RecordedTrainNoise(JsonModel):
    """The noise trained on, see `bench.core.TrainNoise`; before there were regimes, matched."""

    regime: str = MATCHED
    lowest: Amount | None = None
    kind: str
    level: _Level
    clip: bool
    source: str = ""


class RecordedCell(JsonModel):
    """A point of the sweep, see `bench.core.Cell`; a default marks what early files lack."""

    dataset: str
    fingerprint: str = ""
    method: str
    params: _Object
    fit_params: str | None = None
    source: str = ""
    train: RecordedTrainNoise | None
    noise: RecordedNoise
    seed: Count | None
    recipe: str | None = None
    limit: Count | None = None
    tune: Count = 0
    quantize: bool = False
    noise_seed: Count = 0
    noise_seeds: list[Count] = pydantic.Field(default_factory=list)
    training: str = ""
    training_fingerprint: str = ""
    split: str = "test"
    tune_by: str = "psnr"
    tune_on: TuneOn = "clean"
    tile: Count | None = None


class Conditions(JsonModel):
    """What a cell's times hold for; all empty where nothing was timed.

    Attributes:
        batch_size: images of the largest denoise call.
        device: that computed.
        threads: that the method and its libraries might use.
        jobs: cells that were worked on at once on the machine; None where that is not known.
        image_shape: channels, height and width of the image that multiply-adds are of.
        calls: denoise calls that were timed.
        seconds_per_image: of these calls the lower quartile, the median and the upper one.
        cores_used: seconds of processor time of all threads by seconds of the clock; 3 of
            `threads` 1 took more than its share, 0.5 waited for a core.
        load: of the machine at their end: processes that computed or waited for a core, the mean
            of a minute.
        fit_reused: the model was fitted for an earlier cell.
        fitted_by: what fitted the model, where that is not torch alone.
    """

    batch_size: Count | None = None
    device: str = ""
    threads: Count | None = None
    jobs: Count | None = None
    image_shape: list[Count] = pydantic.Field(default_factory=list)
    calls: Count | None = None
    seconds_per_image: list[Amount] = pydantic.Field(default_factory=list)
    cores_used: Amount | None = None
    load: Amount | None = None
    fit_reused: bool = False
    fitted_by: dict[str, Any] = pydantic.Field(default_factory=dict)


class Digests(JsonModel):
    """Of a cell's rows, and of the files beside them: None where there is no such file."""

    rows: str = ""
    history: str | None = None
    samples: str | None = None


class CellMeta(JsonModel):
    """All that is one value of a cell; for what the entries mean, see `bench.core.Record`.

    Attributes:
        key: the cell's; its file is named by it and does not repeat it.
        peak_memory_bytes: until growth was measured, of the whole process while the cell ran.
        codes: metric -> what tells its code from another's, see `RecordedMetric.code`; of those
            that come with bench and learn nothing there is none.
        digests: since format 2.
    """

    key: str = pydantic.Field("", exclude=True)
    cell: RecordedCell
    status: Status
    unmeasured: dict[str, str] = pydantic.Field(default_factory=dict)
    codes: dict[str, str] = pydantic.Field(default_factory=dict)
    reason: str
    chosen: Annotated[Parameters, pydantic.AfterValidator(_finite)]
    chosen_score: Score | None
    estimate: str = ""
    regret: Amount | None = None
    trials: list[tuple[Parameters, Score]] = pydantic.Field(default_factory=list)
    failed_trials: list[tuple[Parameters, str]] = pydantic.Field(default_factory=list)
    at_edge: dict[str, str] = pydantic.Field(default_factory=dict)
    fit_seconds: Seconds | None = None
    tune_seconds: Seconds | None = None
    images_per_second: Amount | None = None
    milliseconds_per_megapixel: Amount | None = None
    multiply_adds: Count | None = None
    parameters: Count = 0
    memory_growth_bytes: Count | None = None
    peak_device_bytes: Count | None = None
    peak_memory_bytes: Count | None = None
    conditions: Conditions
    calibration: list[tuple[Amount, Amount, _Pixels]] = pydantic.Field(default_factory=list)
    traceback: str = ""
    digests: Digests = pydantic.Field(default_factory=Digests)

    @classmethod
    def of(cls, record: Record) -> CellMeta:
        """What is kept of a record beside its rows, as yet without digests."""
        values = {name: value for name, value in vars(record).items() if name in cls.model_fields}
        values["cell"] = record.cell.as_dict()
        return cls.model_validate(values)

    @classmethod
    def parse(cls, text: bytes, key: str, protocol: int) -> CellMeta:
        """The metadata that a cell's file holds as JSON.

        Args:
            text: the JSON.
            key: the cell's, by which its file is named.
            protocol: of the run, which the key was made with.

        Raises:
            ValueError: they are not a cell's, or another's.
        """
        try:
            meta = cls.model_validate_json(_encodable(text))
        except pydantic.ValidationError as error:
            raise ValueError(misfit(error)) from None
        meta.key = key
        if cell_key(json.loads(text)["cell"], protocol) != key:
            raise ValueError(f"it holds the result of another cell: {printable(meta.cell.method)}")
        return meta


# An escaped backslash or a pair of surrogates, to be left alone; or a surrogate alone.
_SURROGATES = re.compile(
    rb"\\\\|\\u[dD][89abAB]..\\u[dD][c-fC-F]..|(?P<alone>\\u[dD][89a-fA-F]..)", re.DOTALL
)


def _encodable(text: bytes) -> bytes:
    r"""JSON in which bytes of file names that are not UTF-8 stand as text (`\udcff`).

    Neither data frames nor pydantic take lone surrogates.
    """
    if b"\\ud" not in text and b"\\uD" not in text:
        return text
    return _SURROGATES.sub(lambda match: b"\\" * bool(match["alone"]) + match[0], text)
