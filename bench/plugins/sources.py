"""Finds methods: built-in files, installed packages, and files that the user names.

One contract for all: a file declares one method with `@bench.method`, and the file's stem is
the method's name, `_` read as `-`. The built-in ones are the files of the `methods` folder,
which lies in the installed package and in a checkout beside it, listed by path. Files are
loaded one by one, when they are asked for: a method that nobody asked for costs nothing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.core import UsageError, expanded, nearest
from bench.plugins.contract import BUILT_IN, Method
from bench.plugins.loading import load_entry, load_file

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

_PACKAGED = Path(__file__).resolve().parents[1] / "methods"
#: The folder of the built-in methods: inside an installed bench, beside it in a checkout.
BUILTIN = _PACKAGED if _PACKAGED.is_dir() else Path(__file__).resolve().parents[2] / "methods"
#: Installed packages offer methods as entry points of this group: `name = "package.module"`.
ENTRY_POINTS = "bench.methods"
#: Environment variable: files and folders of methods, separated as in PATH.
PLUGINS = "BENCH_PLUGINS"


@dataclass(frozen=True)
class Source:
    """Where a method comes from.

    Attributes:
        name: the method's.
        origin: as a manifest says it: "built in", "file box.py", "package box 1.0".
        location: as an error names it: the file's path, or the entry point.
        path: the file; None for an installed package's.
        entry: the entry point of an installed package.
        given: the user named this file, or its folder, for this very command.
    """

    name: str
    origin: str
    location: str
    path: Path | None = None
    entry: EntryPoint | None = None
    given: bool = False

    def load(self) -> Method:
        """The method.

        Raises:
            BrokenMethod: its code raises, or declares no method, several, or one wrongly.
        """
        if self.path is not None:
            return load_file(self.name, self.origin, self.path)
        assert self.entry is not None
        return load_entry(self.name, self.origin, self.location, self.entry)


class Registry:
    """The methods that a command can use.

    Args:
        plugins: files and folders of methods, beside the built-in ones, those of installed
            packages, and those that the environment variable `BENCH_PLUGINS` names.
        loader: gives the method of a source; without it the source loads itself.

    Attributes:
        sources: name -> where it comes from, sorted by name.

    Raises:
        UsageError: a plugin is not there, or two methods are of one name.
    """

    def __init__(
        self,
        plugins: Iterable[str | os.PathLike[str]] = (),
        loader: Callable[[Source], Method] = Source.load,
    ) -> None:
        self._loader = loader
        given = [expanded(plugin) for plugin in plugins]
        paths = os.environ.get(PLUGINS, "").split(os.pathsep)
        standing = [expanded(path) for path in paths if path]
        sources: dict[str, Source] = {}
        for source in (
            *_files(given, "--plugin", given=True),
            *(file_source(path, BUILT_IN) for path in _scripts(BUILTIN)),
            *_files(standing, PLUGINS),
            *_entries(),
        ):
            other = sources.setdefault(source.name, source)
            if other.location != source.location:
                raise UsageError(
                    f"{other.location} and {source.location} are both {source.name!r}: rename one"
                )
        self.sources: Mapping[str, Source] = dict(sorted(sources.items()))

    @property
    def given(self) -> list[str]:
        """Names of the methods whose files the user named for this command."""
        return [name for name, source in self.sources.items() if source.given]

    @property
    def classical(self) -> list[str]:
        """Names of the built-in methods that are `Method.classical`."""
        return [
            name
            for name, source in self.sources.items()
            if source.origin == BUILT_IN
            and source.path
            and not _is_trained(source.path)
            and source.load().classical
        ]

    def find(self, name: str) -> Source:
        """Where the method of that name comes from; raises `UsageError` if there is none."""
        name = _name(name)
        if name not in self.sources:
            raise UsageError(f"unknown method {name!r}: {nearest(name, self.sources)}")
        return self.sources[name]

    def load(self, name: str) -> Method:
        """The method of that name.

        Raises:
            UsageError: there is none, or its file cannot be used.
        """
        return self._loader(self.find(name))

    def without_given(self) -> Registry:
        """The methods that need no plugin to be given, loaded in the same way."""
        return Registry((), self._loader)


def load(name: str) -> Method:
    """The method of that name, of those that need no plugin to be given; see `Registry.load`."""
    return Registry().load(name)


# -- where methods lie -----------------------------------------------------------------------


def _files(paths: Iterable[Path], option: str, *, given: bool = False) -> Iterator[Source]:
    """The methods of files and folders that the user named."""
    for path in paths:
        if path.is_dir():
            files = _methods_in(path)
            if not files and given:
                raise UsageError(
                    f"{option} {path}: no file in this folder declares a @bench.method"
                )
        elif path.is_file():
            if path.suffix != ".py":
                raise UsageError(f"{option} {path}: a method is a Python file, NAME.py")
            files = [path]
        elif given:
            raise UsageError(f"{option} {path}: there is no such file or folder")
        else:
            files = [path]  # listed as broken
        for file in files:
            yield file_source(file, given=given)


def _scripts(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.glob("*.py")) if not path.name.startswith("_")]


def _methods_in(folder: Path) -> list[Path]:
    """A user's folder's files that are methods: neither private, nor tests, nor other scripts."""
    return [
        path
        for path in _scripts(folder)
        if not path.name.startswith(("test_", "conftest.")) and _declares(path)
    ]


def _declares(path: Path) -> bool:
    """Whether a file looks as if it declared a method, without running it."""
    try:
        return re.search(rb"^@(\w+\.)*method\b", path.read_bytes(), re.M) is not None
    except OSError:
        return True  # loading it will say why


def _is_trained(path: Path) -> bool:
    """Whether a file's class extends `TrainedMethod`: running it would import torch."""
    return re.search(rb"^class \w+\(.*\bTrainedMethod\b", path.read_bytes(), re.M) is not None


def file_source(path: Path, origin: str = "", given: bool = False) -> Source:
    """A file as the source of a method."""
    # A link is named as it is called, and is the same method as the file that it leads to.
    location, origin = str(path.resolve()), origin or f"file {path.name}"
    return Source(_name(path.stem), origin, location, path=path.absolute(), given=given)


def _entries() -> Iterator[Source]:
    """The methods of installed packages."""
    from importlib.metadata import entry_points

    for entry in entry_points(group=ENTRY_POINTS):
        package = f"{entry.dist.name} {entry.dist.version}" if entry.dist else "unknown"
        location = f"entry point {entry.name} = {entry.value} of the package {package}"
        if entry.dist:
            file = Path(str(entry.dist.locate_file(entry.module.replace(".", "/") + ".py")))
            location += f" ({file})" if file.is_file() else ""
        yield Source(_name(entry.name), f"package {package}", location, entry=entry)


def _name(stem: str) -> str:
    return stem.replace("_", "-")
