"""Does my-dataset keep the contract of a data set, and does it show what it says?"""

from pathlib import Path

from my_dataset import my_dataset

from bench.testing import check_dataset

FILE = Path(__file__).with_name("my_dataset.py")


def test_my_dataset_keeps_the_contract():
    check_dataset(FILE)


def test_my_dataset_has_the_images_that_it_says():
    images = list(my_dataset("test", Path()))
    assert [image.shape for image in images] == [(64, 64)] * 8
