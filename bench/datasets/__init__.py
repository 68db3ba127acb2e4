"""The built-in data sets, a kind a file, and folders of images; `catalogue` names them all."""

from bench.datasets.catalogue import (
    CATALOGUE,
    Entry,
    data_folder,
    load,
    load_default,
    load_for,
    with_training,
)
from bench.datasets.folders import FORMS

__all__ = [
    "CATALOGUE",
    "FORMS",
    "Entry",
    "data_folder",
    "load",
    "load_default",
    "load_for",
    "with_training",
]
