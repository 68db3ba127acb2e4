"""The built-in data sets, a kind a file, and folders of images; `catalogue` names them all."""

from bench.datasets.arrays import dataset_of
from bench.datasets.catalogue import (
    CATALOGUE,
    PLACES,
    Entry,
    data_folder,
    load,
    load_default,
    with_training,
)
from bench.datasets.copies import open_copy
from bench.datasets.copies import write as write_copy
from bench.datasets.folders import FORMS
from bench.datasets.objects import NAME, Dataset, opened, typed_name
from bench.datasets.survey import Source, Survey, survey

__all__ = [
    "CATALOGUE",
    "FORMS",
    "NAME",
    "PLACES",
    "Dataset",
    "Entry",
    "Source",
    "Survey",
    "data_folder",
    "dataset_of",
    "load",
    "load_default",
    "open_copy",
    "opened",
    "survey",
    "typed_name",
    "with_training",
    "write_copy",
]
