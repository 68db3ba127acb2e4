"""What plugins of all kinds have in common: what they declare, and what is known of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from bench.core import UsageError, expanded
from bench.plugins.files import still
from bench.plugins.requirements import missing

#: `Plugin.origin` of those that come with bench.
BUILT_IN = "built in"

T = TypeVar("T", bound=Callable[..., Any])


@dataclass(frozen=True, kw_only=True)
class Declaration:
    """What a plugin's file says of it: the arguments of its decorator.

    Attributes:
        reference: its source, as a table would cite it.
        requires: packages that bench does not install, by import name.
        note: what a user must know.
        data: files, folders and patterns beside its file that count as its code.
        files: parameters that name files, whose contents count.
    """

    reference: str = ""
    requires: tuple[str, ...] = ()
    note: str = ""
    data: tuple[str, ...] = ()
    files: tuple[str, ...] = ()

    #: What it declares, as the decorator is called.
    kind: ClassVar[str]

    def __post_init__(self) -> None:
        self.expect_texts("reference", "note")
        for name in ("requires", "data", "files"):
            if not all(isinstance(item, str) and item for item in getattr(self, name)):
                raise TypeError(f"{name}={getattr(self, name)!r} are not all texts")

    def expect_texts(self, *names: str) -> None:
        """Raises `TypeError` where one of these is none."""
        for name in names:
            if not isinstance(getattr(self, name), str):
                raise TypeError(f"{name}={getattr(self, name)!r} is not a text")

    def attach(self, target: T) -> T:
        """Note this on a function or class, which stays the same object."""
        setattr(target, f"__bench_{self.kind}__", self)
        return target


def names(given: Iterable[str] | str) -> tuple[str, ...]:
    """Several names, as a decorator is given them; one alone is one, and not its letters."""
    return (given,) if isinstance(given, str) else tuple(given)


@dataclass(frozen=True, kw_only=True)
class Plugin:
    """A plugin as the registry found it.

    Attributes:
        name: as on the command line.
        origin: where it comes from: "built in", "file box.py", "package box 1.0".
        file: where its code lies.
        target: the decorated function or class.
        declared: what the decorator said of it.
        summary: first line of its documentation.
        source: digest of its code, with what it imports of its package or folder, of its data, and
            of the files that its parameters name: results of other code are other results.
        parameters: name -> default.
        contents: path -> digest of each file that counts beside its code.
        changes: what importing it changed in the process, and was set back.
    """

    name: str
    origin: str
    file: Path
    target: Callable[..., Any] = field(repr=False)
    declared: Any
    summary: str
    source: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    contents: Mapping[str, str] = field(default_factory=dict)
    changes: tuple[str, ...] = ()

    #: What of bench's own extras installs what a built-in one requires; empty for none.
    extra: ClassVar[str] = ""

    @property
    def missing(self) -> str:
        """Why it cannot run here, and what to do; empty if it can."""
        extra = self.extra.format(name=self.name) if self.origin == BUILT_IN else ""
        return missing(self.name, self.declared.requires, extra)

    @property
    def changed(self) -> list[str]:
        """The files that no longer hold what they held when it was found."""
        return [path for path, digest in self.contents.items() if not still(path, digest)]

    def files(self, params: Mapping[str, Any]) -> dict[str, Path]:
        """The files that its parameters name: parameter -> path.

        Args:
            params: those typed; of the others the defaults count.

        Raises:
            UsageError: what is typed is no path.
        """
        values = {**self.parameters, **params}
        named = {name: values[name] for name in self.declared.files}
        for name, path in named.items():
            if not isinstance(path, str | None):
                raise UsageError(
                    f"{self.name}[{name}={path}]: {name} names a file: put a path that looks like "
                    f'a number in quotes, {name}="{path}"'
                )
        return {name: expanded(path) for name, path in named.items() if path}

    def opened(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Typed parameters as it is called with them: paths without `~`."""
        return {**params, **{name: str(path) for name, path in self.files(params).items()}}
