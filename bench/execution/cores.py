"""How this machine's cores are shared out: cells side by side, and threads in each of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.core import MEASURED_BYTES, Cell
from bench.execution.environment import usable_cpus
from bench.execution.pools import local_workers

if TYPE_CHECKING:
    from bench.planning.settings import Settings

# Bytes that a worker takes: Python with torch, and the images of MNIST.
_WORKER = 2**30


@dataclass(frozen=True)
class Shares:
    """Who computes with what.

    Attributes:
        jobs: cells worked on at once in processes of their own; 0 for this process.
        threads: that filters and metrics compute with in each. A network's are its recipe's,
            so that its weights do not depend on its company.
        chosen: `jobs` was chosen here: a cell that computes with more threads counts as several.
    """

    jobs: int
    threads: int
    chosen: bool = False

    def taken_by(self, cell: Cell, uses_torch: bool) -> int:
        """How many of the jobs a cell counts as.

        Args:
            cell: to be worked on.
            uses_torch: whether its method is one that torch trains.
        """
        if not self.chosen or not uses_torch or cell.recipe is None:
            return 1
        threads = json.loads(cell.recipe).get("threads", 1)
        return max(1, min(self.jobs, threads // self.threads))


def shares(settings: Settings, cells: Sequence[Cell], largest: int = 0) -> Shares:
    """The shares of a run's cells.

    A core is used best by a thread that waits for no other. So cells are worked on side by side,
    one to a core, as far as there are cells and memory; where there are fewer cells than cores,
    filters get the rest as threads.

    Args:
        settings: say how many work on cells, if they do.
        cells: to be worked on.
        largest: values of the largest image.

    Raises:
        UsageError: of local workers no number is given.
    """
    cores = usable_cpus()
    if settings.dask:
        workers = local_workers(settings.dask)
        threads = cores // workers if workers else 1  # of a worker elsewhere nothing is known
        return Shares(0, settings.threads or max(1, threads))
    if settings.jobs == "auto":
        jobs = max(
            1, min(cores // (settings.threads or 1), len(cells), _room(largest, settings.sealed))
        )
        return Shares(jobs, settings.threads or max(1, cores // jobs), chosen=True)
    return Shares(settings.jobs, settings.threads or max(1, cores // max(1, settings.jobs)))


def _room(largest: int, sealed: bool) -> int:
    """Workers that fit the memory that is free, each with an image of so many values.

    Where they are sealed, each has a second process.
    """
    import psutil

    each = (_WORKER + MEASURED_BYTES * largest) * (2 if sealed else 1)
    return int(psutil.virtual_memory().available // each)
