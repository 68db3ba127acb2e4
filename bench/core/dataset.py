"""A data set: splits of images, read when asked for.

Arrays of images are float32 of shape (N, C, H, W), C = 1 (grey) or 3 (RGB), clean values
in [0, 1]: the data set's `Range` says what of the stored values is 0 and what is 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from bench.core.errors import Unsupported
from bench.core.value_range import UNIT_RANGE, Range

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Array = npt.NDArray[Any]  # float32 (N, C, H, W); the stubs cannot say so
    Labels = npt.NDArray[np.int64]  # (N,), one an image: its class, counted from 0
    Units = npt.NDArray[np.int64]  # (N,), one an image: the unit that it belongs to
    Values = npt.NDArray[np.float64]  # (N,), one an image

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")
#: What may be measured on.
MeasuredSplit = Literal["test", "validation"]

#: Bytes that measuring takes for each value of a large image: clean, noisy, as it is handed over,
#: as it comes back, of tiles or whole, and as it is scored, the first one noisy, and the next one
#: that is read ahead, each in float32.
MEASURED_BYTES = 28
#: Of larger images the middle is kept for reports, so many pixels a side.
SAMPLE_SIDE = 512


class Group(NamedTuple):
    """Images of one shape, each with its position in the full split.

    positions: int64 (N,); clean: float32 (N, C, H, W) in [0, 1], None where there is no ground
    truth; frames: float32 (N, F, C, H, W), noisy images of each scene, the first of which is
    denoised, where the noise came with the images.
    """

    positions: npt.NDArray[np.int64]
    clean: Array | None
    frames: Array | None = None

    @property
    def images(self) -> Array:
        """The clean ones; raises `Unsupported` where there is no ground truth."""
        if self.clean is None:
            raise Unsupported("there are no clean images, which this needs")
        return self.clean

    @property
    def shape(self) -> tuple[int, ...]:
        """(C, H, W) of each image."""
        if self.clean is not None:
            return tuple(self.clean.shape[1:])
        assert self.frames is not None
        return tuple(self.frames.shape[2:])

    def only(self, rows: Any) -> Group:
        """The images that a mask, a slice or indices choose."""
        return Group(self.positions[rows], *(x if x is None else x[rows] for x in self[1:]))


class ImagePairs(NamedTuple):
    """Noisy images, each with what is to be made of it: to learn from.

    target, noisy: float32 (N, C, H, W); the target is the clean image of the scene, another noisy
    one, or the noisy image itself, by what a method says that it learns from; sigma: float32 (N,),
    the deviation of each one's noise, in [0, 1] units, that methods are told; None where they are
    told one of all.
    """

    target: Array
    noisy: Array
    sigma: npt.NDArray[np.float32] | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the images, (N, C, H, W)."""
        return self.noisy.shape


class Labelled(NamedTuple):
    """Images of one shape and what they show.

    images: float32 (N, C, H, W) in [0, 1]; labels: int64 (N,), the class of each, counted from 0.
    """

    images: Array
    labels: Labels


@dataclass(frozen=True)
class Dataset:
    """Splits of images, read when asked for.

    Attributes:
        name: as on the command line; part of the key of the test noise.
        fingerprint: digest of the content.
        sizes: number of images in each split.
        read: gives a split's groups, one after the other; several may be of one shape, so that
            little is in memory at a time.
        samples: positions in the test split of the images that reports show of every method.
        note: why this data set stands in for another, where it does.
        left_out: a line for each file that could not be taken, and why, and one for each folder
            with files of other kinds, which counts them.
        warnings: what of it is hardly meant so.
        training_warnings: what of its training images is hardly meant so, where some learn from
            them.
        largest: values of the largest image, where images may be large.
        largest_pixels: of the image with the most of them, whatever its channels; as many as
            `largest` where nobody says.
        training, training_fingerprint: the data set, by name and content, that training and
            validation images come from; by default this one.
        labels: gives the labels of a split, int64, those of all its images by position; raises
            `DataError` or `StorageError` where they cannot be had. None where images have none.
        own: where training images come from another data set, this one with its own.
        other: where training and validation images come from another data set, that one.
        range: what the stored values mean.
        frames: noisy images that came with each scene, at least; where there are some, no noise is
            drawn.
        truth: there are clean images; without them there are frames.
        units: gives, of all images of a split by position, int64, which unit (field of view,
            patient, file) each belongs to; images of one unit are no independent samples. None
            where each image is one by itself.
        validated_by: how it gets validation images, in words; empty where files of a folder do.
        metrics: what is measured of it unless others are asked for; empty for what is measured of
            most. The first one leads.
    """

    name: str
    fingerprint: str
    sizes: Mapping[str, int]
    read: Callable[[Split], Iterable[Group]] = field(repr=False)
    samples: tuple[int, ...] = tuple(range(10))
    note: str = ""
    left_out: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    training_warnings: tuple[str, ...] = ()
    largest: int = 0
    largest_pixels: int = 0
    training: str = ""
    training_fingerprint: str = ""
    labels: Callable[[Split], Labels] | None = field(default=None, repr=False)
    own: Dataset | None = field(default=None, repr=False)
    other: Dataset | None = field(default=None, repr=False)
    range: Range = UNIT_RANGE
    frames: int = 0
    truth: bool = True
    units: Callable[[Split], Units] | None = field(default=None, repr=False)
    validated_by: str = field(default="", repr=False, compare=False)
    metrics: tuple[str, ...] = field(default=(), repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.training:
            object.__setattr__(self, "training", self.name)
            object.__setattr__(self, "training_fingerprint", self.fingerprint)
        if not self.largest_pixels:
            object.__setattr__(self, "largest_pixels", self.largest)

    @property
    def given(self) -> bool:
        """The noise came with the images, and none is drawn."""
        return self.frames > 0

    @property
    def tunable(self) -> bool:
        """There are validation images that parameters can be tuned on.

        Not where the noise came with the tested ones and not with these: it cannot be drawn.
        """
        images = self.other or self
        return self.sizes.get("validation", 0) > 0 and (
            images.given if self.given else images.truth
        )

    def groups(self, split: Split, limit: int | None = None) -> Iterator[Group]:
        """The groups of a split, of its first `limit` images where one is given.

        >>> import numpy as np
        >>> images = np.zeros((3, 1, 8, 8), np.float32)
        >>> black = Dataset("black", "0", {"test": 3}, lambda split: [Group(np.arange(3), images)])
        >>> [group.positions.tolist() for group in black.groups("test", limit=2)]
        [[0, 1]]
        """
        for group in self.read(split):
            if limit is None:
                yield group
                continue
            below = group.positions < limit
            if below.all():
                yield group
            elif below.any():
                yield group.only(below)


def middle(image: Array, side: int) -> Array:
    """The middle of images (..., H, W), no more than `side` pixels high and wide.

    >>> import numpy as np
    >>> middle(np.arange(5)[None], 3)
    array([[1, 2, 3]])
    """
    top, left = (max(0, (size - side) // 2) for size in image.shape[-2:])
    return image[..., top : top + side, left : left + side]
