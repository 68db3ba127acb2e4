"""Finds methods: the built-in ones are the files of the `methods` folder beside this package.

A method's name is its file's stem, `_` read as `-`. Files are loaded one by one, when they
are asked for, under a private module prefix, so that no other `methods` on the path is taken
for ours and a method that nobody asked for costs nothing.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import inspect
import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.core import UsageError, nearest
from bench.denoiser import Declaration, Method

BUILTIN = Path(__file__).resolve().parent.parent / "methods"
_PREFIX = "_bench_method_"


class BrokenMethod(UsageError):
    """A method's file cannot be used: its name, and why."""


def available() -> dict[str, Path]:
    """Name -> file of every method there is, sorted by name.

    Raises:
        UsageError: two files are of one name.
    """
    found: dict[str, Path] = {}
    for path in sorted(BUILTIN.glob("*.py")):
        if path.stem.startswith("_"):
            continue
        other = found.setdefault(_name(path), path)
        if other != path:
            raise UsageError(f"{other} and {path} are both {_name(path)!r}: rename one")
    return found


def load(name: str) -> Method:
    """The method of that name.

    Raises:
        UsageError: there is none, or its file cannot be used.
    """
    files = available()
    if name not in files:
        raise UsageError(f"unknown method {name!r}: {nearest(name, files)}")
    return load_file(files[name])


def load_file(path: Path) -> Method:
    """The method that a file declares with `@bench.method`.

    Raises:
        BrokenMethod: the file raises, declares none or several, or declares one wrongly.
    """
    name = _name(path)
    code = path.read_bytes()
    module_name = _PREFIX + hashlib.blake2b(bytes(path.resolve()) + code, digest_size=8).hexdigest()
    module = sys.modules.get(module_name)
    if module is None:
        spec = importlib.util.spec_from_file_location(module_name, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[module_name] = module
        try:
            spec.loader.exec_module(module)
        except (Exception, SystemExit) as error:
            del sys.modules[module_name]
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            raise BrokenMethod(f"method {name!r} cannot be loaded: {path}: {reason}") from error
    found = [
        value
        for value in vars(module).values()
        if "__bench_method__" in getattr(value, "__dict__", {}) and value.__module__ == module_name
    ]
    if len(found) != 1:
        raise BrokenMethod(
            f"{path} declares {len(found) or 'no'} methods: a file declares one, with @bench.method"
        )
    return _describe(name, path, found[0], code)


def _name(path: Path) -> str:
    return path.stem.replace("_", "-")


def _describe(name: str, path: Path, target: Any, code: bytes) -> Method:
    declared: Declaration = target.__bench_method__
    arguments = inspect.signature(target)
    # A class is told by its contract, a function if it has an argument for it.
    told = inspect.isclass(target) or "noise" in arguments.parameters
    recipes: Mapping[str, Mapping[str, Any]] | None = getattr(target, "recipes", None)
    parameters = {
        argument.name: argument.default
        for argument in arguments.parameters.values()
        if argument.kind is argument.KEYWORD_ONLY
    }
    missing = [key for key, value in parameters.items() if value is inspect.Parameter.empty]
    if missing:
        raise BrokenMethod(f"{path}: parameter {missing[0]!r} has no default: give it one")
    unknown = [key for key in declared.tune if key not in parameters]
    if unknown:
        raise BrokenMethod(f"{path}: tune names {unknown[0]!r}: {nearest(unknown[0], parameters)}")
    for preset, recipe in (recipes or {}).items():
        absent = [field for field in ("epochs", "batch_size") if field not in recipe]
        if absent:
            raise BrokenMethod(f"{path}: the recipe {preset!r} does not say {absent[0]}")
    if recipes is not None:
        # What torch trains also depends on the loop that trains it.
        code += (Path(__file__).parent / "training.py").read_bytes()
    summary = (
        inspect.getdoc(target) or inspect.getdoc(sys.modules[target.__module__]) or ""
    ).split("\n")[0]
    return Method(
        name=name,
        target=target,
        parameters=parameters,
        tune=declared.tune,
        summary=summary,
        reference=declared.reference,
        source=hashlib.blake2b(code, digest_size=8).hexdigest(),
        told=told,
        recipes=recipes,
        threads=declared.threads,
        random=declared.random,
    )


def parse(text: str) -> tuple[str, dict[str, str]]:
    """`median[size=5]` as its name and the parameters as typed.

    Raises:
        UsageError: it is written otherwise.
    """
    name, bracket, rest = text.strip().partition("[")
    if not name or (bracket and not rest.endswith("]")):
        raise UsageError(f"method {text!r} is not understood: write name or name[param=1,other=2]")
    params: dict[str, str] = {}
    for item in rest[:-1].split(",") if bracket else ():
        key, equals, value = (part.strip() for part in item.partition("="))
        if not (key and equals and value) or key in params:
            raise UsageError(
                f"method {text!r} is not understood: write its parameters as name[param=1,other=2]"
            )
        params[key] = value
    return name, params


def split_list(text: str) -> list[str]:
    """`a,b[x=1,y=2],c` cut at the commas outside brackets."""
    items, depth = [""], 0
    for character in text:
        depth += (character == "[") - (character == "]")
        if character == "," and depth == 0:
            items.append("")
        else:
            items[-1] += character
    return [item.strip() for item in items if item.strip()]


def typed_params(method: Method, params: Mapping[str, str]) -> dict[str, Any]:
    """Typed parameters as values of the same type as their defaults.

    Raises:
        UsageError: the method has no such parameter, or its value is of another type.
    """
    values: dict[str, Any] = {}
    for key, text in params.items():
        if key not in method.parameters:
            raise UsageError(
                f"method {method.name!r} has no parameter {key!r}: "
                f"{nearest(key, method.parameters)}"
            )
        default = method.parameters[key]
        value = _literal(text)
        if isinstance(default, float) and type(value) is int:
            value = float(value)
        if isinstance(value, float) and not math.isfinite(value):
            raise UsageError(f"{method.name}[{key}={text}]: give a finite number")
        if default is not None and type(value) is not type(default):
            raise UsageError(
                f"{method.name}[{key}={text}]: {key} is of type {type(default).__name__}, "
                f"as in {key}={default}"
            )
        values[key] = value
    return values


def _literal(text: str) -> Any:
    """A number, a truth value, none, or else the text itself."""
    words = {"true": True, "false": False, "none": None}
    if text.lower() in words:
        return words[text.lower()]
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
    return value if isinstance(value, (int, float, str)) else text
