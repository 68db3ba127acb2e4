"""What a run's JSON files must look like before they are used: edited or damaged ones may not."""

from __future__ import annotations

from typing import Annotated, Any

import pydantic

from bench.core import Phase


class _Form(pydantic.BaseModel):
    # Strict: JSON has true numbers and true booleans, and a text that looks like one is neither.
    model_config = pydantic.ConfigDict(strict=True)


class _Settings(_Form):
    preset: str
    epochs: int | None
    limit: int | None
    tune: bool
    quantize: bool
    batch_size: int | None = pydantic.Field(None, alias="batch-size")


class _Sizes(_Form, extra="allow"):
    test: int
    __pydantic_extra__: dict[str, int]


class _Dataset(_Form):
    name: str
    fingerprint: str
    sizes: _Sizes
    note: str
    left_out: list[str] = []
    training: str = ""
    training_fingerprint: str = ""


class _Method(_Form):
    summary: str
    reference: str
    told_noise: bool = False
    learns: bool = False


class _Git(_Form):
    commit: str
    dirty: bool


class _Machine(_Form):
    os: str
    cpu: str
    cores: int
    memory_bytes: int | None
    gpu: str | None


class _Manifest(_Form):
    """What every manifest has; a default marks what early ones lack."""

    format: int
    protocol: int
    conventions: dict[str, str]
    settings: _Settings
    dataset: _Dataset
    methods: dict[str, _Method]
    cells: list[str]
    command: str
    versions: dict[str, str]
    git: _Git | None
    machine: _Machine
    started: str
    ended: str | None
    earlier: list[dict[str, Any]] = []


_Seconds = Annotated[float, pydantic.Field(ge=0, lt=1e9)]


class _Running(_Form):
    cell: str
    phase: Phase
    done: int
    of: int
    unit: str
    seconds: _Seconds


class _Progress(_Form):
    """What `bench.overview.Overview` writes, as far as it is read again."""

    failed: int
    skipped: int
    running: list[_Running]
    seconds_left: _Seconds | None
    updated: str


def misfit(manifest: Any, *, whole: bool) -> str:
    """What is wrong with a manifest, such as "settings: tune: Field required"; "" if nothing.

    Args:
        manifest: as it was read.
        whole: what is missing counts too.
    """
    try:
        _Manifest.model_validate(manifest)
    except pydantic.ValidationError as error:
        for found in error.errors(include_url=False, include_input=False):
            if whole or found["type"] != "missing":
                return ": ".join(map(str, (*found["loc"], found["msg"])))
    return ""


def is_progress(found: Any) -> bool:
    """Whether that is what a process that works on a run says of how far it came."""
    try:
        _Progress.model_validate(found)
    except pydantic.ValidationError:
        return False
    return True
