"""Folders of image files: any sizes, grey or RGB, in the order of their names.

Values are what the file says, linearly to [0, 1]: 8 bits over 255, 16 bits over 65535. Nothing
is resized, cropped or turned from colour to grey. A file that cannot be taken as it is, is left
out and named, with the reason.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bench.core import DataError, Dataset, Group, Split

if TYPE_CHECKING:
    from PIL.Image import Image

    from bench.core import Array

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff")
#: Larger images are refused: some methods hold a hundred times as much in memory.
MAX_PIXELS = 2**26
#: Pixels of images of one shape that are in memory at a time.
READ_AT_ONCE = 2**24
#: Reports show the first images: at most so many, and so many pixels.
_SHOWN, _SHOWN_PIXELS = 10, 2**19
_SPLITS: Mapping[Split, tuple[str, ...]] = {
    "train": ("train",), "validation": ("val", "validation"), "test": ("test",),
}  # fmt: skip


class UnusableImage(Exception):
    """A file that is no image, or none that can be taken as it is: why."""


@dataclass(frozen=True)
class _ImageFile:
    """An image file, and the shape (C, H, W) of what it holds."""

    path: Path
    shape: tuple[int, ...]


def open_folder(folder: Path) -> Dataset:
    """A folder of images as a data set: all of them the test split.

    Where there is a folder `test` in it, that is the test split, and `train` and `val` (or
    `validation`) are the others; they may be missing.

    Raises:
        DataError: there is no such folder, or no image in it that can be used.
    """
    if not folder.is_dir():
        what = "a file, not a folder" if folder.exists() else "no such folder"
        raise DataError(f"folder:{folder}: there is {what}; give the path of a folder of images")
    split_folders: dict[Split, Path] = {"test": folder}
    if (folder / "test").is_dir():
        split_folders = {
            split: folder / name
            for split, names in _SPLITS.items()
            for name in names
            if (folder / name).is_dir()
        }
    files = {split: image_files(own) for split, own in split_folders.items()}
    if not files["test"]:
        raise DataError(
            f"folder:{folder}: no image in {split_folders['test']}: put PNG, JPEG or TIFF files "
            "there"
        )
    return dataset_of(f"folder:{folder.resolve().name}", files)


def image_files(folder: Path) -> list[Path]:
    """The image files of a folder, sorted by name, without hidden ones.

    Raises:
        DataError: the folder cannot be read.
    """
    try:
        visible = [path for path in folder.iterdir() if not path.name.startswith(".")]
    except OSError as error:
        raise DataError(f"cannot read {folder}: {error.strerror}") from error
    return sorted(path for path in visible if path.suffix.lower() in SUFFIXES and path.is_file())


def dataset_of(
    name: str, files: Mapping[Split, Sequence[Path]], channels: int | None = None
) -> Dataset:
    """Image files as a data set; those that cannot be taken are left out and named.

    Every file is read once, for its shape and for the fingerprint, which depends on the images
    and their order alone, not on names or formats.

    Args:
        name: the data set's.
        files: of each split, in order.
        channels: that an image must have; None for any.

    Raises:
        DataError: no test image is left of those that there were.
    """
    digest, left_out = hashlib.sha256(), []
    usable: dict[Split, list[_ImageFile]] = {}
    for split in _SPLITS:
        usable[split] = []
        for path in files.get(split, ()):
            try:
                image = read_image(path)
                if channels not in (None, len(image)):
                    raise UnusableImage(f"it has {len(image)} channels, not {channels}")
            except UnusableImage as error:
                left_out.append(f"{path.name} is left out: {error}")
                continue
            usable[split].append(_ImageFile(path, image.shape))
            digest.update(f"{split} {image.shape} ".encode())
            digest.update(np.ascontiguousarray(image, "<f4").tobytes())
    if files.get("test") and not usable["test"]:
        raise DataError(f"{name}: no file can be used; {left_out[0]}")

    def read(split: Split) -> Iterator[Group]:
        return _groups(usable[split])

    sizes: dict[str, int] = {split: len(kept) for split, kept in usable.items()}
    return Dataset(
        name,
        digest.hexdigest()[:16],
        sizes,
        read,
        samples=_samples(usable["test"]),
        left_out=tuple(left_out),
    )


def _groups(files: Sequence[_ImageFile]) -> Iterator[Group]:
    by_shape: dict[tuple[int, ...], list[int]] = {}
    for position, file in enumerate(files):
        by_shape.setdefault(file.shape, []).append(position)
    for shape, positions in by_shape.items():
        size = max(1, READ_AT_ONCE // (shape[1] * shape[2]))
        for start in range(0, len(positions), size):
            part = positions[start : start + size]
            yield Group(np.array(part), np.stack([_read_again(files[i]) for i in part]))


def _read_again(file: _ImageFile) -> Array:
    try:
        image = read_image(file.path)
    except UnusableImage as error:
        raise DataError(f"{file.path} has changed while it was in use: {error}") from error
    if image.shape != file.shape:
        raise DataError(f"{file.path} has changed while it was in use: start again")
    return image


def _samples(files: Sequence[_ImageFile]) -> tuple[int, ...]:
    """Positions of the images that reports show: the first is always one of them."""
    pixels = np.cumsum([file.shape[1] * file.shape[2] for file in files[:_SHOWN]])
    return tuple(range(max(1, int((pixels <= _SHOWN_PIXELS).sum())))) if files else ()


def read_image(path: Path) -> Array:
    """An image file as float32 (C, H, W) in [0, 1], C = 1 or 3.

    Raises:
        UnusableImage: it is broken, too large, or of a kind that would have to be changed.
    """
    from PIL import Image, ImageOps

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Pillow's, about what is checked here
            with Image.open(path) as image:
                width, height = image.size
                if width * height > MAX_PIXELS:
                    raise UnusableImage(
                        f"{width}x{height} pixels are more than {MAX_PIXELS:,}: cut it into parts"
                    )
                if (frames := getattr(image, "n_frames", 1)) > 1:
                    raise UnusableImage(f"it holds {frames} images: save each to a file")
                _check_depth(image, path)
                image.load()
                return _values(ImageOps.exif_transpose(image))
    except UnusableImage:
        raise
    except Image.DecompressionBombError as error:
        raise UnusableImage(f"it has more than {MAX_PIXELS:,} pixels: cut it into parts") from error
    except Exception as error:  # whatever Pillow's decoders come upon
        reason = (
            " ".join(str(error).split()).replace(repr(str(path)), "it").replace(str(path), "it")
        )
        raise UnusableImage(
            f"it is broken, or no image ({reason or type(error).__name__})"
        ) from error


def _check_depth(image: Image, path: Path) -> None:
    """Refuses PNG files of 16 bits in colour or with alpha, which Pillow would cut to 8."""
    if image.format != "PNG":
        return
    with path.open("rb") as file:
        header = file.read(26)
    depth, colour = header[24], header[25]
    if depth == 16 and colour != 0:
        raise UnusableImage("16 bits a channel are taken of grey images only: save it with 8 bits")


def _values(image: Image) -> Array:
    """The pixels, float32 (C, H, W) in [0, 1]."""
    if image.mode in ("P", "PA"):
        image = image.convert("RGBA" if "transparency" in image.info else "RGB")
        red, green, blue, *_ = (np.asarray(band) for band in image.split())
        if (red == green).all() and (green == blue).all():
            image = image.convert("LA" if image.mode == "RGBA" else "L")
    if image.mode in ("LA", "RGBA"):
        if (np.asarray(image.getchannel("A")) < 255).any():
            raise UnusableImage("some of it is transparent: save it without an alpha channel")
        image = image.convert("L" if image.mode == "LA" else "RGB")
    if image.mode == "1":
        white = 1
    elif image.mode in ("L", "RGB"):
        white = 255
    elif image.mode.startswith("I;16"):
        white = 65535
    else:
        raise UnusableImage(f"its pixels are of the kind {image.mode}: save it as grey or RGB")
    values = np.asarray(image).astype(np.float32) / np.float32(white)
    return np.moveaxis(values, -1, 0) if values.ndim == 3 else values[None]
