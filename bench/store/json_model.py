"""What models of a run's JSON files share: strictness, extra entries, words for a misfit."""

from __future__ import annotations

import json
from typing import Any

import pydantic

from bench.core import printable


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
