"""The conformance suite for authors of methods: does a method keep the harness's contract?

    from bench.testing import check_method

    def test_sharpen():
        check_method("sharpen.py")

`bench test` runs the same checks and prints a line for each.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from unittest import mock

import numpy as np

from bench import scoring, spec
from bench.core import Dataset, Noise, Unsupported, UsageError
from bench.denoiser import Method
from bench.noise import KINDS, make_noise
from bench.registry import Registry, Source, file_source
from bench.runner import explain

if TYPE_CHECKING:
    from bench.core import Array

#: Two results are taken for equal up to this: matrix products of batches of different sizes
#: round differently. A tenth of an 8-bit step is 4e-4.
TOLERANCE = 1e-4
#: A method that has not answered another process for so long, in seconds, hangs.
PATIENCE = 300.0
_TRAINING_IMAGES = 32
# A method is tried on images of the first shape that it does not refuse.
_SHAPES = ((1, 28, 28), (3, 28, 28), (1, 64, 64), (3, 64, 64))
_SIZES = ((17, 23), (32, 20), (29, 29), (64, 48), (5, 7))


@dataclass(frozen=True)
class Outcome:
    """What a check found.

    Attributes:
        check: its name.
        verdict: "passed", "failed", or "skipped" where it does not apply.
        text: of a failure, what is wrong and what to do; else a remark.
    """

    check: str
    verdict: Literal["passed", "failed", "skipped"]
    text: str = ""


class _Failed(Exception):
    """A check's expectation does not hold: what is wrong and what to do."""


def check_method(method: str | os.PathLike[str]) -> None:
    """Check that a method keeps the harness's contract; for use in a test.

    Args:
        method: its file, or the name of one that `bench methods` lists.

    Raises:
        AssertionError: it does not; a line for each check that failed.
        UsageError: there is no such method.
    """
    failed = [outcome for outcome in outcomes(find(method)) if outcome.verdict == "failed"]
    if failed:
        raise AssertionError("\n".join(f"{outcome.check}: {outcome.text}" for outcome in failed))


def find(method: str | os.PathLike[str]) -> Source:
    """A method's source, by its file or by its name; raises `UsageError` if there is none."""
    if isinstance(method, os.PathLike) or str(method).endswith(".py"):
        return file_source(Path(method))
    return Registry().find(str(method))


def outcomes(source: Source) -> Iterator[Outcome]:
    """Every check, in order; where the method cannot be loaded only that."""
    try:
        method = source.load()
    except UsageError as error:
        yield Outcome("loads", "failed", str(error))
        return
    yield Outcome("loads", "passed")
    subject = _Subject(method, source)
    for check in CHECKS:
        name = check.__name__.replace("_", " ")
        try:
            remark = check(subject)
        except _Failed as error:
            yield Outcome(name, "failed", str(error))
        except _NotApplicable as error:
            yield Outcome(name, "skipped", str(error))
        except (Exception, SystemExit) as error:
            yield Outcome(name, "failed", explain(error, method))
        else:
            yield Outcome(name, "passed", remark or "")


class _NotApplicable(Exception):
    """A check says nothing about such a method."""


# -- what is tried ---------------------------------------------------------------------------


class _Subject:
    """A method with what the checks try it on; what was fitted is kept."""

    noise: Noise = make_noise("gaussian", 0.2)

    def __init__(self, method: Method, source: Source) -> None:
        self.method, self.source = method, source
        self._fitted: dict[Any, Mapping[str, Any]] = {}
        self.shape = next(filter(self._takes, _SHAPES), _SHAPES[0])

    def _takes(self, shape: tuple[int, ...]) -> bool:
        """Whether the method does not refuse images of that shape; it may fail at them."""
        try:
            self.make(shape).denoise(self.noisy(2, shape), self.noise)
        except Unsupported:
            return False
        except (Exception, SystemExit):
            return True  # the checks will tell
        return True

    def images(self, count: int = 5, shape: tuple[int, ...] | None = None, seed: int = 0) -> Array:
        """Smooth clean images with edges, float32 (count, *shape)."""
        shape = shape or self.shape
        height, width = shape[1:]
        rng = np.random.default_rng(seed)
        y, x = np.mgrid[0:height, 0:width]
        images = np.empty((count, *shape), np.float32)
        for image in images.reshape(-1, height, width):
            a, b, c = rng.uniform(-0.4, 0.4, 3)
            image[:] = 0.5 + 0.5 * np.sin(a * y + b * x + 9 * c)
            top, left = rng.integers(0, height), rng.integers(0, width)
            image[top : top + height // 2, left : left + width // 2] = rng.uniform()
        return images

    def noisy(self, *arguments: Any, **options: Any) -> Array:
        """Such images under `noise`."""
        clean = self.images(*arguments, **options)
        draws = np.random.default_rng(1).standard_normal(clean.shape).astype(np.float32)
        return self.noise.corrupt(clean, draws)

    def state(
        self, shape: tuple[int, ...] | None = None, seed: int = 0, fresh: bool = False
    ) -> Mapping[str, Any]:
        """What `fit` learns from a few images of that shape."""
        shape = shape or self.shape
        if fresh:
            return self.fitted(shape, seed).state()
        if (shape, seed) not in self._fitted:
            self._fitted[shape, seed] = self.fitted(shape, seed).state()
        return self._fitted[shape, seed]

    def fitted(self, shape: tuple[int, ...] | None = None, seed: int = 0) -> Any:
        """A denoiser just fitted, that never went through `state` and `load`."""
        denoiser = self.method.create({})
        train = self.images(_TRAINING_IMAGES, shape, seed=2)
        if self.method.uses_torch:
            from bench.training import Recipe

            validation = self.images(8, shape, seed=3)
            recipe = Recipe(epochs=1, batch_size=8)
            denoiser.fit(train, self.noise, seed, validation=validation, recipe=recipe)
        else:
            denoiser.fit(train, self.noise, seed)
        return denoiser

    def make(self, shape: tuple[int, ...] | None = None, **params: Any) -> Any:
        """A denoiser with such parameters, fitted on images of that shape if it learns."""
        denoiser = self.method.create(params)
        if self.method.learns:
            denoiser.load(self.state(shape))
        return denoiser

    def restore(self, noisy: Array, denoiser: Any = None) -> Array:
        """The denoiser's result for a copy of `noisy`, found to be one that may be given."""
        denoiser = denoiser or self.make(noisy.shape[1:])
        return scoring.apply(denoiser, noisy.copy(), self.noise)


def _expect(holds: Any, text: str) -> None:
    if not holds:
        raise _Failed(text)


def _expect_equal(one: Array, other: Array, text: str) -> None:
    largest = float(np.abs(one - other).max())
    _expect(largest <= TOLERANCE, f"{text} (largest difference {largest:.2g})")


# -- checks: their names are what is printed -------------------------------------------------


def documented(subject: _Subject) -> None:
    """A docstring and a reference."""
    _expect(subject.method.summary, 'no documentation: give it a docstring, """What it does."""')
    _expect(
        subject.method.reference, 'no reference: say @method(reference="Author year"), or "none"'
    )


def parameters(subject: _Subject) -> str:
    """Parameters that can be typed, and values of `tune` that are of their type."""
    method = subject.method
    for name, default in method.parameters.items():
        _expect(
            default is None or isinstance(default, (bool, int, float, str)),
            f"the default of {name} is of type {type(default).__name__}, which cannot be typed in "
            f"{method.name}[{name}=...]: use a number, a text, a truth value or None",
        )
        if default is not None:
            spec.typed_params(method, {name: str(default)})
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


def shape_and_type(subject: _Subject) -> None:
    """Float32 of the input's shape, for one image and for several."""
    for count in (5, 1):
        subject.restore(subject.noisy(count))


def finite_values(subject: _Subject) -> None:
    """Finite results for black, white and even images, and at any noise level."""
    even = np.stack([np.full(subject.shape, value, np.float32) for value in (0.0, 1.0, 0.5)])
    denoiser = subject.make()
    try:
        subject.restore(even, denoiser)
    except scoring.BadOutput as error:
        raise _Failed(f"{error}, where the image is even: guard divisions by a variance") from None
    for kind in KINDS:
        for level in (1e-3, 1.0):
            noise = make_noise(kind, level)
            scoring.apply(denoiser, subject.noisy(), noise)


def tuned_values(subject: _Subject) -> str:
    """Every value of `tune` gives a result that may be given."""
    tried = 0
    for name, values in subject.method.tune.items():
        for value in values:
            try:
                subject.restore(subject.noisy(2), subject.make(**{name: value}))
            except Exception as error:
                explained = explain(error, subject.method)
                raise _Failed(f"with {name}={value}: {explained}") from None
            tried += 1
    return f"{tried} tried" if tried else "nothing is tuned"


def input_not_modified(subject: _Subject) -> None:
    """The noisy images are as they were."""
    noisy = subject.noisy()
    given = noisy.copy()
    subject.make().denoise(given, subject.noise)
    scoring.check_input(given, noisy)


def same_result_twice(subject: _Subject) -> None:
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


def batch_mates(subject: _Subject) -> None:
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


def sizes(subject: _Subject) -> str:
    """Odd and oblong images, larger and smaller: restored, or refused with `Unsupported`."""
    return _restored_or_refused(
        subject,
        {f"{h}x{w}": (subject.shape[0], h, w) for h, w in _SIZES},
    )


def channels(subject: _Subject) -> str:
    """One and three channels: restored, or refused with `Unsupported`."""
    height, width = subject.shape[1:]
    return _restored_or_refused(subject, {"grey": (1, height, width), "RGB": (3, height, width)})


def other_than_trained_on(subject: _Subject) -> str:
    """Images of another shape than the training's: restored, or refused with `Unsupported`."""
    if not subject.method.learns:
        raise _NotApplicable("it does not learn")
    channels, height, width = subject.shape
    shapes = {
        "smaller": (channels, height - 8, width - 4),
        "larger": (channels, height + 5, width + 12),
        "RGB" if channels == 1 else "grey": (4 - channels, height, width),
    }
    return _restored_or_refused(subject, shapes, subject.make())


def _restored_or_refused(
    subject: _Subject, shapes: Mapping[str, tuple[int, ...]], denoiser: Any = None
) -> str:
    refused = []
    for name, shape in shapes.items():
        try:
            subject.restore(subject.noisy(2, shape), denoiser)
        except Unsupported:
            refused.append(name)
        except (Exception, SystemExit) as error:
            explained = explain(error, subject.method)
            raise _Failed(
                f"{name} images: {explained}; handle them, or raise bench.Unsupported with the "
                "reason"
            ) from None
    return f"refuses {', '.join(refused)}" if refused else ""


def non_contiguous_input(subject: _Subject) -> None:
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
            raise _Failed(f"{explained}; begin with np.ascontiguousarray(noisy)") from None
        _expect_equal(
            restored,
            expected,
            "a non-contiguous array gives another result: begin with np.ascontiguousarray(noisy)",
        )


def another_process(subject: _Subject) -> None:
    """Loaded by another process from its file or package, it gives the same result."""
    noisy = subject.noisy()
    source = subject.source
    state = dict(subject.state()) if subject.method.learns else {}
    with tempfile.TemporaryDirectory() as folder:
        given, result = Path(folder) / "given.npz", Path(folder) / "result.npy"
        np.savez(given, noisy=noisy, **{f"state.{name}": value for name, value in state.items()})
        task = {
            "plugins": [str(source.path)] if source.path else [],
            "name": source.name,
            "noise": subject.noise.as_dict(),
            "given": str(given),
            "result": str(result),
        }
        try:
            done = subprocess.run(
                # -P: a method's file in this folder hides no module of the same name.
                [sys.executable, "-P", "-c", "from bench.testing import _in_child; _in_child()"],
                input=json.dumps(task),
                capture_output=True,
                text=True,
                timeout=PATIENCE,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise _Failed(f"another process got no answer within {PATIENCE:g} s") from None
        said = done.stderr.strip().splitlines() or ["it died without a word"]
        _expect(
            done.returncode == 0,
            f"another process cannot run it: {said[-1]}; keep what it needs in its file or package",
        )
        restored = np.load(result)
    _expect_equal(
        restored,
        subject.restore(noisy),
        "another process gives another result: it must depend on nothing but its file, its "
        "parameters and what it learned",
    )


def _in_child() -> None:
    """The other process: denoise with a method found by its path or name."""
    task = json.load(sys.stdin)
    method = Registry(task["plugins"]).load(task["name"])
    denoiser = method.create({})
    with np.load(task["given"]) as arrays:
        given = dict(arrays)
    if method.learns:
        denoiser.load({k.removeprefix("state."): v for k, v in given.items() if k != "noisy"})
    np.save(task["result"], denoiser.denoise(given["noisy"], make_noise(**task["noise"])))


def state_and_load(subject: _Subject) -> str:
    """What was learned survives a file: numeric arrays by name."""
    if not subject.method.learns:
        raise _NotApplicable("it does not learn")
    from safetensors.numpy import load, save

    fitted = subject.fitted()
    state = fitted.state()
    _expect(
        isinstance(state, Mapping)
        and all(isinstance(k, str) and isinstance(v, np.ndarray) for k, v in state.items()),
        "state() is to return a dictionary of NumPy arrays by name",
    )
    stored = load(save({name: np.ascontiguousarray(array) for name, array in state.items()}))
    noisy = subject.noisy()
    expected = subject.restore(noisy, fitted)
    denoiser = subject.method.create({})
    try:
        denoiser.load(stored)
        restored = subject.restore(noisy, denoiser)
    except (Exception, SystemExit) as error:
        explained = explain(error, subject.method)
        raise _Failed(f"{explained}; keep all that denoise needs in state()") from None
    _expect(
        np.array_equal(restored, expected),
        "after load(state()) it gives another result: keep all that denoise needs in state()",
    )
    return f"{sum(array.size for array in state.values()):,} values"


def fit_twice(subject: _Subject) -> str:
    """One seed gives the same weights; another seed others, where `random` says so."""
    method = subject.method
    if not method.learns:
        raise _NotApplicable("it does not learn")
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


def never_sees_test_data(subject: _Subject) -> None:
    """No test image is read while it learns, and nothing is learned while it denoises."""
    groups = Dataset.groups

    def guarded(dataset: Dataset, split: Any, limit: int | None = None) -> Any:
        if split == "test":
            raise _Failed("it reads the test split: learn from what fit is given only")
        return groups(dataset, split, limit)

    with mock.patch.object(Dataset, "groups", guarded):
        if subject.method.learns:
            subject.state(fresh=True)
        denoiser = subject.make()
        noisy, others = subject.noisy(), subject.noisy(8, seed=4)
        before = subject.restore(noisy, denoiser)
        known = _copied(denoiser.state()) if subject.method.learns else {}
        subject.restore(others, denoiser)
        after = subject.restore(noisy, denoiser)
    _expect(
        np.array_equal(before, after)
        and (not subject.method.learns or _same(known, denoiser.state())),
        "what it denoised before changes what it gives: keep nothing of the images in denoise",
    )


CHECKS: tuple[Callable[[_Subject], str | None], ...] = (
    documented,
    parameters,
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
    state_and_load,
    fit_twice,
    never_sees_test_data,
    another_process,
)


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
