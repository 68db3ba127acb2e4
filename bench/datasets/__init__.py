"""The built-in data sets, a kind a file, and folders of images; `catalogue` names them all."""

from bench.datasets.catalogue import (
    CATALOGUE,
    FOLDER,
    Entry,
    data_folder,
    load,
    load_default,
    load_for,
    with_training,
)

__all__ = [
    "CATALOGUE",
    "FOLDER",
    "Entry",
    "data_folder",
    "load",
    "load_default",
    "load_for",
    "with_training",
]
