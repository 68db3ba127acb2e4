"""The error of restored images, estimated where nobody has the clean ones.

Each estimate is the mean squared error of an image, but for a part that all denoisers share: so
settings can be compared by it, if its assumptions hold.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from bench.core import PSNR_CAP, Unsupported
from bench.metrics._stein import estimated_deviations
from bench.metrics.umse import umse
from bench.noises import Gaussian, Given

if TYPE_CHECKING:
    from bench.core import Array, Draws, Noise, TuneOn, Values

    #: Noisy images (N, C, H, W) -> what a denoiser makes of them, as it is scored.
    Restore = Callable[[Array], Array]

_PIXELS = (1, 2, 3)
#: Pixels, at least, over which errors are averaged before they become dB: what is estimated of a
#: small image is mostly chance.
_TOGETHER = 1 << 15
#: Of the noise's variance: what no estimate can tell from nothing.
_LEAST = 0.01


class Noisy(NamedTuple):
    """Noisy images, with what is needed to estimate errors.

    noisy: float32 (N, C, H, W), which are restored; frames: float32 (N, F, C, H, W), further noisy
    images of the same scenes, None where there are none; changed: float32 (N, C, H, W), the noisy
    ones as an estimate changed them, None where it does not.
    """

    noisy: Array
    frames: Array | None
    changed: Array | None

    def only(self, rows: slice) -> Noisy:
        """The images that a slice chooses."""
        frames, changed = (images if images is None else images[rows] for images in self[1:])
        return Noisy(self.noisy[rows], frames, changed)


class ErrorEstimate(ABC):
    """A way to tell the error of restored images without clean ones.

    Args:
        noise: of the images.

    Attributes:
        name: what records call it; see `core.ESTIMATED_SCALES`.
    """

    name: ClassVar[str]

    def __init__(self, noise: Noise) -> None:
        self._noise = noise

    def changed(self, noisy: Array, draws: Draws) -> Array | None:
        """Noisy images as they are restored beside, or instead of, themselves; made once.

        Args:
            noisy: float32 (N, C, H, W).
            draws: random numbers for them.
        """
        return None

    @abstractmethod
    def errors(self, restore: Restore, images: Noisy) -> tuple[Values, Array | None]:
        """The mean squared error of each image, and the restored ones where they were needed."""

    def variances(self, images: Noisy) -> Values:
        """Of the noise, the mean over each image."""
        return self.variance(images).mean(axis=_PIXELS, dtype=np.float64)

    def variance(self, images: Noisy) -> Array:
        """Of the noise of each pixel, float32 (N, C, H, W), from what is known of it."""
        noisy, noise = images.noisy, self._noise
        if isinstance(noise, Given) and noise.estimated:
            sigmas = estimated_deviations(noisy).astype(np.float32)
            return np.broadcast_to(sigmas[:, None, None, None] ** 2, noisy.shape)
        if noise.clip:
            return np.full_like(noisy, noise.sigma**2)
        return np.broadcast_to(np.float32(noise.std(noisy.clip(0, 1))) ** 2, noisy.shape)


class Frames(ErrorEstimate):
    """By further noisy images of each scene, whose noise is independent: see `metrics.umse`."""

    name = "frames"

    def errors(self, restore: Restore, images: Noisy) -> tuple[Values, Array | None]:
        """See `ErrorEstimate`."""
        assert images.frames is not None
        restored = restore(images.noisy)
        return umse(restored, images.noisy, images.frames), restored

    def variance(self, images: Noisy) -> Array:
        """Half the squared distance of the first frame to the others."""
        assert images.frames is not None
        return ((images.frames - images.noisy[:, None]) ** 2).mean(axis=1) / 2


class Sure(ErrorEstimate):
    """Stein's unbiased risk estimate, by Monte Carlo (Stein 1981; Ramani, Blu and Unser 2008).

    The squared distance to the noisy image, less the variance, plus twice the covariance of noise
    and output. That is told by noise drawn once more: the product of it with how the output
    changes where a little of it is added to the noisy image. So it holds for any Gaussian noise
    that is known, correlated or not, and to first order for other noise of mean zero whose
    variance may depend on the clean value.
    """

    name = "sure"
    #: How much of the noise is added.
    STEP: ClassVar = np.float32(0.1)

    def changed(self, noisy: Array, draws: Draws) -> Array:
        """See `ErrorEstimate`."""
        noise = Gaussian(self._noise.level) if isinstance(self._noise, Given) else self._noise
        clean = noisy.clip(0, 1)
        return noisy + self.STEP * np.float32(noise.add(clean, draws) - clean)

    def errors(self, restore: Restore, images: Noisy) -> tuple[Values, Array | None]:
        """See `ErrorEstimate`."""
        assert images.changed is not None
        restored = restore(images.noisy)
        products = (images.changed - images.noisy) * (restore(images.changed) - restored)
        covariance = products.mean(axis=_PIXELS, dtype=np.float64) / self.STEP**2
        distances = _squares(restored - images.noisy)
        return distances - self.variances(images) + 2 * covariance, restored


class Invariance(ErrorEstimate):
    """By pixels that the denoiser does not see (J-invariance: Batson and Royer 2019).

    One pixel in sixteen is replaced by the mean of its four neighbours, and the output there held
    to the noisy value, as scikit-image's `calibrate_denoiser` does. It holds for noise that is
    independent from pixel to pixel and of mean zero, and is the error of a denoiser that does
    without the pixel itself: one that leans on it is judged too badly.
    """

    name = "invariance"
    #: Rows and columns of the pixels replaced.
    GRID: ClassVar = (slice(2, None, 4), slice(0, None, 4))

    def changed(self, noisy: Array, draws: Draws) -> Array:
        """With the grid's pixels replaced; raises `Unsupported` where there are none."""
        from skimage.restoration import denoise_invariant

        if not noisy[..., *self.GRID].size:
            raise Unsupported(
                "images of {}x{} are too small to be tuned on by themselves".format(
                    *noisy.shape[2:]
                )
            )
        changed = noisy.copy()
        for channel in changed.reshape(-1, *noisy.shape[2:]):
            # Doing nothing, made J-invariant, gives the interpolated pixels.
            channel[self.GRID] = denoise_invariant(channel, np.asarray, masks=[self.GRID])[
                self.GRID
            ]
        return changed

    def errors(self, restore: Restore, images: Noisy) -> tuple[Values, Array | None]:
        """See `ErrorEstimate`."""
        assert images.changed is not None
        seen = (..., *self.GRID)
        distances = _squares(restore(images.changed)[seen] - images.noisy[seen])
        return distances - self.variances(images), None


def error_estimate(tune_on: TuneOn, noise: Noise) -> ErrorEstimate | None:
    """What tells errors on validation images; None where their clean ones do.

    Images alone (`self`) are judged by SURE where the noise is known, not clipped and of mean
    zero (of noise that came with them a deviation that was stated is taken for that of white
    Gaussian noise), else by J-invariance.

    >>> error_estimate("self", Gaussian(0.1)).name, error_estimate("self", Given(0.1)).name
    ('sure', 'sure')
    >>> error_estimate("self", Given(0.0)).name
    'invariance'
    """
    if tune_on == "clean":
        return None
    if tune_on == "frames":
        return Frames(noise)
    if isinstance(noise, Given):
        known = not noise.estimated
    else:
        known = not noise.clip and all(
            math.isclose(noise.mean(value), value, abs_tol=1e-6) for value in (0.0, 0.5, 1.0)
        )
    return Sure(noise) if known else Invariance(noise)


def estimated_psnr(errors: Values, variances: Values, pixels: Values) -> float:
    """The mean PSNR of images whose errors are estimated.

    Images are taken together until they have 32,768 pixels: each photograph is one by itself, as
    in the mean of true PSNR, and of many digits the mean error is taken. Where an estimate is less
    than a hundredth of the noise's variance, or below 0, a tangent takes the logarithm's place, so
    that less is better still.

    Args:
        errors: of each image, float64 (N,).
        variances: of the noise of each image.
        pixels: of each image.

    >>> import numpy as np
    >>> tenth, noise, pixels = np.full(3, 0.1), np.ones(3), np.array([1 << 15] * 3)
    >>> round(estimated_psnr(tenth**2, noise, pixels), 3)
    20.0
    >>> estimated_psnr(-tenth, noise, pixels) > estimated_psnr(0 * tenth, noise, pixels) > 20
    True
    """
    total = np.cumsum(pixels)
    last = max(1, int(total[-1]) // _TOGETHER)
    # The image that completes a pool is its last; what is left over at the end joins the last one.
    pool = np.minimum((total - pixels) // _TOGETHER, last - 1).astype(np.int64)
    _, pool, counts = np.unique(pool, return_inverse=True, return_counts=True)
    error, variance = (np.bincount(pool, of) / counts for of in (errors, variances))
    floor = np.maximum(_LEAST * variance, 10 ** (-PSNR_CAP / 10))
    beyond = np.maximum(floor - error, 0) / floor  # 0 where the estimate tells something
    of_pools = 10 / np.log(10) * (beyond - np.log(np.maximum(error, floor)))
    return float(np.average(of_pools, weights=counts))


def _squares(differences: Array) -> Any:
    """Mean squares over the last three axes, float64."""
    return (differences**2).mean(axis=(-3, -2, -1), dtype=np.float64)
