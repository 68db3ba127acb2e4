"""How a setting is typed and kept, beyond what its type, default and help say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from bench.core import Range


@dataclass(frozen=True)
class Typed:
    """How a setting is typed and kept, beyond what its type, default and help say.

    Attributes:
        name: of the option and of the key in TOML; without one the field's, "-" for "_".
        default: of the command, where it is not Python's.
        shown: the default in words, where the value itself says little.
        metavar: what help calls its value.
        variable: the environment variable that it is also taken from.
        recorded: whether manifests hold it: always, where it is set (so that runs from before the
            setting was there are still runs of equal settings), or never: what says how and where
            a run is made, but not what it measures.
    """

    name: str = ""
    default: Any = None
    shown: str = ""
    metavar: str = ""
    variable: str = ""
    recorded: Literal["always", "where set", "never"] = "always"


def plain(value: Any) -> Any:
    """A setting's value as JSON has it.

    >>> plain(Range(0, 4095)), plain((1, 2))
    ([0, 4095], [1, 2])
    """
    if isinstance(value, Range):
        return [value.low, value.high]
    return list(value) if isinstance(value, tuple) else value
