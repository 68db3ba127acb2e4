"""The only package that knows the format on disk: runs, and the cache of fitted models."""

from bench.core import cache_folder
from bench.store.cell_meta import CellMeta
from bench.store.files import commit, write_text
from bench.store.fit_cache import FitCache
from bench.store.folders import (
    check_free,
    check_metrics,
    find_run,
    is_pack,
    is_run,
    locate,
    open_run,
    run_folders,
    start_run,
)
from bench.store.frames import cells_frame
from bench.store.lock import RunInUse, hold, holder, is_held
from bench.store.manifest import FORMAT_VERSION, Manifest, RecordedMethod, RecordedMetric
from bench.store.outputs import KeptOutputs, OutputsWriter, kept_outputs, planned_bytes
from bench.store.pack import PackAbout, open_pack, unpack
from bench.store.run import Run
from bench.store.verified import Verified

__all__ = [
    "FORMAT_VERSION",
    "CellMeta",
    "FitCache",
    "KeptOutputs",
    "Manifest",
    "OutputsWriter",
    "PackAbout",
    "RecordedMethod",
    "RecordedMetric",
    "Run",
    "RunInUse",
    "Verified",
    "cache_folder",
    "cells_frame",
    "check_free",
    "check_metrics",
    "commit",
    "find_run",
    "hold",
    "holder",
    "is_held",
    "is_pack",
    "is_run",
    "kept_outputs",
    "locate",
    "open_pack",
    "open_run",
    "planned_bytes",
    "run_folders",
    "start_run",
    "unpack",
    "write_text",
]
