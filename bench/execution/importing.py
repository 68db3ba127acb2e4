"""What a command knows of methods that are not bench's own: another process loads their code.

Whatever that code does when it is loaded (hang, end the process, change its folder, begin threads)
it does there, and later in the workers of its own cells.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pickle
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from bench.core import expanded
from bench.execution.process import Limits, Lost, WatchedProcess
from bench.plugins.contract import BUILT_IN, Method
from bench.plugins.loading import BrokenMethod
from bench.plugins.sources import Registry, Source

#: Seconds that loading a method may take, where `--timeout` does not allow more.
_LOADING = 60.0


@dataclass(frozen=True)
class Import:
    """What the other process is to load.

    Attributes:
        plugins: files and folders of methods that were given.
        name: of the method.
    """

    plugins: tuple[str, ...]
    name: str

    def method(self) -> Method:
        """In the other process: the method without its code, which goes nowhere.

        Raises:
            UsageError: its code cannot be used.
        """
        method = Registry(self.plugins).load(self.name)
        told = dataclasses.replace(
            method,
            target=_elsewhere,
            parameters=dict(method.parameters),
            recipes=method.recipes and {name: dict(of) for name, of in method.recipes.items()},
        )
        try:
            pickle.dumps(told)
        except Exception as error:
            raise BrokenMethod(
                f"method {self.name!r} cannot be loaded: what it declares are no plain values "
                f"({' '.join(str(error).split())})"
            ) from error
        return told


@contextlib.contextmanager
def importing(
    plugins: Iterable[str | os.PathLike[str]], limits: Limits | None = None
) -> Iterator[Registry]:
    """The methods that a command can use; they say all of themselves, but cannot be called.

    Args:
        plugins: files and folders of methods; see `Registry`.
        limits: of what loading one may take.

    Raises:
        UsageError: see `Registry`.
    """
    process = WatchedProcess(limits or Limits(), loading=_LOADING)
    known: dict[str, Method] = {}

    def load(source: Source) -> Method:
        if source.origin == BUILT_IN:
            return source.load()
        if source.name not in known:
            if not process.alive:
                process.start()
            try:
                known[source.name] = process.ask(Import(given, source.name))
            except Lost as lost:
                raise BrokenMethod(
                    f"method {source.name!r} cannot be loaded: {source.location}: {lost}"
                ) from None
        return known[source.name]

    registry = Registry(plugins, load)
    given = tuple(str(expanded(plugin).absolute()) for plugin in plugins)
    try:
        yield registry
    finally:
        process.close()


def _elsewhere(*_: Any, **__: Any) -> Any:
    """Stands for a method's function or class where its code is not loaded."""
    raise RuntimeError("a method's code is loaded by workers only")
