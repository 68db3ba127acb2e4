"""Does a method say what it is: documentation, parameters, recipes?"""

from __future__ import annotations

import dataclasses

from bench.core import UsageError, nearest
from bench.planning import notation
from bench.planning.settings import PRESETS
from bench.testing.checks.expectations import NotApplicable, expect
from bench.testing.subject import Subject


def documented(subject: Subject) -> None:
    """A docstring and a reference."""
    expect(subject.method.summary, 'no documentation: give it a docstring, """What it does."""')
    expect(
        subject.method.declared.reference,
        'no reference: say @method(reference="Author year"), or "none"',
    )


def parameters(subject: Subject) -> str:
    """Parameters that can be typed, and values of `tune` that are of their type."""
    method = subject.method
    for name, default in method.parameters.items():
        expect(
            default is None or isinstance(default, (bool, int, float, str)),
            f"the default of {name} is of type {type(default).__name__}, which cannot be typed in "
            f"{method.name}[{name}=...]: use a number, a text, a truth value or None",
        )
        if default is not None:
            try:
                typed = notation.typed_params(method, {name: str(default)})
            except UsageError:
                typed = {}
            expect(
                typed == {name: default},
                f"the default {default!r} of {name} cannot be typed: choose another word",
            )
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
