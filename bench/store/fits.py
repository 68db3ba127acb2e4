"""The cache of fitted models: safetensors files, so that nothing is ever unpickled."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open

from bench.core import StorageError
from bench.denoiser import Fit
from bench.store.files import commit


class FitCache:
    """Fitted models by `fit_key`, shared by all runs; each a safetensors file.

    A file's metadata holds the time and the device of the fit and its loss history.

    Args:
        fresh: models fitted before this object was made are not looked at.
    """

    def __init__(self, folder: Path | None = None, *, fresh: bool = False) -> None:
        self.folder = folder or cache_folder() / "fits"
        self._fresh = fresh
        self._made: set[str] = set()

    def check(self) -> None:
        """See that models can be kept, before hours are spent on fitting them.

        Raises:
            StorageError: they cannot.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.folder):
                pass
        except OSError as error:
            raise StorageError(
                f"cannot write the cache of fitted models, {self.folder}: {error.strerror}; set "
                "BENCH_CACHE_DIR to another folder"
            ) from error

    def get(self, key: str) -> Fit | None:
        """The model, if it is there and whole; a damaged one is as good as none."""
        path = self.folder / f"{key}.safetensors"
        if (self._fresh and key not in self._made) or not path.is_file():
            return None
        try:
            with safe_open(path, framework="numpy") as file:
                meta = json.loads(file.metadata()["bench"])
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (SafetensorError, OSError, KeyError, TypeError, ValueError):
            return None
        return Fit(arrays, meta["seconds"], meta["device"], [tuple(r) for r in meta["history"]])

    def put(self, key: str, fit: Fit) -> None:
        """Keep a model.

        Raises:
            StorageError: the cache cannot be written.
        """
        from safetensors.numpy import save_file

        meta = {"seconds": fit.seconds, "device": fit.device, "history": fit.history}
        self.check()
        arrays = {name: np.ascontiguousarray(array) for name, array in fit.arrays.items()}
        commit(
            self.folder / f"{key}.safetensors",
            lambda path: save_file(arrays, path, {"bench": json.dumps(meta)}),
        )
        self._made.add(key)


def cache_folder() -> Path:
    """`$BENCH_CACHE_DIR`, else the user's cache folder."""
    if os.environ.get("BENCH_CACHE_DIR"):
        return Path(os.environ["BENCH_CACHE_DIR"]).expanduser()
    import platformdirs

    return platformdirs.user_cache_path("denoise-bench")
