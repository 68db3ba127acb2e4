"""Decorated functions and classes, where a plugin's name is expected: each stands for its file."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bench.core import UsageError, shown
from bench.plugins.kinds import KINDS, Kind
from bench.plugins.sources import plugin_name


def by_file(kind: Kind[Any], given: Any) -> tuple[Any, list[Path]]:
    """Names instead of functions and classes, and the files that declare them.

    Processes that work on cells load a plugin's file anew, so it must have one, and results are of
    what the file says when it is loaded.

    Args:
        kind: what they are to be.
        given: a name, a decorated function or class, a list of such; anything else stays as it is.

    Returns:
        The same with names, and the files of those that are not bench's own.

    Raises:
        UsageError: a function or class is not declared as such a plugin, or has no file.
    """
    if _is_code(given):
        given = [given]
    if not isinstance(given, list | tuple) or not any(map(_is_code, given)):
        return given, []
    files = {each: _file(kind, each) for each in given if _is_code(each)}
    names = [plugin_name(files[each].stem) if _is_code(each) else each for each in given]
    return names, [file for file in dict.fromkeys(files.values()) if not _built_in(kind, file)]


def _is_code(value: Any) -> bool:
    return inspect.isfunction(value) or inspect.isclass(value)


def _file(kind: Kind[Any], value: Any) -> Path:
    """Where a plugin is declared."""
    name = str(getattr(value, "__qualname__", value))
    if kind.declared(value) is None:
        other = next((each for each in KINDS if each.declared(value) is not None), None)
        is_a = f"declares a {other.name}" if other else "is not declared as one"
        raise UsageError(
            f"{kind.name}s are names, or functions and classes with {kind.decorator}(...); "
            f"{shown(name)} {is_a}"
        )
    try:
        file = Path(inspect.getsourcefile(value) or "")
    except (OSError, TypeError):  # it was typed where nothing keeps what is typed
        file = Path()
    if not file.is_file() or file.suffix != ".py":
        stem = name.rpartition(".")[2]
        raise UsageError(
            f"{shown(name)} has no file, and the processes that measure load one: write it to "
            f"{stem}.py (a notebook's cell that begins with %%writefile {stem}.py does), and give "
            f'{kind.name}s="{plugin_name(stem)}", plugins="{stem}.py"'
        )
    return file.resolve()


def _built_in(kind: Kind[Any], file: Path) -> bool:
    return file in {each.resolve() for each in kind.built_in}


def with_files(plugins: Any, files: Iterable[Path]) -> Any:
    """The plugins that were given, and these files, those that are not among them."""
    more = list(files)
    if not more:
        return plugins
    known = [plugins] if isinstance(plugins, str | Path) else list(plugins or ())
    there = {Path(each).expanduser().resolve() for each in known if isinstance(each, str | Path)}
    return [*known, *(file for file in more if not {file, file.parent} & there)]
