"""Does a method learn from what it may only, and keep what it learned?"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping
from typing import Any
from unittest import mock

import numpy as np

from bench.core import Dataset, Unsupported
from bench.evaluation.axis import Axis
from bench.evaluation.runner import explain
from bench.testing.checks.expectations import (
    Failed,
    NotApplicable,
    copied,
    expect,
    other_global_seeds,
    restored_or_refused,
    same,
)
from bench.testing.subject import Subject


def tuned_values(subject: Subject) -> str:
    """Values that tuning may choose give what may be given; nor do `tune`'s change the fit.

    For an even image too: a value that serves noisy ones well may divide by its variance, 0.
    """
    tried = 0
    declared = subject.method.declared
    for name, values in declared.tune.items():
        bounds = declared.least.get(name, -math.inf), declared.most.get(name, math.inf)
        for value in Axis.of(values, *bounds).values:
            try:
                tried += _serves(subject, name, value, listed=value in values)
            except Exception as error:
                explained = explain(error, subject.method)
                raise Failed(f"with {name}={value}: {explained}") from None
        if subject.method.learns:
            states = [subject.fitted(**{name: value}).state() for value in values[:2]]
            expect(
                same(*states),
                f"{name} is tuned, and changes what fit learns: a tuned parameter is chosen after "
                "the fit; take it out of tune",
            )
    for name in set(subject.method.declared.inference) - set(subject.method.declared.tune):
        value = subject.method.parameters[name]
        if subject.method.learns and type(value) in (int, float):
            states = [subject.fitted(**{name: other}).state() for other in (value, 2 * value + 1)]
            expect(
                same(*states),
                f"{name} is named as of inference, and changes what fit learns: models would be "
                "taken for each other; take it out of inference",
            )
    return f"{tried} tried" if tried else "nothing is tuned"


def _serves(subject: Subject, name: str, value: Any, listed: bool) -> bool:
    """Whether a value can be chosen; raises where it then fails with other images.

    One beyond those listed may fail with noisy images, which tuning takes for a bad score.
    """
    denoiser = subject.make(**{name: value})
    noisy = subject.noisy(2)
    try:
        subject.restore(noisy, denoiser)
    except Exception:
        if listed:
            raise
        return False
    subject.restore(np.full_like(noisy, 0.5), denoiser)
    for size in () if subject.method.learns else ((1, 16), (16, 1), (1, 1)):
        with contextlib.suppress(Unsupported):
            subject.restore(subject.noisy(1, (subject.shape[0], *size)), denoiser)
    return True


def other_than_trained_on(subject: Subject) -> str:
    """Images of another shape than the training's: restored, or refused with `Unsupported`."""
    if not subject.method.learns:
        raise NotApplicable("it does not learn")
    channels, height, width = subject.shape
    shapes = {
        "smaller": (channels, height - 8, width - 4),
        "larger": (channels, height + 5, width + 12),
        "RGB" if channels == 1 else "grey": (4 - channels, height, width),
    }
    return restored_or_refused(subject, shapes, subject.make())


def state_and_load(subject: Subject) -> str:
    """What was learned survives a file: numeric arrays by name."""
    if not subject.method.learns:
        raise NotApplicable("it does not learn")
    from safetensors.numpy import load, save

    fitted = subject.fitted()
    state = fitted.state()
    expect(
        isinstance(state, Mapping)
        and all(isinstance(k, str) and isinstance(v, np.ndarray) for k, v in state.items()),
        "state() is to return a dictionary of NumPy arrays by name",
    )
    stored = load(save({name: np.asarray(array, order="C") for name, array in state.items()}))
    noisy = subject.noisy()
    expected = subject.restore(noisy, fitted)
    denoiser = subject.create()
    try:
        denoiser.load(stored)
        restored = subject.restore(noisy, denoiser)
    except (Exception, SystemExit) as error:
        explained = explain(error, subject.method)
        raise Failed(f"{explained}; keep all that denoise needs in state()") from None
    expect(
        np.array_equal(restored, expected),
        "after load(state()) it gives another result: keep all that denoise needs in state()",
    )
    return f"{sum(array.size for array in state.values()):,} values"


def fit_twice(subject: Subject) -> str:
    """One seed gives the same weights; another seed others, where `random` says so."""
    method = subject.method
    if method.takes_seed:
        noisy = subject.noisy(1)
        zero, one = (
            subject.restore(noisy, method.create(subject.typed, seed=seed)) for seed in (0, 1)
        )
        expect(
            not np.array_equal(zero, one),
            "it takes a seed, and gives the same under every one: leave the argument out, so that "
            "no false replicates are made",
        )
        return "another seed gives another result"
    if not method.learns:
        raise NotApplicable("it does not learn")
    first = subject.state()
    with other_global_seeds():
        again = subject.state(fresh=True)
    expect(
        same(first, again),
        "fit gave two results under one seed: draw random numbers from "
        "np.random.default_rng(seed) only",
    )
    other = same(first, subject.state(seed=1))
    expect(
        not (other and method.random),
        "fit gives the same under every seed: say @method(random=False), so that no false "
        "replicates are made",
    )
    expect(
        other or method.random,
        "fit depends on the seed, and random=False says that it does not: leave that out",
    )
    return "" if method.random else "independent of the seed"


def learns_from_noisy_images(subject: Subject) -> str:
    """What says that it learns from noisy images alone gives the same with other clean ones."""
    if not subject.method.learns:
        raise NotApplicable("it does not learn here")
    supervision = subject.method.supervision
    if supervision not in ("noisy", "pairs"):
        raise NotApplicable(f"it learns from {supervision} images")
    states = [
        subject.fitted_on(subject.scenes(subject.shape, behind)).state() for behind in (None, 9)
    ]
    expect(
        same(*states),
        f'it says supervision="{supervision}", and other clean images behind the same noisy ones '
        "change what it learns: learn from what fit is given only",
    )
    return "the clean images behind them were exchanged"


def asks_for_no_test_images(subject: Subject) -> str:
    """It opens no data set's test split, and learns nothing while it denoises.

    That it does not look for them otherwise cannot be seen here: `--sealed` is for that.
    """
    groups, read = Dataset.groups, []

    def watched(dataset: Dataset, split: Any, limit: int | None = None) -> Any:
        read.append(split)
        return groups(dataset, split, limit)

    with mock.patch.object(Dataset, "groups", watched):
        if subject.method.learns:
            subject.state(fresh=True)
        denoiser = subject.make()
        noisy, others = subject.noisy(), subject.noisy(8, seed=4)
        before = subject.restore(noisy, denoiser)
        learned = copied(denoiser.state()) if subject.method.learns else {}
        subject.restore(others, denoiser)
        after = subject.restore(noisy, denoiser)
    expect("test" not in read, "it reads the test split: learn from what fit is given only")
    expect(
        np.array_equal(before, after)
        and (not subject.method.learns or same(learned, denoiser.state())),
        "what it denoised before changes what it gives: keep nothing of the images in denoise",
    )
    return "only bench run --sealed keeps them out of its process"
