"""The only package that knows the format on disk: runs, and the cache of fitted models."""

from bench.store.files import write_text
from bench.store.fits import FitCache, cache_folder
from bench.store.opening import (
    FORMAT_VERSION,
    find_run,
    is_run,
    locate,
    open_run,
    run_folders,
    start_run,
)
from bench.store.runs import Run

__all__ = [
    "FORMAT_VERSION",
    "FitCache",
    "Run",
    "cache_folder",
    "find_run",
    "is_run",
    "locate",
    "open_run",
    "run_folders",
    "start_run",
    "write_text",
]
