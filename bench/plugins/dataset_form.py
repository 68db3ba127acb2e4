"""What a file declares with `@bench.dataset` -> `PluginDataset`, or what is wrong with its form."""

from __future__ import annotations

import inspect

from bench.plugins.dataset import PluginDataset
from bench.plugins.target import Target, arguments


def describe(target: Target) -> PluginDataset:
    """The data set that a function is.

    Raises:
        BrokenPlugin: it is declared wrongly.
    """
    named = f"{target.value.__name__}()"
    taken = arguments(target.value)
    for argument in taken.values():
        if argument.kind is not inspect.Parameter.POSITIONAL_OR_KEYWORD:
            raise target.broken(f"{named} has an argument {argument}: write (split, folder)")
    if list(taken) not in (["split"], ["split", "folder"]):
        raise target.broken(
            f"{named} has the arguments ({', '.join(taken)}): write (split, folder), or (split) "
            "where it reads no files"
        )
    return PluginDataset(
        **target.described(),
        takes_folder="folder" in taken,
    )
