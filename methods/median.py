"""Median filter: the classical answer to impulse noise."""

import numpy as np

from bench import Unsupported, method

# Values that are worked on at a time, so that they stay in a core's cache.
CACHED = 1 << 18
# Up to this size a selection over the whole batch is faster than SciPy's of each pixel.
SMALL = 7


@method(
    tune={"size": (1, 3, 5, 7), "weight": (1, 3, 5, 7)},
    least={"size": 1, "weight": 1},
    reference="Huang, Yang and Tang 1979; Ko and Lee 1991",
    threads=True,
)
def median(noisy, *, size=3, weight=1):
    """Median over size x size pixels (size 1 does nothing), the centre counted `weight` times.

    Weights are odd; over 1 they leave more pixels as they are: the centre-weighted median. Beyond
    the image's sides lies what is nearest in it.
    """
    if weight % 2 == 0:
        raise Unsupported(f"weight={weight}: give an odd number")
    if weight >= size * size:  # the centre has the majority
        return noisy
    return _selected(noisy, size, weight) if size <= SMALL else _by_scipy(noisy, size, weight)


def _selected(noisy, size, weight):
    """Medians over a batch as one stretch of memory: what lies aside is equally far everywhere.

    Where a window reaches over the end of a row, it gives what is cut off in the end.
    """
    before, after = size // 2, (size - 1) // 2
    sides = ((0, 0), (0, 0), (before, after), (before, after))
    padded = np.pad(noisy, sides, mode="edge")
    row, pixels = padded.shape[-1], padded.ravel()
    shifts = [down * row + right for down in range(size) for right in range(size)]
    last = pixels.size - max(shifts)
    shifts += [before * (row + 1)] * (weight - 1)
    restored = np.empty_like(pixels)
    step = max(1, 2 * CACHED // len(shifts))
    for start in range(0, last, step):
        stop = min(start + step, last)
        restored[start:stop] = _median([pixels[at + start : at + stop] for at in shifts])
    height, width = noisy.shape[-2:]
    return restored.reshape(padded.shape)[..., :height, :width]


def _by_scipy(noisy, size, weight):
    """The centre, limited to the order statistics (weight - 1) / 2 places beside the middle.

    Which is the weighted median (Ko and Lee 1991, property 1).
    """
    from scipy.ndimage import rank_filter

    middle, aside = size * size // 2, (weight - 1) // 2
    low, high = (
        rank_filter(noisy, rank, size=(1, 1, size, size), mode="nearest")
        for rank in (middle - aside, middle + aside)
    )
    return np.clip(noisy, low, high)


def _median(arrays):
    """The median over arrays, of an even number the larger of the two in the middle.

    By forgetful selection: of a little over half of the values neither the least nor the greatest
    can be the median. Both are dropped, and the next value takes their place.
    """
    count = len(arrays) // 2 + 2
    kept, waiting = [array.copy() for array in arrays[:count]], arrays[count:]
    if len(arrays) % 2 == 0:
        waiting.append(np.float32(np.inf))
    spare = np.empty_like(kept[0])

    def order(one, other):
        nonlocal spare
        np.minimum(kept[one], kept[other], out=spare)
        np.maximum(kept[one], kept[other], out=kept[other])
        kept[one], spare = spare, kept[one]

    while True:
        last = len(kept) - 1
        for index in range((last + 1) // 2):
            order(index, last - index)
        for index in range(1, last // 2 + 1):
            order(0, index)
        for index in range((last + 1) // 2, last):
            order(index, last)
        _, *kept, free = kept
        if not waiting:
            return kept[0]
        free[...] = waiting.pop()
        kept.append(free)
