"""A sample of a pack's cells, measured again in a process of its own: does what is said hold?"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bench.core import UsageError, digest, expanded, method_label
from bench.execution.process import Job, Limits, Lost, WatchedProcess
from bench.planning.settings import Settings
from bench.sharing.again import Again, Begun, Here, LeftOut, Verification, Where
from bench.sharing.agreement import TRAINED
from bench.store import CellMeta, Run, Verified, is_pack, open_run
from bench.store.manifest import Machine, timestamp
from bench.store.verified import VerifiedCell, pack_digest


@dataclasses.dataclass(frozen=True)
class Telling:
    """Who is told how it goes on.

    Attributes:
        begun: called with a cell, in words, before it is measured.
        done: called with what came of it.
    """

    begun: Callable[[str], None] = lambda cell: None
    done: Callable[[VerifiedCell], None] = lambda cell: None


def verify(
    path: str | os.PathLike[str],
    *,
    cells: int = 5,
    seed: int = 0,
    methods: Sequence[str] = (),
    plugins: Sequence[str | os.PathLike[str]] = (),
    dataset: Any = None,
    data_dir: str | os.PathLike[str] | None = None,
    device: str = "auto",
    tolerance: float = TRAINED,
    timeout: float | None = None,
    memory_limit: int | str | None = None,
    telling: Telling = Telling(),
) -> Verified:
    """Measure a sample of a pack's cells again, and compare.

    The cells are drawn by the seed, of those that are done; where one cannot be measured here, the
    next one is taken, and why is said in `left_out`. The code that measures may be anybody's, so
    another process runs it: a cell that crashes or hangs does not hold, and no other is lost.

    Args:
        path: of a pack, or of a run.
        cells: how many; all, where there are not so many.
        seed: of the draw.
        methods: names or labels, `vae` or `vae[latent=10]`; none for all.
        plugins: files and folders of methods, metrics, noises and data sets that are not bench's.
        dataset: where the images lie now, as `folder:PATH`.
        data_dir: folder of the data sets.
        device: where torch computes; "cpu" measures there what a GPU measured.
        tolerance: in dB of the mean PSNR, of what is trained anew and not the same bit for bit.
        timeout: seconds that a cell may take; None for any.
        memory_limit: resident memory that the process may take, in bytes or as "8GB"; None for any.
        telling: who is told how it goes on.

    Raises:
        UsageError: no such method was measured.
        DataError: the images are not here, or others.
        StorageError: the pack cannot be read.
    """
    run = open_run(path)
    limits = {"timeout": timeout, "memory_limit": memory_limit}
    typed = Settings.checked(
        plugins=tuple(plugins), data_dir=data_dir, device=device,
        jobs=1, **{name: value for name, value in limits.items() if value is not None},
    )  # fmt: skip
    drawn = _drawn(run, seed, methods)
    verification = Verification(str(expanded(path).absolute()), typed, dataset, tolerance)
    threads = max((meta.conditions.threads or 1 for meta in drawn), default=1)
    process = WatchedProcess(Limits(typed.timeout, typed.memory_limit), threads)
    measuring = _Measuring(verification, process)
    found: list[VerifiedCell] = []
    left_out: dict[str, int] = {}
    try:
        for meta in drawn:
            if len(found) == cells:
                break
            outcome = measuring.outcome(meta, telling.begun)
            if isinstance(outcome, LeftOut):
                left_out[str(outcome)] = left_out.get(str(outcome), 0) + 1
                continue
            found.append(outcome)
            telling.done(outcome)
        here = measuring.here()
    finally:
        process.close()
    return Verified(
        pack=Path(path).name,
        sha256=pack_digest(path) if is_pack(path) else "",
        asked=min(cells, len(drawn)),
        seed=seed,
        methods=list(methods),
        cells=found,
        left_out=left_out,
        unchecked=measuring.unchecked,
        same_machine=not here.differs,
        differs=here.differs,
        machine=Machine(**here.description["machine"]),
        versions=here.description["versions"],
        date=timestamp(),
    )


def _drawn(run: Run, seed: int, methods: Sequence[str]) -> list[CellMeta]:
    """The run's cells that are done, of those methods, in an order that the seed gives."""
    done = [meta for meta in run.metadata() if meta.status == "done"]
    if methods:
        labels = {meta.key: _labels(meta) for meta in done}
        known = {label for each in labels.values() for label in each}
        if unknown := [name for name in methods if name not in known]:
            raise UsageError(
                f"{run.path.name} has no results of {unknown[0]}: it has "
                f"{', '.join(sorted({meta.cell.method for meta in done}))}"
            )
        done = [meta for meta in done if labels[meta.key].intersection(methods)]
    return sorted(done, key=lambda meta: digest([seed, meta.key]))


def _labels(meta: CellMeta) -> set[str]:
    """What a cell's method may be called."""
    cell = meta.cell
    regime = cell.train.regime if cell.train else ""
    return {cell.method, method_label(cell.method, cell.params, regime)}


class _Measuring:
    """A process that measures the cells of a verification, one after the other.

    Attributes:
        unchecked: metrics that cannot be measured here.
    """

    def __init__(self, verification: Verification, process: WatchedProcess) -> None:
        self._verification, self._process = verification, process
        self._unusable: dict[str, LeftOut] = {}
        self.unchecked: list[str] = []

    def outcome(self, meta: CellMeta, told: Callable[[str], None]) -> VerifiedCell | LeftOut:
        """What comes of a cell, or why it cannot be measured here."""
        name = meta.cell.method
        if name in self._unusable:
            return self._unusable[name]
        begun: Begun | None = None

        def heard(kind: str, value: Any) -> None:
            nonlocal begun
            if kind == "begun":
                begun, self.unchecked = value, value.unchecked
                told(value.cell)

        try:
            return self._asked(Again(self._verification, meta), heard)
        except Lost as lost:
            if begun is None:  # as it was loaded, which would be waited for with its next cell
                return self._unusable.setdefault(name, LeftOut(f"{name} cannot be loaded: {lost}"))
            how = f"it fails here: {lost}"
            return VerifiedCell(
                key=meta.key, cell=begun.cell, held=False, how=how, same_code=begun.same_code
            )

    def here(self) -> Here:
        """Where that was."""
        return self._asked(Where(self._verification))

    def _asked(self, job: Job, heard: Callable[[str, Any], None] = lambda *_: None) -> Any:
        if not self._process.alive:
            self._process.start()
        return self._process.ask(job, heard)
