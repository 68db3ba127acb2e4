"""Data sets: what there is, where it lies, and how it is split."""

from bench.datasets.sources import (
    FOLDER,
    SOURCES,
    Source,
    data_folder,
    load,
    load_default,
    load_for,
    with_training,
)

__all__ = [
    "FOLDER",
    "SOURCES",
    "Source",
    "data_folder",
    "load",
    "load_default",
    "load_for",
    "with_training",
]
