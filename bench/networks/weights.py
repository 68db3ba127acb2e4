"""Tensors from the files that training leaves: safetensors, or PyTorch's without any code."""

from __future__ import annotations

import errno
import pickle
import re
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from bench.core import Unsupported, system_reason

#: What a user types to have the tensors alone, where the file is trusted.
CONVERT = (
    "where you trust it, load it with its own code and save its tensors alone: "
    "safetensors.torch.save_file(model.state_dict(), 'NAME.safetensors')"
)
# Beginnings of files that are something else, and what they are.
_OTHERS = (
    (b"version https://git-lfs", "a pointer of Git LFS, not the file itself: git lfs pull gets it"),
    (b"<", "a web page, not a checkpoint: download it again"),
    (b"\x89HDF", "an HDF5 file, as Keras writes it: export the network to ONNX"),
)


def read_weights(path: Path) -> dict[str, Any]:
    """What a file holds by name: tensors, or dictionaries of such, as training wrote them.

    Args:
        path: of a file of safetensors, or one that `torch.save` wrote.

    Returns:
        On the CPU. None of the file's code has run.

    Raises:
        Unsupported: it is neither, or damaged, or holds code.
    """
    try:
        with path.open("rb") as file:
            start = file.read(64)
        if start[8:9] == b"{":
            from safetensors.torch import load_file  # here: loading a method loads no torch

            return load_file(path)
        for beginning, what in _OTHERS:
            if start.lstrip().startswith(beginning):
                raise Unsupported(f"{path.name} is {what}")
        return _unpickled(path, start)
    except SafetensorError as error:
        raise Unsupported(
            f"{path.name} is no safetensors file, or was cut off or damaged: {_reason(error)}"
        ) from error
    except (OSError, MemoryError) as error:
        reason = system_reason(error) or _reason(error)
        raise Unsupported(f"{path.name} cannot be read: {reason}") from error


def _unpickled(path: Path, start: bytes) -> dict[str, Any]:
    import torch

    broken = Unsupported(f"{path.name} is no checkpoint of PyTorch, or it was cut off or damaged")
    if start.startswith(b"PK") and zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            if any("/code/" in name for name in archive.namelist()):
                raise _holds_code(path, "TorchScript")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of old formats, which it reads all the same
            loaded = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        code = _code(str(error))
        raise (_holds_code(path, code) if code else broken) from error
    except OSError as error:
        if error.errno == errno.EINVAL:  # it looked for a place beyond the file's end
            raise broken from error
        raise
    except MemoryError:
        raise
    except Exception as error:  # whatever bytes that mean nothing make of it
        if "not enough memory" in str(error):
            raise MemoryError from error
        raise broken from error
    if not isinstance(loaded, Mapping):
        raise Unsupported(f"{path.name} holds a {type(loaded).__name__}, not a network's weights")
    return {str(name): value for name, value in loaded.items()}


def _holds_code(path: Path, what: str) -> Unsupported:
    return Unsupported(f"{path.name} holds code ({what}), which is not run: {CONVERT}")


def _code(message: str) -> str:
    """What code a file asks for, as the error of `torch.load` says; empty where it is for none."""
    found = re.search(r"(?:GLOBAL|[Gg]lobal|[Cc]lass|function) ([\w.]+\.[\w.]+)", message)
    return found[1] if found else ""


def _reason(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
