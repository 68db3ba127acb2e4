"""The checks: each tries one promise of a method. Their names are what is printed."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any
from unittest import mock

import numpy as np

from bench.core import Dataset, Unsupported, UsageError, nearest
from bench.evaluation import scoring
from bench.evaluation.runner import explain
from bench.noises import KINDS, make_noise
from bench.planning import notation
from bench.planning.settings import PRESETS
from bench.testing import child
from bench.testing.subject import SHAPES, Subject

if TYPE_CHECKING:
    from bench.core import Array

#: Two results are taken for equal up to this: matrix products of batches of different sizes
#: round differently. A tenth of an 8-bit step is 4e-4.
TOLERANCE = 1e-4
_SIZES = ((17, 23), (32, 20), (29, 29), (64, 48), (5, 7))


class Failed(Exception):
    """A check's expectation does not hold: what is wrong and what to do."""


class NotApplicable(Exception):
    """A check says nothing about such a method: why."""


def _expect(holds: Any, text: str) -> None:
    if not holds:
        raise Failed(text)


def _expect_equal(one: Array, other: Array, text: str) -> None:
    largest = float(np.abs(one - other).max())
    _expect(largest <= TOLERANCE, f"{text} (largest difference {largest:.2g})")


def documented(subject: Subject) -> None:
    """A docstring and a reference."""
    _expect(subject.method.summary, 'no documentation: give it a docstring, """What it does."""')
    _expect(
        subject.method.reference, 'no reference: say @method(reference="Author year"), or "none"'
    )


def parameters(subject: Subject) -> str:
    """Parameters that can be typed, and values of `tune` that are of their type."""
    method = subject.method
    for name, default in method.parameters.items():
        _expect(
            default is None or isinstance(default, (bool, int, float, str)),
            f"the default of {name} is of type {type(default).__name__}, which cannot be typed in "
            f"{method.name}[{name}=...]: use a number, a text, a truth value or None",
        )
        if default is not None:
            try:
                typed = notation.typed_params(method, {name: str(default)})
            except UsageError:
                typed = {}
            _expect(
                typed == {name: default},
                f"the default {default!r} of {name} cannot be typed: choose another word",
            )
    for name, values in method.tune.items():
        _expect(len(values) > 1, f"tune gives {len(values)} value for {name}: give several")
        _expect(len(set(values)) == len(values), f"tune gives a value of {name} twice")
        default = method.parameters[name]
        for value in values:
            _expect(
                default is None
                or type(value) is type(default)
                or (isinstance(default, float) and type(value) is int),
                f"tune tries {name}={value!r}, and the default {default!r} is of another type",
            )
    return ", ".join(f"{name}={value}" for name, value in method.parameters.items())


def recipes(subject: Subject) -> str:
    """A recipe for each preset, of fields that there are."""
    found = subject.method.recipes
    if found is None:
        raise NotApplicable("torch does not train it")
    from bench.training import Recipe

    known = [field.name for field in dataclasses.fields(Recipe)]
    for preset in PRESETS:
        _expect(preset in found, f"there is no recipe {preset!r}: give quick, default and paper")
        for name in found[preset]:
            _expect(name in known, f"the recipe {preset!r} says {name!r}: {nearest(name, known)}")
    return ", ".join(f"{preset} {found[preset]['epochs']} epochs" for preset in PRESETS)


def takes_images(subject: Subject) -> str:
    """Images of a usual shape are not refused."""
    try:
        subject.make().denoise(subject.noisy(), subject.noise)
    except Unsupported as error:
        sides = sorted({shape[-1] for shape in SHAPES})
        raise Failed(
            f"it refuses grey and RGB images of {', '.join(map(str, sides))} pixels a side: {error}"
        ) from None
    except (Exception, SystemExit):
        pass  # of which the next checks speak
    return "x".join(map(str, subject.shape))


def shape_and_type(subject: Subject) -> None:
    """Float32 of the input's shape, for one image and for several."""
    for count in (5, 1):
        noisy = subject.noisy(count)
        restored = subject.make().denoise(noisy.copy(), subject.noise)
        if isinstance(restored, np.ndarray) and restored.dtype.kind == "f":
            restored = np.nan_to_num(restored)  # of which the next check speaks
        scoring.check(restored, noisy.shape)


def finite_values(subject: Subject) -> None:
    """Finite results, also for black, white and grey images and at any noise level."""
    denoiser = subject.make()
    subject.restore(subject.noisy(), denoiser)
    even = np.stack([np.full(subject.shape, value, np.float32) for value in (0.0, 1.0, 0.5)])
    try:
        subject.restore(even, denoiser)
    except scoring.BadOutput as error:
        raise Failed(f"{error}, where the image is even: guard divisions by a variance") from None
    for kind in KINDS:
        for level in (1e-3, 1.0):
            with contextlib.suppress(Unsupported):
                scoring.apply(denoiser, subject.noisy(), make_noise(kind, level))


def tuned_values(subject: Subject) -> str:
    """Values of `tune` give what may be given; neither they nor `inference` change the fit."""
    tried = 0
    for name, values in subject.method.tune.items():
        for value in values:
            try:
                subject.restore(subject.noisy(2), subject.make(**{name: value}))
            except Exception as error:
                explained = explain(error, subject.method)
                raise Failed(f"with {name}={value}: {explained}") from None
            tried += 1
        if subject.method.learns:
            states = [subject.fitted(**{name: value}).state() for value in values[:2]]
            _expect(
                _same(*states),
                f"{name} is tuned, and changes what fit learns: a tuned parameter is chosen after "
                "the fit; take it out of tune",
            )
    for name in set(subject.method.inference) - set(subject.method.tune):
        value = subject.method.parameters[name]
        if subject.method.learns and type(value) in (int, float):
            states = [subject.fitted(**{name: other}).state() for other in (value, 2 * value + 1)]
            _expect(
                _same(*states),
                f"{name} is named as of inference, and changes what fit learns: models would be "
                "taken for each other; take it out of inference",
            )
    return f"{tried} tried" if tried else "nothing is tuned"


def input_not_modified(subject: Subject) -> None:
    """The noisy images are as they were."""
    noisy = subject.noisy()
    given = noisy.copy()
    subject.make().denoise(given, subject.noise)
    scoring.check_input(given, noisy)


def same_result_twice(subject: Subject) -> None:
    """The same result from the same input, whatever global generators stand at."""
    noisy = subject.noisy()
    first = subject.restore(noisy)
    with _other_global_seeds():
        second = subject.restore(noisy)
    _expect(
        np.array_equal(first, second),
        "the same input gave two results: draw random numbers from a generator with a fixed seed, "
        "np.random.default_rng(0)",
    )


def batch_mates(subject: Subject) -> None:
    """An image's result depends neither on its batch-mates nor on its position."""
    noisy = subject.noisy()
    denoiser = subject.make()
    together = subject.restore(noisy, denoiser)
    # Position first: alone, an image has neither mates nor its position.
    _expect_equal(
        subject.restore(noisy[::-1].copy(), denoiser)[::-1],
        together,
        "an image's result depends on its position in the batch: share one draw over the batch",
    )
    alone = np.concatenate([subject.restore(noisy[i : i + 1], denoiser) for i in range(len(noisy))])
    _expect_equal(
        together,
        alone,
        "an image's result depends on its batch-mates: take statistics over axes (-2, -1), never "
        "over axis 0",
    )
    many = subject.noisy(64)
    _expect_equal(
        subject.restore(many, denoiser)[:3],
        subject.restore(many[:3], denoiser),
        "an image's result depends on its batch-mates, of which there were 64: handle each image "
        "by itself",
    )
    if subject.method.threads:
        _expect_equal(
            subject.restore(many, subject.method.create({}, threads=2)),
            subject.restore(many, denoiser),
            "two threads give another result: share no buffer between calls, or leave out "
            "threads=True",
        )


def sizes(subject: Subject) -> str:
    """Odd and oblong images, larger and smaller: restored, or refused with `Unsupported`."""
    return _restored_or_refused(
        subject,
        {f"{h}x{w}": (subject.shape[0], h, w) for h, w in _SIZES},
    )


def channels(subject: Subject) -> str:
    """One and three channels: restored, or refused with `Unsupported`."""
    height, width = subject.shape[1:]
    return _restored_or_refused(subject, {"grey": (1, height, width), "RGB": (3, height, width)})


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
    return _restored_or_refused(subject, shapes, subject.make())


def _restored_or_refused(
    subject: Subject, shapes: Mapping[str, tuple[int, ...]], denoiser: Any = None
) -> str:
    refused = []
    for name, shape in shapes.items():
        try:
            subject.restore(subject.noisy(2, shape), denoiser)
        except Unsupported:
            refused.append(name)
        except (Exception, SystemExit) as error:
            explained = explain(error, subject.method)
            raise Failed(
                f"{name} images: {explained}; handle them, or raise bench.Unsupported with the "
                "reason"
            ) from None
    return f"refuses {', '.join(refused)}" if refused else ""


def non_contiguous_input(subject: Subject) -> None:
    """Views into other arrays give the same result."""
    noisy = subject.noisy()
    denoiser = subject.make()
    expected = subject.restore(noisy, denoiser)
    wide = np.repeat(noisy, 2, axis=3)
    for view in (wide[..., ::2], np.asfortranarray(noisy)):
        try:
            restored = scoring.apply(denoiser, view, subject.noise)
        except (Exception, SystemExit) as error:
            explained = explain(error, subject.method)
            raise Failed(f"{explained}; begin with np.ascontiguousarray(noisy)") from None
        _expect_equal(
            restored,
            expected,
            "a non-contiguous array gives another result: begin with np.ascontiguousarray(noisy)",
        )


def another_process(subject: Subject) -> None:
    """Loaded by another process from its file or package, it gives the same result."""
    noisy = subject.noisy()
    state = subject.state() if subject.method.learns else {}
    try:
        restored = child.denoise(subject.source, state, noisy, subject.noise)
    except child.NoAnswer as error:
        raise Failed(
            f"another process cannot run it: {error}; keep what it needs in its file or package"
        ) from None
    _expect_equal(
        restored,
        subject.restore(noisy),
        "another process gives another result: it must depend on nothing but its file, its "
        "parameters and what it learned",
    )


def state_and_load(subject: Subject) -> str:
    """What was learned survives a file: numeric arrays by name."""
    if not subject.method.learns:
        raise NotApplicable("it does not learn")
    from safetensors.numpy import load, save

    fitted = subject.fitted()
    state = fitted.state()
    _expect(
        isinstance(state, Mapping)
        and all(isinstance(k, str) and isinstance(v, np.ndarray) for k, v in state.items()),
        "state() is to return a dictionary of NumPy arrays by name",
    )
    stored = load(save({name: np.asarray(array, order="C") for name, array in state.items()}))
    noisy = subject.noisy()
    expected = subject.restore(noisy, fitted)
    denoiser = subject.method.create({})
    try:
        denoiser.load(stored)
        restored = subject.restore(noisy, denoiser)
    except (Exception, SystemExit) as error:
        explained = explain(error, subject.method)
        raise Failed(f"{explained}; keep all that denoise needs in state()") from None
    _expect(
        np.array_equal(restored, expected),
        "after load(state()) it gives another result: keep all that denoise needs in state()",
    )
    return f"{sum(array.size for array in state.values()):,} values"


def fit_twice(subject: Subject) -> str:
    """One seed gives the same weights; another seed others, where `random` says so."""
    method = subject.method
    if not method.learns:
        raise NotApplicable("it does not learn")
    first = subject.state()
    with _other_global_seeds():
        again = subject.state(fresh=True)
    _expect(
        _same(first, again),
        "fit gave two results under one seed: draw random numbers from "
        "np.random.default_rng(seed) only",
    )
    other = _same(first, subject.state(seed=1))
    _expect(
        not (other and method.random),
        "fit gives the same under every seed: say @method(random=False), so that no false "
        "replicates are made",
    )
    _expect(
        other or method.random,
        "fit depends on the seed, and random=False says that it does not: leave that out",
    )
    return "" if method.random else "independent of the seed"


def never_sees_test_data(subject: Subject) -> None:
    """No test image is read while it learns, and nothing is learned while it denoises."""
    groups, read = Dataset.groups, []

    def noted(dataset: Dataset, split: Any, limit: int | None = None) -> Any:
        read.append(split)
        return groups(dataset, split, limit)

    with mock.patch.object(Dataset, "groups", noted):
        if subject.method.learns:
            subject.state(fresh=True)
        denoiser = subject.make()
        noisy, others = subject.noisy(), subject.noisy(8, seed=4)
        before = subject.restore(noisy, denoiser)
        known = _copied(denoiser.state()) if subject.method.learns else {}
        subject.restore(others, denoiser)
        after = subject.restore(noisy, denoiser)
    _expect("test" not in read, "it reads the test split: learn from what fit is given only")
    _expect(
        np.array_equal(before, after)
        and (not subject.method.learns or _same(known, denoiser.state())),
        "what it denoised before changes what it gives: keep nothing of the images in denoise",
    )


CHECKS: tuple[Callable[[Subject], str | None], ...] = (
    documented,
    parameters,
    recipes,
    takes_images,
    state_and_load,
    shape_and_type,
    finite_values,
    tuned_values,
    input_not_modified,
    same_result_twice,
    batch_mates,
    sizes,
    channels,
    other_than_trained_on,
    non_contiguous_input,
    fit_twice,
    never_sees_test_data,
    another_process,
)
#: Where one of these fails, the checks after it would only repeat it.
NECESSARY = (takes_images, state_and_load, shape_and_type, finite_values)


def _copied(state: Mapping[str, Any]) -> dict[str, Any]:
    return {name: np.array(array) for name, array in state.items()}


def _same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[k], other[k]) for k in one)


@contextlib.contextmanager
def _other_global_seeds() -> Iterator[None]:
    """NumPy's, Python's and torch's global generators elsewhere than they were."""
    import random

    numpy_state, python_state = np.random.get_state(), random.getstate()
    torch = sys.modules.get("torch")
    np.random.seed(12345)
    random.seed(12345)
    try:
        with torch.random.fork_rng() if torch else contextlib.nullcontext():
            if torch:
                torch.manual_seed(12345)
            yield
    finally:
        np.random.set_state(numpy_state)
        random.setstate(python_state)
