"""An exam in a process of its own: where a method denoises there are no clean test images.

A method's process asks for a batch of noisy images, and hands back what it restored; what came of
it is told when the cell is done. Images go through memory that both share, all else through pipes.
It is for methods that would look, not against such as attack: these may read the data set's files.
"""

from __future__ import annotations

import mmap
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from bench.core import BenchError, Cell, DataError, Dataset, Group, Record, Split
from bench.evaluation.data_source import DataSource
from bench.evaluation.exam import Exam, LocalExam, LocalExaminer, NoisyBatch
from bench.plugins.noise_code import load_code
from bench.plugins.sources import Registry

if TYPE_CHECKING:
    from bench.core import Array


#: What a method's process is told of the data set.
_FACTS = (
    "name", "fingerprint", "sizes", "samples", "note", "left_out", "training",
    "training_fingerprint", "range", "frames", "truth",
)  # fmt: skip


class Scorer(Protocol):
    """What cells are scored by, as it is told to another process."""

    @property
    def plugins(self) -> tuple[str, ...]:
        """Files and folders of plugins."""

    def examiner(self, dataset: Dataset) -> LocalExaminer:
        """What scores a data set's cells there."""


class Examiner:
    """The process that has the clean images, as the method's sees it; it ends with that.

    Args:
        source: where the data set is found.
        scorer: what it measures, and keeps.

    Attributes:
        dataset: without its test images, of which it gives a black one, for its shape.

    Raises:
        BenchError: as opening the data set does.
    """

    def __init__(self, source: DataSource, scorer: Scorer) -> None:
        self._images, self._owner = _SharedImages.new(), os.getpid()
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "bench.evaluation.examiner", str(self._images.file)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=(self._images.file,),
        )
        assert process.stdin
        assert process.stdout
        self._requests = Connection(os.dup(process.stdin.fileno()), readable=False)
        self._answers = Connection(os.dup(process.stdout.fileno()), writable=False)
        process.stdin.close()
        process.stdout.close()
        process.wait()  # what answers is a process of its own by now
        facts, self._shape = self.ask("open", source, scorer)
        self._kept: list[Group] = []
        self.dataset = Dataset(read=self._read, **facts)

    def close(self) -> None:
        """End the process."""
        self._requests.close()
        self._answers.close()
        self._images.close()

    def exam(self, cell: Cell, threads: int) -> Exam:
        """The exam of a cell, and the threads that scoring may use."""
        return _RemoteExam(self, self._images, cell, threads)

    def ask(self, name: str, *arguments: Any) -> Any:
        """The answer to a request.

        Raises:
            BenchError: what no method is to blame for.
        """
        self.end_a_copy()
        try:
            self._requests.send((name, arguments))
            answer = self._answers.recv()
        except (EOFError, OSError, pickle.UnpicklingError) as error:
            raise DataError("the process with the clean images ended, or was disturbed") from error
        if isinstance(answer, BenchError):
            raise answer
        return answer

    def end_a_copy(self) -> None:
        """End this process if a method forked it off: pipes and memory are not its own."""
        if os.getpid() != self._owner:
            os._exit(0)

    def _read(self, split: Split) -> list[Group]:
        if split == "test":
            black = np.zeros((1, *self._shape), np.float32)
            frames = black[:, None] if self.dataset.given else None
            return [Group(np.arange(1), black if self.dataset.truth else None, frames)]
        if split == "train":
            return self.ask("read", split)
        self._kept = self._kept or self.ask("read", split)
        return self._kept


class _RemoteExam:
    """See `Exam`."""

    def __init__(self, examiner: Examiner, images: _SharedImages, cell: Cell, threads: int) -> None:
        self._ask, self._images = examiner.ask, images
        self._end_a_copy = examiner.end_a_copy
        self.total, self.shown = self._ask("begin", cell, threads)

    def batches(self) -> Iterator[NoisyBatch]:
        self._ask("batches")
        while batch := self._ask("next"):
            positions, shape, noise_seed = batch
            noisy, perturbed = _halves(self._images.read(shape), len(positions))
            yield NoisyBatch(positions, noisy, noise_seed, perturbed)

    def add(
        self,
        part: NoisyBatch,
        restored: Array,
        deviation: Array | None,
        perturbed: Array | None = None,
    ) -> None:
        self._hand_in("add", part, _joined(restored, perturbed), deviation)

    def show(self, part: NoisyBatch, restored: Array, deviation: Array | None) -> None:
        self._hand_in("show", part, restored, deviation)

    def cases(self) -> list[int]:
        return self._ask("cases")

    def complete(self, record: Record) -> None:
        for name, value in self._ask("complete").items():
            setattr(record, name, value)

    def abandon(self) -> None:
        self._ask("abandon")

    def _hand_in(
        self, name: str, part: NoisyBatch, restored: Array, deviation: Array | None
    ) -> None:
        self._end_a_copy()
        self._images.write(restored)
        self._ask(name, part.positions, restored.shape, deviation)


class _SharedImages:
    """Memory of two processes, for as many images as there were at most: float32.

    Args:
        file: its descriptor.
    """

    def __init__(self, file: int) -> None:
        self.file = file
        self._memory: mmap.mmap | None = None

    @classmethod
    def new(cls) -> _SharedImages:
        """Memory that nobody shares yet."""
        return cls(os.memfd_create("bench-images"))

    def write(self, images: Array) -> None:
        """Put images there."""
        self._view(images.shape)[...] = images

    def read(self, shape: tuple[int, ...]) -> Array:
        """A copy of the images there."""
        return self._view(shape).copy()

    def close(self) -> None:
        """Give it back."""
        self._memory = None
        os.close(self.file)

    def _view(self, shape: tuple[int, ...]) -> Array:
        size = 4 * int(np.prod(shape))
        if os.fstat(self.file).st_size < size:
            os.ftruncate(self.file, size)
        if self._memory is None or len(self._memory) < size:
            self._memory = mmap.mmap(self.file, os.fstat(self.file).st_size)
        return np.frombuffer(self._memory, np.float32, size // 4).reshape(shape)


class _Desk:
    """What is asked for, in the process that has the clean images."""

    def __init__(self, images: _SharedImages) -> None:
        self._images = images
        self._dataset: Dataset
        self._examiner: LocalExaminer
        self._exam: LocalExam
        self._registry: Registry[Any]
        self._batches: Iterator[NoisyBatch]
        self._seed = 0

    def open(self, source: DataSource, scorer: Scorer) -> Any:
        data = self._dataset = source.open()
        self._examiner, self._registry = scorer.examiner(data), Registry(scorer.plugins)
        facts = {name: getattr(data, name) for name in _FACTS}
        first = next(data.groups("test", 1), None)
        return facts, () if first is None else first.shape

    def process(self) -> int:
        return os.getpid()

    def read(self, split: Split) -> list[Group]:
        if split == "test":
            raise DataError("test images are not given away")
        return list(self._dataset.groups(split))

    def begin(self, cell: Cell, threads: int) -> tuple[int, list[int]]:
        load_code([cell.noise], self._registry)
        self._exam = self._examiner.exam(cell, threads)
        return self._exam.total, self._exam.shown

    def batches(self) -> None:
        self._batches = self._exam.batches()

    def next(self) -> Any:
        batch = next(self._batches, None)
        if batch is None:
            return None
        self._seed = batch.noise_seed
        images = _joined(batch.noisy, batch.perturbed)
        self._images.write(images)
        return batch.positions, images.shape, batch.noise_seed

    def add(self, positions: Any, shape: tuple[int, ...], deviation: Array | None) -> None:
        part, restored, perturbed = self._handed_in(positions, shape)
        self._exam.add(part, restored, deviation, perturbed)

    def show(self, positions: Any, shape: tuple[int, ...], deviation: Array | None) -> None:
        part, restored, _ = self._handed_in(positions, shape)
        self._exam.show(part, restored, deviation)

    def cases(self) -> list[int]:
        return self._exam.cases()

    def complete(self) -> Any:
        record = Record(self._exam.cell, "done")
        self._exam.complete(record)
        names = ("images", "unmeasured", "samples", "calibration")
        return {name: getattr(record, name) for name in names}

    def abandon(self) -> None:
        self._exam.abandon()

    def _handed_in(
        self, positions: Any, shape: tuple[int, ...]
    ) -> tuple[NoisyBatch, Array, Array | None]:
        restored, perturbed = _halves(self._images.read(shape), len(positions))
        return NoisyBatch(positions, restored, self._seed), restored, perturbed


def _joined(images: Array, perturbed: Array | None) -> Array:
    """Images and, where there are such, the perturbed ones, as they go through shared memory."""
    return images if perturbed is None else np.concatenate([images, perturbed])


def _halves(images: Array, count: int) -> tuple[Array, Array | None]:
    """The other way."""
    return images[:count], images[count:] if len(images) > count else None


def main() -> None:
    """Answer until the pipe is closed."""
    if os.fork():  # no child of the method's process, which may count its own, and end them
        os._exit(0)
    requests, answers = Connection(os.dup(0), writable=False), Connection(os.dup(1), readable=False)
    os.dup2(2, 1)
    desk = _Desk(_SharedImages(int(sys.argv[1])))
    while True:
        try:
            name, arguments = requests.recv()
        except EOFError:
            return
        try:
            answer = getattr(desk, name)(*arguments)
        except BenchError as error:
            answer = type(error)(str(error))
        answers.send(answer)


if __name__ == "__main__":
    main()
