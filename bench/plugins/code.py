"""A plugin's code: its own file, and every module of its package or folder that this imports.

Found by reading, not by running: what a function imports when it is called counts too, and every
process finds the same, whatever it has loaded before.
"""

from __future__ import annotations

import ast
import importlib.machinery
import os
import sys
import sysconfig
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path

#: How the modules are called that plugins' files are loaded as.
PREFIX = "_bench_plugin_"
_BENCH = Path(__file__).resolve().parents[1]
_SUFFIXES = tuple(importlib.machinery.all_suffixes())
#: Calls that import what only running them tells, unless their first argument is written out.
_BY_NAME = {"import_module", "__import__", "spec_from_file_location", "run_module", "run_path"}


class Home:
    """Where an author's modules lie: what is imported from elsewhere is another's code.

    Args:
        root: the folder that the author's absolute names begin at.
        folders: the author's; of a `root` that others share, the package's own.
        alone: modules beside them that are the author's, such as a distribution's single files.
    """

    def __init__(self, root: Path, folders: Iterable[Path], alone: Iterable[Path] = ()) -> None:
        self.root, self.folders, self._alone = root, tuple(folders), frozenset(alone)
        self._in_bench = any(folder.is_relative_to(_BENCH) for folder in self.folders)

    @classmethod
    def of_file(cls, file: Path) -> Home:
        """Of a file that a user names: its folder, and the package that this is part of."""
        root = file.parent
        while (root / "__init__.py").is_file():
            root = root.parent
        top = root / file.relative_to(root).parts[0] if root != file.parent else root
        return cls(root, [file.parent] if top == _BENCH else dict.fromkeys([top, file.parent]))

    @classmethod
    def of_module(cls, name: str, file: Path, listed: Iterable[Path] = ()) -> Home:
        """Of an installed module: its outermost package, and what its distribution lists."""
        depth = name.count(".") + (file.stem == "__init__")
        root = file.parents[min(depth, len(file.parents) - 1)]
        top = root / name.partition(".")[0]
        if top.is_dir():
            return cls(root, [top], listed)
        return cls(root, [] if _is_shared(root) else [root], [file, *listed])

    def holds(self, path: Path) -> bool:
        """Whether a module is the author's."""
        # Of bench, version and digests stand in every manifest; but a built-in plugin's neighbours
        # are its own, all of which the folder's face names.
        shared = not self._in_bench or path.name == "__init__.py"
        if shared and path.is_relative_to(_BENCH):
            return False
        return path in self._alone or any(path.is_relative_to(own) for own in self.folders)

    def imported(self, start: Iterable[Path]) -> list[Path]:
        """These files and those of the author's modules that they import, by way of others too."""
        found: dict[Path, None] = {}
        waiting = list(start)
        while waiting:
            path = waiting.pop()
            if path in found or not path.is_file():
                continue
            found[path] = None
            if path.suffix == ".py":
                waiting += filter(self.holds, self._imports(path))
        return sorted(found)

    def names(self, files: Iterable[Path]) -> set[str]:
        """The names that these may be imported by."""
        return {
            ".".join(path.relative_to(start).with_suffix("").parts).removesuffix(".__init__")
            for path in files
            for start in (self.root, *self.folders)
            if path.is_relative_to(start)
        }

    def _imports(self, path: Path) -> Iterator[Path]:
        """The files that a module's imports may run."""
        for one in _imports_in(path.read_bytes()):
            if one is not None:
                yield from self._named(path, *one)
                continue
            for folder in self.folders:
                yield from _modules_in(folder)
            yield from self._alone

    def _named(self, path: Path, level: int, name: str, deep: bool = False) -> Iterator[Path]:
        """The files that importing a name runs: those of its packages, and its own."""
        parts = name.split(".") if name else []
        if level:
            starts = [path.parents[level - 1]]
        elif parts[:1] == ["bench"] and not self._in_bench:
            return
        else:
            starts = [self.root, *self.folders]
        for folder in dict.fromkeys(starts):
            yield from _files_of(folder, parts)
            if deep and folder.joinpath(*parts).is_dir():
                yield from _modules_in(folder.joinpath(*parts))


@lru_cache(maxsize=256)  # a command looks at a plugin's code several times
def _imports_in(code: bytes) -> tuple[tuple[int, str, bool] | None, ...]:
    """What a module's code imports: level, name, and whether all that this holds is meant.

    None for an import of which only running it tells the name.
    """
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError):  # nobody can run it
        return ()
    found: list[tuple[int, str, bool] | None] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(0, alias.name, False) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if alias.name == "*":  # a package may name its modules there
                    found.append((node.level, node.module or "", True))
                else:
                    name = f"{node.module}.{alias.name}" if node.module else alias.name
                    found.append((node.level, name, False))
        elif isinstance(node, ast.Call) and _called(node) in _BY_NAME:
            said = getattr(node.args[0], "value", None) if node.args else None
            if isinstance(said, str) and _called(node) in ("import_module", "__import__"):
                plain = said.lstrip(".")
                found.append((len(said) - len(plain), plain, False))
            else:
                found.append(None)
    return tuple(found)


def contents(root: Path, files: Sequence[Path]) -> bytes:
    """Names and bytes of files, for a digest."""
    parts = []
    for file in files:
        name = file.relative_to(root) if file.is_relative_to(root) else Path(file.name)
        code = file.read_bytes()
        parts.append(b"\0%s\0%d\0%s" % (bytes(name), len(code), code))
    return b"".join(parts)


def forget(files: Iterable[Path], names: Collection[str] = ()) -> None:
    """Take modules out of this process, so that whoever imports them next has them read anew.

    Whoever has imported them keeps what it has.

    Args:
        files: the modules.
        names: those of theirs that other authors' files may have, too.
    """
    wanted = set(files)
    if not (wanted or names):
        return
    basenames = {path.name for path in wanted}
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == "bench" or name.startswith(PREFIX):
            continue  # whoever needs these has them by their names
        file = getattr(module, "__file__", None)
        if not isinstance(file, str):
            continue
        same = name in names and not any(map(_is_shared, Path(file).parents))
        likely = file.rpartition("/")[2] in basenames  # of thousands, few
        if same or (likely and Path(file).resolve() in wanted):
            del sys.modules[name]


def _called(node: ast.Call) -> str:
    """The name of what is called, without what it is an attribute of."""
    return getattr(node.func, "id", "") or getattr(node.func, "attr", "")


def _files_of(folder: Path, parts: Sequence[str]) -> Iterator[Path]:
    """Of a.b.c in a folder: a/__init__.py, a/b/__init__.py and a/b/c.py, as far as they are there.

    The last may be no module but a name within the one before.
    """
    for part in parts:
        module = f"{folder}{os.sep}{part}"
        # Most of what is imported lies elsewhere, and a `Path` for each name takes long.
        for suffix in _SUFFIXES:
            if os.path.isfile(f"{module}{suffix}"):  # noqa: PTH113
                yield folder / f"{part}{suffix}"
        if not os.path.isdir(module):  # noqa: PTH112
            return
        folder = folder / part
        for suffix in _SUFFIXES:
            if os.path.isfile(f"{module}{os.sep}__init__{suffix}"):  # noqa: PTH113
                yield folder / f"__init__{suffix}"


def _modules_in(folder: Path) -> Iterator[Path]:
    """A folder's modules, and those of its packages."""
    for path in sorted(folder.iterdir()):
        if path.name.endswith(_SUFFIXES) and path.is_file():
            yield path
        elif (path / "__init__.py").is_file():
            yield from _modules_in(path)


_SHARED = {Path(sysconfig.get_path(name)) for name in ("purelib", "platlib", "stdlib")}


def _is_shared(folder: Path) -> bool:
    """Whether packages of several authors lie in a folder."""
    return folder in _SHARED or folder.name in ("site-packages", "dist-packages")
