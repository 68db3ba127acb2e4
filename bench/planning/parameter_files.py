"""Files that parameters name: what they hold is part of what is measured."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, TypeVar

from bench.core import UsageError, digest
from bench.plugins.contract import Method
from bench.plugins.files import content_digest
from bench.plugins.metric import Metric

P = TypeVar("P", Method, Metric)


def files_of(plugin: Method | Metric, params: Mapping[str, Any]) -> dict[str, str]:
    """The files that parameters name, as typed -> the digest of what they hold."""
    typed = {**plugin.parameters, **params}
    paths = plugin.files(params)
    return {typed[name]: plugin.contents[str(path.absolute())] for name, path in paths.items()}


def with_files(plugin: P, params: Mapping[str, Any]) -> P:
    """A method or metric whose parameters name files: its results depend on what these hold."""
    digests = {}
    paths = plugin.files(params)
    for name, path in paths.items():
        try:
            digests[name] = content_digest(path)
        except (OSError, ValueError) as error:  # no name of a file holds a NUL
            reason = getattr(error, "strerror", None) or error
            raise UsageError(
                f"{plugin.name}[{name}={path}]: {path.absolute()} cannot be read: {reason}"
            ) from error
    if not digests:
        return plugin
    return dataclasses.replace(
        plugin,
        source=digest([plugin.source, digests]),
        contents={
            **plugin.contents,
            **{str(path.absolute()): digests[name] for name, path in paths.items()},
        },
    )
