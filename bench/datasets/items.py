"""One image as somebody hands it over, with what is known of it, as stored values (C, H, W)."""

from __future__ import annotations

import math
import numbers
import os
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.core import DataError, expanded, nearest, shown
from bench.datasets.formats import Encoded, Stored, UnusableImage, check_memory, open_image
from bench.datasets.pillow_images import check_whole

if TYPE_CHECKING:
    from bench.core import Array

#: What may be said of an image, where it comes with more than its pixels.
KEYS = ("clean", "noisy", "label", "unit")
#: What an image may be.
TAKEN = "an array (H, W), (C, H, W) or (H, W, C) with C = 1 or 3, a PIL image, or a file's path"
#: Values of an image's file from which on it is checked that there is memory for it.
LARGE = 2**22
#: Type of stored values, without their byte order -> the one that is white, where custom has it.
_WHITE = {"u1": 255.0, "u2": 65535.0}


@dataclass(frozen=True)
class Item:
    """An image with what is known of it, not scaled.

    Attributes:
        clean: stored values (C, H, W); None where there is no ground truth.
        frames: noisy ones of the same scene and shape, which came with it.
        label: its class, counted from 0; None where nobody says.
        unit: what it belongs to (a field, a patient, a file); None where it is one by itself.
        white: the value that is white, as the file or the type of the stored values says; None
            where it has to be stated.
        values_unit: of the stored values, where its files say one ("HU"); else empty.
        notes: what the reader of its file did or left, where another may be expected.
    """

    clean: Array | None
    frames: tuple[Array, ...] = ()
    label: int | None = None
    unit: Hashable | None = None
    white: float | None = None
    values_unit: str = ""
    notes: tuple[str, ...] = ()

    @property
    def images(self) -> tuple[Array, ...]:
        """The clean one, and then the noisy ones."""
        return (*(() if self.clean is None else (self.clean,)), *self.frames)

    @property
    def kind(self) -> str:
        """The type of its stored values."""
        return str(self.images[0].dtype)


def items_of(given: Any, *, again: bool = False) -> Iterator[Item]:
    """The images that were handed over as one: alone, or with more in a dictionary of `KEYS`.

    They are several where a file holds several, which then are of one unit.

    Args:
        given: what was handed over.
        again: it was read before, and the memory to measure it is taken or there.

    Raises:
        UnusableImage: it is none, or one that would have to be changed: why.
        DataError: its file cannot be read, or there is no memory for it.

    >>> (item,) = items_of({"clean": np.zeros((4, 6, 3), np.uint8), "label": 7})
    >>> item.clean.shape, item.white, item.label
    ((3, 4, 6), 255.0, 7)
    """
    if not isinstance(given, Mapping):
        given = {"clean": given}
    for key in given:
        if key not in KEYS:
            raise UnusableImage(f"there is no {key!r} of an image: {nearest(str(key), KEYS)}")
    clean, noisy = given.get("clean"), given.get("noisy")
    if clean is None and noisy is None:
        raise UnusableImage(f"it has neither clean nor noisy pixels: give {TAKEN}")
    label, unit = _label(given.get("label")), _unit(given.get("unit"))
    if noisy is not None:
        several = noisy if isinstance(noisy, list | tuple) else [noisy]
        truth = None if clean is None else _stored(clean, again)
        stacks = [_stored(each, again) for each in several]
        first = None if truth is None else _one(truth)
        frames = [_page(stack, page) for stack in stacks for page in range(stack.pages)]
        together = _together(first, frames, label, unit)
        yield _with_words(together, stacks if truth is None else [truth, *stacks])
        return
    stack = _stored(clean, again)
    if stack.pages > 1 and unit is None:
        unit = str(clean)
    for page in range(stack.pages):
        yield _with_words(Item(_page(stack, page)[0], (), label, unit, stack.white), [stack])


#: Stored values (C, H, W), and the one that is white.
_Page = tuple["Array", float | None]


def _together(
    clean: _Page | None, frames: Sequence[_Page], label: int | None, unit: Hashable | None
) -> Item:
    """A scene of which there are noisy images."""
    every = [*([clean] if clean else []), *frames]
    if not frames or len({(image.shape, str(image.dtype), white) for image, white in every}) > 1:
        kinds = " and ".join(dict.fromkeys(f"{image.shape} {image.dtype}" for image, _ in every))
        raise UnusableImage(f"its images are not of one shape, type and range: {kinds}")
    return Item(
        clean[0] if clean else None, tuple(image for image, _ in frames), label, unit, every[0][1]
    )


def _with_words(item: Item, stacks: Sequence[Stored]) -> Item:
    """With what the files say of it."""
    notes = dict.fromkeys(note for stack in stacks for note in stack.notes)
    units = {stack.unit for stack in stacks}
    unit = units.pop() if len(units) == 1 else ""
    return replace(item, values_unit=unit, notes=tuple(notes))


def _one(stack: Stored) -> _Page:
    if stack.pages > 1:
        raise UnusableImage(f"its clean file holds {stack.pages} images: give them one by one")
    return _page(stack, 0)


def _page(stack: Stored, page: int) -> _Page:
    pixels = stack.read(page)
    if pixels.dtype.kind == "f" and not np.isfinite(pixels).all():
        raise UnusableImage("some of its values are NaN or infinite")
    return pixels, stack.white


def _stored(image: Any, again: bool) -> Stored:
    """What holds an image's values: a file, or what holds them in memory."""
    if isinstance(image, str | os.PathLike):
        path = expanded(image)
        stored = _of_file(path)
        if not again and math.prod(stored.shape) > LARGE:
            check_memory(path, stored.shape)
        return stored
    if isinstance(image, Encoded):
        return image.open()
    pixels = _channels_first(as_array(image))
    if pixels.dtype.kind not in "iuf":
        raise UnusableImage(
            f"its values are {pixels.dtype}: give uint8, uint16, or floating point with a range"
        )
    shape = pixels.shape[0], pixels.shape[1], pixels.shape[2]
    return Stored(shape, 1, pixels.dtype, _WHITE.get(pixels.dtype.str[1:]), lambda page: pixels)


def as_array(image: Any) -> Array:
    """The values of an array, a tensor or a PIL image, none of them changed.

    Raises:
        UnusableImage: it is nothing of that, or Pillow has changed them.
    """
    if isinstance(image, np.ndarray):
        return image
    if hasattr(image, "detach") and hasattr(image, "cpu"):  # a tensor
        image = image.detach().cpu()
        return image.float().numpy() if str(image.dtype) == "torch.bfloat16" else image.numpy()
    if hasattr(image, "mode") and hasattr(image, "getbands"):  # of Pillow
        check_whole(image)
        return np.asarray(image)
    raise UnusableImage(f"it is {shown(image)}: give {TAKEN}")


def _channels_first(pixels: Array) -> Array:
    """(H, W), (C, H, W) or (H, W, C) as (C, H, W)."""
    shape = pixels.shape
    if pixels.ndim == 2:
        pixels = pixels[None]
    elif pixels.ndim == 3:
        first, last = shape[0] in (1, 3), shape[2] in (1, 3)
        if first and last:
            raise UnusableImage(
                f"of its shape {shape} the first and the last axis may be the channels: give a "
                "grey image as (H, W)"
            )
        if last:
            pixels = np.moveaxis(pixels, 2, 0)
        elif not first:
            raise UnusableImage(f"it has the shape {shape}, and no axis of 1 or 3 channels")
    else:
        raise UnusableImage(f"it has the shape {shape}: give {TAKEN}")
    if not pixels.size:
        raise UnusableImage(f"it has the shape {shape}, and no pixel")
    return pixels


def _of_file(path: Path) -> Stored:
    try:
        return open_image(path)
    except UnusableImage as error:
        raise UnusableImage(f"{path}: {error}") from error


def _label(label: Any) -> int | None:
    if label is None:
        return None
    if getattr(label, "ndim", None) == 0:  # a number of NumPy's or torch's
        label = label.item()
    if isinstance(label, bool) or not isinstance(label, numbers.Integral) or label < 0:
        raise UnusableImage(
            f"its label is {shown(label)}: give the number of its class, counted from 0"
        )
    return int(label)


def _unit(unit: Any) -> Hashable | None:
    if getattr(unit, "ndim", None) == 0:
        unit = unit.item()
    if unit is None or isinstance(unit, str | int):
        return unit
    raise UnusableImage(f"its unit is {shown(unit)}: give a text or a whole number")


def refused(name: str, split: str, position: int, why: object) -> DataError:
    """The error that an image cannot be taken."""
    return DataError(f"{name}, {split} image {position} (counted from 0): {why}")
