"""Finds methods: built-in files, installed packages, and files that the user names.

One contract for all: a file declares one method with `@bench.method`, and the file's stem is
the method's name, `_` read as `-`. The built-in ones are the files of the `methods` folder,
which lies in the installed package and in a checkout beside it, listed by path. Files are
loaded one by one, when they are asked for: a method that nobody asked for costs nothing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.core import UsageError, nearest
from bench.plugins.contract import Method
from bench.plugins.loading import load_entry, load_file

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

_PACKAGE = Path(__file__).resolve().parents[1]
BUILTIN = next(p for p in (_PACKAGE / "methods", _PACKAGE.parent / "methods") if p.is_dir())
BUILT_IN = "built in"
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
        place: as an error names it: the file's path, or the entry point.
        path: the file; None for an installed package's.
        entry: the entry point of an installed package.
        given: the user named this file, or its folder, for this very command.
    """

    name: str
    origin: str
    place: str
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
        return load_entry(self.name, self.origin, self.place, self.entry)


class Registry:
    """The methods that a command can use.

    Args:
        plugins: files and folders of methods, beside the built-in ones, those of installed
            packages, and those that the environment variable `BENCH_PLUGINS` names.

    Attributes:
        sources: name -> where it comes from, sorted by name.

    Raises:
        UsageError: a plugin is not there, or two methods are of one name.
    """

    def __init__(self, plugins: Iterable[str | os.PathLike[str]] = ()) -> None:
        given = [Path(plugin).expanduser() for plugin in plugins]
        usual = [Path(item).expanduser() for item in os.environ.get(PLUGINS, "").split(os.pathsep)
                 if item]  # fmt: skip
        found: dict[str, Source] = {}
        for source in (
            *_files(given, "--plugin", given=True),
            *(file_source(path, BUILT_IN) for path in _scripts(BUILTIN)),
            *_files(usual, PLUGINS),
            *_entries(),
        ):
            other = found.setdefault(source.name, source)
            if other.place != source.place:
                raise UsageError(
                    f"{other.place} and {source.place} are both {source.name!r}: rename one"
                )
        self.sources: Mapping[str, Source] = dict(sorted(found.items()))

    @property
    def given(self) -> list[str]:
        """Names of the methods whose files the user named for this command."""
        return [name for name, source in self.sources.items() if source.given]

    @property
    def classical(self) -> list[str]:
        """Names of the built-in methods that do without torch, extras and other methods."""
        names = [
            name
            for name, source in self.sources.items()
            if source.origin == BUILT_IN and source.path and not _uses_torch(source.path)
        ]
        loaded = [self.load(name) for name in names]
        return [method.name for method in loaded if not (method.requires or method.wraps)]

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
        return self.find(name).load()


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


def _uses_torch(path: Path) -> bool:
    """Whether a file mentions torch, or what is made of it, without running it."""
    return re.search(rb"\b(torch|TrainedMethod)\b", path.read_bytes()) is not None


def file_source(path: Path, origin: str = "", given: bool = False) -> Source:
    """A file as the source of a method."""
    # A link is named as it is called, and is the same method as the file that it leads to.
    place, origin = str(path.resolve()), origin or f"file {path.name}"
    return Source(_name(path.stem), origin, place, path=path.absolute(), given=given)


def _entries() -> Iterator[Source]:
    """The methods of installed packages."""
    from importlib.metadata import entry_points

    for entry in entry_points(group=ENTRY_POINTS):
        package = f"{entry.dist.name} {entry.dist.version}" if entry.dist else "unknown"
        place = f"entry point {entry.name} = {entry.value} of the package {package}"
        if entry.dist:
            file = Path(str(entry.dist.locate_file(entry.module.replace(".", "/") + ".py")))
            place += f" ({file})" if file.is_file() else ""
        yield Source(_name(entry.name), f"package {package}", place, entry=entry)


def _name(stem: str) -> str:
    return stem.replace("_", "-")
