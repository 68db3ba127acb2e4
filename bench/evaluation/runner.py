"""Cells -> records: fit, tune, denoise, score. A generator; it knows no disk and no screen."""

from __future__ import annotations

import contextlib
import copy
import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.core import (
    BadNoise,
    BenchError,
    Cell,
    DataError,
    Dataset,
    Phase,
    Progress,
    Record,
    Unsupported,
)
from bench.core.process_state import set_back
from bench.evaluation import tuning
from bench.evaluation.blame import ends_the_sweep
from bench.evaluation.calls import Calls
from bench.evaluation.denoising import Denoising
from bench.evaluation.exam import Exam, LocalExaminer
from bench.evaluation.fitting import Fits, fitted, learned_values
from bench.evaluation.forms import Form, form_of
from bench.evaluation.kept_images import KeptImages
from bench.evaluation.measurements import built_in
from bench.evaluation.noise_mismatch import check, informed
from bench.evaluation.scoring import BadOutput
from bench.evaluation.tiles import by_tiles
from bench.evaluation.validation import Validation
from bench.plugins.contract import Method
from bench.plugins.metric import Measure

# Characters of what a method's error says, and of its traceback, that are kept.
_REASON, _TRACEBACK = 1000, 20_000


def run_cells(
    cells: Iterable[Cell],
    dataset: Dataset,
    methods: Mapping[str, Method],
    fits: Fits,
    *,
    device: str = "cpu",
    threads: int = 1,
    jobs: int | None = 1,
    watch: Callable[[Progress], None] = lambda progress: None,
    waiting: Sequence[Cell] = (),
    examined: Callable[[Cell, int], Exam] | None = None,
    tuned_by: Measure | None = None,
) -> Generator[Record]:
    """One record a cell, in order.

    A method that raises, or gives what no denoiser may give, makes a failed record; one
    that raises `Unsupported` a skipped one. The sweep goes on either way.

    Args:
        cells: what to measure.
        dataset: the data set of all of them.
        methods: name -> method, of those that the cells name.
        fits: where fitted models are kept.
        device: where torch computes, "cpu" or "cuda".
        threads: those that a method and the scoring may use; a network has its recipe's.
        jobs: cells that are worked on at once on this machine; None where that is not known.
        watch: told how far each cell has come.
        waiting: cells whose models may be fitted along with these ones'; see `fitting.fitted`.
        examined: gives a cell's exam, for so many threads of scoring; by default that of a
            `LocalExaminer` with the default metrics.
        tuned_by: the metric that parameters are chosen by; PSNR by default.

    Raises:
        DataError, StorageError: what no method is to blame for ends the sweep.
    """
    examined = examined or LocalExaminer(dataset, built_in("psnr", "ssim", "mse")).exam
    tuned_by = tuned_by or built_in("psnr")["psnr"]
    for cell in cells:
        watch(Progress(cell, "start", 0, 0, ""))
        method = methods[cell.method]
        recipe = json.loads(cell.recipe or "{}")
        form = form_of(method, device, recipe.get("threads", threads))
        measuring = _Measuring(cell, form, dataset, fits, watch, waiting, tuned_by)
        try:
            with set_back(), form.computing():
                record = measuring.run(examined(cell, form.threads))
            record.conditions["jobs"] = jobs
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            if ends_the_sweep(error, method):
                raise
            record = measuring.unfinished(error)
        if method.changed:
            raise DataError(
                f"{method.changed[0]} was changed while {method.name} was measured: this cell is "
                "not kept, finished ones are safe, and the same command plans anew"
            )
        yield measuring.of_its_cell(record)


class _Measuring:
    """One cell being measured."""

    def __init__(
        self,
        cell: Cell,
        form: Form,
        dataset: Dataset,
        fits: Fits,
        watch: Callable[[Progress], None],
        waiting: Sequence[Cell],
        tuned_by: Measure,
    ) -> None:
        self._asked, self._process = cell, os.getpid()
        # A method is handed its noise, and may write into that.
        self._cell, self._form, self._method = copy.deepcopy(cell), form, form.method
        self._dataset, self._fits, self._watch = dataset, fits, watch
        self._waiting, self._tuned_by = waiting, tuned_by
        self._params: dict[str, Any] = json.loads(cell.params)
        self._typed = self._method.own(self._params)
        self._arrays: Mapping[str, Any] | None = None
        #: The tuned parameters, once they are chosen, to be named where it fails with them.
        self.setting = ""

    def run(self, exam: Exam) -> Record:
        check(self._cell, self._method)  # before hours of training
        record = Record(self._cell, "done")
        fit, reused = None, False
        if self._method.learns:
            fit, reused = fitted(
                self._form,
                self._typed,
                self._cell,
                self._dataset,
                self._fits,
                lambda done, total, loss: self._tell("fit", done, total, "epochs", loss),
                self._waiting,
            )
            record.fit_seconds, record.history = fit.seconds, fit.history
            self._arrays = fit.arrays
        tuned: dict[str, Any] = {}
        if self._cell.tune:
            started = time.perf_counter()
            validation = self._validation()
            found = self._tune(validation)
            record.tune_seconds = time.perf_counter() - started
            record.trials, record.failed_trials = found.trials, found.failed
            record.at_edge, record.regret = found.at_edge, found.regret
            record.estimate = validation.estimate
            tuned, record.chosen_score = tuning.best(found.trials, validation.scale.higher)
            values = ", ".join(f"{name}={value}" for name, value in tuned.items())
            self.setting = f", tuned to {values}"
        record.chosen = {**self._method.parameters, **self._params, **tuned}
        denoiser = self._make(tuned, truly=False)
        record.parameters = learned_values(denoiser, fit)
        kept = KeptImages(self._fits, self._cell, self._form.device)
        try:
            Denoising(denoiser, self._form, exam, record, kept).run(
                lambda done, total: self._tell("denoise", done, total, "images")
            )
        except BaseException:
            with contextlib.suppress(BenchError):  # what ended the cell is what is told
                exam.abandon()
                kept.save()
            raise
        kept.remove()
        record.conditions["fit_reused"] = reused
        if fit and fit.fitted_by:
            record.conditions["fitted_by"] = dict(fit.fitted_by)
        return record

    def unfinished(self, error: BaseException) -> Record:
        """The record of a method that raised."""
        if isinstance(error, Unsupported):
            return Record(self._cell, "skipped", reason=_one_line(error))
        reason = explain(error, self._method) + self.setting
        told = traceback.format_exc()[-_TRACEBACK:]
        return Record(self._cell, "failed", reason=reason, traceback=told)

    def of_its_cell(self, record: Record) -> Record:
        """The record, if it is still of the cell that was asked for."""
        self._end_a_copy()
        if self._cell != self._asked:
            reason = "it changed the noise that it was told"
            return Record(self._asked, "failed", reason=reason)
        record.cell = self._asked
        return record

    def _end_a_copy(self) -> None:
        """End this process if a method forked it off and came back in both."""
        if os.getpid() != self._process:
            os._exit(0)

    def _make(self, tuned: Mapping[str, Any], *, truly: bool = True) -> Any:
        """The denoiser with such parameters beside those typed, and with what was fitted.

        Unless `truly`, it may be told a wrong level: tuning would make up for that.
        """
        denoiser = self._form.create({**self._typed, **tuned}, self._cell.seed)
        if self._arrays is not None:
            denoiser.load(self._arrays)
        denoiser = by_tiles(denoiser, self._form, self._cell.tile)
        return informed(denoiser, self._cell, self._form, truly=truly)

    def _validation(self) -> Validation:
        return Validation(
            self._cell.noise,
            self._dataset,
            images=self._cell.tune,
            quantize=self._cell.quantize,
            noise_seed=self._cell.noise_seeds[0],
            calls=Calls(self._form),
            measure=self._tuned_by,
            tune_on=self._cell.tune_on,
        )

    def _tune(self, validation: Validation) -> tuning.Tuned:
        return tuning.tune(
            self._method,
            self._typed,
            self._make,
            validation,
            watch=lambda done, total: self._tell("tune", done, total, "settings"),
            explain=lambda error: explain(error, self._method),
        )

    def _tell(
        self, phase: Phase, done: float, total: int, unit: str, loss: float | None = None
    ) -> None:
        self._end_a_copy()
        self._watch(Progress(self._asked, phase, done, total, unit, loss))


def _one_line(error: BaseException) -> str:
    try:
        text = str(error)
        more = "…" if len(text) > _REASON else ""
        return " ".join(text[:_REASON].split()) + more or type(error).__name__
    except Exception:  # a method's own exception may be broken too
        return "(it cannot say why)"


def explain(error: BaseException, method: Method) -> str:
    """What went wrong, in one line, with the line of the method's file where it did."""
    if isinstance(error, (BadOutput, BadNoise)):
        return _one_line(error)
    file = sys.modules[method.target.__module__].__file__
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == file]
    where = f" ({Path(str(file)).name}, line {lines[-1]})" if lines else ""
    return f"{type(error).__name__}: {_one_line(error)}{where}"
