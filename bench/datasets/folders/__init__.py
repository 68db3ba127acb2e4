"""Folders of images as data sets: clean images, pairs, and frames."""

from bench.datasets.folders.contents import contents
from bench.datasets.folders.forms import FORMS, Form, dataset_of

__all__ = ["FORMS", "Form", "contents", "dataset_of"]
