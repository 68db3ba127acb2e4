"""Networks of metrics that look through one: their weights, and where these lie."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from bench import Unsupported

Network = TypeVar("Network")
#: Files that were sought in vain, with the reason: a network that is not to be had is sought once.
_MISSING: dict[Path, str] = {}


def with_weights(make: Callable[[], Network], weights: Any) -> Network:
    """A network that its library makes with torchvision's weights, for measuring.

    Torch's random state stays as it was.

    Args:
        make: makes it; it downloads the weights if they are not there.
        weights: of torchvision, as `AlexNet_Weights.IMAGENET1K_V1`.

    Raises:
        Unsupported: they are not there and cannot be downloaded, or the file is damaged.
    """
    import torch

    file = Path(torch.hub.get_dir()) / "checkpoints" / weights.url.rpartition("/")[2]
    if file in _MISSING and not file.exists():
        raise Unsupported(_MISSING[file])
    try:
        with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the libraries', about themselves
            network: Any = make()
    except OSError as error:
        _MISSING[file] = f"its weights cannot be downloaded ({error}): put {weights.url} at {file}"
        raise Unsupported(_MISSING[file]) from error
    except (RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
        reason = " ".join(str(error).split())[:200]
        raise Unsupported(
            f"its weights cannot be read ({reason}): put {weights.url} at {file}"
        ) from error
    return network.eval().requires_grad_(False)
