"""Finds methods: built-in files, installed packages, and files that the user names.

One contract for all: a file declares one method with `@bench.method`, and the file's stem is
the method's name, `_` read as `-`. The built-in ones are the files of the `methods` folder
beside this package, listed by path. Files are loaded one by one, when they are asked for,
under a private module prefix, so that no other module on the path is taken for ours and a
method that nobody asked for costs nothing.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.core import UsageError, nearest
from bench.denoiser import Declaration, Method

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

BUILTIN = Path(__file__).resolve().parent.parent / "methods"
#: Installed packages offer methods as entry points of this group: `name = "package.module"`.
ENTRY_POINTS = "bench.methods"
#: Environment variable: files and folders of methods, separated as in PATH.
PLUGINS = "BENCH_PLUGINS"

_PREFIX = "_bench_method_"


class BrokenMethod(UsageError):
    """A method's file cannot be used: its name, and why."""


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
            return load_file(self.path, self.origin)
        return _load_entry(self)


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
            *(file_source(path, "built in") for path in _methods_in(BUILTIN)),
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

    def find(self, name: str) -> Source:
        """Where the method of that name comes from; raises `UsageError` if there is none."""
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
            if not files:
                raise UsageError(f"{option} {path}: the folder holds no method's file (*.py)")
        elif path.is_file():
            if path.suffix != ".py":
                raise UsageError(f"{option} {path}: a method is a Python file, NAME.py")
            files = [path]
        else:
            raise UsageError(f"{option} {path}: there is no such file or folder")
        for file in files:
            yield file_source(file, given=given)


def _methods_in(folder: Path) -> list[Path]:
    """A folder's files that are methods: neither private ones nor tests."""
    return [
        path
        for path in sorted(folder.glob("*.py"))
        if not path.name.startswith(("_", "test_", "conftest."))
    ]


def file_source(path: Path, origin: str = "", given: bool = False) -> Source:
    """A file as the source of a method."""
    path = path.resolve()
    return Source(
        _name(path.stem), origin or f"file {path.name}", str(path), path=path, given=given
    )


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


# -- loading ---------------------------------------------------------------------------------


def load_file(path: Path, origin: str = "") -> Method:
    """The method that a file declares with `@bench.method`.

    Raises:
        BrokenMethod: the file raises, declares none or several, or declares one wrongly.
    """
    name = _name(path.stem)
    if not re.fullmatch(r"\w[\w-]*", path.stem, re.ASCII):
        raise BrokenMethod(
            f"{path}: {path.stem!r} cannot be a method's name: name the file with letters, digits "
            "and _"
        )
    try:
        code = path.read_bytes()
    except OSError as error:
        raise BrokenMethod(f"cannot read {path}: {error.strerror}") from error
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
            raise BrokenMethod(_cannot_load(name, str(path), error)) from error
    return _describe(name, origin, str(path), _declared_in(module, str(path)), code)


def _load_entry(source: Source) -> Method:
    """The method of an installed package: a module that declares one, or the method itself."""
    entry = source.entry
    assert entry is not None
    try:
        loaded = entry.load()
    except (Exception, SystemExit) as error:
        raise BrokenMethod(_cannot_load(source.name, source.place, error)) from error
    target = _declared_in(loaded, source.place) if inspect.ismodule(loaded) else loaded
    if not _is_declared(target):
        raise BrokenMethod(f"{source.place}: it is neither a module nor made with @bench.method")
    # A package may spread its code over many files, which its version stands for.
    code = Path(inspect.getfile(target)).read_bytes() + source.origin.encode()
    return _describe(source.name, source.origin, source.place, target, code)


def _cannot_load(name: str, place: str, error: BaseException) -> str:
    reason = " ".join(f"{type(error).__name__}: {error}".split())
    return f"method {name!r} cannot be loaded: {place}: {reason}"


def _is_declared(value: Any) -> bool:
    return "__bench_method__" in getattr(value, "__dict__", {})


def _declared_in(module: Any, place: str) -> Any:
    """The one method that a module declares, of those it did not import."""
    found = [
        value
        for value in vars(module).values()
        if _is_declared(value) and value.__module__ == module.__name__
    ]
    if len(found) != 1:
        raise BrokenMethod(
            f"{place} declares {len(found) or 'no'} methods: a file declares one, with "
            "@bench.method"
        )
    return found[0]


def _describe(name: str, origin: str, place: str, target: Any, code: bytes) -> Method:
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
    _check_form(target, arguments, place)
    missing = [key for key, value in parameters.items() if value is inspect.Parameter.empty]
    if missing:
        raise BrokenMethod(f"{place}: parameter {missing[0]!r} has no default: give it one")
    unknown = [key for key in declared.tune if key not in parameters]
    if unknown:
        raise BrokenMethod(f"{place}: tune names {unknown[0]!r}: {nearest(unknown[0], parameters)}")
    for preset, recipe in (recipes or {}).items():
        absent = [field for field in ("epochs", "batch_size") if field not in recipe]
        if absent:
            raise BrokenMethod(f"{place}: the recipe {preset!r} does not say {absent[0]}")
    if recipes is not None:
        # What torch trains also depends on the loop that trains it.
        code += (Path(__file__).parent / "training.py").read_bytes()
    summary = (
        inspect.getdoc(target) or inspect.getdoc(sys.modules[target.__module__]) or ""
    ).split("\n")[0]
    return Method(
        name=name,
        origin=origin,
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


def _check_form(target: Any, arguments: inspect.Signature, place: str) -> None:
    """A class has what the harness calls; a function's parameters are keyword-only."""
    if inspect.isclass(target):
        absent = [
            name
            for name in ("fit", "denoise", "state", "load")
            if not callable(getattr(target, name, None))
        ]
        if absent:
            raise BrokenMethod(f"{place}: the class {target.__name__} has no {absent[0]}()")
        return
    positional = [
        argument.name
        for argument in arguments.parameters.values()
        if argument.kind is not argument.KEYWORD_ONLY
    ]
    if not positional:
        raise BrokenMethod(f"{place}: {target.__name__}() takes no images: write (noisy, *, ...)")
    for name in positional[1:]:
        if name != "noise":
            raise BrokenMethod(
                f"{place}: the argument {name!r} of {target.__name__}() is not keyword-only: "
                f"write (noisy, *, {name}=...)"
            )
