"""torchvision's data sets: `torchvision:CIFAR10`, in the data folder as torchvision keeps them."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.core import DataError, Dataset, Range, UsageError, nearest, system_reason
from bench.datasets.objects import of_parts, with_validation

#: No data sets, but what makes one of files, or of nothing.
_NONE = ("FakeData", "ImageFolder", "DatasetFolder", "VisionDataset")
#: Of a data set that names its splits: names to be tried.
_SPLITS = {"train": ("train",), "validation": ("val", "valid", "validation"), "test": ("test",)}


def open_torchvision(
    typed: str, folder: Path, stated: Range | None, download: bool = True
) -> Dataset:
    """The data set of that class, downloaded into `folder` where it is not there and may be.

    The validation images are the last tenth of its training images, where it has none.

    Raises:
        UsageError: there is no such data set, or it takes more than its folder and a split.
        DataError: it is not there and cannot be downloaded.
    """
    from torchvision import datasets

    names = [name for name in datasets.__all__ if name not in _NONE]
    if typed not in names:
        raise UsageError(f"torchvision has no data set {typed!r}: {nearest(typed, names)}")
    made = getattr(datasets, typed)
    taken = inspect.signature(made).parameters
    made_of = functools.partial(_made, typed, made, taken, folder, download)
    parts: dict[str, Sequence[Any]] = {}
    if "train" in taken:
        for split in ("train", "test"):
            parts[split] = made_of(train=split == "train")
    elif "split" in taken:
        for split, tried in _SPLITS.items():
            for name in tried:
                try:
                    parts[split] = made_of(split=name)
                    break
                except ValueError:  # it has no split of that name
                    continue
    else:
        parts["test"] = made_of()
    if "test" not in parts:
        raise UsageError(
            f"torchvision:{typed} has no test split: {_IN_PYTHON.format(typed)}, train=...)"
        )
    return of_parts(f"torchvision:{typed}", with_validation(parts), stated)


_IN_PYTHON = "open it in Python and give it to bench.run(dataset=bench.Dataset({}(...)"


def _made(
    typed: str, made: Any, taken: Any, folder: Path, may_download: bool, **options: Any
) -> Any:
    """A split; it is downloaded only where it is not there and may be.

    Raises:
        ValueError: there is no such split.
        UsageError, DataError: see `open_torchvision`.
    """
    missing = None
    tried = (False, True) if may_download else (False,)
    for download in tried if "download" in taken else (None,):
        asked = options if download is None else {**options, "download": download}
        try:
            if download:
                folder.mkdir(parents=True, exist_ok=True)
            return made(str(folder), **asked)
        except ValueError:
            raise
        except TypeError as error:
            advice = f"{_IN_PYTHON.format(typed)})"
            raise UsageError(f"torchvision:{typed}: {error}: {advice}") from error
        except Exception as error:  # of the network, the disk, an archive, a package it wants
            missing = error
    assert missing is not None
    again = "try again with a connection" if may_download else "allow it to be downloaded"
    reason = system_reason(missing) or " ".join(str(missing).split()) or type(missing).__name__
    raise DataError(
        f"torchvision:{typed} is not in {folder}, and cannot be had: {reason}; put it there as "
        f"torchvision has it, or {again}"
    ) from missing
