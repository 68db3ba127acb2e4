"""Data sets that Python has: arrays, tensors, torch's data sets, lists of images or of paths."""

from __future__ import annotations

import builtins
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.core import Dataset as OpenDataset
from bench.core import Range, UsageError, shown
from bench.datasets.arrays import dataset_of
from bench.datasets.formats import UnusableImage
from bench.datasets.items import as_array
from bench.datasets.survey import Source

#: Of a data set that nobody named.
NAME = "array"
#: What may be given in place of a data set's name.
TAKEN = (
    "a data set is given by its name, or as an array or tensor (N, H, W), (N, C, H, W) or "
    "(N, H, W, C), a torch data set, a list of images or of paths, a folder's Path, or a "
    "bench.Dataset"
)
#: What may be said of a split.
PARTS = ("clean", "noisy", "labels", "units")


def Dataset(  # noqa: N802
    clean: Any = None,
    *,
    noisy: Any = None,
    labels: Any = None,
    units: Any = None,
    range: Any = None,  # noqa: A002
    name: str = NAME,
    train: Any = None,
    validation: Any = None,
) -> OpenDataset:
    """Images of one's own as a data set, for `bench.run(dataset=...)`.

    Images are an array or tensor (N, H, W), (N, C, H, W) or (N, H, W, C) with C = 1 or 3; a torch
    data set, whose items are images or (image, label); or a list of images or of paths. Three axes
    of which the first or the last may be channels are refused: array[None] is a single image, and
    array[:, None] are grey ones. All are gone through once here, and read again when they are
    needed; they must not change meanwhile.

    Args:
        clean: the test images' ground truth; None where there is none, but `noisy`.
        noisy: what came noisy, of each image: as `clean`, or (N, F, C, H, W), or a list of such for
            each image, where there are F frames of a scene. Then no noise is drawn.
        labels: of each image its class, counted from 0.
        units: of each image what it belongs to (a field, a patient), text or number: images of one
            unit are no independent samples.
        range: (black, white) in stored values. Known of uint8, 0 to 255, and of uint16, 0 to 65535;
            of others it has to be stated.
        name: which the test noise of each image depends on, too.
        train: images to train on, as `clean`; or a dictionary of `clean`, `noisy`, `labels` and
            `units`.
        validation: images to tune on, likewise.

    Raises:
        UsageError: these are no images, or their range has to be stated.
        DataError: one of them cannot be taken.

    >>> import numpy as np
    >>> images = np.zeros((5, 28, 28), np.uint8)
    >>> data = Dataset(images, labels=[0, 1, 2, 3, 4], name="black", train=images)
    >>> dict(data.sizes), str(data.range)
    ({'train': 5, 'validation': 0, 'test': 5}, '0 to 1')
    """
    named: object = name
    if not (isinstance(named, str) and named and named.isprintable()):
        raise UsageError(f"a data set's name is a text of one line, not {shown(name)}")
    test = {"clean": clean, "noisy": noisy, "labels": labels, "units": units}
    parts = {"train": train, "validation": validation, "test": test}
    data = of_parts(name, parts, _range(range))
    return replace(data, validated_by="bench.Dataset(validation=...) takes them")


def of_parts(
    name: str, given: Mapping[str, Any], stated: Range | None, *, training_only: bool = False
) -> OpenDataset:
    """What is given of each split, as `Dataset` takes it of `train`, as a data set.

    Raises:
        UsageError, DataError: see `Dataset`.
    """
    parts = {split: _part(split, what) for split, what in given.items() if what is not None}
    source = Source(name, lambda split: parts.get(split, ()))
    return dataset_of(source, stated=stated, training_only=training_only)


def with_validation(parts: Mapping[str, Sequence[Any]]) -> dict[str, Sequence[Any]]:
    """The last tenth of the training images validates, where there are no others for it.

    >>> {split: list(part) for split, part in with_validation({"train": range(20)}).items()}[
    ...     "validation"
    ... ]
    [18, 19]
    """
    if "train" not in parts or "validation" in parts:
        return dict(parts)
    train = parts["train"]
    cut = len(train) - max(1, len(train) // 10)
    return {
        **parts,
        "train": _Some(train, builtins.range(cut)),
        "validation": _Some(train, builtins.range(cut, len(train))),
    }


class _Some(Sequence[Any]):
    """Some of a sequence, each when it is asked for."""

    def __init__(self, of: Sequence[Any], positions: builtins.range) -> None:
        self._of, self._positions = of, positions

    def __len__(self) -> int:
        return len(self._positions)

    def __getitem__(self, position: Any) -> Any:
        return self._of[self._positions[position]]


def opened(
    given: Any, stated: Range | None = None, name: str = NAME, *, to_train: bool = False
) -> OpenDataset:
    """What was given in place of a data set's name as a data set.

    Args:
        given: images, all of one split.
        stated: the range of their values.
        name: of the data set.
        to_train: they are training images, of which the last tenth validates; else test images.

    Raises:
        UsageError, DataError: see `Dataset`.
    """
    if not isinstance(given, OpenDataset):
        if not to_train:
            return Dataset(given, range=stated, name=name)
        parts = with_validation({"train": _sequence("clean", given)})
        return of_parts(name, parts, stated, training_only=True)
    if stated not in (None, given.range):
        raise UsageError(f"the range of {given.name} is known, {given.range}: leave it out")
    return given


def typed_name(given: Any) -> str | None:
    """What would be typed for a data set; None where it is an object.

    >>> typed_name("mnist"), typed_name(Path("photos")), typed_name([[0, 255]])
    ('mnist', 'folder:photos', None)

    Raises:
        UsageError: it is the path of nothing that a data set can be.
    """
    if not isinstance(given, os.PathLike):
        return given if isinstance(given, str) else None
    path = Path(given)
    kind = "npz" if path.suffix in (".npy", ".npz") else "folder"
    return f"{kind}:{path}"


class _Part:
    """The images of a split, each with what is said of it; gone through as often as is wanted."""

    def __init__(self, images: Mapping[str, Sequence[Any]]) -> None:
        self._images = images

    def __iter__(self) -> Iterator[Any]:
        for position in range(len(next(iter(self._images.values())))):
            item: dict[str, Any] = {}
            for key, values in self._images.items():
                value = values[position]
                if key == "clean" and isinstance(value, tuple) and len(value) == 2:
                    item["clean"], item["label"] = value  # as torch's data sets have it
                elif key == "noisy" and getattr(value, "ndim", 0) == 4:
                    item["noisy"] = list(value)
                else:
                    item[key.rstrip("s") if key in ("labels", "units") else key] = value
            yield item


def _part(split: str, given: Any) -> _Part:
    parts = dict(given) if isinstance(given, Mapping) else {"clean": given}
    for key in parts:
        if key not in PARTS:
            raise UsageError(f"{split} has {shown(key)}: give {', '.join(PARTS)}")
    parts = {key: value for key, value in parts.items() if value is not None}
    if not {"clean", "noisy"} & set(parts):
        raise UsageError(f"there are no {split} images: {TAKEN}")
    sequences = {key: _sequence(key, value) for key, value in parts.items()}
    counts = {key: len(value) for key, value in sequences.items()}
    if len(set(counts.values())) > 1:
        said = ", ".join(f"{count} {key}" for key, count in counts.items())
        raise UsageError(f"{split}: {said}: give as many of each")
    return _Part(sequences)


def _sequence(key: str, given: Any) -> Any:
    """What can be asked for one by one."""
    images = key in ("clean", "noisy")
    if images and _is_array(given):
        return _images_of(key, given)
    lists = hasattr(given, "__getitem__") and hasattr(given, "__len__")
    if not lists or isinstance(given, str | bytes | os.PathLike | Mapping):
        if images and hasattr(given, "__iter__") and not isinstance(given, str | bytes | Mapping):
            raise UsageError(f"{shown(given)} can be gone through once only: give a list")
        what = "the data set" if key == "clean" else key
        raise UsageError(f"{what} is {shown(given)}: {TAKEN if images else 'give a list'}")
    return given if images else list(given)


def _is_array(given: Any) -> bool:
    return hasattr(given, "ndim") and hasattr(given, "dtype") and hasattr(given, "shape")


def _images_of(key: str, given: Any) -> Any:
    """An array's or tensor's images, or an error that says how they are to lie."""
    try:
        array = as_array(given)
    except UnusableImage:
        raise UsageError(f"{key} is {shown(given)}: {TAKEN}") from None
    shape = array.shape
    if key == "noisy" and array.ndim == 5:  # (N, F, C, H, W)
        return array
    if array.ndim == 4 and shape[1] in (1, 3) and shape[3] in (1, 3):
        raise UsageError(
            f"of an array of shape {shape} the second and the last axis may be the channels: give "
            "grey images as (N, H, W)"
        )
    if array.ndim == 3 and (shape[0] == 3 or shape[2] in (1, 3)):
        raise UsageError(
            f"{key} of shape {shape} may be one image in (C, H, W) or (H, W, C), or grey ones in "
            "(N, H, W): give array[None] of a single image, or array[:, None] of grey ones"
        )
    if array.ndim == 3 or (array.ndim == 4 and (shape[1] in (1, 3) or shape[3] in (1, 3))):
        return array
    single = ": of a single image give array[None]" if array.ndim == 2 else ""
    raise UsageError(
        f"an array of shape {shape} is no images: (N, H, W), (N, C, H, W) or (N, H, W, C) with "
        f"C = 1 or 3 are{single}"
    )


def _range(given: Any) -> Range | None:
    if given is None or isinstance(given, Range):
        return given
    try:
        low, high = (float(value) for value in given)
    except (TypeError, ValueError):
        raise UsageError(
            f"range is {shown(given)}: give the stored values of black and white, as (0, 4095)"
        ) from None
    return Range(low, high)
