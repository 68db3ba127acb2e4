"""Checkpoints: an interrupted training goes on from the last one."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np

from bench.training.history import History

Arrays = dict[str, np.ndarray[Any, Any]]

# Writing checkpoints may take so large a share of the time.
_SHARE_OF_TIME = 0.05


class Checkpoint(NamedTuple):
    """A training after an epoch: all that it takes to go on, and the history so far."""

    arrays: Mapping[str, np.ndarray[Any, Any]]
    history: History


class Checkpoints(Protocol):
    """Where checkpoints of one training are kept."""

    def load(self) -> Checkpoint | None:
        """The last one, if there is one."""

    def save(self, checkpoint: Checkpoint) -> None:
        """Keep one in place of the last."""


class Pace:
    """Saves checkpoints, of several trainings at once, only as often as their cost allows."""

    def __init__(self, *checkpoints: Checkpoints | None) -> None:
        self._checkpoints = checkpoints
        self._saved, self._cost = time.monotonic(), 0.0

    def save(self, *made: Callable[[], Checkpoint]) -> None:
        """Save what is made, one of each training, if it is time to."""
        now = time.monotonic()
        if any(self._checkpoints) and now - self._saved >= self._cost / _SHARE_OF_TIME:
            for checkpoints, checkpoint in zip(self._checkpoints, made, strict=True):
                if checkpoints:
                    checkpoints.save(checkpoint())
            self._saved = time.monotonic()
            self._cost = self._saved - now
