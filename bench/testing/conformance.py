"""Every check of a method, in order, with its outcome."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench.core import Unsupported, UsageError
from bench.core.process_state import set_back
from bench.evaluation.runner import explain
from bench.planning import notation
from bench.plugins.sources import Registry, Source, file_source
from bench.testing.checks import declaration, images, learning
from bench.testing.checks.expectations import Failed, NotApplicable
from bench.testing.subject import Subject

CHECKS: tuple[Callable[[Subject], str | None], ...] = (
    declaration.documented,
    declaration.parameters,
    declaration.recipes,
    images.takes_images,
    learning.state_and_load,
    images.shape_and_type,
    images.finite_values,
    learning.tuned_values,
    images.input_not_modified,
    images.same_result_twice,
    images.process_as_it_was,
    images.batch_mates,
    images.sizes,
    images.channels,
    learning.other_than_trained_on,
    images.non_contiguous_input,
    learning.fit_twice,
    learning.asks_for_no_test_images,
    images.another_process,
)
#: Where one of these fails, the checks after it would only repeat it.
NECESSARY = (
    images.takes_images,
    learning.state_and_load,
    images.shape_and_type,
    images.finite_values,
)


@dataclass(frozen=True)
class Outcome:
    """What came of a check.

    Attributes:
        check: its name.
        verdict: "passed", "failed", or "skipped" where it does not apply.
        text: of a failure, what is wrong and what to do; else a remark.
    """

    check: str
    verdict: Literal["passed", "failed", "skipped"]
    text: str = ""


def check_method(method: str | os.PathLike[str]) -> None:
    """Check that a method keeps the harness's contract; for use in a test.

    Args:
        method: its file, or the name of one that `bench methods` lists, also with parameters, as
            "median[size=5]".

    Raises:
        AssertionError: it does not; a line for each check that failed.
        UsageError: there is no such file or method.

    Example:
        >>> check_method("median")
    """
    params: dict[str, str] = {}
    if isinstance(method, str) and not method.endswith(".py"):
        method, params = notation.parse(method)
    found = outcomes(find(method), params)
    failed = [outcome for outcome in found if outcome.verdict == "failed"]
    if failed:
        raise AssertionError("\n".join(f"{outcome.check}: {outcome.text}" for outcome in failed))


def find(method: str | os.PathLike[str]) -> Source:
    """A method's source, by its file or by its name; raises `UsageError` if there is none."""
    if isinstance(method, os.PathLike) or str(method).endswith(".py"):
        if not Path(method).is_file():
            raise UsageError(f"there is no file {os.fspath(method)}")
        return file_source(Path(method))
    return Registry().find(str(method))


def outcomes(source: Source, params: Mapping[str, str] | None = None) -> Iterator[Outcome]:
    """Every check, in order. After a failure of a necessary one the rest would only repeat it.

    Args:
        source: the method's.
        params: as typed, instead of its defaults.

    Raises:
        UsageError: there is no such parameter, or its value is of another type or out of range.
    """
    try:
        method = source.load()
    except UsageError as error:
        yield Outcome("loads", "failed", str(error))
        return
    typed = notation.typed_params(method, params or {})
    yield Outcome("loads", "passed")
    with set_back():
        subject = Subject(method, source, typed)
    broken = ""
    for check in CHECKS:
        name = check.__name__.replace("_", " ")
        if broken:
            yield Outcome(name, "skipped", f"not checked before {broken!r} passes")
            continue
        try:
            with set_back():
                remark = check(subject)
        except (NotApplicable, Unsupported) as error:
            yield Outcome(name, "skipped", str(error))
            continue
        except (Exception, SystemExit) as error:
            text = str(error) if isinstance(error, Failed) else explain(error, method)
            yield Outcome(name, "failed", text)
            broken = name if check in NECESSARY else ""
        else:
            yield Outcome(name, "passed", remark or "")
