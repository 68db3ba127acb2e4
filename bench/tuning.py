"""Chooses a method's parameters on validation images: best mean PSNR."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from bench import metrics
from bench.noise import ImageDraws
from bench.scoring import apply, batches, finish

if TYPE_CHECKING:
    from bench.core import Dataset, Noise
    from bench.denoiser import Denoiser, Method

Trials = list[tuple[dict[str, Any], float]]


def candidates(method: Method, typed: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every combination of the values to try, for the parameters that the user did not type."""
    free = {name: values for name, values in method.tune.items() if name not in typed}
    return [dict(zip(free, values, strict=True)) for values in itertools.product(*free.values())]


def tune(
    method: Method,
    typed: Mapping[str, Any],
    make: Callable[[dict[str, Any]], Denoiser],
    noise: Noise,
    dataset: Dataset,
    *,
    images: int,
    quantize: bool,
    noise_seed: int,
    watch: Callable[[int, int], None],
) -> Trials:
    """The mean validation PSNR in dB of each candidate, in the order they were tried.

    Args:
        method: what is tuned.
        typed: parameters that the user typed, which are not tuned.
        make: gives the (fitted) denoiser with such parameters.
        noise: what it is tuned for.
        dataset: its validation split is used.
        images: the first so many of them.
        quantize: as for the test images.
        noise_seed: as for the test images; the split is another, and so are the draws.
        watch: told the candidates done and in all.
    """
    validation = [
        (group.images, noise.corrupt(group.images, _draws(group, dataset, noise_seed)))
        for group in dataset.groups("validation", images)
    ]
    tried = candidates(method, typed)
    trials: Trials = []
    for params in tried:
        denoiser = make(params)
        scores = []
        for clean, noisy in validation:
            for batch in batches(len(clean), clean.shape[1:]):
                restored = apply(denoiser, noisy[batch].copy(), noise)
                scores.append(metrics.psnr(metrics.mse(clean[batch], finish(restored, quantize))))
        trials.append((params, float(np.concatenate(scores).mean())))
        watch(len(trials), len(tried))
    return trials


def best(trials: Trials) -> tuple[dict[str, Any], float]:
    """The candidate of the highest score; of equal ones the first."""
    return max(trials, key=lambda trial: trial[1])


def _draws(group: Any, dataset: Dataset, seed: int) -> ImageDraws:
    shape = group.images.shape[1:]
    return ImageDraws(group.positions, shape, dataset.training, "validation", seed)
