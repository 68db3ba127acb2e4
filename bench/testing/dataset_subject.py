"""What a data set is tried on: the data folder that a run would have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench.core import BenchError, Dataset
from bench.datasets import data_folder
from bench.evaluation.data_source import of_plugin
from bench.plugins.dataset import PluginDataset
from bench.plugins.sources import Source


class DatasetSubject:
    """A data set, opened as often as a check likes.

    Args:
        plugin: the data set.
        source: where it comes from.
        typed: nothing; it has no parameters.
    """

    def __init__(
        self,
        plugin: PluginDataset,
        source: Source[PluginDataset],
        typed: Mapping[str, Any] | None = None,
    ) -> None:
        self.plugin, self.source, self.folder = plugin, source, data_folder()

    def opened(self) -> Dataset:
        """The data set, as a run opens it."""
        return of_plugin(self.plugin, self.folder, None)

    def explain(self, error: BaseException) -> str:
        """What went wrong, in one line, with the line of its file where it did."""
        return str(error) if isinstance(error, BenchError) else self.plugin.explain(error)
