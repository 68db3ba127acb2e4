"""What a file declares with `@bench.noise` -> `NoiseKind`, or what is wrong with its form."""

from __future__ import annotations

import inspect
import types
from typing import Any

from bench.core import Noise, keep_code
from bench.plugins.noise import NoiseKind
from bench.plugins.target import Target, positional

#: What the harness calls, and with what.
_CALLS = {"add": ("self", "clean", "draws"), "std": ("self", "clean"), "mean": ("self", "clean")}


def describe(target: Target) -> NoiseKind:
    """The kind of noise that a class is; from now on such noise can be drawn in this process.

    Raises:
        BrokenPlugin: it is declared wrongly.
    """
    value = target.value
    if "__init__" in vars(value):
        raise target.broken(
            f"{value.__name__} has an __init__(): leave it out; self.level is there, and constants "
            "are attributes of the class"
        )
    code = _code(target)
    if absent := sorted(getattr(code, "__abstractmethods__", ())):
        raise target.broken(f"the class {value.__name__} has no {absent[0]}()")
    for name, expected in _CALLS.items():
        names = tuple(positional(getattr(code, name)))
        if names != expected:
            raise target.broken(
                f"{name}() of {value.__name__} has the arguments ({', '.join(names)}): write "
                f"({', '.join(expected)})"
            )
    kind = NoiseKind(**target.described())
    keep_code(kind.name, kind.source, code)
    return kind


def _code(target: Target) -> type[Noise]:
    """The class that draws the noise: the author's, which need not know of `Noise`."""
    value, declared = target.value, target.declared
    told: dict[str, Any] = {
        "kind": target.name,
        "unit": declared.unit,
        "highest": declared.highest,
        "photons": declared.photons,
        "__module__": value.__module__,
        "__doc__": inspect.getdoc(value),
    }
    bases = (value,) if issubclass(value, Noise) else (value, Noise)
    return types.new_class(value.__name__, bases, exec_body=lambda space: space.update(told))
