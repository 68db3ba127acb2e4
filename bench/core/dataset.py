"""A data set: splits of clean images, read when asked for.

Arrays of images are float32 of shape (N, C, H, W), C = 1 (grey) or 3 (RGB), clean values
in [0, 1].
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Array = npt.NDArray[Any]  # float32 (N, C, H, W); the stubs cannot say so
    Labels = npt.NDArray[np.int64]  # (N,), one an image: its class, counted from 0
    Values = npt.NDArray[np.float64]  # (N,), one an image

Split = Literal["train", "validation", "test"]
#: What may be measured on.
MeasuredSplit = Literal["test", "validation"]

#: Bytes that measuring takes for each value of a large image: clean, noisy, as it is handed over,
#: as it comes back and as it is scored, each in float32, and room to compute.
MEASURED_BYTES = 24
#: Of larger images the middle is kept for reports, so many pixels a side.
SAMPLE_SIDE = 512


class Group(NamedTuple):
    """Images of one shape, each with its position in the full split.

    positions: int64 (N,); images: float32 (N, C, H, W) in [0, 1].
    """

    positions: npt.NDArray[np.int64]
    images: Array


class Labelled(NamedTuple):
    """Images of one shape and what they show.

    images: float32 (N, C, H, W) in [0, 1]; labels: int64 (N,), the class of each, counted from 0.
    """

    images: Array
    labels: Labels


@dataclass(frozen=True)
class Dataset:
    """Splits of clean images, read when asked for.

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
        largest: values of the largest image, where images may be large.
        training, training_fingerprint: the data set, by name and content, that training and
            validation images come from; by default this one.
        labels: gives the labels of a split, int64, those of all its images by position; raises
            `DataError` or `StorageError` where they cannot be had. None where images have none.
        own: where training images come from another data set, this one with its own.
    """

    name: str
    fingerprint: str
    sizes: Mapping[str, int]
    read: Callable[[Split], Iterable[Group]] = field(repr=False)
    samples: tuple[int, ...] = tuple(range(10))
    note: str = ""
    left_out: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    largest: int = 0
    training: str = ""
    training_fingerprint: str = ""
    labels: Callable[[Split], Labels] | None = field(default=None, repr=False)
    own: Dataset | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not self.training:
            object.__setattr__(self, "training", self.name)
            object.__setattr__(self, "training_fingerprint", self.fingerprint)

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
                yield Group(group.positions[below], group.images[below])


def middle(image: Array, side: int) -> Array:
    """The middle of images (..., H, W), no more than `side` pixels high and wide.

    >>> import numpy as np
    >>> middle(np.arange(5)[None], 3)
    array([[1, 2, 3]])
    """
    top, left = (max(0, (size - side) // 2) for size in image.shape[-2:])
    return image[..., top : top + side, left : left + side]
