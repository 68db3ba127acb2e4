"""Test images that training images show: copies, and crops at any place."""

import numpy as np
import pytest
from PIL import Image

import bench
from bench.core import Dataset, Group
from bench.datasets import overlap as overlaps
from bench.datasets.overlap import Overlap, overlap

RNG = np.random.default_rng(0)
SCENES = RNG.random((6, 3, 60, 70), np.float32)


def dataset(train, test, **more):
    splits = {"train": train, "test": test}

    def groups(split):
        position = 0
        for images in splits[split]:
            yield Group(np.arange(len(images)) + position, images)
            position += len(images)

    sizes = {split: sum(map(len, images)) for split, images in splits.items()}
    return Dataset("scenes", "", sizes, groups, **more)


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        (SCENES[4:], None),
        (SCENES[2:], Overlap(2, 4, 0, 2)),  # two are copies
        (SCENES[3:, :, 7:, 13:], Overlap(1, 3, 0, 3)),  # one is a crop
        (SCENES[3:, :, :20, -20:], Overlap(1, 3, 0, 3)),
        (SCENES[3:, :, :12, :12], None),  # too small to be told
        (SCENES[3:, :, ::-1], None),
        (np.full((2, 3, 40, 40), 0.5, np.float32), None),  # flat images are alike
    ],
)
def test_copies_and_crops_are_found_and_nothing_else(test, expected):
    flat = np.full((1, 3, 64, 64), 0.5, np.float32)
    assert overlap(dataset([SCENES[:4], flat], [test])) == expected


def test_rounding_to_eight_bits_hides_nothing_and_large_images_are_cut_in_rows(monkeypatch):
    monkeypatch.setattr(overlaps, "_AT_ONCE", 200)
    eight_bits = np.rint(SCENES[3:4] * 255).astype(np.float32) / 255
    assert overlap(dataset([SCENES[:4]], [eight_bits[..., 9:, 1:]])) == Overlap(1, 1, 0, 3)


def test_no_more_than_the_bound_is_looked_at(monkeypatch):
    monkeypatch.setattr(overlaps, "_PIXELS", 1)
    first, rest = SCENES[:1], SCENES[1:]
    monkeypatch.setattr(overlaps, "_AT_ONCE", 60 * 70)
    assert overlap(dataset([SCENES], [rest])) is None
    assert overlap(dataset([SCENES], [first])) == Overlap(1, 1, 0, 0)


def test_what_others_trained_on_is_looked_at_where_it_lies_here(tmp_path):
    for name, image in (("a", SCENES[0]), ("b", SCENES[5])):
        eight_bits = np.rint(255 * image.transpose(1, 2, 0)).astype(np.uint8)
        Image.fromarray(eight_bits).save(tmp_path / f"{name}.png")
    here, gone = f"folder:{tmp_path} gaussian 0.1", f"folder:{tmp_path / 'gone'}"
    measured = dataset([], [SCENES[:4]])
    found = overlaps.elsewhere(measured, [here, gone, "bsd500", "mine"], tmp_path)
    assert found == {here: Overlap(1, 4, 0, 0)}
    others = dataset([], [SCENES[1:4]])
    assert overlaps.elsewhere(others, [here], tmp_path) == {here: Overlap(0, 3, 0, 0)}


def test_a_run_warns_where_what_learns_has_seen_test_images(tmp_path):
    images = (RNG.random((12, 28, 28)) * 255).astype(np.uint8)
    data = bench.Dataset(images[6:], train=images[:8], validation=images[:2], name="leaky")
    with pytest.warns(UserWarning, match="2 show what training images show, as number 0 and"):
        run = bench.run(dataset=data, methods="lmmse", noise=0.1, out=tmp_path)
    assert any("has seen the answer" in note for note in run.manifest.notes)
    overlap = bench.open_run(run.path).manifest.dataset.overlap
    assert (overlap.images, overlap.looked_at) == (2, 6)
