"""Does a metric give one number an image, that of this image alone, and the better the better?"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.core import Restoration, Unsupported
from bench.plugins.metric import BadValues, Measure
from bench.testing import child
from bench.testing.checks.declaration import expect_documented, expect_typeable
from bench.testing.checks.expectations import (
    TOLERANCE,
    Failed,
    NotApplicable,
    copied,
    expect,
    expect_process_as_it_was,
    other_global_seeds,
    same,
)
from bench.testing.metric_subject import SHAPES, MetricSubject

if TYPE_CHECKING:
    from bench.core import Values

#: Images that are measured at once to see that they do not matter to each other.
_MANY = 48
_SIZES = ((17, 23), (32, 20), (29, 29), (64, 48), (5, 7), (1, 16), (16, 1), (1, 1))
#: Deviations of the errors that restored images have: the more, the worse.
_ERRORS = (0.02, 0.05, 0.1, 0.2, 0.4)


def documented(subject: MetricSubject) -> None:
    """A docstring and a reference."""
    expect_documented(subject.metric, "metric")


def parameters(subject: MetricSubject) -> str:
    """Parameters that can be typed."""
    metric = subject.metric
    expect_typeable(metric)
    shown = [f"{name}={value}" for name, value in metric.parameters.items()]
    return ", ".join([*shown, f"needs {', '.join(metric.needs) or 'restored images only'}"])


def takes_images(subject: MetricSubject) -> str:
    """There is a number for images of a usual shape."""
    sides = ", ".join(str(side) for side in sorted({shape[-1] for shape in SHAPES}))
    values = None
    try:
        values = subject.values(subject.images())
    except Unsupported as error:
        raise Failed(f"it refuses grey and RGB images of {sides} pixels a side: {error}") from None
    except (Exception, SystemExit):
        pass  # of which the next checks speak
    expect(
        values is None or not np.isnan(values).all(),
        f"it gives NaN for all grey and RGB images of {sides} pixels a side",
    )
    return "x".join(map(str, subject.shape))


def one_number_an_image(subject: MetricSubject) -> None:
    """So many numbers as there are images, for several and for one."""
    measure = subject.measure(checked=False)
    for count in (5, 1):
        subject.values(subject.images(count), measure)


def values(subject: MetricSubject) -> None:
    """Finite or NaN, and within `between`, also for black, white, grey and equal images."""
    measure = subject.measure()
    images = subject.images()
    subject.values(images, measure)
    even = [np.full_like(images.truth, value) for value in (0.0, 0.5, 1.0)]
    pairs = [(one, other) for one in even for other in even]
    for clean, restored in [*pairs, (images.truth, images.truth), (images.truth, even[1])]:
        try:
            subject.values(images._replace(clean=clean, restored=restored), measure)
        except BadValues as error:
            said = "equal" if np.array_equal(clean, restored) else "even"
            raise Failed(f"{error} (of {said} images)") from None


def equal_images_are_best(subject: MetricSubject) -> None:
    """No restored image is better than one that equals the clean one."""
    if not subject.compares:
        raise NotApplicable("it does not compare with clean images")
    measure = subject.measure()
    images = subject.images()
    equal = subject.values(images._replace(restored=images.truth), measure)
    others = {
        f"with errors of {error}": subject.images(error=error).restored for error in _ERRORS
    } | {"inverted": 1 - images.truth, "grey": np.full_like(images.truth, 0.5)}
    for name, restored in others.items():
        found = subject.values(images._replace(restored=restored), measure)
        gain = (found - equal) if subject.higher else (equal - found)
        better = gain > TOLERANCE * np.abs(equal).clip(np.abs(found))
        other = "lower" if subject.higher else "higher"
        expect(
            not better.any(),
            f"images {name} are better ({found[better][:1].sum():.4g}) than equal ones "
            f'({equal[better][:1].sum():.4g}): make these the best, or say better="{other}"',
        )


def more_noise_is_worse(subject: MetricSubject) -> str:
    """On average, the larger the errors; a remark where it is not so at every step."""
    measure = subject.measure()
    tried = [subject.values(subject.images(error=error), measure) for error in _ERRORS]
    kept = ~np.isnan(tried).any(axis=0)
    if not kept.any():
        raise NotApplicable("it gives NaN for some of them")
    means = np.array(tried)[:, kept].mean(axis=1)
    gains = np.diff(means) if subject.higher else -np.diff(means)
    least = TOLERANCE * np.abs(means).max()
    shown = ", ".join(f"{mean:.4g}" for mean in means)
    listed = f"errors of {', '.join(map(str, _ERRORS))} give {shown}"
    reversed_ = bool((gains > least).all())
    other = "lower" if subject.higher else "higher"
    expect(
        not (reversed_ and subject.compares),
        f'it gets better with noise: {listed}; say better="{other}"',
    )
    if (gains > least).any():
        return f"it does not get worse with every step of noise: {listed}"
    return "" if (gains < -least).any() else f"noise makes no difference: {listed}"


def input_not_modified(subject: MetricSubject) -> None:
    """The images are as they were."""
    images = subject.images()
    given = images.copied()
    subject.measure()(given)
    for name in ("restored", *subject.metric.needs):
        before, after = getattr(images, name), getattr(given, name)
        several = name == "perturbed"
        parts = zip(before, after, strict=True) if several else [(before, after)]
        expect(
            name == "noise" or all(np.array_equal(*part) for part in parts),
            f"it changed {name}: work on a copy, "
            + ("copy.deepcopy()" if several else f"{name}.copy()"),
        )


def same_result_twice(subject: MetricSubject) -> None:
    """The same numbers for the same images, whatever global generators stand at."""
    images = subject.images()
    first = subject.values(images)
    with other_global_seeds():
        second = subject.values(images)
    expect(
        np.array_equal(first, second, equal_nan=True),
        "the same images gave two results: draw random numbers from a generator with a fixed seed, "
        "np.random.default_rng(0)",
    )


def process_as_it_was(subject: MetricSubject) -> str:
    """Neither importing it nor its calls change what all that runs in a process shares."""
    measure, images = subject.measure(), subject.images()
    calls: dict[str, Any] = {"measuring": lambda: subject.values(images, measure)}
    if subject.metric.learns:
        calls["fit"] = subject.learner
    return expect_process_as_it_was(subject.metric.changes, calls)


def batch_mates(subject: MetricSubject) -> None:
    """An image's number depends neither on its batch-mates, nor on how many there are."""
    measure = subject.measure()
    images = subject.images(_MANY)
    together = subject.values(images, measure)
    _expect_near(
        subject.values(images.only(slice(None, None, -1)), measure)[::-1],
        together,
        "an image's number depends on its position in the batch: handle each image by itself",
    )
    for rows in (slice(0, 1), slice(1, 4)):
        _expect_near(
            subject.values(images.only(rows), measure),
            together[rows],
            "an image's number depends on its batch-mates: take means over axes (1, 2, 3), never "
            "over axis 0",
        )
    if subject.metric.declared.threads:
        halves = [images.only(slice(0, _MANY // 2)), images.only(slice(_MANY // 2, None))]
        with ThreadPoolExecutor(2) as pool:
            shared = np.concatenate(list(pool.map(measure, [half.copied() for half in halves])))
        _expect_near(
            shared,
            together,
            "two threads give other numbers: share no buffer between calls, or leave out "
            "threads=True",
        )


def sizes(subject: MetricSubject) -> str:
    """Odd and oblong images, larger and smaller, a row, a column and a point.

    A number, NaN, or refused with `Unsupported`.
    """
    return _measured_or_refused(subject, {f"{h}x{w}": (subject.shape[0], h, w) for h, w in _SIZES})


def channels(subject: MetricSubject) -> str:
    """One and three channels: a number, NaN, or refused with `Unsupported`."""
    height, width = subject.shape[1:]
    return _measured_or_refused(subject, {"grey": (1, height, width), "RGB": (3, height, width)})


def other_than_fitted_on(subject: MetricSubject) -> str:
    """Images of another shape than the training's: a number, NaN, or refused."""
    if not subject.metric.learns:
        raise NotApplicable("it does not learn")
    count, height, width = subject.shape
    shapes = {"smaller": (count, height - 8, width - 4), "larger": (count, height + 5, width + 12)}
    return _measured_or_refused(subject, shapes, subject.measure())


def non_contiguous_input(subject: MetricSubject) -> None:
    """Views into other arrays give the same numbers."""
    measure, images = subject.measure(), subject.images()
    expected = subject.values(images, measure)

    def views(view: Any) -> Restoration:
        return images._replace(
            clean=view(images.truth), restored=view(images.restored), noisy=view(images.noisy)
        )

    for given in (views(lambda a: np.repeat(a, 2, axis=3)[..., ::2]), views(np.asfortranarray)):
        remedy = "begin with np.ascontiguousarray"
        try:
            found = measure(given)
        except (Exception, SystemExit) as error:
            raise Failed(f"{subject.explain(error)}; {remedy}") from None
        _expect_near(found, expected, f"a non-contiguous array gives other numbers: {remedy}")


def state_and_load(subject: MetricSubject) -> str:
    """What was learned survives a file: numeric arrays by name."""
    if not subject.metric.learns:
        raise NotApplicable("it does not learn")
    from safetensors.numpy import load, save

    learner = subject.learner()
    state = learner.state()
    expect(
        isinstance(state, Mapping)
        and all(isinstance(k, str) and isinstance(v, np.ndarray) for k, v in state.items()),
        "state() is to return a dictionary of NumPy arrays by name",
    )
    stored = load(save({name: np.asarray(array, order="C") for name, array in state.items()}))
    images = subject.images()
    expected = subject.values(images, Measure(subject.metric, learner))
    again = subject.metric.create(subject.typed)
    try:
        again.learner.load(stored)
        found = subject.values(images, again)
    except (Exception, SystemExit) as error:
        raise Failed(f"{subject.explain(error)}; keep all that measure needs in state()") from None
    expect(
        np.array_equal(found, expected, equal_nan=True),
        "after load(state()) it gives other numbers: keep all that measure needs in state()",
    )
    return f"{sum(array.size for array in state.values()):,} values"


def fit_twice(subject: MetricSubject) -> None:
    """The same training images teach the same, and measuring teaches nothing."""
    if not subject.metric.learns:
        raise NotApplicable("it does not learn")
    with other_global_seeds():
        again = subject.learner()
    state = copied(again.state())
    expect(
        same(subject.state(), state),
        "fit gave two results for the same images: draw random numbers from a generator with a "
        "fixed seed, np.random.default_rng(0)",
    )
    subject.values(subject.images(8, seed=4), Measure(subject.metric, again))
    expect(
        same(state, again.state()),
        "measuring changes what it learned: keep nothing of the images in measure",
    )


def another_process(subject: MetricSubject) -> None:
    """Loaded by another process from its file or package, it gives the same numbers."""
    images = subject.images()
    try:
        found = child.measure(subject.source, subject.typed, subject.state(), images)
    except child.NoAnswer as error:
        raise Failed(
            f"another process cannot run it: {error}; keep what it needs in its file or package"
        ) from None
    _expect_near(
        found,
        subject.values(images),
        "another process gives other numbers: they must depend on nothing but its file, its "
        "parameters and what it learned",
    )


def _expect_near(found: Values, expected: Values, text: str) -> None:
    """Raise `Failed` with the text if numbers differ by more than rounding."""
    largest = np.nanmax(np.abs(expected), initial=0)
    near = np.allclose(found, expected, rtol=0, atol=TOLERANCE * largest, equal_nan=True)
    if not near:
        at = int(np.argmax(np.nan_to_num(np.abs(found - expected), nan=np.inf)))
        raise Failed(f"{text} ({found[at]:.6g} and {expected[at]:.6g})")


def _measured_or_refused(
    subject: MetricSubject, shapes: Mapping[str, tuple[int, ...]], measure: Measure | None = None
) -> str:
    """Which of the named shapes have no number; the others must be measured."""
    remarks: dict[str, list[str]] = {"refuses": [], "NaN for": []}
    for name, shape in shapes.items():
        images = subject.images(2, shape)
        try:
            found = subject.values(images, measure)
            with contextlib.suppress(Unsupported):
                subject.values(images._replace(restored=images.truth), measure)
        except Unsupported:
            remarks["refuses"].append(name)
            continue
        except (Exception, SystemExit) as error:
            raise Failed(
                f"{name} images: {subject.explain(error)}; handle them, give NaN, or raise "
                "bench.Unsupported with the reason"
            ) from None
        if np.isnan(found).all():
            remarks["NaN for"].append(name)
    return "; ".join(f"{word} {', '.join(names)}" for word, names in remarks.items() if names)
