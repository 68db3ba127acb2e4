"""Where a run's images are found: what every process is told, to open the same data set there."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench import datasets
from bench.core import Dataset, Range, Split, UsageError, digest
from bench.plugins.dataset import PluginDataset
from bench.plugins.kinds import DATASETS
from bench.plugins.sources import Registry, plugin_name


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

    def open(self, surveys: Mapping[str, datasets.Survey] | None = None) -> Dataset:
        """The data set.

        Args:
            surveys: what was found in data sets that are plugins, by name; others are gone through.

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
            data = self._opened(self.dataset, surveys or {})
        if self.train_dataset is None:
            return data
        return datasets.with_training(data, self._opened(self.train_dataset, surveys or {}))

    @property
    def of_plugins(self) -> list[str]:
        """Names of the data sets that are plugins, as typed."""
        typed = [name for name in (self.dataset, self.train_dataset) if isinstance(name, str)]
        if datasets.CATALOGUE.keys() >= set(typed):
            return []
        known = registry(self.plugins)
        return [name for name in dict.fromkeys(typed) if is_plugin(name, known)]

    @property
    def plugin_files(self) -> dict[str, Path]:
        """Name -> where the code lies, of the data sets that are plugins."""
        known = registry(self.plugins)
        files = {name: known.find(name).file for name in self.of_plugins}
        return {name: file for name, file in files.items() if file is not None}

    def survey(self, name: str, alive: Callable[[], None]) -> datasets.Survey:
        """Go through a data set that is a plugin.

        Args:
            name: as typed.
            alive: called as it goes on.

        Raises:
            UsageError, DataError: see `of_plugin`.
        """
        plugin = registry(self.plugins).load(name)
        return survey_of(plugin, self.folder, self.range, alive)

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

    def _opened(self, dataset: str | Dataset, surveys: Mapping[str, datasets.Survey]) -> Dataset:
        if isinstance(dataset, Dataset):
            return dataset
        if dataset in datasets.CATALOGUE:
            # A stated range is that of files; what the catalogue has knows its own.
            every = (self.dataset, self.train_dataset)
            known = all(each is None or each in datasets.CATALOGUE for each in every)
            return datasets.load(dataset, self.folder, stated=self.range if known else None)
        plugins = registry(self.plugins)
        if is_plugin(dataset, plugins):
            plugin = plugins.load(dataset)
            return of_plugin(plugin, self.folder, self.range, surveys.get(dataset))
        return datasets.load(dataset, self.folder, stated=self.range, others=plugins.sources)


def registry(plugins: Iterable[str]) -> Registry[PluginDataset]:
    """The data sets that are plugins."""
    return Registry(plugins, kind=DATASETS)


def only_given(plugins: Iterable[str]) -> str | None:
    """The data set that a command is for which names none, but its file; None where there is none.

    Raises:
        UsageError: there are several.
    """
    names = registry(plugins).given
    if len(names) > 1:
        raise UsageError(f"--plugin has the data sets {', '.join(names)}: name one with --dataset")
    return names[0] if names else None


def is_plugin(name: str, known: Registry[PluginDataset]) -> bool:
    """Whether a data set's name, as typed, is a plugin's; those of the catalogue are none."""
    return plugin_name(name) in known.sources and name not in datasets.CATALOGUE


def of_plugin(
    plugin: PluginDataset,
    folder: Path,
    stated: Range | None,
    survey: datasets.Survey | None = None,
) -> Dataset:
    """The data set that a plugin gives.

    Args:
        plugin: as it was found.
        folder: of the data sets.
        stated: the range of the stored values, where the user gave it.
        survey: what was found in it before.

    Raises:
        UsageError: it lacks a package, or its range is declared and another one stated.
        DataError: its code raises, or what it gives are no images.
    """
    survey = survey or survey_of(plugin, folder, stated)
    data = datasets.dataset_of(
        _source(plugin, folder), stated=plugin.range_with(stated), survey=survey
    )
    said, known = plugin.declared, data.range
    return replace(
        data,
        range=replace(known, unit=said.unit or known.unit, clamp=said.clamp and known.clamp),
    )


def survey_of(
    plugin: PluginDataset,
    folder: Path,
    stated: Range | None,
    alive: Callable[[], None] = lambda: None,
) -> datasets.Survey:
    """What is found in a data set that is a plugin; see `of_plugin`."""
    if plugin.missing:
        raise UsageError(plugin.missing)
    declared = plugin.range
    found = datasets.survey(_source(plugin, folder, alive), plugin.range_with(stated))
    ranges = {(each.low, each.high) for each in (declared, found.scale.range) if each}
    if declared and stated and (stated.low, stated.high) not in ranges:
        raise UsageError(
            f"--range {stated.low:g},{stated.high:g}: {plugin.name} declares its own, {declared}"
        )
    if not plugin.declared.clamp and found.scale.stated is None:  # else the survey has hashed it
        return replace(found, fingerprint=digest([found.fingerprint, "not clamped"]))
    return found


def _source(
    plugin: PluginDataset, folder: Path, alive: Callable[[], None] = lambda: None
) -> datasets.Source:
    def images(split: Split) -> Iterator[Any]:
        for image in plugin.images(split, folder):
            alive()
            yield image

    return datasets.Source(plugin.name, images, plugin.explain)
