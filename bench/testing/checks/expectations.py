"""What all checks are made of: expectations, and how two results are compared."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.core import Unsupported
from bench.core.process_state import BY_LIBRARIES, set_back
from bench.evaluation.runner import explain
from bench.testing.subject import Subject

if TYPE_CHECKING:
    from bench.core import Array

#: Two results are taken for equal up to this: matrix products of batches of different sizes
#: round differently. A tenth of an 8-bit step is 4e-4.
TOLERANCE = 1e-4


class Failed(Exception):
    """A check's expectation does not hold: what is wrong and what to do."""


class NotApplicable(Exception):
    """A check says nothing about such a method: why."""


def expect(holds: Any, text: str) -> None:
    """Raise `Failed` with the text unless something holds."""
    if not holds:
        raise Failed(text)


def expect_equal(one: Array, other: Array, text: str) -> None:
    """Raise `Failed` with the text if two results differ by more than rounding."""
    largest = float(np.abs(one - other).max())
    expect(largest <= TOLERANCE, f"{text} (largest difference {largest:.2g})")


def expect_process_as_it_was(changes: Sequence[str], calls: Mapping[str, Callable[[], Any]]) -> str:
    """Raise `Failed` if importing a plugin, or a call of it, changed what a process shares.

    Args:
        changes: what importing it changed.
        calls: by the names that its author knows.

    Returns:
        A remark.
    """
    own = [change for change in changes if change not in BY_LIBRARIES]
    expect(
        not own,
        f"importing it changes {' and '.join(own)} for whatever runs in its process: bench sets it "
        "back; change it within the call that needs it, and for that alone",
    )
    for name, call in calls.items():
        for _ in range(2):  # the first may import libraries, which change what they like
            with set_back() as changed:
                call()
        expect(
            not changed,
            f"{name} changes {' and '.join(changed)} for whatever runs in its process: bench sets "
            "it back; change it for that call alone, as with np.errstate() and torch.no_grad()",
        )
    return f"importing it changes {' and '.join(changes)}, which is set back" if changes else ""


def restored_or_refused(
    subject: Subject, shapes: Mapping[str, tuple[int, ...]], denoiser: Any = None
) -> str:
    """Which of the named shapes are refused with `Unsupported`; the others must be restored."""
    refused = []
    for name, shape in shapes.items():
        images = np.concatenate([subject.noisy(2, shape), np.full((1, *shape), 0.5, np.float32)])
        try:
            subject.restore(images, denoiser)
        except Unsupported:
            refused.append(name)
        except (Exception, SystemExit) as error:
            explained = explain(error, subject.method)
            raise Failed(
                f"{name} images: {explained}; handle them, or raise bench.Unsupported with the "
                "reason"
            ) from None
    return f"refuses {', '.join(refused)}" if refused else ""


def copied(state: Mapping[str, Any]) -> dict[str, Any]:
    """A state that no longer shares memory with the denoiser."""
    return {name: np.array(array) for name, array in state.items()}


def same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two states are equal, bit for bit."""
    return one.keys() == other.keys() and all(np.array_equal(one[k], other[k]) for k in one)


@contextlib.contextmanager
def other_global_seeds() -> Iterator[None]:
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
