"""denoise-bench: a comparative benchmark of image denoisers.

The names below are the public ones; they load what they need when they are first used, so
that `bench --help` imports neither torch nor pandas.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.api import get_method, run
    from bench.core import Noise, Unsupported
    from bench.noises import make_noise
    from bench.planning.settings import Settings
    from bench.plugins.contract import method
    from bench.store import open_run
    from bench.training import TrainedMethod

__all__ = [
    "Noise",
    "Settings",
    "TrainedMethod",
    "Unsupported",
    "get_method",
    "make_noise",
    "method",
    "open_run",
    "run",
]

_HOMES = {
    "Noise": "core",
    "Settings": "planning.settings",
    "TrainedMethod": "training",
    "Unsupported": "core",
    "get_method": "api",
    "make_noise": "noises",
    "method": "plugins.contract",
    "open_run": "store",
    "run": "api",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'bench' has no attribute {name!r}")
    return getattr(import_module(f"bench.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
