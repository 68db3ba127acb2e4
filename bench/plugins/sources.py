"""Finds plugins: built-in files, installed packages, and files that the user names.

One contract for all: a file declares one method with `@bench.method`, one metric with
`@bench.metric`, one noise with `@bench.noise` or one data set with `@bench.dataset`, and the
file's stem is its name, `_` read as `-`. The built-in ones are the files of a folder, listed by
path. Files are loaded one by one, when they are asked for: a plugin that nobody asked for costs
nothing.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast, overload

from bench.core import UsageError, expanded, nearest
from bench.plugins.contract import Method
from bench.plugins.kinds import KINDS, METHODS, Kind, kinds_in, scripts
from bench.plugins.loading import load_entry, load_file
from bench.plugins.plugin import BUILT_IN
from bench.plugins.target import BrokenPlugin

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

P = TypeVar("P")
Q = TypeVar("Q")

#: Environment variable: files and folders of plugins, separated as in PATH.
PLUGINS = "BENCH_PLUGINS"
#: Methods that need a package, free for all uses: `classical` has them where it is installed.
JOINING = ("bm3d-free",)


@dataclass(frozen=True)
class Source(Generic[P]):
    """Where a plugin comes from.

    Attributes:
        kind: what it is.
        name: its own.
        origin: as a manifest says it: "built in", "file box.py", "package box 1.0".
        location: as an error names it: the file's path, or the entry point.
        path: the file; None for an installed package's.
        entry: the entry point of an installed package.
        given: the user named this file, or its folder, for this very command.
    """

    kind: Kind[P]
    name: str
    origin: str
    location: str
    path: Path | None = None
    entry: EntryPoint | None = None
    given: bool = False

    @property
    def file(self) -> Path | None:
        """Where its code lies, or that of its package, as far as is known without running it."""
        if self.path is not None:
            return self.path.resolve()
        spec = find_spec(self.entry.module.partition(".")[0]) if self.entry else None
        return Path(spec.origin).resolve() if spec and spec.origin else None

    def load(self) -> P:
        """The plugin.

        Raises:
            BrokenPlugin: its code raises, or declares nothing, several, or one wrongly.
        """
        if self.name in self.kind.reserved:
            raise BrokenPlugin(
                f"{self.location}: {self.name!r} cannot be a {self.kind.name}'s name, since "
                "results hold something else of that name: choose another"
            )
        if self.path is not None:
            return load_file(self.kind, self.name, self.origin, self.path)
        assert self.entry is not None
        return load_entry(self.kind, self.name, self.origin, self.location, self.entry)


class Registry(Generic[P]):
    """The plugins of one kind that a command can use: methods, unless another kind is given.

    Args:
        plugins: files and folders of plugins of any kind, beside the built-in ones, those of
            installed packages, and those that the environment variable `BENCH_PLUGINS` names.
        loader: gives the plugin of a source; without it the source loads itself.
        kind: of which those that it has are.

    Attributes:
        kind: as given.
        sources: name -> where it comes from, sorted by name.

    Raises:
        UsageError: a plugin is not there, or two of the kind are of one name.
    """

    @overload
    def __init__(
        self: Registry[Method],
        plugins: Iterable[str | os.PathLike[str]] = (),
        loader: Callable[[Source[Any]], Any] = Source.load,
    ) -> None: ...

    @overload
    def __init__(
        self,
        plugins: Iterable[str | os.PathLike[str]] = (),
        loader: Callable[[Source[Any]], Any] = Source.load,
        *,
        kind: Kind[P],
    ) -> None: ...

    def __init__(
        self,
        plugins: Iterable[str | os.PathLike[str]] = (),
        loader: Callable[[Source[Any]], Any] = Source.load,
        *,
        kind: Kind[Any] = METHODS,
    ) -> None:
        self.kind: Kind[P] = kind
        self._loader, self._plugins = loader, tuple(plugins)
        given = [expanded(plugin) for plugin in self._plugins]
        paths = os.environ.get(PLUGINS, "").split(os.pathsep)
        standing = [expanded(path) for path in paths if path]
        sources: dict[str, Source[P]] = {}
        for source in (
            *_files(kind, given, "--plugin", given=True),
            *(file_source(path, BUILT_IN, kind=kind) for path in kind.built_in),
            *_files(kind, standing, PLUGINS),
            *_entries(kind),
        ):
            other = sources.setdefault(source.name, source)
            if other.location != source.location:
                raise UsageError(
                    f"{other.location} and {source.location} are both {source.name!r}: rename one"
                )
        self.sources: Mapping[str, Source[P]] = dict(sorted(sources.items()))

    def of(self, kind: Kind[Q]) -> Registry[Q]:
        """The plugins of another kind, of the same files and loaded in the same way."""
        return Registry(self._plugins, self._loader, kind=kind)

    @property
    def given(self) -> list[str]:
        """Names of those whose files the user named for this command."""
        return [name for name, source in self.sources.items() if source.given]

    @property
    def classical(self: Registry[Method]) -> list[str]:
        """Of methods: names of the built-in ones that are `Method.classical`, or join them here."""
        return [
            name
            for name, source in self.sources.items()
            if source.origin == BUILT_IN
            and source.path
            and not _needs_torch(source.path)
            and (source.load().classical or (name in JOINING and not source.load().missing))
        ]

    def find(self, name: str) -> Source[P]:
        """Where the one of that name comes from; raises `UsageError` if there is none."""
        name = plugin_name(name)
        if name not in self.sources:
            raise UsageError(f"unknown {self.kind.name} {name!r}: {nearest(name, self.sources)}")
        return self.sources[name]

    def load(self, name: str) -> P:
        """The one of that name.

        Raises:
            UsageError: there is none, or its file cannot be used.
        """
        return cast(P, self._loader(self.find(name)))

    def load_given(self) -> list[P]:
        """Those whose files the user named for this command.

        Raises:
            UsageError: one cannot be used.
        """
        return [self.load(name) for name in self.given]

    def without_given(self) -> Registry[P]:
        """Those that need no plugin to be given, loaded in the same way."""
        return Registry((), self._loader, kind=self.kind)


def load(name: str) -> Method:
    """The method of that name, of those that need no plugin to be given; see `Registry.load`."""
    return Registry().load(name)


# -- where plugins lie -----------------------------------------------------------------------


def _files(
    kind: Kind[P], paths: Iterable[Path], option: str, *, given: bool = False
) -> Iterator[Source[P]]:
    """The plugins of that kind among the files and folders that the user named."""
    for path in paths:
        if path.is_dir():
            kinds = {file: kinds_in(file) for file in _plugins_in(path)}
            files = [file for file, found in kinds.items() if kind in found]
            if given and not any(kinds.values()):
                decorators = " or a ".join(each.decorator for each in KINDS)
                raise UsageError(f"{option} {path}: no file in this folder declares a {decorators}")
        elif path.is_file():
            if path.suffix != ".py":
                raise UsageError(f"{option} {path}: a plugin is a Python file, NAME.py")
            files = [path] if kind in _kinds_of(path) else []
        elif given:
            raise UsageError(f"{option} {path}: there is no such file or folder")
        else:
            files = [path]  # listed as broken
        for file in files:
            yield file_source(file, given=given, kind=kind)


def _kinds_of(path: Path) -> list[Kind[Any]]:
    """Of what kinds a file that the user named is; where none is seen, loading it says why."""
    return kinds_in(path) or [METHODS]


def _plugins_in(folder: Path) -> list[Path]:
    """Files of a user's folder that may be plugins: neither private nor tests."""
    return [path for path in scripts(folder) if not path.name.startswith(("test_", "conftest."))]


def _needs_torch(path: Path) -> bool:
    """Whether running a file would import torch, as no classical method's does."""
    torch = rb"^(?:import|from) torch\b|^class \w+\(.*\bTrainedMethod\b"
    return re.search(torch, path.read_bytes(), re.M) is not None


@overload
def file_source(path: Path, origin: str = "", given: bool = False) -> Source[Any]: ...


@overload
def file_source(
    path: Path, origin: str = "", given: bool = False, *, kind: Kind[P]
) -> Source[P]: ...


def file_source(
    path: Path, origin: str = "", given: bool = False, *, kind: Kind[Any] | None = None
) -> Source[Any]:
    """A file as the source of a plugin, by default of the kind that it shows."""
    # A link is named as it is called, and is the same plugin as the file that it leads to.
    location, origin = str(path.resolve()), origin or f"file {path.name}"
    name, kind = plugin_name(path.stem), kind or _kinds_of(path)[0]
    return Source(kind, name, origin, location, path=path.absolute(), given=given)


def _entries(kind: Kind[P]) -> Iterator[Source[P]]:
    """The plugins of that kind of installed packages."""
    from importlib import metadata

    for entry in _entry_points(metadata.entry_points, kind.entry_points, _installed()):
        package = f"{entry.dist.name} {entry.dist.version}" if entry.dist else "unknown"
        location = f"entry point {entry.name} = {entry.value} of the package {package}"
        if entry.dist:
            file = Path(str(entry.dist.locate_file(entry.module.replace(".", "/") + ".py")))
            location += f" ({file})" if file.is_file() else ""
        yield Source(kind, plugin_name(entry.name), f"package {package}", location, entry=entry)


@lru_cache(maxsize=32)  # they are looked for in the files of every installed package
def _entry_points(
    find: Callable[..., Iterable[EntryPoint]], group: str, installed: tuple[tuple[str, int], ...]
) -> tuple[EntryPoint, ...]:
    """Those of a group, as long as nothing else is installed."""
    return tuple(find(group=group))


def _installed() -> tuple[tuple[str, int], ...]:
    """What changes where a package is installed: Python's search path, and when each changed."""
    changed = {}
    for place in sys.path:
        with contextlib.suppress(OSError):
            changed[place] = Path(place).stat().st_mtime_ns
    return tuple(changed.items())


def plugin_name(stem: str) -> str:
    """What the file or entry point of that name is called."""
    return stem.replace("_", "-")
