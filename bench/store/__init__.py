"""The only package that knows the format on disk: runs, and the cache of fitted models."""

from bench.store.fits import FitCache, cache_folder
from bench.store.opening import FORMAT_VERSION, newest_run, open_run, start_run
from bench.store.runs import Run

__all__ = [
    "FORMAT_VERSION",
    "FitCache",
    "Run",
    "cache_folder",
    "newest_run",
    "open_run",
    "start_run",
]
