"""Large images cut into overlapping tiles, so that what a method takes does not grow with them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.core import Unsupported
from bench.core.tiling import SIDE, Span, bound, spans
from bench.evaluation import scoring

if TYPE_CHECKING:
    from bench.core import Array, Noise
    from bench.evaluation.forms import Form
    from bench.plugins.contract import Denoiser


def by_tiles(denoiser: Any, form: Form, side: int | None) -> Any:
    """A denoiser that is given large images by tiles of `side`, if its method may be.

    Not where it takes images of one size only, or says that it must see them whole.
    """
    if side is None or form.method.declared.whole or not form.any_size:
        return denoiser
    return Tiled(denoiser, side, form.images_at_once)


class Tiled:
    """A denoiser that is given images of more than `bound(side)` pixels tile by tile.

    Of a tile the middle is kept, and nothing is blended. All else that the harness asks of a
    denoiser goes to the one inside.

    Args:
        denoiser: the one inside.
        side: of a tile, in pixels.
        at_once: tiles that a call is given, at most: those that it handles side by side.
    """

    def __init__(self, denoiser: Any, side: int = SIDE, at_once: int = 1) -> None:
        self._denoiser: Denoiser = denoiser
        self._side, self._at_once = side, at_once

    def __getattr__(self, name: str) -> Any:
        return getattr(self._denoiser, name)

    def denoise(self, noisy: Array, noise: Noise) -> Array:
        """Restored images, (N, C, H, W)."""
        restored = self._by_tiles(self._denoiser.denoise, noisy, noise)
        assert restored is not None
        return restored

    def deviation(self, noisy: Array, noise: Noise) -> Array | None:
        """The predicted standard deviation of each pixel's error, of a method that gives one."""
        inner: Any = self._denoiser
        return self._by_tiles(inner.deviation, noisy, noise)

    def _by_tiles(
        self, call: Callable[[Array, Noise], Array | None], noisy: Array, noise: Noise
    ) -> Array | None:
        height, width = noisy.shape[2:]
        if height * width <= bound(self._side):
            return call(noisy, noise)
        result = np.empty(noisy.shape, np.float32)
        for image, whole in zip(noisy, result, strict=True):
            for places in self._places(height, width):
                tiles = np.stack([image[:, rows.seen, columns.seen] for rows, columns in places])
                try:
                    given = call(tiles, noise)
                except Unsupported as error:
                    shape = "x".join(map(str, tiles.shape[2:]))
                    raise Unsupported(
                        f"{error} (a tile of {shape} pixels of an image of {height}x{width}: "
                        "--tile none gives it the whole)"
                    ) from error
                if given is None:
                    return None
                scoring.check(given, tiles.shape, f"of a tile {call.__name__}")
                for (rows, columns), tile in zip(places, given, strict=True):
                    whole[:, rows.kept, columns.kept] = tile[:, rows.within, columns.within]
        return result

    def _places(self, height: int, width: int) -> Iterator[list[tuple[Span, Span]]]:
        """The tiles of such an image by calls, those of a call of one shape."""
        places = itertools.product(spans(height, self._side), spans(width, self._side))
        for _, alike in itertools.groupby(sorted(places, key=_shape), key=_shape):
            rest = iter(alike)
            while call := list(itertools.islice(rest, self._at_once)):
                yield call


def _shape(place: tuple[Span, Span]) -> tuple[int, int]:
    rows, columns = place
    return rows.seen.stop - rows.seen.start, columns.seen.stop - columns.seen.start
