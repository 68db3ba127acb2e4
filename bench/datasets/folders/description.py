"""`dataset.toml` at the top of a data set: what its files do not say themselves."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Annotated, Any

import pydantic

from bench.core import DataError, Range, UsageError, nearest, shown

#: Its name.
DESCRIPTION = "dataset.toml"
#: What is wrong with a value, in the words of whoever writes one.
_WANTED = {
    "range": "the stored values of black and white, as [0, 4095]",
    "unit": 'a text, as "counts"',
    "clamp": "true or false",
    "group": "a regular expression with one group in parentheses, as '^(.*)_\\d+'",
    "train": "how many units are held out for training, a whole number",
    "validation": "how many units are held out for tuning, a whole number",
}
_Count = Annotated[int, pydantic.Field(ge=0, strict=True)]


class Description(pydantic.BaseModel):
    """What `dataset.toml` says; all of it is optional.

    Attributes:
        range: the stored values of black and white.
        unit: of the stored values, for people.
        clamp: outputs are limited to the range, and clean images must lie within it.
        group: a regular expression whose one group, in the name of a file (or of a scene's
            folder), names the unit that its images belong to.
        train, validation: so many units are held out to train and to tune on.
    """

    model_config = pydantic.ConfigDict(extra="forbid", strict=True, frozen=True)

    range: Annotated[tuple[float, float], pydantic.Strict(False)] | None = None
    unit: str = ""
    clamp: bool = True
    group: str | None = None
    train: _Count = 0
    validation: _Count = 0

    @pydantic.field_validator("range", mode="before")
    @classmethod
    def _numbers(cls, value: Any) -> Any:
        if not isinstance(value, list) or not all(type(item) in (int, float) for item in value):
            raise ValueError
        return value

    @pydantic.field_validator("group")
    @classmethod
    def _one_group(cls, value: str | None) -> str | None:
        try:
            groups = 1 if value is None else re.compile(value).groups
        except re.error as error:
            raise ValueError(str(error)) from error
        if groups != 1:
            raise ValueError
        return value

    def stated(self, typed: Range | None, where: Path) -> Range | None:
        """The range that it states, or that was typed; None where neither does.

        Raises:
            UsageError: both do, and they are not equal.
            DataError: what it states is no range.
        """
        if self.range is None and typed is None:
            if self.unit or not self.clamp:
                raise DataError(f"{where / DESCRIPTION}: unit and clamp are of a range: state it")
            return None
        if self.range is None:
            assert typed is not None
            unit, clamp = self.unit or typed.unit, self.clamp and typed.clamp
            return Range(typed.low, typed.high, unit, clamp)
        try:
            own = Range(*self.range, self.unit, self.clamp)
        except UsageError as error:
            raise DataError(f"{where / DESCRIPTION}: {error}") from error
        if typed is not None and (typed.low, typed.high) != self.range:
            raise UsageError(
                f"--range {typed.low:.10g},{typed.high:.10g}: {where / DESCRIPTION} says "
                f"{own.low:.10g} to {own.high:.10g}; leave --range out, or change the file"
            )
        return own


def description(folder: Path) -> Description:
    """What `dataset.toml` in a folder says; nothing where there is none.

    Raises:
        DataError: it cannot be read, or says what it cannot say.
    """
    path = folder / DESCRIPTION
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if path.is_symlink():
            raise DataError(f"{path} is a link to what is not there") from None
        return Description()
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:  # of TOML, or of text that is not UTF-8
        raise DataError(f"{path} is no TOML: {error}") from error
    try:
        return Description.model_validate(values)
    except pydantic.ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = str(first["loc"][0])
        if first["type"] == "extra_forbidden":
            text = f"unknown key {key!r}: {nearest(key, _WANTED)}"
        else:
            text = f"{key} is {_WANTED[key]}; not {shown(values[key])}"
        raise DataError(f"{path}: {text}") from error
