"""Does a noise have the moments that it says, each image its own, and tensors as arrays do?"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.core import Unsupported
from bench.testing import child
from bench.testing.checks.declaration import expect_documented
from bench.testing.checks.expectations import (
    Failed,
    expect,
    expect_process_as_it_was,
    other_global_seeds,
)
from bench.testing.checks.noise_statistics import (
    IMAGES,
    ROUNDING,
    SHAPE,
    VALUES,
    expect_moments,
    expect_near,
    expect_one_distribution,
)
from bench.testing.noise_subject import NoiseSubject

if TYPE_CHECKING:
    from bench.core import Noise

_SIZES = ((17, 23), (5, 7), (1, 16), (16, 1), (1, 1))


def documented(subject: NoiseSubject) -> None:
    """A docstring and a reference."""
    expect_documented(subject.kind, "noise")


def shape_and_type(subject: NoiseSubject) -> str:
    """Float32 of the images' shape, for one image and for several."""
    for level in subject.levels:
        for count in (5, 1):
            clean = subject.images(count)
            noisy = subject.noise(level).add(clean.copy(), subject.draws(clean))
            if isinstance(noisy, np.ndarray) and noisy.dtype == clean.dtype:
                noisy = np.nan_to_num(noisy)  # of which the next check speaks
            shape = getattr(noisy, "shape", type(noisy).__name__)
            expect(shape == clean.shape, f"add() gave {shape} for images of shape {clean.shape}")
            expect(
                noisy.dtype == np.float32,
                f"add() gave {noisy.dtype} for float32 images: NumPy's own numbers, such as "
                "np.sqrt(2), widen them; write 2 ** 0.5",
            )
    return f"at {subject.levels[0]:g} and {subject.levels[1]:g}"


def finite_values(subject: NoiseSubject) -> None:
    """Finite pixels, and finite moments, of black, white and grey images too, at any level."""
    declared = subject.kind.declared
    least = 1.0 if declared.photons else 1e-3
    for level in (*subject.levels, min(least, declared.highest), declared.highest):
        noise = subject.noise(level)
        for value in VALUES:
            clean = np.full((2, *SHAPE), value, np.float32)
            with np.errstate(all="ignore"):  # what comes of it is told
                noisy = noise.add(clean, subject.draws(clean))
                moments = {"std": noise.std(clean), "mean": noise.mean(clean)}
            at = f"at level {level:g} and clean value {value:g}"
            expect(np.isfinite(noisy).all(), f"add() gave NaN or infinity {at}")
            for name, told in moments.items():
                told = np.asarray(told)
                expect(np.isfinite(told).all(), f"{name}() gave NaN or infinity {at}")
                expect(name == "mean" or (told >= 0).all(), f"std() is below 0 {at}")


def same_draws_same_pixels(subject: NoiseSubject) -> None:
    """The same random numbers give the same noise, whatever global generators stand at."""
    clean = subject.images()
    first = subject.noisy(clean)
    with other_global_seeds():
        second = subject.noisy(clean)
    expect(
        np.array_equal(first, second),
        "the same draws gave two results: take random numbers from draws alone, and keep nothing "
        "between calls",
    )


def other_draws_other_pixels(subject: NoiseSubject) -> None:
    """Each image has noise of its own, and each noise seed."""
    clean = np.full((2, *SHAPE), 0.5, np.float32)
    one, two = subject.noisy(clean)
    other = subject.noisy(clean, key="other")[0]
    expect(
        not (np.array_equal(one, two) or np.array_equal(one, other)),
        "two images have the same noise: take random numbers from draws, not from a generator of a "
        "fixed seed",
    )


def input_not_modified(subject: NoiseSubject) -> None:
    """The clean images are as they were."""
    clean = subject.images()
    given = clean.copy()
    noise = subject.noise()
    noise.add(given, subject.draws(clean))
    noise.std(given)
    noise.mean(given)
    expect(np.array_equal(given, clean), "it changed the clean images: work on a copy")
    draws = subject.draws(clean)
    again = [noise.add(clean.copy(), draws) for _ in range(2)]
    expect(np.array_equal(*again), "it changed the numbers of draws: work on a copy")


def process_as_it_was(subject: NoiseSubject) -> str:
    """Neither importing it nor its calls change what all that runs in a process shares."""
    clean, noise = subject.images(), subject.noise()
    return expect_process_as_it_was(
        subject.kind.changes,
        {
            "add": lambda: noise.add(clean, subject.draws(clean)),
            "std": lambda: noise.std(clean),
            "mean": lambda: noise.mean(clean),
        },
    )


def batch_mates(subject: NoiseSubject) -> None:
    """An image's noise depends neither on its batch-mates nor on its place among them."""
    clean = subject.images(8)
    together = subject.noisy(clean)
    for rows in (slice(0, 1), slice(5, 8), slice(None, None, -1)):
        positions = np.arange(len(clean))[rows]
        draws = dataclasses.replace(subject.draws(clean), positions=positions)
        found = subject.noise().add(clean[rows].copy(), draws)
        expect(
            np.array_equal(found, together[rows]),
            "an image's noise depends on its batch-mates: take statistics over axes (-2, -1), "
            "never over axis 0",
        )


def moments(subject: NoiseSubject) -> str:
    """Mean and deviation of a noisy pixel are what `mean` and `std` say, at any clean value.

    One in a million noises of which that is so fails; of white noise that is nearly normal a
    deviation that is 2% off is found.
    """
    for level in subject.levels:
        noise = subject.noise(level)
        for value in VALUES:
            clean = np.full((IMAGES, *SHAPE), value, np.float32)
            noisy = noise.add(clean, subject.draws(clean))
            expect_moments(noise, noisy, value, f"at level {level:g}")
    return f"of {len(VALUES) * len(subject.levels)} clean values and levels"


def higher_levels(subject: NoiseSubject) -> None:
    """The higher the level the more noise, or of photons the less."""
    clean = subject.images(16)
    levels = np.geomspace(*subject.levels, 4)
    errors = [float(np.mean((subject.noisy(clean, level) - clean) ** 2)) for level in levels]
    photons = subject.kind.declared.photons
    expect(
        (np.diff(errors) > 0).all(),
        f"levels of {', '.join(f'{level:.3g}' for level in levels)} have mean squared errors of "
        f"{', '.join(f'{error:.3g}' for error in errors)}: "
        + ("leave out photons=True" if photons else "let a higher level be more noise, or say "
           "photons=True where levels count photons"),
    )  # fmt: skip


def sizes(subject: NoiseSubject) -> str:
    """Odd and oblong images, a row, a column and a point, grey and RGB.

    Drawn, or refused with `Unsupported`.
    """
    shapes = {f"{h}x{w}": (1, h, w) for h, w in _SIZES} | {"RGB": (3, 28, 28)}
    refused = []
    for name, shape in shapes.items():
        try:
            subject.noisy(subject.images(2, shape))
        except Unsupported:
            refused.append(name)
        except Exception as error:
            raise Failed(
                f"{name} images: {subject.explain(error)}; handle them, or raise "
                "bench.Unsupported with the reason"
            ) from None
    return f"refuses {', '.join(refused)}" if refused else ""


def non_contiguous_input(subject: NoiseSubject) -> None:
    """Views into other arrays have the same noise."""
    clean = subject.images()
    expected = subject.noisy(clean)
    for view in (np.repeat(clean, 2, axis=3)[..., ::2], np.asfortranarray(clean)):
        found = subject.noise().add(view, subject.draws(clean))
        expect(
            np.array_equal(found, expected),
            "a non-contiguous array has other noise: begin with np.ascontiguousarray(clean)",
        )


def tensors(subject: NoiseSubject) -> None:
    """Of torch's tensors, as training has them, it is the same noise as of NumPy's arrays."""
    import torch

    noise = subject.noise()
    for value in VALUES:
        even = torch.full((IMAGES, *SHAPE), value)
        noisy = _of_tensors(subject, lambda even=even: noise.corrupt(even.clone(), _drawn(even)))
        expect_moments(noise, noisy.numpy(), value, "of tensors")
        clean = even.numpy()
        for name in ("std", "mean"):
            moment = getattr(noise, name)
            told = _of_tensors(subject, lambda moment=moment, even=even: moment(even))
            expect(
                isinstance(told, torch.Tensor)
                and np.allclose(told.numpy(), moment(clean), atol=1e-5)
                and np.allclose(float(moment(value)), moment(clean), atol=1e-5),
                f"{name}() of a tensor, an array and a number are not the same",
            )
        ours = noise.add(clean, subject.draws(clean))
        expect_one_distribution(noisy.numpy(), ours, value)


def a_level_an_image(subject: NoiseSubject) -> None:
    """Each training image may have a level of its own, as `--train-noise blind` asks for."""
    import torch

    noise, (low, high) = subject.noise(), subject.levels
    levels = torch.linspace(low, high, IMAGES)[:, None, None, None]
    several: Any = dataclasses.replace(noise, level=levels)
    even = torch.full((IMAGES, *SHAPE), 0.5)
    with_levels = (
        "self.level may be a tensor (N, 1, 1, 1): write self.level ** 0.5, no function "
        "of math's or NumPy's, and no if"
    )
    noisy = _of_tensors(subject, lambda: several.corrupt(even.clone(), _drawn(even)), with_levels)
    told = _of_tensors(subject, lambda: several.std(0.5) + 0 * levels, with_levels)
    expected = torch.tensor([float(noise_at.std(0.5)) for noise_at in _each(noise, levels)])
    expect(
        torch.allclose(told.flatten(), expected, rtol=1e-3),
        f"std() is not each image's own where levels are: {with_levels}",
    )
    centre = torch.tensor([float(noise_at.mean(0.5)) for noise_at in _each(noise, levels)])
    squares = ((noisy.double() - centre[:, None, None, None]) ** 2).mean(dim=(1, 2, 3))
    expect_near(
        (squares / expected.double() ** 2).numpy(), 1.0, 2 * ROUNDING,
        "where each image has a level of its own, its noise is of another variance (in shares of "
        "what std() says)",
    )  # fmt: skip


def clipped(subject: NoiseSubject) -> None:
    """What methods are told of it where `--clip` limits it to [0, 1]."""
    noise = subject.noise(clip=True)
    try:
        told = noise.sigma
    except Exception as error:
        raise Failed(
            f"what --clip leaves of it cannot be told: {subject.explain(error)}; write add() for "
            "arrays of any number of axes, the last three of which are (C, H, W)"
        ) from None
    values = (np.arange(IMAGES) + 0.5) / IMAGES
    clean = np.broadcast_to(values[:, None, None, None], (IMAGES, *SHAPE)).astype(np.float32)
    noisy = noise.corrupt(clean, subject.draws(clean))
    found = float(np.sqrt(np.mean(noisy.var(axis=(1, 2, 3), dtype=np.float64))))
    expect(
        abs(told - found) <= 0.05 * found + 1e-6,
        f"with --clip its deviation is {found:.4g}, and methods would be told {told:.4g}: an image "
        "of one pixel must have the same noise as a large one",
    )


def another_process(subject: NoiseSubject) -> None:
    """Loaded by another process from its file or package, it draws the same noise."""
    clean = subject.images()
    try:
        found = child.corrupt(subject.source, subject.noise(), clean, "test")
    except child.NoAnswer as error:
        raise Failed(
            f"another process cannot run it: {error}; keep what it needs in its file or package"
        ) from None
    expect(
        np.array_equal(found, subject.noisy(clean)),
        "another process draws other noise: it must depend on nothing but its file, its level and "
        "draws",
    )


def _each(noise: Noise, levels: Any) -> list[Noise]:
    return [dataclasses.replace(noise, level=float(level)) for level in levels.flatten()]


def _drawn(like: Any) -> Any:
    """Random numbers for training images."""
    import torch

    from bench.training.batches import TorchDraws

    return TorchDraws(like, torch.Generator().manual_seed(0))


def _of_tensors(
    subject: NoiseSubject,
    call: Callable[[], Any],
    remedy: str = "write arithmetic and methods that NumPy's arrays and torch's tensors share",
) -> Any:
    """What a call gives; where it raises, `Failed`."""
    try:
        return call()
    except Exception as error:
        raise Failed(f"of torch's tensors: {subject.explain(error)}; {remedy}") from None
