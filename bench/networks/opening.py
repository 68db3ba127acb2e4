"""A file -> its network, kept as long as the file stays what it is."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

from bench.core import Unsupported, UsageError, expanded, system_reason
from bench.networks.downloads import Stamp, file_stamp

if TYPE_CHECKING:
    from bench.networks.network import Network

#: Networks that a process keeps: as many as are compared in turn, and few of a GPU's.
_KEPT = 2


def open_network(file: str, device: str = "cpu") -> Network:
    """The network of a file, on a device; a process reads each file once.

    Args:
        file: its path: ONNX where it ends in `.onnx`, else PyTorch's weights; see `read_weights`.
        device: "cpu" or "cuda".

    Raises:
        Unsupported: there is no such file, or nothing in it that restores images.
    """
    try:
        path = expanded(file).absolute()
        stamp = file_stamp(path)
    except (OSError, ValueError, UsageError) as error:
        raise Unsupported(f"{file}: {system_reason(error) or error}") from error
    if not path.is_file():
        raise Unsupported(f"{file}: it is no file")
    return _opened(path, stamp, device)


@functools.lru_cache(maxsize=_KEPT)
def _opened(path: Path, stamp: Stamp, device: str) -> Network:
    # Here, so that neither library is loaded without need.
    if path.suffix.lower() == ".onnx":
        from bench.networks.onnx_model import OnnxNetwork

        return OnnxNetwork.of_file(path, device)
    from bench.networks.architectures import network_of
    from bench.networks.weights import read_weights

    return network_of(read_weights(path), path.name, device)
