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
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bench.core import DataError, Noise, Unsupported, expanded
from bench.datasets import Survey
from bench.evaluation.data_source import DataSource
from bench.execution.process import Job, Limits, Lost, WatchedProcess
from bench.plugins.contract import Method
from bench.plugins.kinds import KINDS
from bench.plugins.plugin import BUILT_IN
from bench.plugins.sources import Registry, Source
from bench.plugins.target import BrokenPlugin

#: Seconds that loading a plugin may take, where `--timeout` does not allow more.
_LOADING = 60.0
#: What a method may say as a function, which the other process is asked for.
_ASKED = ("trained_on", "remark")


@dataclass(frozen=True)
class Import(Job):
    """What the other process is to load.

    Attributes:
        plugins: files and folders of plugins that were given.
        kind: by name.
        name: of the plugin.
    """

    plugins: tuple[str, ...]
    kind: str
    name: str

    def answer(self, tell: Callable[[str, Any], None]) -> Any:
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
        if isinstance(plugin, Method):
            if plugin.recipes:
                told["recipes"] = {name: dict(of) for name, of in plugin.recipes.items()}
            # What is a function goes nowhere: it is named by a module that only this process has.
            asked: dict[str, Any] = {
                name: _elsewhere for name in _ASKED if callable(getattr(plugin.declared, name))
            }
            told["declared"] = dataclasses.replace(plugin.declared, **asked)
        plugin = dataclasses.replace(plugin, **told)
        try:
            pickle.dumps(plugin)
        except Exception as error:
            raise BrokenPlugin(
                f"{self.kind} {self.name!r} cannot be loaded: what it declares are no plain values "
                f"({' '.join(str(error).split())})"
            ) from error
        return plugin


@dataclass(frozen=True)
class TrainedOn(Job):
    """A method that is to say what it was trained on with such parameters.

    Attributes:
        plugins, name: as of `Import`.
        params: all of them.
    """

    plugins: tuple[str, ...]
    name: str
    params: Mapping[str, Any]

    def answer(self, tell: Callable[[str, Any], None]) -> tuple[str, ...] | None:
        """In the other process: see `Method.trained_on`."""
        return Registry(self.plugins).load(self.name).trained_on(self.params)


@dataclass(frozen=True)
class Remark(Job):
    """A method that is to say what readers of its numbers must know.

    Attributes:
        plugins, name, params: as of `TrainedOn`.
        noise: that it is measured on.
    """

    plugins: tuple[str, ...]
    name: str
    params: Mapping[str, Any]
    noise: Noise

    def answer(self, tell: Callable[[str, Any], None]) -> str | Unsupported:
        """In the other process: see `Method.remark`; a refusal is an answer too."""
        try:
            return Registry(self.plugins).load(self.name).remark(self.params, self.noise)
        except Unsupported as error:
            return Unsupported(str(error))  # a plugin's own class goes nowhere


@dataclass(frozen=True)
class Look(Job):
    """A data set that the other process is to go through.

    Attributes:
        source: where it is found.
        name: as typed.
    """

    source: DataSource
    name: str

    def answer(self, tell: Callable[[str, Any], None]) -> Survey:
        """In the other process: what is found there; it says now and then that it is alive.

        Raises:
            BenchError: its code cannot be used, or what it gives are no images.
        """
        last = 0.0

        def seldom() -> None:
            nonlocal last
            if time.monotonic() - last > 1:
                last = time.monotonic()
                tell("alive", None)

        return self.source.survey(self.name, seldom)


def surveys(source: DataSource, limits: Limits | None = None) -> dict[str, Survey]:
    """What another process finds in the data sets that are plugins, by name.

    Args:
        source: where the data sets are found.
        limits: of what going through one may take, until the next image.

    Raises:
        BenchError: its code cannot be used, or what it gives are no images.
    """
    found: dict[str, Survey] = {}
    process = WatchedProcess(limits or Limits(), loading=_LOADING)
    try:
        for name in source.of_plugins:
            if not process.alive:
                process.start()
            try:
                found[name] = process.ask(Look(source, name))
            except Lost as lost:
                raise DataError(f"dataset {name!r} cannot be read: {lost}") from None
    finally:
        process.close()
    return found


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
            known[key] = with_questions(asked(Import(given, *key), source), source)
        return known[key]

    def asked(job: Import | TrainedOn | Remark, source: Source[Any]) -> Any:
        if not process.alive:
            process.start()
        try:
            return process.ask(job)
        except Lost as lost:
            raise BrokenPlugin(
                f"{source.kind.name} {source.name!r} cannot be loaded: {source.location}: {lost}"
            ) from None

    def with_questions(plugin: Any, source: Source[Any]) -> Any:
        """The plugin; what it says as a function of parameters, it is asked for."""
        if not isinstance(plugin, Method):
            return plugin

        def trained_on(params: Mapping[str, Any]) -> Any:
            return asked(TrainedOn(given, source.name, dict(params)), source)

        def remark(params: Mapping[str, Any], noise: Noise) -> Any:
            said = asked(Remark(given, source.name, dict(params), noise), source)
            if isinstance(said, Unsupported):
                raise said
            return said

        questions = {"trained_on": trained_on, "remark": remark}
        told: dict[str, Any] = {
            name: ask
            for name, ask in questions.items()
            if getattr(plugin.declared, name) is _elsewhere
        }
        declared = dataclasses.replace(plugin.declared, **told)
        return dataclasses.replace(plugin, declared=declared)

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
