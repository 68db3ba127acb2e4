"""What networks were trained on, in words."""

from __future__ import annotations

import json

from bench.core.cell import MATCHED
from bench.report.content.rows import CellRow

#: Trainings of the built-in methods that never see noise, whatever noise their cell names: method,
#: parameter, value.
_WITHOUT_NOISE = (("vae", "objective", "self"),)
_CLEAN = "clean images"


def trained_on(cell: CellRow) -> str | None:
    """The noise that a cell's network was trained on; None where nothing is trained."""
    if cell.train is None:
        return None
    return _CLEAN if sees_no_noise(cell.method, cell.params) else cell.train


def in_relation(cell: CellRow) -> str:
    """What a trained cell was trained on: "it", where that is the noise that it meets."""
    if cell.regime == MATCHED and not sees_no_noise(cell.method, cell.params):
        return "it"
    return trained_on(cell) or ""


def sees_no_noise(method: str, params: str) -> bool:
    """Whether a method is trained on clean images alone.

    >>> sees_no_noise("vae", '{"objective":"self"}'), sees_no_noise("vae", "{}")
    (True, False)
    """
    typed = json.loads(params)
    return any(method == name and typed.get(key) == value for name, key, value in _WITHOUT_NOISE)
