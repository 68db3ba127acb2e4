"""denoise-bench: a comparative benchmark of image denoisers.

Data flows one way: typed text -> settings -> requests -> cells -> fit, tune, denoise, score ->
records on disk -> analysis -> report or gate. The rooms, each of which answers one question::

    core        what are the nouns? noise, data set, cell, record, errors
    plugins     what is a method, a metric, a noise, where is one found, how does one begin?
    datasets, noises, metrics    the built-in ones; built-in methods lie in `methods/`
    training    how is a network trained?
    networks    how does a network from others' file restore?
    store       what lies on disk? runs, files of cells, fitted models
    analysis    what do the records say? means, intervals, who can be told apart (†)
    planning    what is to be measured? typed text -> settings -> requests -> cells
    evaluation  how is one cell measured? fits, searches the tuning grid, denoises, scores
    gate        has it got worse?
    execution   where do cells run? in this process, in watched ones, on Dask
    report      how is it shown?
    testing     does a method, metric or noise keep its contract?
    notebook    how does a run show itself where Python is written?
    api, doctor  what the command does, from Python; is a run, a machine whole?
    explanation  why is my number not the paper's?
    denoising   the winner, at work on images of one's own
    sharing     how can others check it? packs, and cells that are measured again
    cli         what is typed, what is printed?

A room imports only rooms that stand above it in this list (those of one layer not even each
other: `docs/architecture.md`, which also walks one image through them). The names in `__all__`
are the public ones. They load what they need when they are first used, so that `bench --help`
imports neither torch nor pandas.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.api import get_method, open_run, run
    from bench.core import Noise, Unsupported
    from bench.datasets.objects import Dataset
    from bench.denoising import denoise
    from bench.noises import make_noise
    from bench.planning.settings import Settings
    from bench.plugins.contract import method
    from bench.plugins.dataset import dataset
    from bench.plugins.metric import metric
    from bench.plugins.noise import noise
    from bench.training import TrainedMethod

    __version__: str

__all__ = [
    "Dataset",
    "Noise",
    "Settings",
    "TrainedMethod",
    "Unsupported",
    "__version__",
    "dataset",
    "denoise",
    "get_method",
    "make_noise",
    "method",
    "metric",
    "noise",
    "open_run",
    "run",
]

_HOMES = {
    "Dataset": "datasets.objects",
    "Noise": "core",
    "Settings": "planning.settings",
    "TrainedMethod": "training",
    "Unsupported": "core",
    "dataset": "plugins.dataset",
    "denoise": "denoising",
    "get_method": "api",
    "make_noise": "noises",
    "method": "plugins.contract",
    "metric": "plugins.metric",
    "noise": "plugins.noise",
    "open_run": "api",
    "run": "api",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return import_module("importlib.metadata").version("denoise-bench")
    if name not in _HOMES:
        raise AttributeError(f"module 'bench' has no attribute {name!r}")
    return getattr(import_module(f"bench.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
