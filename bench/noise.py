"""Noise models, how levels are written, and the test noise, which belongs to the image.

Test noise is drawn on the CPU from Philox, a counter-based generator (Salmon et al. 2011):
its key is a hash of noise seed, data set and split, its counter the image's position in the
full split. So neither method, batch size, worker, limit nor machine changes a pixel. NumPy
promises the generator's bits for good but not what its `normal` makes of them, so the
uniform and normal numbers are made from the bits here.
"""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar

from bench.core import MATCHED, Noise, UsageError, nearest

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from bench.core import Array, Split

#: Far above any use, far below where float32 sums lose their digits.
MAX_LEVEL = 10.0


class Gaussian(Noise):
    """Additive white Gaussian noise: y = x + sigma z, z standard normal, level = sigma."""

    kind: ClassVar = "gaussian"
    draws: ClassVar = "normal"

    def add(self, clean: Any, draws: Any) -> Any:
        """See `Noise.add`."""
        return clean + self.level * draws

    def std(self, clean: Any) -> Any:
        """Sigma, whatever the clean value."""
        return self.level + 0 * clean


KINDS: dict[str, type[Noise]] = {kind.kind: kind for kind in (Gaussian,)}


def make_noise(kind: str, level: float, clip: bool = False, *, typed: str = "") -> Noise:
    """The noise of that kind and level, which was `typed` so.

    Raises:
        UsageError: unknown kind; a level that is not over 0 and at most `MAX_LEVEL`.
    """
    if kind not in KINDS:
        raise UsageError(f"unknown noise {kind!r}: {nearest(kind, KINDS)}")
    if not (math.isfinite(level) and 0 < level <= MAX_LEVEL):
        raise UsageError(
            f"noise level {typed or level} is out of range: give levels over 0 and at most "
            f"{MAX_LEVEL:g} (images lie in [0, 1]; 25/255 is a level too)"
        )
    return KINDS[kind](level, clip)


#: Training on a range of levels, from 0 to the highest that is tested.
BLIND = "blind"


def training_regime(text: str | float) -> str:
    """How a method is trained: "matched", "blind", or a level, as labels show it.

    Raises:
        UsageError: it is none of them.
    """
    text = str(text).strip()
    if text in (MATCHED, BLIND):
        return text
    try:
        level = parse_level(text)
    except UsageError:
        raise UsageError(
            f"training noise {text!r} is not understood: write {MATCHED}, {BLIND} or a level such "
            "as 0.1"
        ) from None
    # All kinds share the range of levels.
    level = make_noise(Gaussian.kind, level, typed=text).level
    short = f"{level:g}"
    return short if float(short) == level else text.replace(" ", "")


def parse_noise(levels: str | float | Iterable[str | float], clip: bool = False) -> list[Noise]:
    """Gaussian noises from levels: numbers, or text such as `0.1,25/255`.

    Raises:
        UsageError: no level, one that is no number, or one out of range.
    """
    if isinstance(levels, str):
        levels = levels.split(",") if levels.strip() else []
    elif not isinstance(levels, Iterable):
        levels = [levels]
    noises = [
        make_noise(Gaussian.kind, parse_level(level), clip, typed=str(level).strip())
        for level in levels
    ]
    if not noises:
        raise UsageError("no noise level given: use for example --noise 0.1,0.3,0.5")
    noises = list(dict.fromkeys(noises))
    for one, other in itertools.combinations(noises, 2):
        if str(one) == str(other):
            raise UsageError(
                f"noise levels {one.level!r} and {other.level!r} look the same in tables: drop one"
            )
    return noises


def parse_level(text: str | float) -> float:
    """A number, or text such as `25/255`; raises `UsageError`."""
    if not isinstance(text, str):
        return float(text)
    numerator, slash, denominator = text.partition("/")
    try:
        return float(numerator) / (float(denominator) if slash else 1.0)
    except (ValueError, ZeroDivisionError):
        raise UsageError(
            f"noise level {text.strip()!r} is not a number: write it as 0.1 or 25/255"
        ) from None


def uniforms(
    positions: npt.NDArray[np.int64],
    shape: tuple[int, ...],
    *,
    dataset: str,
    split: Split,
    seed: int = 0,
) -> npt.NDArray[Any]:
    """The test noise's random numbers, uniform in (0, 1), of shape (N, *shape).

    Args:
        positions: of the N images in the full split.
        shape: of one image, (C, H, W).
        dataset: its name.
        split: its split.
        seed: the noise seed.
    """
    import numpy as np

    key = int.from_bytes(
        hashlib.blake2b(f"{seed}/{dataset}/{split}".encode(), digest_size=16).digest(), "little"
    )
    size = math.prod(shape)
    bits = np.empty((len(positions), size), np.uint64)
    for row, position in zip(bits, positions, strict=True):
        # The counter's high word is the position, its low ones count within the image.
        row[:] = np.random.Philox(key=key, counter=int(position) << 192).random_raw(size)
    # The upper 52 bits as the middle of one of 2**52 intervals: exact, never 0, never 1.
    return (((bits >> np.uint64(12)) + 0.5) * 2.0**-52).reshape(-1, *shape)


def draw(
    noise: Noise,
    positions: npt.NDArray[np.int64],
    shape: tuple[int, ...],
    *,
    dataset: str,
    split: Split,
    seed: int = 0,
) -> Array:
    """The draws that `noise.add` takes, float32 (N, *shape): equal at every level of a kind."""
    import numpy as np

    values = uniforms(positions, shape, dataset=dataset, split=split, seed=seed)
    if noise.draws == "normal":
        from scipy.special import ndtri

        ndtri(values, out=values)
    return values.astype(np.float32)


def digests(noisy: Array) -> npt.NDArray[np.uint64]:
    """64-bit digest of each image's noisy pixels (little-endian float32), shape (N,)."""
    import numpy as np

    rows = np.ascontiguousarray(noisy, dtype="<f4").reshape(len(noisy), -1)
    hashes = b"".join(hashlib.blake2b(row.tobytes(), digest_size=8).digest() for row in rows)
    return np.frombuffer(hashes, "<u8").astype(np.uint64)
