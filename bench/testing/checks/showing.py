"""Does a data set give the same images whenever it is asked, one by one, and none of them twice?"""

from __future__ import annotations

import tracemalloc
from functools import partial
from typing import Any

from bench.core import SPLITS, Split, image_digests
from bench.testing import child
from bench.testing.checks.declaration import expect_documented
from bench.testing.checks.expectations import (
    Failed,
    NotApplicable,
    expect,
    expect_process_as_it_was,
    other_global_seeds,
)
from bench.testing.dataset_subject import DatasetSubject

#: Data sets that take less memory than this may be held as a whole.
_SMALL = 2**25


def documented(subject: DatasetSubject) -> None:
    """A docstring and a reference."""
    expect_documented(subject.plugin, "dataset")


def gives_images(subject: DatasetSubject) -> str:
    """Images of usual shapes, finite and within their range; some of them to be measured."""
    data = subject.opened()
    counts = ", ".join(f"{data.sizes[split]} {split}" for split in SPLITS if data.sizes[split])
    return f"{counts}; {data.range}"


def same_images_twice(subject: DatasetSubject) -> None:
    """Asked again it gives the same images and labels in the same order, whatever is seeded."""
    data = subject.opened()
    with other_global_seeds():
        for split in SPLITS:
            for _ in data.groups(split):
                pass
        again = subject.opened()
    expect(
        data.fingerprint == again.fingerprint,
        "opened twice it has two fingerprints: give the same labels and images in the same order",
    )


def reads_one_by_one(subject: DatasetSubject) -> str:
    """It holds no more than a few images at a time, where they are many."""
    sizes, peaks = [], []
    for split in SPLITS:
        tracemalloc.start()
        try:
            total = sum(map(_bytes, subject.plugin.images(split, subject.folder)))
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
        sizes.append(total)
    if max(sizes) < _SMALL:
        return "it is small"
    for size, peak in zip(sizes, peaks, strict=True):
        expect(
            size < _SMALL or peak < size / 2,
            f"to give {size / 2**20:,.0f} MiB of images it held {peak / 2**20:,.0f}: read each "
            "when it is yielded, or yield paths",
        )
    return ""


def splits_share_no_image(subject: DatasetSubject) -> str:
    """No test image is one to train or tune on."""
    data = subject.opened()
    found: dict[int, str] = {}
    for split in SPLITS:
        for group in data.groups(split):
            pixels = group.clean if group.clean is not None else group.frames[:, 0]  # type: ignore[index]
            for digest, position in zip(image_digests(pixels), group.positions, strict=True):
                here, other = f"{split} image {position}", found.get(int(digest), "")
                expect(
                    not other or other.startswith(split),
                    f"{here} is {other} once more (counted from 0): whatever is trained or tuned "
                    "on that has seen it",
                )
                found.setdefault(int(digest), here)
    if len([split for split in SPLITS if data.sizes[split]]) < 2:
        raise NotApplicable("it has test images only")
    return ""


def labels_and_units(subject: DatasetSubject) -> str:
    """Every image of a split has a label or none has; so of units."""
    data = subject.opened()
    said = []
    for name in ("label", "unit"):
        for split in SPLITS:
            given = [
                isinstance(item, dict) and item.get(name) is not None
                for item in subject.plugin.images(split, subject.folder)
            ]
            expect(
                all(given) or not any(given),
                f"{given.count(True)} of {len(given)} {split} images have a {name}: give each one",
            )
        values = getattr(data, f"{name}s")
        if values is not None:
            said.append(f"{len(set(values('test').tolist()))} {name}s")
    return ", ".join(said)


def process_as_it_was(subject: DatasetSubject) -> str:
    """Neither importing it nor reading it changes what all that runs in a process shares."""
    plugin = subject.plugin

    def first(split: Split) -> None:
        for _ in plugin.images(split, subject.folder):
            break

    return expect_process_as_it_was(
        plugin.changes, {f"giving {split} images": partial(first, split) for split in SPLITS}
    )


def another_process(subject: DatasetSubject) -> None:
    """Opened by another process from its file or package, it has the same fingerprint."""
    try:
        found = child.fingerprint(subject.source)
    except child.NoAnswer as error:
        raise Failed(
            f"another process cannot open it: {error}; keep what it needs in its file or package"
        ) from None
    here = subject.opened().fingerprint
    expect(
        found == here,
        f"another process has other images or labels (fingerprint {found}, and here {here}): they "
        "must depend on nothing but its file and the data folder",
    )


def _bytes(item: Any) -> int:
    """Of an image that is in memory; a path takes none."""
    images = item.values() if isinstance(item, dict) else [item]
    every = [one for image in images for one in (image if isinstance(image, list) else [image])]
    return sum(int(getattr(image, "nbytes", 0)) for image in every)
