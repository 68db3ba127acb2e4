"""What a command knows of plugins that are not bench's own: another process loads their code.

Whatever that code does when it is loaded (hang, end the process, change its folder, begin threads)
it does there, and later in the workers of its own cells.
"""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import os
import pickle
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from bench.core import expanded
from bench.execution.process import Limits, Lost, WatchedProcess
from bench.plugins.contract import BUILT_IN, Method
from bench.plugins.kinds import KINDS
from bench.plugins.sources import Registry, Source
from bench.plugins.target import BrokenPlugin

#: Seconds that loading a plugin may take, where `--timeout` does not allow more.
_LOADING = 60.0


@dataclass(frozen=True)
class Import:
    """What the other process is to load.

    Attributes:
        plugins: files and folders of plugins that were given.
        kind: by name.
        name: of the plugin.
    """

    plugins: tuple[str, ...]
    kind: str
    name: str

    def plugin(self) -> Any:
        """In the other process: the method or metric without its code, which goes nowhere.

        Raises:
            UsageError: its code cannot be used.
        """
        (kind,) = (each for each in KINDS if each.name == self.kind)
        plugin = Registry(self.plugins, kind=kind).load(self.name)
        told: dict[str, Any] = {
            "target": _Elsewhere if inspect.isclass(plugin.target) else _elsewhere,
            "parameters": dict(plugin.parameters),
        }
        if isinstance(plugin, Method) and plugin.recipes:
            told["recipes"] = {name: dict(of) for name, of in plugin.recipes.items()}
        plugin = dataclasses.replace(plugin, **told)
        try:
            pickle.dumps(plugin)
        except Exception as error:
            raise BrokenPlugin(
                f"{self.kind} {self.name!r} cannot be loaded: what it declares are no plain values "
                f"({' '.join(str(error).split())})"
            ) from error
        return plugin


@contextlib.contextmanager
def importing(
    plugins: Iterable[str | os.PathLike[str]], limits: Limits | None = None
) -> Iterator[Registry[Method]]:
    """The methods that a command can use; they say all of themselves, but cannot be called.

    Plugins of other kinds, by `Registry.of`, likewise.

    Args:
        plugins: files and folders of plugins; see `Registry`.
        limits: of what loading one may take.

    Raises:
        UsageError: see `Registry`.
    """
    process = WatchedProcess(limits or Limits(), loading=_LOADING)
    known: dict[tuple[str, str], Any] = {}

    def load(source: Source[Any]) -> Any:
        if source.origin == BUILT_IN:
            return source.load()
        key = (source.kind.name, source.name)
        if key not in known:
            if not process.alive:
                process.start()
            try:
                known[key] = process.ask(Import(given, *key))
            except Lost as lost:
                kind, name = key
                raise BrokenPlugin(
                    f"{kind} {name!r} cannot be loaded: {source.location}: {lost}"
                ) from None
        return known[key]

    registry = Registry(plugins, load)
    given = tuple(str(expanded(plugin).absolute()) for plugin in plugins)
    try:
        yield registry
    finally:
        process.close()


def _elsewhere(*_: Any, **__: Any) -> Any:
    """Stands for a plugin's function where its code is not loaded."""
    raise RuntimeError("a plugin's code is loaded by workers only")


class _Elsewhere:
    """Stands for a plugin's class."""

    __init__ = _elsewhere
