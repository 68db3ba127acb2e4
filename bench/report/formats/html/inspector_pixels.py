"""Images as the page stores them: 8-bit planes, in one PNG all that is shown of an image."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from bench.core import SAMPLE_SIDE, middle

if TYPE_CHECKING:
    import numpy.typing as npt

    Pixels = npt.NDArray[np.uint8]


class Layered(Protocol):
    """What strips are made of."""

    @property
    def clean(self) -> Pixels | None:
        """The clean image."""

    @property
    def layers(self) -> list[Pixels]:
        """All others."""


def pixels(image: Any, most: float = 1.0) -> Pixels:
    """An image (C, H, W) of values from 0 to `most` in 8 bits; of a large one its middle.

    >>> pixels(np.array([[[-0.1, 0.5, 2.0]]])).tolist()
    [[[0, 128, 255]]]
    """
    shown = middle(np.asarray(image), SAMPLE_SIDE)
    return np.round(np.clip(shown / most, 0, 1) * 255).astype(np.uint8)


def cropped(image: Pixels, side: int) -> Pixels:
    """What of an image is shown: its middle, no more than `side` pixels high and wide."""
    return middle(image, side)


class Strips:
    """Strips of images, each once.

    A strip is a grey PNG of layers of one shape (C, H, W), under each other: of each its channels,
    under each other. It is packed losslessly, and a browser reads its bytes as they were.

    Attributes:
        side: pixels that an image is shown of, at most, in height and width.
        stored: the PNGs, as base64.
        size: characters that they take.
        cut: whether of some image only the middle is shown.
    """

    def __init__(self, side: int) -> None:
        self.side = side
        self.stored: list[str] = []
        self.size, self.cut = 0, False
        self._known: dict[tuple[Any, ...], int] = {}

    def add(self, layers: Sequence[Pixels]) -> int | None:
        """Store layers; their strip's index in `stored`, None of no layers."""
        from PIL import Image

        if not layers:
            return None
        shown = [cropped(layer, self.side) for layer in layers]
        # What may be the middle of a larger image already, as cells keep it, is told likewise.
        self.cut |= shown[0].size < layers[0].size or SAMPLE_SIDE in layers[0].shape[-2:]
        planes = np.concatenate([plane for layer in shown for plane in layer])
        key = (shown[0].shape, planes.tobytes())
        if key not in self._known:
            file = io.BytesIO()
            Image.fromarray(planes).save(file, "PNG", compress_level=6)
            self._known[key] = len(self.stored)
            self.stored.append(base64.b64encode(file.getvalue()).decode())
            self.size += len(self.stored[-1])
        return self._known[key]

    def filled(self, pictures: Iterable[Layered], budget: float = math.inf) -> bool:
        """Store all layers of pictures; False as soon as they take more than a budget."""
        for one in pictures:
            self.add(one.layers)
            self.add([] if one.clean is None else [one.clean])
            if self.size > budget:
                return False
        return True
