"""What a file declares with `@bench.metric` -> `Metric`, or what is wrong with its form."""

from __future__ import annotations

import inspect
from typing import Any

from bench.plugins.metric import NEEDS, Metric
from bench.plugins.target import Target, arguments, positional

#: What a metric may take: the fields of `bench.core.Restoration`.
_GIVEN = ("clean", "restored", "noisy", "label", "noise", "frames", "perturbed")


def describe(target: Target) -> Metric:
    """The metric that a function or class is.

    Raises:
        BrokenPlugin: it is declared wrongly.
    """
    value, learns = target.value, inspect.isclass(target.value)
    if learns:
        target.expect_methods(("fit", "measure", "state", "load"))
        _check_fit(target)
    parameters = target.parameters()
    target.expect_files(parameters)
    return Metric(
        **target.described(),
        parameters=parameters,
        needs=_needs(target, value.measure if learns else value),
    )


def _needs(target: Target, measure: Any) -> tuple[str, ...]:
    """What it takes beside the restored images, by its arguments."""
    learns = measure is not target.value
    called = f"{target.value.__name__}.measure()" if learns else f"{target.value.__name__}()"
    first = ("self",) if learns else ()
    taken = positional(measure)[len(first) :]
    for name in taken:
        kind = arguments(measure)[name].kind
        if name not in _GIVEN or kind is not inspect.Parameter.POSITIONAL_OR_KEYWORD:
            shown = f"(..., *, {name}=...)" if not learns else f"{name}: float = ... in its class"
            raise target.broken(
                f"the argument {name!r} of {called} is none of {', '.join(_GIVEN)}: for a "
                f"parameter, write {shown}"
            )
    if "restored" not in taken:
        written = ", ".join([*first, *dict.fromkeys([*taken, "restored"])])
        raise target.broken(f"{called} does not take the restored images: write ({written})")
    if learns and len(arguments(measure)) > len(taken) + 1:
        raise target.broken(
            f"{called} has keyword-only arguments: the parameters of a class are its annotated "
            "attributes"
        )
    needs = tuple(need for need in NEEDS if need in taken)
    said = target.declared.needs
    if said is not None and set(said) != set(needs):
        raise target.broken(
            f"needs names {', '.join(said) or 'nothing'}, and {called} takes "
            f"{', '.join(taken)}: leave needs out, or let them agree"
        )
    return needs


def _check_fit(target: Target) -> None:
    """`fit` can be called as the harness calls it."""
    names = positional(target.value.fit)
    if names[1:] != ["train", "validation"]:
        raise target.broken(
            f"fit() of {target.value.__name__} has the arguments ({', '.join(names)}): write "
            "(self, train, validation)"
        )
