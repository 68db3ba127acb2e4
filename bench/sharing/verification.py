"""A sample of a pack's cells, each measured again in a process of its own: do they hold?"""

from __future__ import annotations

import dataclasses
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

from bench.core import BenchError, Dataset, UsageError, digest, expanded, method_label
from bench.evaluation.data_source import DataSource
from bench.execution import environment
from bench.execution.process import Limits, Lost, WatchedProcess
from bench.execution.provenance import found_images
from bench.planning.settings import Settings
from bench.sharing.again import BEGUN, LOADING, Again, Begun, LeftOut, tuning_by
from bench.sharing.agreement import TRAINED
from bench.sharing.machines import device_here, device_then, differences
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
    another process runs it, one for each cell: one that crashes or hangs does not hold, and no
    other is lost.

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
    found: list[VerifiedCell] = []
    left_out: dict[str, int] = {}
    source, data, untrained = _images(run, dataset, typed)
    with source.for_others(data) as shared:
        measuring = _Measuring(run, shared, untrained, typed, tolerance)
        for meta in drawn:
            if len(found) == cells:
                break
            try:
                found.append(measuring.cell(meta, telling.begun))
            except LeftOut as why:
                left_out[str(why)] = left_out.get(str(why), 0) + 1
                continue
            telling.done(found[-1])
    return Verified(
        pack=Path(path).name,
        sha256=pack_digest(path) if is_pack(path) else "",
        asked=min(cells, len(drawn)),
        seed=seed,
        methods=list(methods),
        cells=found,
        left_out=left_out,
        unchecked=measuring.unchecked,
        same_machine=not measuring.differs,
        differs=measuring.differs,
        machine=Machine(**measuring.here["machine"]),
        versions=measuring.here["versions"],
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


def _images(run: Run, given: Any, typed: Settings) -> tuple[DataSource, Dataset, str]:
    """Where the images are, and they; and why those to train and tune on are not here, or "".

    Raises:
        DataError, UsageError: none are here, or others.
    """
    arguments = run, given, typed.data_dir, typed.plugins
    try:
        return *found_images(*arguments, to_train=True), ""
    except BenchError as error:
        return *found_images(*arguments), str(error)


class _Measuring:
    """Cells of a run, each measured by a process of its own.

    Args:
        run: the run.
        source: of its images.
        untrained: why those to train and tune on are not here; else empty.
        typed: plugins, device, and limits.
        tolerance: of what is trained anew, in dB.

    Attributes:
        here: this machine and its versions, see `bench.execution.environment`.
        differs: in what they are others than those that measured, in words.
        unchecked: metrics that cannot be measured here.
    """

    def __init__(
        self, run: Run, source: DataSource, untrained: str, typed: Settings, tolerance: float
    ) -> None:
        self._run, self._source, self._untrained = run, source, untrained
        self._typed, self._tolerance = typed, tolerance
        self._device = device_here(run, typed.device)
        self._plugins = tuple(str(expanded(plugin).absolute()) for plugin in typed.plugins)
        self._unusable: dict[str, LeftOut] = {}
        self.here = environment.describe(self._device)
        self.differs = differences(run, self.here)
        self.unchecked: list[str] = []

    def cell(self, meta: CellMeta, told: Callable[[str], None]) -> VerifiedCell:
        """What comes of a cell; raises `LeftOut` where it cannot be measured here."""
        then = device_then(self._run, meta)
        if then == "cuda" and self._typed.device != "cpu" and self._device != "cuda":
            raise LeftOut("measured on a GPU, and torch has none here (--device cpu goes without)")
        device = self._device if then == "cuda" else "cpu"
        trained = meta.cell.train or meta.cell.noise
        needed = (
            f"method {meta.cell.method}",
            f"noise {meta.cell.noise.kind}",
            f"noise {trained.kind}",
            tuning_by(meta.cell.tune_by),
            "the images",
        )
        for what in needed:
            if what in self._unusable:
                raise self._unusable[what]
        while True:
            with tempfile.TemporaryDirectory(prefix="bench-verify-") as folder:
                job = Again(
                    run=self._run.path,
                    meta=meta,
                    source=self._source,
                    untrained=self._untrained,
                    plugins=self._plugins,
                    fits=Path(folder),
                    device=device,
                    same=not self.differs and device == then,
                    tolerance=self._tolerance,
                    unloadable=tuple(self.unchecked),
                )
                if outcome := self._outcome(job, told):
                    return outcome

    def _outcome(self, job: Again, told: Callable[[str], None]) -> VerifiedCell | None:
        """What comes of a cell; None where it is to be measured without one more metric."""
        begun: Begun | None = None
        loading = "what it needs"

        def heard(kind: str, value: Any) -> None:
            nonlocal begun, loading
            if kind == LOADING:
                loading = value
            elif kind == BEGUN:
                begun, self.unchecked = value, value.unchecked
                told(begun.cell)

        limits = Limits(self._typed.timeout, self._typed.memory_limit)
        process = WatchedProcess(limits, job.meta.conditions.threads or 1)
        try:
            process.start()
            outcome = process.ask(job, heard)
        except Lost as lost:
            if begun:
                how = f"it fails here: {lost}"
                key, cell, same_code = job.meta.key, begun.cell, begun.same_code
                return VerifiedCell(key=key, cell=cell, held=False, how=how, same_code=same_code)
            kind, _, label = loading.partition(" ")
            if kind == "metric":
                self.unchecked = [*self.unchecked, label]
                return None
            # Its next cell would be waited for likewise.
            why = LeftOut(f"{loading} cannot be loaded: {lost}")
            raise self._unusable.setdefault(loading, why) from None
        finally:
            process.close()
        if isinstance(outcome, LeftOut):
            raise outcome
        return cast(VerifiedCell, outcome)
