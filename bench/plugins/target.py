"""What a plugin's code declares: a function or class, and what is asked of those of any kind."""

from __future__ import annotations

import hashlib
import inspect
import os
import sys
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.core import UsageError, nearest


class BrokenPlugin(UsageError):
    """A plugin's file cannot be used: its name, and why."""


@dataclass(frozen=True)
class Target:
    """A function or class that was found with a decorator of bench's.

    Attributes:
        name: the plugin's.
        origin: where it comes from: "built in", "file box.py", "package box 1.0".
        location: as an error names it: the file's path, or the entry point.
        value: the function or class.
        declared: what the decorator noted.
        code: its file's, and of what this imports of its package or folder.
        data: path -> digest of each file that it declares to be part of that.
        changes: what running it changed in the process, and was set back.
    """

    name: str
    origin: str
    location: str
    value: Any
    declared: Any
    code: bytes
    data: Mapping[str, str]
    changes: tuple[str, ...]

    @property
    def file(self) -> Path:
        """Where it stands."""
        return Path(str(sys.modules[self.value.__module__].__file__)).resolve()

    @property
    def summary(self) -> str:
        """The first paragraph of its documentation, or else of its file's."""
        documentation = inspect.getdoc(self.value) or inspect.getdoc(
            sys.modules[self.value.__module__]
        )
        return " ".join((documentation or "").split("\n\n")[0].split())

    def parameters(self, told: Collection[str] = ()) -> dict[str, Any]:
        """Its keyword-only arguments with their defaults.

        Args:
            told: arguments that are no parameters where they have no default.

        Raises:
            BrokenPlugin: another one has none.
        """
        parameters = {
            argument.name: argument.default
            for argument in arguments(self.value).values()
            if argument.kind is argument.KEYWORD_ONLY
            and not (argument.name in told and argument.default is argument.empty)
        }
        for name, default in parameters.items():
            if default is inspect.Parameter.empty:
                raise self.broken(f"parameter {name!r} has no default: give it one")
        return parameters

    def described(self, further: bytes = b"") -> dict[str, Any]:
        """What is known of a plugin of any kind: fields of `Plugin`.

        Args:
            further: what else its results depend on.
        """
        return {
            "name": self.name,
            "origin": self.origin,
            "file": self.file,
            "target": self.value,
            "declared": self.declared,
            "summary": self.summary,
            "source": self._digest(further),
            "contents": self.data,
            "changes": self.changes,
        }

    def _digest(self, further: bytes) -> str:
        """Of its code, and of what else its results depend on."""
        code = hashlib.blake2b(self.code, digest_size=8)
        for path, digest in self.data.items():
            code.update(f"\0{os.path.relpath(path, self.file.parent)}\0{digest}".encode())
        code.update(further)
        return code.hexdigest()

    def expect_files(self, parameters: Mapping[str, Any]) -> None:
        """Raises `BrokenPlugin` where what it declares to name files is none of its parameters."""
        for name in self.declared.files:
            if name not in parameters:
                raise self.broken(f"files names {name!r}: {nearest(name, parameters)}")
            if not isinstance(parameters[name], str | None):
                raise self.broken(
                    f"{name}={parameters[name]!r} names a file: its default is a path, or None"
                )

    def expect_methods(self, names: Iterable[str]) -> None:
        """Raises `BrokenPlugin` where its class does not have all that the harness calls."""
        for name in names:
            if not callable(getattr(self.value, name, None)):
                raise self.broken(f"the class {self.value.__name__} has no {name}()")

    def broken(self, text: str) -> BrokenPlugin:
        """The error that says what is wrong with it."""
        return BrokenPlugin(f"{self.location}: {text}")


def arguments(function: Any) -> Mapping[str, inspect.Parameter]:
    """By name; none of what cannot be called."""
    return inspect.signature(function).parameters if callable(function) else {}


def positional(function: Any) -> list[str]:
    """Names of the arguments that are not keyword-only."""
    return [
        argument.name
        for argument in arguments(function).values()
        if argument.kind is not argument.KEYWORD_ONLY
    ]
