"""A method that fails in the way that it is told to."""

import ctypes
import os
import time
from pathlib import Path

import numpy as np

from bench import method


@method()
def trouble(noisy, *, kind="fine", index=0, seconds=0.0):
    """Fail as `kind` says; `fine`, take some `seconds` and smooth a little."""
    if kind == "raises":
        raise ValueError("as it was told to")
    if kind == "exits":
        os._exit(5)
    if kind == "crashes":
        print("about to read where nothing is", flush=True)
        ctypes.string_at(0)
    if kind == "hangs":
        time.sleep(1e6)
    if kind == "eats":
        kept = [np.ones(2**24) for _ in range(16)]  # 2 GiB
        time.sleep(1e6)
        return kept
    if kind == "twice" and Path("marker").is_file():
        Path("marker").unlink()
        os._exit(1)
    time.sleep(seconds)
    return noisy * (1 - index / 100)
