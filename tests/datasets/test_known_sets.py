"""Which data sets share images: what is known of their names, and nothing else."""

import pytest

from bench.datasets import CATALOGUE
from bench.datasets.known_sets import known, relation


@pytest.mark.parametrize(
    ("trained_on", "measured", "expected"),
    [
        ("bsd500", "bsd68", "shared"),
        ("BSDS500 gaussian 25/255", "cbsd68", "shared"),
        ("bsd300", "folder:BSD100", "shared"),
        ("BSD500-val, 25/255", "bsd68", "shared"),
        ("bsd500 train", "bsd68", "apart"),
        ("bsd400", "bsd68", "apart"),
        ("train400 gaussian 15/255", "set12", "apart"),
        ("CBSD432", "cbsd68", "apart"),
        ("cbsd432", "bsd100", "shared"),
        ("dfwb", "folder:/data/CBSD68", "unknown"),  # a path is no name
        ("dfwb", "bsd68", "apart"),
        ("div2k", "folder:DIV2K", "apart"),  # what is measured is its validation part
        ("div2k900", "folder:DIV2K", "shared"),
        ("set14", "set12", "shared"),
        ("mnist", "mnist", "apart"),
        ("mnist train gaussian 0.3", "mnist", "apart"),
        # A part that the list does not have, and several sets, are nothing that it tells of.
        ("mnist test gaussian 0.3", "mnist", "unknown"),
        ("digits test", "digits", "unknown"),
        ("fmd test", "fmd", "unknown"),
        ("coco val", "coco", "unknown"),
        ("coco train+val", "coco", "unknown"),
        ("coco train and val", "coco", "unknown"),
        ("bsd400 and bsd68", "bsd68", "unknown"),
        ("bsd400 + bsd68", "bsd68", "unknown"),
        ("bsd400, bsd68", "bsd68", "unknown"),
        ("usc-sipi", "set12", "shared"),
        ("set14", "set5", "shared"),
        ("bsd400", "flat", "apart"),
        ("mnist", "digits", "apart"),
        ("cells", "folder:cells", "shared"),
        ("cells-train", "folder:cells", "unknown"),
        ("our photographs", "bsd68", "unknown"),
        ("bsd500", "folder:mine", "unknown"),
        ("", "bsd68", "unknown"),
    ],
)
def test_two_sets_share_images_as_their_parts_do(trained_on, measured, expected):
    assert relation(trained_on, measured) == expected


@pytest.mark.parametrize(
    ("trained_on", "measured", "expected"),
    [
        ("mnist gaussian 0.3", "mnist", "shared"),
        ("bsd500", "train400", "shared"),
        ("bsd68", "train400", "apart"),
        ("div2k-valid", "div2k", "apart"),
        ("cells", "folder:cells", "shared"),
        ("mnist test", "mnist", "unknown"),
    ],
)
def test_measured_images_may_be_of_the_training_part(trained_on, measured, expected):
    assert relation(trained_on, measured, part="train") == expected


def test_the_catalogues_own_sets_are_known_with_a_source():
    assert [name for name in CATALOGUE if known(name) is None] == []
    assert all(known(name).source for name in CATALOGUE)
