"""A method's code -> `Method`: runs it, finds what it declares, and says what is wrong with it.

Files run under a private module prefix, so that no other module on the path is taken for a
method, and no method for another module.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import inspect
import re
import sys
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from bench.core import UsageError, nearest
from bench.core.process_state import set_back
from bench.plugins.code import PREFIX, Home, contents, forget
from bench.plugins.contract import Declaration, FormName, Method

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

#: Of entry points, by their location: the code that this process loaded.
_LOADED: dict[str, bytes] = {}
#: By the name of a method's module: what running it changed in the process, see `set_back`.
_CHANGED: dict[str, tuple[str, ...]] = {}


class BrokenMethod(UsageError):
    """A method's file cannot be used: its name, and why."""


def load_file(name: str, origin: str, path: Path) -> Method:
    """The method that a file declares with `@bench.method`.

    Args:
        name: the method's.
        origin: as `Method.origin` says it.
        path: the file.

    Raises:
        BrokenMethod: the file raises, declares none or several, or declares one wrongly.
    """
    if not re.fullmatch(r"\w[\w-]*", path.stem, re.ASCII):
        raise BrokenMethod(
            f"{path}: {path.stem!r} cannot be a method's name: name the file with letters, digits "
            "and _"
        )
    try:
        code = path.read_bytes()
    except OSError as error:
        raise BrokenMethod(f"cannot read {path}: {error.strerror}") from error
    file = path.resolve()
    home = Home.of_file(file)
    with _broken(name, str(path), path):
        helpers = [other for other in home.imported([file]) if other != file]
        source = code + contents(home.root, helpers)
        module_name = PREFIX + hashlib.blake2b(bytes(file) + source, digest_size=8).hexdigest()
        module = sys.modules.get(module_name)
        if module is None:
            # Its neighbours are its own: neither another file's of that name, nor what they were.
            forget(helpers, home.names(helpers))
            module = _run(module_name, path, code)
            forget(helpers)
        return _describe(name, origin, str(path), _declared_in(module, str(path)), source)
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
    try:
        with set_back() as changed:
            exec(compile(code, str(path), "exec", dont_inherit=True), vars(module))
    except BaseException:
        del sys.modules[name]
        raise
    _CHANGED[name] = tuple(changed)
    return module


def load_entry(name: str, origin: str, location: str, entry: EntryPoint) -> Method:
    """The method of an installed package: a module that declares one, or the method itself.

    Args:
        name: the method's.
        origin: as `Method.origin` says it: the package and its version.
        location: the entry point, as an error names it.
        entry: the entry point.

    Raises:
        BrokenMethod: as of `load_file`.
    """
    with _broken(name, location):
        with set_back() as changed:
            target = _target(entry, location)
        code, files = _code_of(entry, target)
        if _LOADED.setdefault(location, code) != code:  # edited since, with what it imports
            forget(files)
            with set_back() as changed:
                target = _target(entry, location)
            _LOADED[location] = code
        _CHANGED.setdefault(target.__module__, tuple(changed))
        return _describe(name, origin, location, target, code + origin.encode())
    raise AssertionError


def _target(entry: EntryPoint, location: str) -> Any:
    loaded = entry.load()
    target = _declared_in(loaded, location) if inspect.ismodule(loaded) else loaded
    if not _is_declared(target):
        raise BrokenMethod(f"{location}: it is neither a module nor made with @bench.method")
    return target


def _code_of(entry: EntryPoint, target: Any) -> tuple[bytes, list[Path]]:
    """An entry point's code, and the files that it stands in."""
    start = Path(inspect.getfile(target)).resolve()
    module = getattr(sys.modules.get(entry.module), "__file__", None)
    file = Path(module).resolve() if module else start
    distribution = entry.dist.files or [] if entry.dist else []
    listed = [Path(str(each.locate())).resolve() for each in distribution if each.suffix == ".py"]
    home = Home.of_module(entry.module, file, listed)
    packages = [folder / "__init__.py" for folder in file.parents]  # they run before it
    files = home.imported([file, start, *filter(home.holds, packages)])
    return contents(home.root, files), files


@contextlib.contextmanager
def _broken(name: str, location: str, path: Path | None = None) -> Iterator[None]:
    """Turns whatever a method's code raises while it is loaded into `BrokenMethod`."""
    try:
        yield
    except (BrokenMethod, KeyboardInterrupt):
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
        raise BrokenMethod(
            f"method {name!r} cannot be loaded: {location}: {reason}{where}"
        ) from error


def _is_declared(value: Any) -> bool:
    return "__bench_method__" in getattr(value, "__dict__", {})


def _declared_in(module: Any, location: str) -> Any:
    """The one method that a module declares, of those it did not import."""
    values = {  # by identity: a second name for it makes no second method
        id(value): value
        for value in vars(module).values()
        if _is_declared(value) and value.__module__ == module.__name__
    }
    declared = list(values.values())
    if len(declared) != 1:
        raise BrokenMethod(
            f"{location} declares {len(declared) or 'no'} methods: a file declares one, with "
            "@bench.method"
        )
    return declared[0]


def _describe(name: str, origin: str, location: str, target: Any, code: bytes) -> Method:
    declared: Declaration = target.__bench_method__
    arguments = inspect.signature(target)
    recipes: Mapping[str, Mapping[str, Any]] | None = getattr(target, "recipes", None)
    form: FormName = "function"
    if inspect.isclass(target):
        form = "fitted" if recipes is None else "trained"
    _check_form(target, arguments, location)
    parameters = {
        argument.name: argument.default
        for argument in arguments.parameters.values()
        if argument.kind is argument.KEYWORD_ONLY
    }
    _check_parameters(parameters, declared, location)
    _check_recipes(recipes or {}, location)
    if form == "trained":
        # What torch trains also depends on the loop that trains it.
        for file in sorted((Path(__file__).parents[1] / "training").glob("*.py")):
            code += file.read_bytes()
    documentation = inspect.getdoc(target) or inspect.getdoc(sys.modules[target.__module__]) or ""
    return Method(
        name=name,
        origin=origin,
        file=Path(str(sys.modules[target.__module__].__file__)).resolve(),
        target=target,
        declared=declared,
        form=form,
        parameters=parameters,
        summary=" ".join(documentation.split("\n\n")[0].split()),
        source=hashlib.blake2b(code, digest_size=8).hexdigest(),
        # A class takes it by its contract, a function if it has an argument for it.
        takes_noise=form != "function" or "noise" in arguments.parameters,
        takes_device=form == "function" and "device" in _positional(target),
        fits_noise=form == "trained" or "noise" in _arguments(getattr(target, "fit", None)),
        recipes=recipes,
        changes=_CHANGED.get(target.__module__, ()),
    )


def _arguments(function: Any) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(function).parameters if callable(function) else {}


def _positional(function: Any) -> list[str]:
    """Names of the arguments that are not keyword-only."""
    return [
        argument.name
        for argument in _arguments(function).values()
        if argument.kind is not argument.KEYWORD_ONLY
    ]


def _check_parameters(parameters: Mapping[str, Any], declared: Declaration, location: str) -> None:
    """Each has a default and a name of its own, and what is declared of them names them."""
    for name, default in parameters.items():
        if default is inspect.Parameter.empty:
            raise BrokenMethod(f"{location}: parameter {name!r} has no default: give it one")
    for reserved in {"train", "seeds"} & set(parameters):
        raise BrokenMethod(
            f"{location}: no parameter may be called {reserved!r}, which says how a method is "
            "trained: call it otherwise"
        )
    for argument, names in (
        ("tune", declared.tune),
        ("least", declared.least),
        ("most", declared.most),
        ("inference", declared.inference),
        ("wraps", (declared.wraps,) if declared.wraps else ()),
    ):
        for unknown in (name for name in names if name not in parameters):
            raise BrokenMethod(
                f"{location}: {argument} names {unknown!r}: {nearest(unknown, parameters)}"
            )


def _check_recipes(recipes: Mapping[str, Mapping[str, Any]], location: str) -> None:
    """Each says at least for how long, and in batches of how many images."""
    for preset, recipe in recipes.items():
        for setting in ("epochs", "batch_size"):
            if setting not in recipe:
                raise BrokenMethod(f"{location}: the recipe {preset!r} does not say {setting}")


def _check_form(target: Any, arguments: inspect.Signature, location: str) -> None:
    """A class has what the harness calls; a function's parameters are keyword-only."""
    if inspect.isclass(target):
        absent = [
            name
            for name in ("fit", "denoise", "state", "load")
            if not callable(getattr(target, name, None))
        ]
        if absent:
            raise BrokenMethod(f"{location}: the class {target.__name__} has no {absent[0]}()")
        _check_fit(target, location)
        return
    positional = _positional(target)
    if not positional:
        raise BrokenMethod(
            f"{location}: {target.__name__}() takes no images: write (noisy, *, ...)"
        )
    told = ("noise", "device")
    if positional[0] in told:
        first = f"write (noisy, {positional[0]})"
        raise BrokenMethod(f"{location}: {target.__name__}() takes the images first: {first}")
    for name in positional[1:]:
        if name not in told:
            raise BrokenMethod(
                f"{location}: the argument {name!r} of {target.__name__}() is not keyword-only: "
                f"write (noisy, *, {name}=...)"
            )


def _check_fit(target: Any, location: str) -> None:
    """`fit` can be called as the harness calls it, with the noise or without it."""
    names = _positional(target.fit)
    with_noise = len(names) == 4 and names[2] == "noise"
    if not with_noise and (len(names) != 3 or "noise" in names[1:]):
        raise BrokenMethod(
            f"{location}: fit() of {target.__name__} has the arguments ({', '.join(names)}): write "
            "(self, train, noise, seed), or (self, train, seed) where what it learns does not "
            "depend on the noise"
        )
