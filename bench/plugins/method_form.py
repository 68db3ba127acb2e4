"""What a file declares with `@bench.method` -> `Method`, or what is wrong with its form."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.core import nearest
from bench.plugins.contract import TOLD, FormName, Method, MethodDeclaration
from bench.plugins.target import Target, arguments, positional


def describe(target: Target) -> Method:
    """The method that a function or class is.

    Raises:
        BrokenPlugin: it is declared wrongly.
    """
    value, declared = target.value, target.declared
    recipes: Mapping[str, Mapping[str, Any]] | None = getattr(value, "recipes", None)
    form: FormName = "function"
    if inspect.isclass(value):
        form = "fitted" if recipes is None else "trained"
        target.expect_methods(("fit", "denoise", "state", "load"))
        _check_fit(target)
    else:
        _check_function(target)
    parameters = target.parameters(TOLD if form == "function" else ())
    _check_parameters(parameters, declared, target)
    target.expect_files(parameters)
    _check_recipes(recipes or {}, target)
    told = _told(value) if form == "function" else ()
    harness = b""
    # What torch trains also depends on the loop that trains it, and a file's network on its calls.
    if form == "trained":
        harness += _code_of("training")
    if b"bench.networks" in target.code:
        harness += _code_of("networks")
    return Method(
        **target.described(harness),
        form=form,
        parameters=parameters,
        # A class takes it by its contract, a function if it has an argument for it.
        takes_noise=form != "function" or "noise" in told,
        takes_device="device" in told,
        takes_seed="seed" in told,
        takes_more=form == "function" and _takes_any_name(value),
        fits_noise=form == "trained" or "noise" in arguments(getattr(value, "fit", None)),
        recipes=recipes,
    )


def _code_of(room: str) -> bytes:
    """Of all modules of a room of bench's."""
    files = sorted((Path(__file__).parents[1] / room).glob("*.py"))
    return b"".join(file.read_bytes() for file in files)


def _check_parameters(
    parameters: Mapping[str, Any], declared: MethodDeclaration, target: Target
) -> None:
    """Each has a name of its own, and what is declared of them names them."""
    for reserved in {"train", "seeds"} & set(parameters):
        raise target.broken(
            f"no parameter may be called {reserved!r}, which says how a method is trained: call it "
            "otherwise"
        )
    for argument, names in (
        ("tune", declared.tune),
        ("least", declared.least),
        ("most", declared.most),
        ("inference", declared.inference),
        ("wraps", (declared.wraps,) if declared.wraps else ()),
    ):
        for unknown in (name for name in names if name not in parameters):
            raise target.broken(f"{argument} names {unknown!r}: {nearest(unknown, parameters)}")
    for both in set(declared.tune).intersection(declared.files):
        raise target.broken(f"{both!r} names a file, and is tuned: a file is chosen by its user")


def _check_recipes(recipes: Mapping[str, Mapping[str, Any]], target: Target) -> None:
    """Each says at least for how long, and in batches of how many images."""
    for preset, recipe in recipes.items():
        for setting in ("epochs", "batch_size"):
            if setting not in recipe:
                raise target.broken(f"the recipe {preset!r} does not say {setting}")


def _check_function(target: Target) -> None:
    """It takes the images first, and its parameters are keyword-only."""
    name, taken = target.value.__name__, positional(target.value)
    if not taken:
        raise target.broken(f"{name}() takes no images: write (noisy, *, ...)")
    if taken[0] in TOLD:
        raise target.broken(f"{name}() takes the images first: write (noisy, {taken[0]})")
    kinds = arguments(target.value)
    for argument in taken[1:]:
        if argument not in TOLD and kinds[argument].kind is not inspect.Parameter.VAR_KEYWORD:
            raise target.broken(
                f"the argument {argument!r} of {name}() is not keyword-only: write "
                f"(noisy, *, {argument}=...)"
            )


def _told(function: Any) -> list[str]:
    """What a function is told: of `TOLD`, its arguments that are no parameters with a default."""
    keyword_only = inspect.Parameter.KEYWORD_ONLY
    return [
        argument.name
        for argument in arguments(function).values()
        if argument.name in TOLD
        and (argument.kind is not keyword_only or argument.default is argument.empty)
    ]


def _takes_any_name(function: Any) -> bool:
    return any(one.kind is one.VAR_KEYWORD for one in arguments(function).values())


def _check_fit(target: Target) -> None:
    """`fit` can be called as the harness calls it, with the noise or without it."""
    names = positional(target.value.fit)
    with_noise = len(names) == 4 and names[2] == "noise"
    if not with_noise and (len(names) != 3 or "noise" in names[1:]):
        raise target.broken(
            f"fit() of {target.value.__name__} has the arguments ({', '.join(names)}): write "
            "(self, train, noise, seed), or (self, train, seed) where what it learns does not "
            "depend on the noise"
        )
    if target.declared.supervision == "none":
        raise target.broken(
            'it says supervision="none", and a class learns: say clean, pairs or noisy'
        )
    if target.declared.supervision in ("noisy", "pairs") and not with_noise:
        raise target.broken(
            f"it learns from noisy images, so fit() of {target.value.__name__} must take their "
            "noise: write (self, train, noise, seed)"
        )
