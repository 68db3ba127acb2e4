"""The images that moved most between two runs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.gate.pairing import Sample

#: Number of images that are named.
NAMED = 3


@dataclass(frozen=True)
class Moved:
    """How far a restored image lies from the one that the baseline has.

    Attributes:
        image: its position in the split.
        seed: training seed of the method that restored it; None where nothing is random.
        new, old: its scores; where seeds are not paired, `old` is the mean over the baseline's.
    """

    image: int
    seed: int | None
    new: float
    old: float

    @property
    def difference(self) -> float:
        """New less old."""
        return self.new - self.old


def outliers(sample: Sample) -> tuple[tuple[Moved, ...], Moved]:
    """The images that moved most at one level, the farthest first, and the one that fell most.

    Those that did not move are not named.

    An image counts with the training seed that moved it farthest.

    >>> sample = Sample(np.array([[[20.0, 9.0, 21.0]]]), np.full((1, 1, 3), 20.0), random=False)
    >>> moved, worst = outliers(sample)
    >>> [(entry.image, entry.difference) for entry in moved], worst.image
    ([(1, -11.0), (2, 1.0)], 1)
    """
    new, old = sample.new[0], sample.old[0]
    if not sample.paired:
        old = np.broadcast_to(old.mean(axis=0), new.shape)
    difference = new - old

    def entry(seed: int, image: int) -> Moved:
        return Moved(
            int(sample.positions[image]) if len(sample.positions) else image,
            sample.seeds[seed] if len(sample.seeds) else None,
            sample.sign * float(new[seed, image]),
            sample.sign * float(old[seed, image]),
        )

    seeds = abs(difference).argmax(axis=0)
    farthest = abs(difference).max(axis=0)
    order = [i for i in np.argsort(-farthest, kind="stable")[:NAMED] if farthest[i] > 0]
    fallen = divmod(int(difference.argmin()), difference.shape[1])
    return tuple(entry(int(seeds[i]), int(i)) for i in order), entry(*fallen)
