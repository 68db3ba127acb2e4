"""The cache of fitted models: safetensors files, so that nothing is ever unpickled."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open

from bench.core import Fit, StorageError
from bench.store.files import commit


class FitCache:
    """Fitted models by `fit_key`, shared by all runs; each a safetensors file.

    A file's metadata holds what the model was fitted for, the time and the device of the fit,
    its loss history, and a checksum of the arrays. The state of an unfinished fit is a file of
    the same form.

    Args:
        fresh: models fitted before this time, in seconds since 1970, are not looked at.
        warn: called with a line for each file that cannot be used.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        fresh: float | None = None,
        warn: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.folder = folder or cache_folder() / "fits"
        self._fresh, self._warn = fresh, warn

    def check(self) -> None:
        """Make sure that models can be kept, before hours are spent on fitting them.

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

    def has(self, key: str) -> bool:
        """Whether there is such a model; looks at its file's name and time only."""
        try:
            put = self._path(key).stat().st_mtime
        except OSError:
            return False
        return self._fresh is None or put >= self._fresh

    def get(self, key: str) -> Fit | None:
        """The model, if it is there, whole and the one that was put there; else it warns."""
        path = self._path(key)
        if not self.has(key):
            return None
        try:
            with safe_open(path, framework="numpy") as file:
                meta = json.loads(file.metadata()["bench"])
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            if meta["key"] != key:
                raise ValueError("it was made for other parameters or data")
            if meta["checksum"] != checksum(arrays):
                raise ValueError("its checksum does not agree")
            history = [tuple(row) for row in meta["history"]]
            return Fit(
                arrays,
                meta["seconds"],
                meta["device"],
                history,
                meta["about"],
                meta.get("fitted_by", {}),
            )
        except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
            reason = " ".join(str(error).split())
            self._warn(f"{path} cannot be used ({reason}): it is trained anew")
            return None

    def put(self, key: str, fit: Fit) -> None:
        """Keep a model, or the state of its unfinished fit.

        Raises:
            StorageError: the cache cannot be written.
        """
        from safetensors.numpy import save_file

        arrays = {name: np.asarray(array, order="C") for name, array in fit.arrays.items()}
        meta = {
            "key": key,
            "checksum": checksum(arrays),
            "about": fit.about,
            "fitted_by": fit.fitted_by,
            "seconds": fit.seconds,
            "device": fit.device,
            "history": fit.history,
        }
        self.check()
        commit(self._path(key), lambda path: save_file(arrays, path, {"bench": json.dumps(meta)}))

    def remove(self, key: str) -> None:
        """Remove a model, or the state of its unfinished fit."""
        with contextlib.suppress(OSError):
            self._path(key).unlink()

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.safetensors"


def checksum(arrays: Mapping[str, Any]) -> str:
    """Hex digest of arrays by name: their types, shapes and bytes."""
    state = hashlib.blake2b(digest_size=16)
    for name in sorted(arrays):
        array = np.asarray(arrays[name], order="C")
        state.update(f"{name} {array.dtype} {array.shape};".encode())
        state.update(array.tobytes())
    return state.hexdigest()


def cache_folder() -> Path:
    """`$BENCH_CACHE_DIR`, else the user's cache folder."""
    if os.environ.get("BENCH_CACHE_DIR"):
        return Path(os.environ["BENCH_CACHE_DIR"]).expanduser()
    import platformdirs

    return platformdirs.user_cache_path("denoise-bench")
