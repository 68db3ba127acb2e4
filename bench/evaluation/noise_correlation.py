"""Is noise that came with the images what estimates of the error take it for?

What is told of a restored image without ground truth hangs on the noise. SURE, tuning on the noisy
image itself and the deviation that is estimated from it take it for independent from pixel to
pixel, as noise from a camera's raw pixels is, and that of its finished pictures is not; uMSE only
takes frames for independent of each other. So a few images are looked at before a run.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from bench.core import SAMPLE_SIDE, Dataset, Group, middle

if TYPE_CHECKING:
    from bench.core import Array, MeasuredSplit

#: Images that are looked at, of large ones the middle.
_IMAGES = 8
#: Channel, row and column by which a pixel's neighbours lie further.
_LAGS = {
    "neighbouring pixels": ((0, 0, 1), (0, 1, 0), (0, 1, 1)),
    "an image's channels": ((1, 0, 0),),
}
#: A correlation is told from white noise by so many standard errors, and said where it is over
#: `KNOWN` of noise that is known, `SEEN` where it is seen through the image. Of white noise one
#: data set in 4,000 is said to be correlated; less than 0.02 moves SURE little.
ERRORS, KNOWN, SEEN = 4.0, 0.02, 0.25
#: Frames differ in brightness by more than this share of their noise's deviation.
_DRIFT = 0.1
#: And in the noise's variance by more than this share of both together: a tenth of its deviation. A
#: high-pass leaves pixels that share noise, so a difference is told by twice as many errors. By
#: simulation (images of 64x64 and 256x256, deviations 0.1 and 0.09) 0.105 is found, within 0.01.
_UNEQUAL = 0.1
#: More than this share of pixels at the ends of the range is said: noise is cut off there.
_ENDS = 0.01
# Sides of blocks that are searched for flat ones, the share of them that is taken, and how many
# there must be.
_SIDE, _FLATTEST, _BLOCKS = 16, 0.05, 64


# What a note ends with where scenes have several frames.
_OF_FRAMES = "; uMSE and uPSNR only take frames for independent of each other"


class Correlation(NamedTuple):
    """The correlation of a pixel's noise with that of another one, and its standard error."""

    value: float
    error: float

    @classmethod
    def of(cls, noises: Iterable[Array], lag: tuple[int, int, int]) -> Correlation:
        """Of noise of mean 0, images (C, H, W), which may be stronger in some pixels than others.

        If pixels are independent the products of two are uncorrelated, with mean 0 and their own
        squares for variances: so the error is right for photon noise too.

        >>> white = np.random.default_rng(0).normal(size=(1, 200, 200))
        >>> of_two = white[:, :, 1:] + white[:, :, :-1]
        >>> found = [Correlation.of([noise], (0, 0, 1)).value for noise in (white, of_two)]
        >>> [abs(round(value, 1)) for value in found]
        [0.0, 0.5]
        """
        products, squares = [], []
        for noise in noises:
            values = noise.astype(np.float64)
            here, there = _pairs(values, lag)
            products.append((here * there).ravel())
            squares.append((values**2).mean())
        every = np.concatenate(products) if products else np.empty(0)
        if not every.size or not any(squares):
            return cls(0.0, np.inf)
        scale = float(np.mean(squares))
        error = np.linalg.norm(every) / every.size
        return cls(float(every.mean()) / scale, float(error) / scale)

    @property
    def told(self) -> bool:
        """White noise hardly has it."""
        return abs(self.value) > max(KNOWN, ERRORS * self.error)


def notes(dataset: Dataset, split: MeasuredSplit = "test") -> list[str]:
    """What readers should know of noise that came with the images, a sentence each.

    Args:
        dataset: that is measured on; there is nothing to say where its noise is drawn.
        split: what is measured.
    """
    groups = list(_first(dataset, split)) if dataset.given else []
    if not groups:
        return []
    lines = _drift(groups) if dataset.frames > 1 else []
    lines += _unequal(groups) if dataset.frames == 2 else []
    lines += _cut_off(groups) if dataset.frames > 1 or not dataset.truth else []
    known = [noise for group in groups for noise in _noises(group)]
    found = []
    for what, lags in _LAGS.items():
        if known:
            each = [Correlation.of(known, lag) for lag in lags]
            value = max((one.value for one in each if one.told), key=abs, default=0.0)
        else:
            value = _seen([image for group in groups for image in _noisy(group)], lags)
        if value:
            found.append(f"{what} ({value:.2f})")
    if found:
        lines.append(
            f"the noise {'is' if known else 'seems, by flat parts of the images,'} correlated "
            f"between {' and '.join(found)}: SURE, tuning on the noisy image itself, an estimated "
            "sigma and methods for white noise take it for independent, and go wrong"
            f"{_OF_FRAMES if dataset.frames > 1 else ''}"
        )
    return lines


def _first(dataset: Dataset, split: MeasuredSplit) -> Iterator[Group]:
    """The first images, of large ones the middle; no more than they are is read or kept."""
    left = _IMAGES
    for group in dataset.groups(split):
        positions, *images = group.only(slice(left))
        yield Group(positions, *(x if x is None else middle(x, SAMPLE_SIDE).copy() for x in images))
        left -= len(positions)
        if not left:
            return


def _noises(group: Group) -> Iterator[Array]:
    """Images of noise, up to a factor: by the clean image, or by two frames; else nothing."""
    for index in range(len(group.positions)):
        assert group.frames is not None
        frames = group.frames[index]
        if group.clean is not None:
            noise = frames[0] - group.clean[index]
        elif len(frames) > 1:
            noise = frames[0] - frames[1]
        else:
            return
        yield noise - noise.mean(axis=(1, 2), keepdims=True)


def _noisy(group: Group) -> Iterator[Array]:
    assert group.frames is not None
    return (frames[0] for frames in group.frames)


def _frames(groups: Iterable[Group]) -> Iterator[Array]:
    """The frames of each scene, (F, C, H, W)."""
    return itertools.chain.from_iterable(
        group.frames for group in groups if group.frames is not None
    )


def _drift(groups: Iterable[Group]) -> list[str]:
    """A line where frames of a scene are not equally bright."""
    differences = [first - second for first, second, *_ in _frames(groups)]
    shares = [
        abs(each.mean(dtype=np.float64)) / max(each.std(dtype=np.float64) / 2**0.5, 1e-12)
        for each in differences
    ]
    share = float(np.median(shares))
    if share <= max(_DRIFT, ERRORS / min(each.size for each in differences) ** 0.5):
        return []
    return [
        f"the frames of a scene differ in brightness, by {share:.0%} of their noise's deviation: "
        "uMSE and uPSNR take that for an error of the denoiser"
    ]


def _unequal(groups: Iterable[Group]) -> list[str]:
    """A line where the first two frames of a scene are not equally noisy.

    The product of their sum and their difference has the difference of the noise's variances for
    its mean, whatever the scene; a high-pass takes most of the scene's scatter away.
    """
    shares, errors = [], []
    for first, second, *_ in _frames(groups):
        differences, sums = _high_pass(first - second), _high_pass(first + second)
        both = float((differences**2).mean())
        if both:
            products = differences * sums
            shares.append(float(products.mean()) / both)
            errors.append(float(np.linalg.norm(products)) / products.size / both)
    if not shares:
        return []
    share, error = float(np.mean(shares)), float(np.linalg.norm(errors)) / len(errors)
    if abs(share) <= max(_UNEQUAL, 2 * ERRORS * error):
        return []
    ratio = ((1 + min(abs(share), 0.999)) / (1 - min(abs(share), 0.999))) ** 0.5
    stronger, way = ("first", "good") if share > 0 else ("second", "bad")
    return [
        f"the noise of a scene's {stronger} frame is {ratio:.2g} times as strong as the other's: "
        f"uMSE and uPSNR of two frames take both for equally noisy, and look too {way}; by uMSE "
        "methods can still be compared"
    ]


def _high_pass(image: Array) -> Array:
    """Differences along both axes, that leave white noise its variance: (C, H - 1, W - 1)."""
    return np.diff(np.diff(image.astype(np.float64), axis=1), axis=2) / 2


def _cut_off(groups: Iterable[Group]) -> list[str]:
    """A line where many pixels lie at the ends of the range."""
    at_ends = [((frames == 0) | (frames == 1)).mean() for frames in _frames(groups)]
    share = float(np.mean(at_ends)) if at_ends else 0.0
    if share <= _ENDS:
        return []
    return [
        f"{share:.0%} of the noisy images' pixels lie at the ends of the range: noise that was cut "
        "off there has a mean other than 0, by which uMSE, uPSNR and SURE go wrong"
    ]


def _seen(images: Iterable[Array], lags: Iterable[tuple[int, int, int]]) -> float:
    """The correlation in the flattest blocks of each image; 0 where it may be the image's own.

    Of each block a surface of second degree is taken away, which white noise answers with
    correlations next to 0. What is left of the image itself is correlated too, and is most of what
    there is where noise is weak: so the images count that show little, as the lower quartile.
    """
    values = [
        max(Correlation.of([blocks], lag).value - _left(lag) for lag in lags)
        for image in images
        if len(blocks := _flattest(image))
    ]
    little = float(np.quantile(values, 0.25)) if values else 0.0
    return little if little > SEEN else 0.0


def _flattest(image: Array) -> Array:
    """The flattest blocks of an image, (blocks, C, side, side), less a surface each."""
    channels, height, width = image.shape
    rows, columns = height // _SIDE, width // _SIDE
    cut = image[:, : rows * _SIDE, : columns * _SIDE].astype(np.float64)
    parts = cut.reshape(channels, rows, _SIDE, columns, _SIDE).transpose(1, 3, 0, 2, 4)
    blocks = parts.reshape(-1, channels, _SIDE**2)
    within = blocks[((blocks > cut.min()) & (blocks < cut.max())).all(axis=(1, 2))]
    if len(within) < _BLOCKS:
        return np.empty((0, channels, _SIDE, _SIDE))
    left = within - within @ _surfaces() @ _surfaces().T
    chosen = np.argsort(left.var(axis=(1, 2)))[: max(4, int(_FLATTEST * len(left)))]
    return left[chosen].reshape(-1, channels, _SIDE, _SIDE)


def _left(lag: tuple[int, int, int]) -> float:
    """The correlation that white noise has at a lag once a block's surface is taken away."""
    if lag[0]:
        return 0.0
    kept = np.eye(_SIDE**2) - _surfaces() @ _surfaces().T
    here, there = _pairs(np.arange(_SIDE**2).reshape(1, _SIDE, _SIDE), lag)
    return float(kept[here, there].mean() / kept.diagonal().mean())


def _pairs(values: Array, lag: tuple[int, int, int]) -> tuple[Array, Array]:
    """Pixels, and those that lie a lag further: of (..., C, H, W)."""
    c, y, x = lag
    *_, channels, height, width = values.shape
    return values[..., : channels - c, : height - y, : width - x], values[..., c:, y:, x:]


def _surfaces() -> Array:
    """An orthonormal basis of the surfaces of second degree over a block, (pixels, 6)."""
    y, x = (axis.ravel() - (_SIDE - 1) / 2 for axis in np.mgrid[:_SIDE, :_SIDE])
    return np.linalg.qr(np.stack([np.ones_like(x), x, y, x * y, x**2, y**2], axis=1))[0]
