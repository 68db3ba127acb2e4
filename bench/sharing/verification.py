"""Cells of a pack, measured again: trained, tuned, denoised and scored, nothing from a cache."""

from __future__ import annotations

import dataclasses
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from bench.core import BenchError, Cell, Dataset, UsageError, digest, method_label
from bench.evaluation.exam import LocalExaminer
from bench.evaluation.measurements import Measures, built_in
from bench.evaluation.restoring import cell_of
from bench.evaluation.runner import run_cells
from bench.execution import environment
from bench.execution.provenance import images_of
from bench.planning.request import resolve
from bench.planning.requested_metrics import metrics_of
from bench.planning.settings import Settings
from bench.plugins.contract import Method
from bench.plugins.noise_code import load_code, noises_of
from bench.plugins.plugin import BUILT_IN
from bench.plugins.sources import Registry
from bench.sharing.agreement import TRAINED, Outcome, agreement
from bench.store import CellMeta, FitCache, Run, Verified, is_pack, open_run
from bench.store.manifest import Machine, timestamp
from bench.store.verified import VerifiedCell, pack_digest

#: What is said of sessions, by what they are called.
_MACHINE = {"os": "system", "cpu": "processor", "gpu": "GPU"}


class LeftOut(Exception):
    """A cell cannot be measured here; the text says why."""


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
    telling: Telling = Telling(),
) -> Verified:
    """Measure a sample of a pack's cells again, and compare.

    The cells are drawn by the seed, of those that are done; where one cannot be measured here, the
    next one is taken, and why is said in `left_out`.

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
        telling: who is told how it goes on.

    Raises:
        UsageError: no such method was measured.
        DataError: the images are not here, or others.
        StorageError: the pack cannot be read.
    """
    run = open_run(path)
    typed = Settings.checked(plugins=tuple(plugins), data_dir=data_dir, device=device)
    drawn = _drawn(run, seed, methods)
    verifying = _Verifying(run, typed, dataset, tolerance)
    found: list[VerifiedCell] = []
    left_out: dict[str, int] = {}
    for meta in drawn:
        if len(found) == cells:
            break
        try:
            found.append(verifying.cell(meta, telling.begun))
        except LeftOut as why:
            left_out[str(why)] = left_out.get(str(why), 0) + 1
            continue
        telling.done(found[-1])
    here = environment.describe(verifying.device)
    return Verified(
        pack=Path(path).name,
        sha256=pack_digest(path) if is_pack(path) else "",
        asked=min(cells, len(drawn)),
        seed=seed,
        methods=list(methods),
        cells=found,
        left_out=left_out,
        unchecked=verifying.unchecked,
        same_machine=not verifying.differs,
        differs=verifying.differs,
        machine=Machine(**here["machine"]),
        versions=here["versions"],
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


class _Verifying:
    """A run whose cells are measured again.

    Args:
        run: the run.
        typed: plugins, folder of the data sets, and device.
        dataset: where its images lie.
        tolerance: of what is trained anew, in dB.
    """

    def __init__(self, run: Run, typed: Settings, dataset: Any, tolerance: float) -> None:
        self._run, self._typed, self._dataset, self._tolerance = run, typed, dataset, tolerance
        self._registry = Registry(typed.plugins)
        self.unchecked: list[str] = []
        self._images: Dataset | None = None
        self._why_untrained = ""

    def cell(self, meta: CellMeta, begun: Callable[[str], None]) -> VerifiedCell:
        """What comes of a cell; raises `LeftOut` where it cannot be measured here."""
        cell, device = cell_of(meta.cell), self._device_of(meta)
        method = self._method(cell, meta)
        data = self._data(trained=method.learns or bool(cell.tune))
        begun(str(cell))
        with tempfile.TemporaryDirectory(prefix="bench-verify-") as folder:
            (record,) = run_cells(
                [cell],
                data,
                {method.name: method},
                FitCache(Path(folder)),
                device=device,
                threads=meta.conditions.threads or 1,
                examined=LocalExaminer(data, self._measures).exam,
                tuned_by=self._tuned_by(cell),
            )
        if record.status == "skipped":
            raise LeftOut(f"{cell.method}: {record.reason}")
        same_code = method.source == cell.source
        if record.status == "failed":
            found = Outcome(False, f"it fails here: {record.reason}")
        else:
            found = agreement(
                self._run.images(meta.key),
                record.images,
                random=method.random or method.uses_torch,
                same=same_code and not self.differs and device == self._recorded_device(meta),
                trained=self._tolerance,
            )
        how = found.how if same_code else f"{found.how}; by other code than that which measured"
        if not found.held and record.chosen != meta.chosen and record.chosen:
            how += f"; it chose {record.chosen}, and the pack says {meta.chosen}"
        values = {**vars(found), "how": how}
        return VerifiedCell(key=meta.key, cell=str(cell), same_code=same_code, **values)

    @cached_property
    def device(self) -> str:
        """Where torch may compute here."""
        manifest = self._run.manifest
        used = {manifest.device, *(session.device for session in manifest.earlier)}
        if self._typed.device == "cpu" or "cuda" not in used:
            return "cpu"
        import torch

        return "cuda" if torch.cuda.is_available() else "cpu"

    def _recorded_device(self, meta: CellMeta) -> str:
        return meta.conditions.device or self._run.manifest.device or "cpu"

    def _device_of(self, meta: CellMeta) -> str:
        """Where a cell is computed; as it was, if it can be."""
        wanted = self._recorded_device(meta)
        if wanted == "cuda" and self._typed.device != "cpu" and self.device != "cuda":
            raise LeftOut("measured on a GPU, and torch has none here (--device cpu goes without)")
        return self.device if wanted == "cuda" else "cpu"

    def _method(self, cell: Cell, meta: CellMeta) -> Method:
        """The method, whatever its code is by now; raises `LeftOut` where it is not here."""
        try:
            load_code(noises_of(cell), self._registry)
            method = resolve(method_label(cell.method, cell.params), self._registry).method
        except BenchError as error:
            raise LeftOut(str(error)) from error
        if method.missing:
            raise LeftOut(method.missing)
        return method

    def _data(self, *, trained: bool) -> Dataset:
        """The images; raises `LeftOut` where those to train and tune on are not here."""
        if self._images is None:
            arguments = self._run, self._dataset, self._typed.data_dir, self._typed.plugins
            try:
                self._images = images_of(*arguments, to_train=True)
            except BenchError as error:
                self._images, self._why_untrained = images_of(*arguments), str(error)
        if trained and self._why_untrained:
            raise LeftOut(self._why_untrained)
        return self._images

    @cached_property
    def _measures(self) -> Measures:
        """The run's metrics that can be measured here; the others are noted."""
        measures = {}
        for label, recorded in self._run.manifest.metrics.items():
            try:
                (one,) = metrics_of([label], self._registry).values()
            except BenchError:
                self.unchecked.append(label)
                continue
            ours = recorded.origin == BUILT_IN or not recorded.source
            if one.metric.learns or not (ours or one.metric.source == recorded.source):
                self.unchecked.append(label)
            else:
                measures[label] = one.metric.create(one.params)
        return measures

    def _tuned_by(self, cell: Cell) -> Any:
        """The metric that the cell's parameters were chosen by."""
        if cell.tune_by == "psnr":
            return built_in("psnr")["psnr"]
        label, _, code = cell.tune_by.partition(" (")
        try:
            (one,) = metrics_of([label], self._registry).values()
        except BenchError as error:
            raise LeftOut(str(error)) from error
        if code and one.metric.source != code.rstrip(")"):
            raise LeftOut(f"it was tuned by other code of {label} than is here")
        return one.metric.create(one.params)

    @cached_property
    def differs(self) -> list[str]:
        """In what this machine and its versions are others than those of any of the sessions."""
        here = environment.describe(self.device)
        manifest = self._run.manifest
        sessions = [manifest, *manifest.earlier]
        return list(dict.fromkeys(text for each in sessions for text in _differences(each, here)))


def _differences(session: Any, here: dict[str, Any]) -> Iterator[str]:
    """In what a session's machine and versions are others than these."""
    versions, machine, git = session.versions or {}, session.machine, session.git
    for name in {**versions, **here["versions"]}:
        before, now = versions.get(name), here["versions"].get(name)
        if before != now:
            yield f"{name} {now or 'missing'}, where it was {before or 'missing'}"
    if git and (git.dirty or here["git"] != git.as_dict()):
        yield f"bench's code is not that of commit {git.commit[:12]}"
    if machine:
        for name, word in _MACHINE.items():
            before, now = _plain(getattr(machine, name)), _plain(here["machine"][name])
            # A session on the processor says nothing of a GPU.
            if before != now and not (name == "gpu" and before is None):
                yield f"{word} {now}, where it was {before}"


def _plain(name: str | None) -> str | None:
    """A system without its kernel's version, which computes nothing: `Linux-x86_64-with-glibc2`."""
    return _KERNEL.sub(r"\1", name) if name else name


_KERNEL = re.compile(r"^(Linux)-.*(?=-\w+-with-)")
