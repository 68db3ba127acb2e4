"""Does a method say what it is: documentation, parameters, recipes?"""

from __future__ import annotations

import dataclasses

from bench.core import UsageError, nearest, typed_text
from bench.datasets.known_sets import known
from bench.planning import notation
from bench.planning.settings import PRESETS
from bench.plugins.contract import Method
from bench.plugins.dataset import PluginDataset
from bench.plugins.metric import Metric
from bench.plugins.noise import NoiseKind
from bench.testing.checks.expectations import Failed, NotApplicable, expect
from bench.testing.subject import Subject


def documented(subject: Subject) -> None:
    """A docstring and a reference."""
    expect_documented(subject.method, "method")


def parameters(subject: Subject) -> str:
    """Parameters that can be typed, and values of `tune` that are of their type."""
    method = subject.method
    expect_typeable(method)
    for name, values in method.declared.tune.items():
        expect(len(values) > 1, f"tune gives {len(values)} value for {name}: give several")
        expect(len(set(values)) == len(values), f"tune gives a value of {name} twice")
        default = method.parameters[name]
        for value in values:
            expect(
                default is None
                or type(value) is type(default)
                or (isinstance(default, float) and type(value) is int),
                f"tune tries {name}={value!r}, and the default {default!r} is of another type",
            )
    return ", ".join(f"{name}={value}" for name, value in method.parameters.items())


def expect_typeable(plugin: Method | Metric) -> None:
    """Raise `Failed` where a parameter's default could not be typed."""
    for name, default in plugin.parameters.items():
        expect(
            default is None or isinstance(default, (bool, int, float, str)),
            f"the default of {name} is of type {type(default).__name__}, which cannot be typed in "
            f"{plugin.name}[{name}=...]: use a number, a text, a truth value or None",
        )
        if default is not None:
            try:
                typed = notation.typed_params(plugin, {name: typed_text(default)})
            except UsageError:
                typed = {}
            expect(
                typed == {name: default},
                f"the default {default!r} of {name} cannot be typed: choose another word",
            )


def expect_documented(plugin: Method | Metric | NoiseKind | PluginDataset, decorator: str) -> None:
    """Raise `Failed` where a docstring or a reference is missing."""
    expect(plugin.summary, 'no documentation: give it a docstring, """What it does."""')
    expect(
        plugin.declared.reference,
        f'no reference: say @{decorator}(reference="Author year"), or "none"',
    )


def recipes(subject: Subject) -> str:
    """A recipe for each preset, of fields that there are."""
    declared = subject.method.recipes
    if declared is None:
        raise NotApplicable("torch does not train it")
    from bench.training import Recipe

    fields = [field.name for field in dataclasses.fields(Recipe)]
    for preset in PRESETS:
        expect(preset in declared, f"there is no recipe {preset!r}: give quick, default and paper")
        for name in declared[preset]:
            expect(name in fields, f"the recipe {preset!r} says {name!r}: {nearest(name, fields)}")
    return ", ".join(f"{preset} {declared[preset]['epochs']} epochs" for preset in PRESETS)


def learned_from(subject: Subject) -> str:
    """What it was trained on elsewhere: names, of which reports know whether they are leaks."""
    method = subject.method
    try:
        names = method.trained_on(subject.typed)
    except UsageError as error:
        raise Failed(str(error)) from error
    if method.family != "pretrained":
        expect(not names, 'it says what it was trained on: say family="pretrained" too')
        raise NotApplicable("it was not trained elsewhere")
    if names is None:
        return "of what it was trained on it says nothing, which reports mark"
    unknown = [name for name in names if known(name) is None]
    remark = f"; reports know nothing of {', '.join(unknown)}, and mark it" if unknown else ""
    return ", ".join(names) + remark
