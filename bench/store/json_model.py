"""What models of a run's JSON files share: strictness, extra entries, words for a misfit."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import Annotated, Any

import pydantic

from bench.core import printable

#: Of numbers read from files, so that whatever is made of them is a number too.
_LARGEST = 1e100
Count = Annotated[int, pydantic.Field(ge=0, lt=2**63)]
Amount = Annotated[float, pydantic.Field(ge=0, lt=_LARGEST)]
Seconds = Annotated[float, pydantic.Field(ge=0, lt=1e9)]


def _with_bounds(value: Any) -> Any:
    """JSON none of whose numbers is too large for arithmetic; raises `ValueError`."""
    if isinstance(value, (int, float)) and _LARGEST < abs(value) < math.inf:
        raise ValueError("a number is too large")
    children: Iterable[Any] = value if isinstance(value, list) else ()
    for child in value.values() if isinstance(value, dict) else children:
        _with_bounds(child)
    return value


#: A loss or a score, which may be infinite or none.
Score = Annotated[float, pydantic.AfterValidator(_with_bounds)]
#: The parameters that a method ran with.
Parameters = Annotated[dict[str, Any], pydantic.AfterValidator(_with_bounds)]


class JsonModel(pydantic.BaseModel):
    """Typed content of a JSON file or of a part of one.

    Entries that it does not know are kept, so that a manifest of a later version is rewritten with
    them. Printed, it shows as it stands in the file.
    """

    # Strict: JSON has true numbers and true booleans, and a text that looks like one is neither.
    model_config = pydantic.ConfigDict(strict=True, extra="allow", populate_by_name=True)

    def as_dict(self) -> dict[str, Any]:
        """The entries that were given, under the names that they have in the file."""
        return self.model_dump(by_alias=True, exclude_unset=True)

    def __str__(self) -> str:
        return json.dumps(self.as_dict(), indent=2)


def misfit(error: pydantic.ValidationError) -> str:
    """What is wrong with a file's content, in a line: `settings: tune: Input should be ...`."""
    errors = error.errors(include_url=False, include_input=False)
    first = min(errors, key=lambda entry: [str(part) for part in entry["loc"]])
    path = [str(part) for part in first["loc"]]
    if first["type"] == "missing":
        return printable(f"{': '.join(path[:-1]) or 'it'} has no {path[-1]!r}")
    return printable(": ".join([*path, first["msg"]]))
