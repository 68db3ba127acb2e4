"""Who is to blame for an error: a method, or what no method can help."""

from __future__ import annotations

import inspect
import traceback

from bench.core import DataError, StorageError
from bench.plugins.contract import Method


def ends_the_sweep(error: BaseException, method: Method) -> bool:
    """Whether bench itself says that data or a folder is not as it should be.

    Where a method says the same, its own code is among what raised it, and it failed.
    """
    if not isinstance(error, (DataError, StorageError)):
        return False
    classes = inspect.getmro(method.target) if inspect.isclass(method.target) else (method.target,)
    own = {_package(each.__module__) for each in classes} - {"bench"}
    frames = traceback.walk_tb(error.__traceback__)
    return not any(_package(frame.f_globals.get("__name__")) in own for frame, _ in frames)


def _package(module: object) -> str:
    return str(module).partition(".")[0]
