"""How methods and metrics are written: `median[size=5]`, `ssim[sigma=1.0]`, lists of such.

A value may stand in quotes, as texts do in Python: `checkpoint[file="a,b].pth"]`. What stands
there is a text, and nothing in it has a meaning of its own.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from bench.core import UsageError, nearest, typed_value
from bench.plugins.contract import Method
from bench.plugins.metric import Metric


def parse(text: str, noun: str = "method") -> tuple[str, dict[str, str]]:
    """`median[size=5]` as its name and the parameters as typed.

    Raises:
        UsageError: it is written otherwise.
    """
    text = text.strip()
    name, bracket, rest = text.partition("[")
    if not name or (bracket and not rest.endswith("]")):
        raise UsageError(f"{noun} {text!r} is not understood: write name or name[param=1,other=2]")
    params: dict[str, str] = {}
    for item in cut(rest[:-1], ",") if bracket else ():
        key, equals, value = (part.strip() for part in item.partition("="))
        if not (key and equals and value) or key in params:
            raise UsageError(
                f"{noun} {text!r} is not understood: write its parameters as name[param=1,other=2]"
            )
        if any(part[0] in "\"'" and not _TEXT.fullmatch(part) for part in _parts(value)):
            raise UsageError(
                f"{noun} {text!r} is not understood: {key}={value} does not end with the quote "
                "that it begins with"
            )
        params[key] = value
    return name, params


def _parts(value: str) -> list[str]:
    """A value's parts, if it is a sweep's; see `bench.planning.sweeps`."""
    return [part.strip() for part in cut(value, "|") if part.strip()]


def split_list(text: str) -> list[str]:
    """`a,b[x=1,y=2],c` cut at the commas outside brackets."""
    return [item.strip() for item in cut(text, ",") if item.strip()]


def cut(text: str, separator: str) -> list[str]:
    """A text cut at a character, where that stands outside brackets and quotes."""
    bare = _QUOTED.sub(lambda quoted: "_" * len(quoted[0]), text)
    ends, depth = [], 0
    for place, character in enumerate(bare):
        depth += (character == "[") - (character == "]")
        if character == separator and depth == 0:
            ends.append(place)
    starts = [0, *(end + 1 for end in ends)]
    return [text[start:end] for start, end in zip(starts, [*ends, len(text)], strict=True)]


_TEXT = re.compile(r"""\"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'""", re.DOTALL)
# A quote within a name, as of a file, begins nothing.
_QUOTED = re.compile(rf"(?:^|(?<=[=|]))\s*(?:{_TEXT.pattern})", re.DOTALL)


def typed_params(plugin: Method | Metric, params: Mapping[str, str]) -> dict[str, Any]:
    """Typed parameters as values of the same type as their defaults.

    Raises:
        UsageError: the method or metric has no such parameter, or its value is of another type, too
            small or too large.
    """
    values: dict[str, Any] = {}
    bounds: tuple[Mapping[str, float], Mapping[str, float]]
    noun, bounds, more = "metric", ({}, {}), False
    if isinstance(plugin, Method):
        noun, bounds = "method", (plugin.declared.least, plugin.declared.most)
        more = plugin.takes_more
    for key, text in params.items():
        if key not in plugin.parameters and not more:
            raise UsageError(
                f"{noun} {plugin.name!r} has no parameter {key!r}: "
                f"{nearest(key, plugin.parameters)}"
            )
        default = plugin.parameters.get(key)
        value = typed_value(text)
        if isinstance(default, float) and type(value) is int:
            value = float(value)
        if isinstance(value, float) and not math.isfinite(value):
            raise UsageError(f"{plugin.name}[{key}={text}]: give a finite number")
        if default is not None and type(value) is not type(default):
            raise UsageError(f"{plugin.name}[{key}={text}]: {_expected(plugin, key, text)}")
        if isinstance(value, (int, float)):
            least, most = (ends.get(key) for ends in bounds)
            if least is not None and value < least:
                raise UsageError(f"{plugin.name}[{key}={text}]: give {least:g} or more")
            if most is not None and value > most:
                raise UsageError(f"{plugin.name}[{key}={text}]: give {most:g} or less")
        values[key] = value
    return values


def _expected(plugin: Method | Metric, key: str, text: str) -> str:
    """What is to be typed where a value is of another type than the default."""
    if key in plugin.declared.files:
        return (
            f"{key} names a file: put a path that looks like a number or a word in quotes, "
            f'{key}="{text}"'
        )
    default = plugin.parameters[key]
    example = "" if default == "" else f", as in {key}={default}"
    return f"{key} is of type {type(default).__name__}{example}"
