"""Where a run's images are found: what every process is told, to open the same data set there."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from bench import datasets
from bench.core import Dataset, Range


@dataclass(frozen=True)
class DataSource:
    """A data set by name and folder, never its images: so it can be sent to another process.

    Attributes:
        dataset: as typed, or, in this process, open; None for the default one.
        train_dataset: whose training and validation images are taken, likewise; None for its own.
        folder: of the data sets.
        range: of the stored values, where it was stated.
        plugins: files and folders of data sets.
        copy: folder with a copy of its images, which is opened instead.
    """

    dataset: str | Dataset | None
    train_dataset: str | Dataset | None = None
    folder: Path = Path()
    range: Range | None = None
    plugins: tuple[str, ...] = ()
    copy: Path | None = None

    def open(self) -> Dataset:
        """The data set.

        Raises:
            UsageError: there is no such data set, or its range has to be stated.
            DataError: it is not there, or damaged.
            StorageError: it cannot be downloaded into the folder.
        """
        if self.copy is not None:
            return datasets.open_copy(self.copy)
        if self.dataset is None:
            data = datasets.load_default(self.folder)
        else:
            data = self._opened(self.dataset)
        if self.train_dataset is None:
            return data
        return datasets.with_training(data, self._opened(self.train_dataset))

    def here(self) -> DataSource:
        """The same on a machine that may not have that folder, but one of its own."""
        found = self.folder.is_dir()
        return self if found else replace(self, folder=datasets.data_folder(None))

    @contextlib.contextmanager
    def for_others(self, data: Dataset, any_others: bool = True) -> Iterator[DataSource]:
        """One that other processes can open: of what only this one has, they get a copy.

        Args:
            data: what `open` gave.
            any_others: there are other processes.

        Raises:
            StorageError: there is no room for the copy.
        """
        objects = any(isinstance(each, Dataset) for each in (self.dataset, self.train_dataset))
        if not (objects and any_others):
            yield replace(self, dataset=self.dataset or data.name)
            return
        with tempfile.TemporaryDirectory(prefix="bench-images-") as folder:
            datasets.write_copy(data, Path(folder))
            yield DataSource(None, None, self.folder, copy=Path(folder))

    def _opened(self, dataset: str | Dataset) -> Dataset:
        if isinstance(dataset, Dataset):
            return dataset
        # A stated range is that of files; what a catalogue has knows its own.
        known = [
            each is None or each in datasets.CATALOGUE
            for each in (self.dataset, self.train_dataset)
        ]
        of_files = dataset in datasets.CATALOGUE and not all(known)
        return datasets.load(dataset, self.folder, stated=None if of_files else self.range)
