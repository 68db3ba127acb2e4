"""What only the data set decides of the settings: its own noise, and what is tuned on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from bench.core import Dataset, TuneOn, UsageError
from bench.core.noise_level import validation_sigma
from bench.noises import Given

#: What methods are told of noise that came with the images: see `noise`.
Sigma = float | Literal["validation"] | None


def noise(
    dataset: Dataset, sigma: Sigma, typed: bool, drawing: Mapping[str, bool]
) -> dict[str, Any]:
    """The noise of images that came with theirs, as changes to the settings; else nothing.

    Args:
        dataset: that is measured on.
        sigma: that methods are told of such noise; None to estimate it from each image.
        typed: noise was asked for.
        drawing: other options that ask for noise to be drawn, and whether they are given.

    Raises:
        UsageError: noise is to be drawn where it came along, or `sigma` is stated where it did not.
    """
    if not dataset.given:
        if sigma is not None:
            raise UsageError(
                f"--sigma is told of noise that came with the images, and {dataset.name} has clean "
                "ones: methods are told what --noise draws"
            )
        return {}
    if asked := [option for option, given in {"--noise": typed, **drawing}.items() if given]:
        raise UsageError(
            f"{dataset.name} came with its noise, and none is drawn: leave {asked[0]} out"
        )
    if sigma == "validation":
        sigma = validation_sigma(dataset)
    return {"noise": (Given(sigma or 0.0),), "sigma": sigma}


def tuned_on(dataset: Dataset, asked: TuneOn | None = None, tune_by: str = "psnr") -> TuneOn:
    """What tells how well validation images are restored: their clean images unless there are none.

    Args:
        dataset: that is measured on.
        asked: None where nobody says.
        tune_by: the metric that parameters are to be chosen by.

    Raises:
        UsageError: what was asked for is not there.

    >>> tuned_on(Dataset("toy", "", {}, lambda split: [], frames=2, truth=False))
    'frames'
    """
    images = dataset.other or dataset
    frames = images.frames != 1  # where none came with the images, any number is drawn
    if asked == "clean" and not images.truth:
        raise UsageError(
            f"--tune-on clean: {images.name} has no clean images; "
            f"{'frames' if frames else 'self'} does without"
        )
    if asked == "frames" and not frames:
        raise UsageError(
            f"--tune-on frames: {images.name} has one noisy image of each scene; "
            f"{'clean' if images.truth else 'self'} does with one"
        )
    chosen = asked or ("clean" if images.truth else "frames" if frames else "self")
    if chosen != "clean" and tune_by != "psnr":
        told = "" if asked else f", and {images.name} has none"
        raise UsageError(
            f"--tune-by {tune_by} is told by clean images{told}: leave it out"
            + (", or use --tune-on clean" if images.truth else "")
        )
    return chosen
