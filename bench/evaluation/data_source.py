"""Where a run's images are found: what every process is told, to open the same data set there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from bench import datasets
from bench.core import Dataset, Range


@dataclass(frozen=True)
class DataSource:
    """A data set by name and folder, never its images: so it can be sent to another process.

    Attributes:
        dataset: as typed; None for the default one.
        train_dataset: whose training and validation images are taken; None for its own.
        folder: of the data sets.
        range: of the stored values, where it was stated.
        plugins: files and folders of data sets.
    """

    dataset: str | None
    train_dataset: str | None = None
    folder: Path = Path()
    range: Range | None = None
    plugins: tuple[str, ...] = ()

    def open(self) -> Dataset:
        """The data set.

        Raises:
            UsageError: there is no such data set, or its range has to be stated.
            DataError: it is not there, or damaged.
            StorageError: it cannot be downloaded into the folder.
        """
        return datasets.load_for(self.dataset, self.train_dataset, self.folder, self.range)

    def here(self) -> DataSource:
        """The same on a machine that may not have that folder, but one of its own."""
        found = self.folder.is_dir()
        return self if found else replace(self, folder=datasets.data_folder(None))
