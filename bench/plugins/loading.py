"""A plugin's code -> the plugin: runs it, finds what it declares, and says what is wrong with it.

Files run under a private module prefix, so that no other module on the path is taken for a
plugin, and no plugin for another module.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import inspect
import re
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar

from bench.core.process_state import set_back
from bench.plugins.code import PREFIX, Home, contents, forget
from bench.plugins.files import content_digest, data_files
from bench.plugins.kinds import KINDS, Kind
from bench.plugins.target import BrokenPlugin, Target

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

P = TypeVar("P")

#: Path -> digest of each file that counts as a plugin's code and is none.
Data = dict[str, str]
#: Of entry points, by their location: the code and the data that this process loaded.
_LOADED: dict[str, tuple[bytes, Data]] = {}
#: By the name of a plugin's module: its data when it was run.
_DATA: dict[str, Data] = {}
#: The files that are being run, the last one within the others.
_RUNNING: list[Path] = []
#: By the name of a plugin's module: what running it changed in the process, see `set_back`.
_CHANGED: dict[str, tuple[str, ...]] = {}


def load_file(kind: Kind[P], name: str, origin: str, path: Path) -> P:
    """The plugin that a file declares.

    Args:
        kind: what it is to be.
        name: the plugin's.
        origin: as the plugin says it.
        path: the file.

    Raises:
        BrokenPlugin: the file raises, declares none or several, or declares one wrongly.
    """
    if not re.fullmatch(r"\w[\w-]*", path.stem, re.ASCII):
        raise BrokenPlugin(
            f"{path}: {path.stem!r} cannot be a {kind.name}'s name: name the file with letters, "
            "digits and _"
        )
    try:
        code = path.read_bytes()
    except OSError as error:
        raise BrokenPlugin(f"cannot read {path}: {error.strerror}") from error
    file = path.resolve()
    home = Home.of_file(file)
    with _broken(kind, name, str(path), path):
        helpers = [other for other in home.imported([file]) if other != file]
        source = code + contents(home.root, helpers)
        module_name = PREFIX + hashlib.blake2b(bytes(file) + source, digest_size=8).hexdigest()

        def run() -> ModuleType:
            # Its neighbours are its own: neither another file's of that name, nor what they were.
            forget(helpers, home.names(helpers))
            module = _run(module_name, path, code)
            forget(helpers)
            return module

        value = _declared_in(sys.modules.get(module_name) or run(), kind, str(path))
        data = _data(kind, value, str(path))
        if _DATA.setdefault(module_name, data) != data:  # it may have read what was there before
            value = _declared_in(run(), kind, str(path))
            _DATA[module_name] = data
        return kind.describe(_target(kind, name, origin, str(path), value, source, data))
    raise AssertionError  # for type checkers, which cannot see that the block above returns


#: At once, and not only when a function is called.
_IMPORTS_TORCH = re.compile(rb"^(?:import|from) torch\b", re.MULTILINE)


def _run(name: str, path: Path, code: bytes) -> ModuleType:
    """A file's module, made of the very bytes that its digest is of."""
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    if _IMPORTS_TORCH.search(code):
        with contextlib.suppress(Exception):
            import torch  # noqa: F401  # or nobody knows what it was before the file changed it
    _RUNNING.append(path)
    try:
        with set_back() as changed:
            exec(compile(code, str(path), "exec", dont_inherit=True), vars(module))
    except BaseException:
        del sys.modules[name]
        raise
    finally:
        _RUNNING.pop()
    _CHANGED[name] = tuple(changed)
    return module


def loading() -> Path | None:
    """The file of the plugin that is being run, to find what it declares; None at other times."""
    return _RUNNING[-1] if _RUNNING else None


def load_entry(kind: Kind[P], name: str, origin: str, location: str, entry: EntryPoint) -> P:
    """The plugin of an installed package: a module that declares one, or the plugin itself.

    Args:
        kind: what it is to be.
        name: the plugin's.
        origin: as the plugin says it: the package and its version.
        location: the entry point, as an error names it.
        entry: the entry point.

    Raises:
        BrokenPlugin: as of `load_file`.
    """
    with _broken(kind, name, location):
        with set_back() as changed:
            value = _offered(entry, kind, location)
        code, files = _code_of(entry, value)
        data = _data(kind, value, location)
        if _LOADED.setdefault(location, (code, data)) != (code, data):  # edited since
            forget(files)
            with set_back() as changed:
                value = _offered(entry, kind, location)
            data = _data(kind, value, location)
            _LOADED[location] = code, data
        _CHANGED.setdefault(value.__module__, tuple(changed))
        source = code + origin.encode()
        return kind.describe(_target(kind, name, origin, location, value, source, data))
    raise AssertionError


def _offered(entry: EntryPoint, kind: Kind[Any], location: str) -> Any:
    loaded = entry.load()
    value = _declared_in(loaded, kind, location) if inspect.ismodule(loaded) else loaded
    if kind.declared(value) is None:
        raise BrokenPlugin(f"{location}: it is neither a module nor made with {kind.decorator}")
    return value


def _code_of(entry: EntryPoint, value: Any) -> tuple[bytes, list[Path]]:
    """An entry point's code, and the files that it stands in."""
    start = Path(inspect.getfile(value)).resolve()
    module = getattr(sys.modules.get(entry.module), "__file__", None)
    file = Path(module).resolve() if module else start
    distribution = entry.dist.files or [] if entry.dist else []
    listed = [Path(str(each.locate())).resolve() for each in distribution if each.suffix == ".py"]
    home = Home.of_module(entry.module, file, listed)
    packages = [folder / "__init__.py" for folder in file.parents]  # they run before it
    files = home.imported([file, start, *filter(home.holds, packages)])
    return contents(home.root, files), files


@contextlib.contextmanager
def _broken(kind: Kind[Any], name: str, location: str, path: Path | None = None) -> Iterator[None]:
    """Turns whatever a plugin's code raises while it is loaded into `BrokenPlugin`."""
    try:
        yield
    except (BrokenPlugin, KeyboardInterrupt):
        raise
    except BaseException as error:
        try:
            reason = " ".join(f"{type(error).__name__}: {error}".split())
        except Exception:  # its own exception may be broken too
            reason = type(error).__name__
        frames = traceback.extract_tb(error.__traceback__)
        lines = [frame.lineno for frame in frames if path and frame.filename == str(path)]
        where = f" (line {lines[-1]})" if lines else ""
        if (
            isinstance(error, ModuleNotFoundError)
            and path is not None
            and path.with_name(f"{error.name}.py").is_file()
        ):
            where += "; a plugin stands alone: put what it shares into an installed package"
        raise BrokenPlugin(
            f"{kind.name} {name!r} cannot be loaded: {location}: {reason}{where}"
        ) from error


def _declared_in(module: Any, kind: Kind[Any], location: str) -> Any:
    """The one plugin that a module declares, of those it did not import."""
    values = {id(value): value for value in vars(module).values()}  # a second name is no second one
    declared = {
        each: [
            value
            for value in values.values()
            if each.declared(value) is not None and value.__module__ == module.__name__
        ]
        for each in KINDS
    }
    if sum(map(len, declared.values())) != 1:
        said = {each: values for each, values in declared.items() if values}
        counts = [f"{len(of)} {each.name}{'s' * (len(of) > 1)}" for each, of in said.items()]
        *others, last = (each.decorator for each in KINDS)
        raise BrokenPlugin(
            f"{location} declares {' and '.join(counts) or 'no plugin'}: a file declares one, with "
            f"{', '.join(others)} or {last}"
        )
    if not declared[kind]:
        (other,) = (each for each, values in declared.items() if values)
        raise BrokenPlugin(f"{location} declares a {other.name}, where a {kind.name} is wanted")
    return declared[kind][0]


def _data(kind: Kind[Any], value: Any, location: str) -> Data:
    """Path -> digest of each file that a plugin declares as part of its code.

    Raises:
        BrokenPlugin: there is no such file, or it cannot be read.
    """
    folder = Path(str(sys.modules[value.__module__].__file__)).resolve().parent
    try:
        files = data_files(folder, kind.declared(value).data)
        return {str(file): content_digest(file) for file in files}
    except OSError as error:
        raise BrokenPlugin(
            f"{location}: data names {error.filename}, which cannot be read: {error.strerror}"
        ) from error


def _target(
    kind: Kind[Any], name: str, origin: str, location: str, value: Any, code: bytes, data: Data
) -> Target:
    changes = _CHANGED.get(value.__module__, ())
    return Target(name, origin, location, value, kind.declared(value), code, data, changes)
