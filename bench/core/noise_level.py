"""The standard deviation of noise, of one image by itself, or of images that came with theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.core.errors import Unsupported, UsageError

if TYPE_CHECKING:
    from bench.core.dataset import Array, Dataset

#: No less is estimated, in [0, 1] units: nothing is to be divided by 0.
LEAST = 1e-3


def estimate_sigma(image: Array) -> float:
    """The standard deviation of an image's noise, taken for white and Gaussian.

    The median of the finest diagonal wavelet coefficients (Donoho and Johnstone 1994, section
    4.2), by scikit-image; the mean over channels.

    Args:
        image: float32 (C, H, W).

    Raises:
        Unsupported: a side is less than 2 pixels.
    """
    import numpy as np
    from skimage.restoration import estimate_sigma

    if min(image.shape[1:]) < 2:
        height, width = image.shape[1:]
        raise Unsupported(f"no noise can be estimated from an image of {height}x{width}")
    if image.max() == image.min():
        return LEAST
    # Single precision keeps its rounding where all coefficients are 0.
    sigma = float(estimate_sigma(image, channel_axis=0, average_sigmas=True))
    return max(sigma, LEAST) if np.isfinite(sigma) else LEAST


def validation_sigma(dataset: Dataset) -> float:
    """The standard deviation of the noise that the validation images came with, whatever its kind.

    Of their differences from the clean images; without these half the variance of the difference
    of two frames. Rounded to three digits. It holds where noise is correlated, as a camera's
    processing leaves it, which an estimate from one image does not see.

    Raises:
        UsageError: no noise came with the images, or there is nothing to compare them with.

    >>> import numpy as np
    >>> from bench.core import Dataset, Group
    >>> frames = np.zeros((1, 2, 1, 4, 4), np.float32)
    >>> frames[:, 1] = 0.1
    >>> group = Group(np.arange(1), None, frames)
    >>> data = Dataset("toy", "", {"validation": 1}, lambda split: [group], frames=2, truth=False)
    >>> validation_sigma(data)
    0.0707
    """
    import numpy as np

    if not dataset.sizes.get("validation"):
        how = dataset.validated_by or "validation = 10 in its dataset.toml holds some out"
        raise UsageError(f"--sigma validation: {dataset.name} has no validation images; {how}")
    squares, count = 0.0, 0
    for group in dataset.groups("validation"):
        frames = group.frames
        if frames is None or (group.clean is None and frames.shape[1] < 2):
            raise UsageError(
                f"--sigma validation: {dataset.training} has no noisy images beside clean "
                "ones or second frames: write estimate, or a standard deviation"
            )
        if group.clean is not None:
            noise = frames - group.clean[:, None]
        else:
            noise = (frames[:, 1:2] - frames[:, :1]) / np.float32(np.sqrt(2))
        squares += float(np.square(noise, dtype=np.float64).sum())
        count += noise.size
    return max(float(f"{np.sqrt(squares / count):.3g}"), LEAST)
