"""Does a method restore whatever images it is given, each by itself, and the same each time?"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from bench.core import Unsupported
from bench.evaluation import scoring
from bench.evaluation.runner import explain
from bench.noises import KINDS, make_noise
from bench.testing import child
from bench.testing.checks.expectations import (
    Failed,
    expect,
    expect_equal,
    expect_process_as_it_was,
    other_global_seeds,
    restored_or_refused,
)
from bench.testing.subject import SHAPES, Subject

#: Images that are restored at once to see that they do not matter to each other: so many, or as
#: many as take so many seconds, but more than are tried otherwise.
_MANY, _SECONDS, _FEW = 64, 10.0, 8
_SIZES = ((17, 23), (32, 20), (29, 29), (64, 48), (5, 7), (1, 16), (16, 1), (1, 1))


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
    with other_global_seeds():
        second = subject.restore(noisy)
    expect(
        np.array_equal(first, second),
        "the same input gave two results: draw random numbers from a generator with a fixed seed, "
        "np.random.default_rng(0)",
    )


def process_as_it_was(subject: Subject) -> str:
    """Neither importing it nor its calls change what all that runs in a process shares."""
    denoiser, noisy = subject.make(), subject.noisy()
    calls: dict[str, Callable[[], Any]] = {
        "denoise": lambda: denoiser.denoise(noisy.copy(), subject.noise)
    }
    if subject.method.learns:
        calls["fit"] = subject.fitted
    return expect_process_as_it_was(subject.method.changes, calls)


def batch_mates(subject: Subject) -> str:
    """An image's result depends neither on its batch-mates nor on its position."""
    noisy = subject.noisy()
    denoiser = subject.make()
    together = subject.restore(noisy, denoiser)
    # Position first: alone, an image has neither mates nor its position.
    expect_equal(
        subject.restore(noisy[::-1].copy(), denoiser)[::-1],
        together,
        "an image's result depends on its position in the batch: share one draw over the batch",
    )
    alone = np.concatenate([subject.restore(noisy[i : i + 1], denoiser) for i in range(len(noisy))])
    expect_equal(
        together,
        alone,
        "an image's result depends on its batch-mates: take statistics over axes (-2, -1), never "
        "over axis 0",
    )
    began = time.monotonic()
    few = subject.restore(noisy, denoiser)
    each = (time.monotonic() - began) / len(few)
    count = max(_FEW, min(_MANY, int(_SECONDS / max(each, 1e-9))))
    many = subject.noisy(count)
    expect_equal(
        subject.restore(many, denoiser)[:3],
        subject.restore(many[:3], denoiser),
        f"an image's result depends on its batch-mates, of which there were {count}: handle each "
        "image by itself",
    )
    if subject.method.declared.threads:
        expect_equal(
            subject.restore(many, subject.create(threads=2)),
            subject.restore(many, denoiser),
            "two threads give another result: share no buffer between calls, or leave out "
            "threads=True",
        )
    return f"of {count} images at most, since it is slow" if count < _MANY else ""


def sizes(subject: Subject) -> str:
    """Odd and oblong images, larger and smaller, a row, a column and a point, even ones too.

    Restored, or refused with `Unsupported`.
    """
    return restored_or_refused(
        subject,
        {f"{h}x{w}": (subject.shape[0], h, w) for h, w in _SIZES},
    )


def channels(subject: Subject) -> str:
    """One and three channels: restored, or refused with `Unsupported`."""
    height, width = subject.shape[1:]
    return restored_or_refused(subject, {"grey": (1, height, width), "RGB": (3, height, width)})


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
        expect_equal(
            restored,
            expected,
            "a non-contiguous array gives another result: begin with np.ascontiguousarray(noisy)",
        )


def another_process(subject: Subject) -> None:
    """Loaded by another process from its file or package, it gives the same result."""
    noisy = subject.noisy()
    state = subject.state() if subject.method.learns else {}
    try:
        restored = child.denoise(subject.source, subject.typed, state, noisy, subject.noise)
    except child.NoAnswer as error:
        raise Failed(
            f"another process cannot run it: {error}; keep what it needs in its file or package"
        ) from None
    expect_equal(
        restored,
        subject.restore(noisy),
        "another process gives another result: it must depend on nothing but its file, its "
        "parameters and what it learned",
    )
