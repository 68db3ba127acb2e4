"""What networks were trained on, and how long, in words."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from bench.core import counted
from bench.core.cell import MATCHED
from bench.report.content.rows import CellRow
from bench.report.content.words import code, listed, outside

if TYPE_CHECKING:
    from bench.report.content.section import Section

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


def effort(section: Section, number: int) -> str:
    """How long the networks of a run were trained: by which preset, or for how many epochs each.

    Args:
        section: that the run is shown in.
        number: of the run there.

    Returns:
        "preset `quick`, 2 epochs", or of a run merged of several, whose settings are those of one,
        "20 epochs of `vae`, 2 of `cvae` and `unet`".
    """
    manifest = section.runs[number].manifest
    settings = manifest.settings
    if not manifest.merged:
        text = f"preset `{outside(settings.preset)}`"
        text += f", {outside(settings.epochs)} epochs" if settings.epochs else ""
        batches = f" of batches of {outside(settings.batch_size)}" if settings.batch_size else ""
        return text + batches
    labels: dict[int, dict[str, None]] = {}
    for cell, meta in zip(section.rows(), section.metadata, strict=True):
        epochs = json.loads(meta.cell.recipe or "{}").get("epochs")
        if cell.run == number and epochs:
            labels.setdefault(epochs, {})[code(cell.label)] = None
    if not labels:
        return "nothing was trained"
    first, *others = sorted(labels, reverse=True)
    said = [f"{counted(first, 'epoch')} of {listed(list(labels[first]))}"]
    return ", ".join(said + [f"{epochs} of {listed(list(labels[epochs]))}" for epochs in others])
