"""Every check of a plugin, in order, with its outcome."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from bench.core import Unsupported, UsageError
from bench.core.process_state import set_back
from bench.planning import notation
from bench.plugins.kinds import DATASETS, METHODS, METRICS, NOISES, Kind
from bench.plugins.sources import Registry, Source, file_source
from bench.testing.checks import corrupting, declaration, images, learning, measuring, showing
from bench.testing.checks.expectations import Failed, NotApplicable
from bench.testing.dataset_subject import DatasetSubject
from bench.testing.metric_subject import MetricSubject
from bench.testing.noise_subject import NoiseSubject
from bench.testing.patience import TooSlow, within
from bench.testing.subject import Subject

#: A check of a subject, see `bench.testing.checks`.
Check = Callable[[Any], str | None]
#: Of methods.
CHECKS: tuple[Check, ...] = (
    declaration.documented,
    declaration.parameters,
    declaration.recipes,
    declaration.learned_from,
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
    learning.learns_from_noisy_images,
    learning.asks_for_no_test_images,
    images.another_process,
)
METRIC_CHECKS: tuple[Check, ...] = (
    measuring.documented,
    measuring.parameters,
    measuring.takes_images,
    measuring.state_and_load,
    measuring.one_number_an_image,
    measuring.values,
    measuring.equal_images_are_best,
    measuring.more_noise_is_worse,
    measuring.input_not_modified,
    measuring.same_result_twice,
    measuring.process_as_it_was,
    measuring.batch_mates,
    measuring.sizes,
    measuring.channels,
    measuring.other_than_fitted_on,
    measuring.non_contiguous_input,
    measuring.fit_twice,
    measuring.another_process,
)
NOISE_CHECKS: tuple[Check, ...] = (
    corrupting.documented,
    corrupting.shape_and_type,
    corrupting.finite_values,
    corrupting.same_draws_same_pixels,
    corrupting.other_draws_other_pixels,
    corrupting.input_not_modified,
    corrupting.process_as_it_was,
    corrupting.batch_mates,
    corrupting.moments,
    corrupting.higher_levels,
    corrupting.sizes,
    corrupting.non_contiguous_input,
    corrupting.tensors,
    corrupting.a_level_an_image,
    corrupting.clipped,
    corrupting.another_process,
)
DATASET_CHECKS: tuple[Check, ...] = (
    showing.documented,
    showing.gives_images,
    showing.same_images_twice,
    showing.reads_one_by_one,
    showing.splits_share_no_image,
    showing.labels_and_units,
    showing.process_as_it_was,
    showing.another_process,
)
#: Kind of plugin -> what it is tried on, and its checks.
_OF_KIND: dict[Kind[Any], tuple[Callable[..., Any], Callable[[], tuple[Check, ...]]]] = {
    METHODS: (Subject, lambda: CHECKS),
    METRICS: (MetricSubject, lambda: METRIC_CHECKS),
    NOISES: (NoiseSubject, lambda: NOISE_CHECKS),
    DATASETS: (DatasetSubject, lambda: DATASET_CHECKS),
}
#: Seconds that a check may take.
LIMIT = 600.0
#: Where one of these fails, the checks after it would only repeat it.
NECESSARY = (
    images.takes_images,
    learning.state_and_load,
    images.shape_and_type,
    images.finite_values,
    measuring.takes_images,
    measuring.state_and_load,
    measuring.one_number_an_image,
    measuring.values,
    corrupting.shape_and_type,
    corrupting.finite_values,
    showing.gives_images,
    showing.same_images_twice,
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
    _check(method, METHODS)


def check_metric(metric: str | os.PathLike[str]) -> None:
    """Check that a metric keeps the harness's contract; for use in a test.

    Args:
        metric: its file, or the name of one that `bench metrics` lists, also with parameters, as
            "ssim[sigma=1.0]".

    Raises:
        AssertionError: it does not; a line for each check that failed.
        UsageError: there is no such file or metric.

    Example:
        >>> check_metric("psnr")
    """
    _check(metric, METRICS)


def check_noise(noise: str | os.PathLike[str]) -> None:
    """Check that a noise keeps the harness's contract; for use in a test.

    Args:
        noise: its file, or the name of one that `bench noises` lists.

    Raises:
        AssertionError: it does not; a line for each check that failed.
        UsageError: there is no such file or noise.

    Example:
        >>> check_noise("gaussian")
    """
    _check(noise, NOISES)


def check_dataset(dataset: str | os.PathLike[str]) -> None:
    """Check that a data set keeps the harness's contract; for use in a test.

    Args:
        dataset: its file, or the name of one that a package offers.

    Raises:
        AssertionError: it does not; a line for each check that failed.
        UsageError: there is no such file or data set.
    """
    _check(dataset, DATASETS)


def _check(plugin: str | os.PathLike[str], kind: Kind[Any]) -> None:
    params: dict[str, str] = {}
    if isinstance(plugin, str) and not plugin.endswith(".py"):
        plugin, params = notation.parse(plugin, kind.name)
    found = outcomes(find(plugin, kind), params)
    failed = [outcome for outcome in found if outcome.verdict == "failed"]
    if failed:
        raise AssertionError("\n".join(f"{outcome.check}: {outcome.text}" for outcome in failed))


def find(plugin: str | os.PathLike[str], kind: Kind[Any] = METHODS) -> Source[Any]:
    """A plugin's source, by its file or by its name; raises `UsageError` if there is none."""
    if isinstance(plugin, os.PathLike) or str(plugin).endswith(".py"):
        if not Path(plugin).is_file():
            raise UsageError(f"there is no file {os.fspath(plugin)}")
        return file_source(Path(plugin), kind=kind)
    return Registry(kind=kind).find(str(plugin))


def outcomes(source: Source[Any], params: Mapping[str, str] | None = None) -> Iterator[Outcome]:
    """Every check, in order. After a failure of a necessary one the rest would only repeat it.

    Args:
        source: the plugin's.
        params: as typed, instead of its defaults.

    Raises:
        UsageError: there is no such parameter, or its value is of another type or out of range.
    """
    try:
        plugin = source.load()
    except UsageError as error:
        yield Outcome("loads", "failed", str(error))
        return
    typed = notation.typed_params(plugin, params or {})
    yield Outcome("loads", "passed")
    values = {**plugin.parameters, **typed} if source.kind is METHODS else {}
    if lacking := [name for name in values if name in plugin.declared.files and not values[name]]:
        typed_so = f"{source.name}[{lacking[0]}=PATH]"
        yield Outcome("takes images", "skipped", f"it needs a file: type {typed_so}")
        return
    made, checks = _OF_KIND[source.kind]
    try:
        with within(LIMIT), set_back():
            subject = made(plugin, source, typed)
    except TooSlow as error:
        yield _too_slow("takes images", error)
        return
    broken = ""
    for check in checks():
        name = check.__name__.replace("_", " ")
        if broken:
            yield Outcome(name, "skipped", f"not checked before {broken!r} passes")
            continue
        try:
            with within(LIMIT), set_back():
                remark = check(subject)
        except TooSlow as error:
            yield _too_slow(name, error)
            broken = name
        except (NotApplicable, Unsupported) as error:
            yield Outcome(name, "skipped", str(error))
            continue
        except (Exception, SystemExit) as error:
            text = str(error) if isinstance(error, Failed) else subject.explain(error)
            yield Outcome(name, "failed", text)
            broken = name if check in NECESSARY else ""
        else:
            yield Outcome(name, "passed", remark or "")


def _too_slow(check: str, error: TooSlow) -> Outcome:
    return Outcome(
        check, "failed", f"{error}: try it with parameters that do less, as NAME[updates=10]"
    )
