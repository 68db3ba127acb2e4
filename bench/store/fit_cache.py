"""The cache of fitted models: safetensors files, so that nothing is ever unpickled."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pydantic

from bench.core import Fit, StorageError, cache_folder
from bench.store.files import commit, opened, read_bytes, readable, remove_unfinished
from bench.store.json_model import Count, JsonModel, Parameters, Seconds, misfit

#: Seconds after which an unfinished file is a killed process's; none takes so long to write.
_LEFT = 24 * 3600.0
#: Bytes of a file's head: history and parameters, of tens of thousands of epochs.
_HEAD = 2**26


class FitMeta(JsonModel):
    """What a model's file says of it, see `bench.core.Fit`; defaults are what early files lack.

    Attributes:
        key: the `fit_key` that it was put under.
        checksum: of its arrays.
        session: that made it.
    """

    key: str
    checksum: str
    about: Parameters
    fitted_by: Parameters = pydantic.Field(default_factory=dict)
    seconds: Seconds
    device: str
    history: list[tuple[Count, str, str, float]]
    session: str = ""


class FitCache:
    """Fitted models by `fit_key`, shared by all runs; each a safetensors file.

    A file's metadata holds what the model was fitted for, the time and the device of the fit,
    its loss history, and a checksum of the arrays. The state of an unfinished fit is a file of
    the same form.

    Args:
        fresh: a session's name: models that others made are not looked at. Times would not tell:
            the clocks of machines that share a cache may differ.
        warn: called with a line for each file that cannot be used.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        fresh: str | None = None,
        warn: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.folder = folder or cache_folder() / "fits"
        self._fresh, self._warn = fresh, warn

    def check(self) -> None:
        """Make sure that models can be kept, before hours are spent on fitting them.

        Raises:
            StorageError: they cannot.
        """
        self._make_folder()
        remove_unfinished(self.folder, _LEFT)

    def _make_folder(self) -> None:
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
        """Whether there is such a model; of a fresh session it looks at the file's head, too."""
        path = self._path(key)
        try:
            if self._fresh is None:
                return path.exists()
            with readable(path), opened(path) as file:
                return _meta(file).session == self._fresh
        except (OSError, StorageError):
            return False

    def get(self, key: str) -> Fit | None:
        """The model, if it is there, whole and the one that was put there; else it warns."""
        from safetensors.numpy import load

        path = self._path(key)
        if not self.has(key):
            return None
        try:
            with readable(path, remedy=""):
                data = read_bytes(path, largest=sys.maxsize)  # nothing in it is packed
                meta = _meta(io.BytesIO(data))
                arrays = load(data)
                if meta.key != key:
                    raise ValueError("it was made for other parameters or data")
                if meta.checksum != checksum(arrays):
                    raise ValueError("its checksum does not agree")
        except StorageError as error:
            self._warn(f"{error}: it is trained anew")
            return None
        with contextlib.suppress(OSError):  # that it was used, whatever the file system notes
            os.utime(path)
        return Fit(arrays, meta.seconds, meta.device, meta.history, meta.about, meta.fitted_by)

    def descriptions(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Of every file its key, and what it was made for; what cannot be read is left out."""
        for path in sorted(self.folder.glob("*.safetensors")):
            meta = None
            with contextlib.suppress(OSError, StorageError), readable(path), opened(path) as file:
                meta = _meta(file)
            if meta is not None and meta.key == path.stem:
                yield meta.key, meta.about

    def put(self, key: str, fit: Fit) -> None:
        """Keep a model, or the state of its unfinished fit.

        Raises:
            StorageError: the cache cannot be written.
        """
        from safetensors.numpy import save

        arrays = {name: np.asarray(array, order="C") for name, array in fit.arrays.items()}
        meta = {
            "key": key,
            "checksum": checksum(arrays),
            "about": fit.about,
            "fitted_by": fit.fitted_by,
            "seconds": fit.seconds,
            "device": fit.device,
            "history": fit.history,
            "session": self._fresh or "",
        }
        self._make_folder()
        commit(self._path(key), save(arrays, {"bench": json.dumps(meta)}))

    def remove(self, key: str) -> None:
        """Remove a model, or the state of its unfinished fit."""
        with contextlib.suppress(OSError):
            self._path(key).unlink()

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.safetensors"


def _meta(file: BinaryIO) -> FitMeta:
    """What a model's file says of it; raises `ValueError`, and what JSON does."""
    size = int.from_bytes(file.read(8), "little")
    if size > _HEAD:
        raise ValueError("its head is too large")
    try:
        return FitMeta.model_validate_json(json.loads(file.read(size))["__metadata__"]["bench"])
    except pydantic.ValidationError as error:
        raise ValueError(misfit(error)) from None


def checksum(arrays: Mapping[str, Any]) -> str:
    """Hex digest of arrays by name: their types, shapes and bytes."""
    state = hashlib.blake2b(digest_size=16)
    for name in sorted(arrays):
        array = np.asarray(arrays[name], order="C")
        state.update(f"{name} {array.dtype} {array.shape};".encode())
        state.update(array.tobytes())
    return state.hexdigest()
