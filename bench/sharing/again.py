"""A cell measured again: trained, tuned, denoised and scored, nothing from a cache.

The code that does it may be a stranger's, so another process does, which is watched.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from bench.core import BenchError, Cell, Dataset, method_label
from bench.evaluation.exam import LocalExaminer
from bench.evaluation.measurements import Measures, built_in
from bench.evaluation.restoring import cell_of
from bench.evaluation.runner import run_cells
from bench.execution import environment
from bench.execution.process import Job
from bench.execution.provenance import images_of
from bench.planning.request import resolve
from bench.planning.requested_metrics import metrics_of
from bench.planning.settings import Settings
from bench.plugins.contract import Method
from bench.plugins.noise_code import load_code, noises_of
from bench.plugins.plugin import BUILT_IN
from bench.plugins.sources import Registry
from bench.sharing.agreement import Outcome, agreement
from bench.store import CellMeta, FitCache, Run, open_run
from bench.store.verified import VerifiedCell

#: What is said of sessions, by what they are called.
_MACHINE = {"os": "system", "cpu": "processor", "gpu": "GPU"}


class LeftOut(Exception):
    """A cell cannot be measured here; the text says why."""


@dataclass(frozen=True)
class Verification:
    """Whose cells are measured again, and with what.

    Attributes:
        path: of the pack, or of the run.
        typed: plugins, folder of the data sets, and device.
        dataset: where its images lie.
        tolerance: of what is trained anew, in dB.
    """

    path: str
    typed: Settings
    dataset: Any
    tolerance: float


@dataclass(frozen=True)
class Begun:
    """A cell is about to be measured.

    Attributes:
        cell: in words.
        same_code: as of `VerifiedCell`.
        unchecked: metrics that cannot be measured here.
    """

    cell: str
    same_code: bool
    unchecked: list[str]


@dataclass(frozen=True)
class Again(Job):
    """A cell that the other process is to measure.

    Attributes:
        verification: of which it is.
        meta: what the pack says of it.
    """

    verification: Verification
    meta: CellMeta

    def answer(self, tell: Callable[[str, Any], None]) -> VerifiedCell | LeftOut:
        """In the other process: what comes of it; it tells the "begun" cell.

        Raises:
            BenchError: the images are not here or others, or the pack cannot be read.
        """

        def begun(cell: Begun) -> None:
            tell("begun", cell)
            tell("loaded", None)

        try:
            return _verifying(self.verification).cell(self.meta, begun)
        except LeftOut as why:
            return why


@dataclass(frozen=True)
class Here:
    """Where cells were measured again.

    Attributes:
        description: of machine and versions, see `bench.execution.environment`.
        differs: in what they are others than those of any of the run's sessions, in words.
    """

    description: dict[str, Any]
    differs: list[str]


@dataclass(frozen=True)
class Where(Job):
    """The other process is to say where it is.

    Attributes:
        verification: of a run, whose sessions are compared with that.
    """

    verification: Verification

    def answer(self, tell: Callable[[str, Any], None]) -> Here:
        """In the other process."""
        verifying = _verifying(self.verification)
        return Here(environment.describe(verifying.device), verifying.differs)


#: The run of this process, whose images are loaded once.
_known: list[_Verifying] = []


def _verifying(verification: Verification) -> _Verifying:
    if not _known or _known[0].verification != verification:
        _known[:] = [_Verifying(verification)]
    return _known[0]


class _Verifying:
    """A run whose cells are measured again."""

    def __init__(self, verification: Verification) -> None:
        self.verification, self._typed = verification, verification.typed
        self._run: Run = open_run(verification.path)
        self._registry = Registry(self._typed.plugins)
        self._unchecked: list[str] = []
        self._images: Dataset | None = None
        self._why_untrained = ""

    def cell(self, meta: CellMeta, begun: Callable[[Begun], None]) -> VerifiedCell:
        """What comes of a cell; raises `LeftOut` where it cannot be measured here."""
        cell, device = cell_of(meta.cell), self._device_of(meta)
        method = self._method(cell, meta)
        data = self._data(trained=method.learns or bool(cell.tune))
        measures, tuned_by = self._measures, self._tuned_by(cell)
        same_code = method.source == cell.source
        begun(Begun(str(cell), same_code, list(self._unchecked)))
        with tempfile.TemporaryDirectory(prefix="bench-verify-") as folder:
            (record,) = run_cells(
                [cell],
                data,
                {method.name: method},
                FitCache(Path(folder)),
                device=device,
                threads=meta.conditions.threads or 1,
                examined=LocalExaminer(data, measures).exam,
                tuned_by=tuned_by,
            )
        if record.status == "skipped":
            raise LeftOut(f"{cell.method}: {record.reason}")
        if record.status == "failed":
            found = Outcome(False, f"it fails here: {record.reason}")
        else:
            found = agreement(
                self._run.images(meta.key),
                record.images,
                random=method.random or method.uses_torch,
                same=same_code and not self.differs and device == self._recorded_device(meta),
                trained=self.verification.tolerance,
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
            where, typed = self.verification.dataset, self._typed
            arguments = self._run, where, typed.data_dir, typed.plugins
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
                self._unchecked.append(label)
                continue
            ours = recorded.origin == BUILT_IN or not recorded.source
            if one.metric.learns or not (ours or one.metric.source == recorded.source):
                self._unchecked.append(label)
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
