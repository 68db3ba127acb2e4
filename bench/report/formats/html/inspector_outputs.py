"""All restored images, where a run kept them, beside the clean and the noisy ones.

Clean images are no part of a run: they are read from the data set, if it is here, and its noise is
drawn again. Both are held to what the run says of them. Where they cannot be had, the samples are
shown, and the page says so.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from bench import datasets
from bench.core import BenchError, DataError, Dataset, Group, Range, Unsupported
from bench.evaluation.noisy_images import NoisyImages
from bench.evaluation.restoring import cell_of
from bench.report.content.rows import CellRow, Column
from bench.report.formats.html.inspector_pixels import pixels
from bench.report.formats.html.inspector_samples import Picture

if TYPE_CHECKING:
    from bench.report.content.section import Section
    from bench.store import CellMeta, Run


class KeptAll:
    """The outputs that a section's runs kept, of several training seeds the first's.

    Attributes:
        columns: noise -> the cells whose outputs were kept, by label; none where the images that
            they are of are not here.
        missing: why that is so; "" where nothing is missing.
    """

    def __init__(self, section: Section) -> None:
        self._section = section
        self._meta: dict[str, CellMeta] = {}
        self.columns: dict[Column, dict[str, CellRow]] = {}
        self.missing = ""
        seen = set()
        for cell, meta in zip(section.rows(), section.metadata, strict=True):
            entry = (cell.label, cell.column)
            if cell.status != "done" or entry in seen:
                continue
            seen.add(entry)
            if section.runs[cell.run].has_outputs(cell.key):
                self.columns.setdefault(cell.column, {})[cell.label] = cell
                self._meta[cell.key] = meta
        if self.columns:
            try:
                self._data = _data(section.runs[0])
            except BenchError as error:
                self.columns, self.missing = {}, str(error)

    def shapes(self, positions: Collection[int]) -> dict[int, tuple[int, ...]]:
        """Channels, height and width of images, by position."""
        return {
            int(position): group.shape
            for group in self._chosen(positions)
            for position in group.positions
        }

    def pictures(self, column: Column, positions: Collection[int]) -> dict[int, Picture]:
        """Images with what all methods made of them, by position; none where that is not here.

        Raises:
            StorageError: the outputs are damaged.
        """
        if column not in self.columns:
            return {}
        cells = self.columns[column]
        try:
            found = self._noisy(next(iter(cells.values())), positions)
        except (BenchError, Unsupported) as error:
            del self.columns[column]
            self.missing = str(error)
            return {}
        for label, cell in cells.items():
            seed = _noise_seed(self._meta[cell.key])
            for kept in self._section.runs[cell.run].outputs(cell.key):
                for position, restored in zip(kept.positions.tolist(), kept.images, strict=True):
                    if position in found and kept.noise_seed == seed:
                        found[position].add(label, pixels(restored))
        return found

    def _noisy(self, cell: CellRow, positions: Collection[int]) -> dict[int, Picture]:
        """The pictures without any method; raises `DataError` where others were measured."""
        measured = self._section.runs[cell.run].images(cell.key)
        wanted = np.isin(measured["image"], list(positions))
        seed, split = _noise_seed(self._meta[cell.key]), self._section.split
        if "noise_seed" in measured:
            wanted &= measured["noise_seed"] == seed
        digests = dict(zip(measured["image"][wanted], measured["digest"][wanted], strict=True))
        few = replace(self._data, read=lambda _: self._chosen(list(digests)))
        found = {}
        noise = cell_of(self._meta[cell.key].cell).noise
        for batch in NoisyImages(few, split).batches(noise, None, (seed,)):
            for row, position in enumerate(batch.positions.tolist()):
                if batch.digests[row] != digests[position]:
                    raise DataError("the noisy images are others than those that were measured")
                clean = None if batch.clean is None else pixels(batch.clean[row])
                found[position] = Picture(position, clean, pixels(batch.noisy[row]))
        return found

    def _chosen(self, positions: Collection[int]) -> Iterable[Group]:
        """The groups of the measured split, of these images alone."""
        for group in self._data.groups(self._section.split):
            rows = np.isin(group.positions, list(positions))
            if rows.any():
                yield group.only(rows)


def _noise_seed(meta: CellMeta) -> int:
    """Of the first draw."""
    return cell_of(meta.cell).noise_seeds[0]


def _data(run: Run) -> Dataset:
    """The data set that a run was measured on, if it is here; nothing is downloaded.

    Of a folder of images a run knows the name alone: it is looked for in the folder of the data
    sets too.

    Raises:
        BenchError: it is not here, or is another.
    """
    known, settings = run.manifest.dataset, run.manifest.settings
    folder, stated = datasets.data_folder(), settings.range
    form, colon, name = known.name.partition(":")
    there = bool(colon and name) and form in datasets.FORMS and (folder / name).exists()
    data = datasets.load(
        f"{form}:{folder / name}" if there else known.name,
        folder,
        download=False,
        stated=Range(stated[0], stated[1]) if stated else None,
    )
    if data.fingerprint != known.fingerprint:
        raise DataError(f"{known.name} is other data here than the run was measured on")
    if settings.split == "validation" and known.trained_on != known.name:
        raise DataError(f"validation images are those of {known.trained_on}")
    return data
