"""The code that draws noises: loaded in each process that draws some of a plugin's."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from bench.core import Cell, Noise, PluginNoise, UsageError
from bench.plugins.kinds import NOISES
from bench.plugins.sources import Registry


class OtherCode(UsageError):
    """A noise is drawn by other code than it was.

    Args:
        text: the error's.
        kind: the noise's.
    """

    def __init__(self, text: str, kind: str = "") -> None:
        super().__init__(text)
        self.kind = kind


def load_code(noises: Iterable[Noise], registry: Registry[Any]) -> None:
    """Load the plugins that noises are of, so that these can be drawn.

    Args:
        noises: those that are to be drawn.
        registry: of any kind.

    Raises:
        OtherCode: it is not the code that they were planned or measured with.
        UsageError: there is no such plugin, or it is broken.
    """
    for noise in dict.fromkeys(noises):
        if isinstance(noise, PluginNoise):
            kind = registry.of(NOISES).load(noise.kind)
            if kind.source != noise.source:
                raise OtherCode(
                    f"noise {noise.kind} has other code than it was drawn with: use the version "
                    "that drew it, or run it again",
                    noise.kind,
                )


def noises_of(*cells: Cell) -> list[Noise]:
    """What cells are tested and trained on."""
    trained = [cell.train.noise for cell in cells if cell.train]
    return [*(cell.noise for cell in cells), *trained]
