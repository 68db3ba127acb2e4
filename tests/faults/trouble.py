"""A method that fails in the way that it is told to."""

import contextlib
import ctypes
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import numpy as np

from bench import method
from bench.core import StorageError

kept = []


@method()
def trouble(noisy, noise, *, kind="fine", index=0, seconds=0.0):
    """Fail as `kind` says; `fine`, take some `seconds` and smooth a little."""
    if kind == "raises":
        raise ValueError("as it was told to")
    if kind == "rants":
        raise ValueError("no " * 2**20)
    if kind == "storage":
        raise StorageError("there is no disk")
    if kind == "exits":
        os._exit(5)
    if kind == "crashes":
        print("about to read where nothing is", flush=True)
        ctypes.string_at(0)
    if kind == "talks":
        print("spoken before" * 1000)
    if kind == "hangs":
        time.sleep(1e6)
    if kind == "clings":  # the interpreter's lock is never given back, and there is a child
        subprocess.Popen(["sleep", "1000"])
        re.match("(a+)+$", "a" * 64 + "b")
    if kind == "orphans":  # past Python's hooks for forks: the child holds every pipe
        if ctypes.CDLL(None).fork() == 0:
            time.sleep(1000)
        os.kill(os.getpid(), signal.SIGTERM)
    if kind == "forks":
        os.fork()
    if kind == "writes":  # into any pipe that is open, ours too
        for descriptor in range(3, 20):
            with contextlib.suppress(OSError):
                os.write(descriptor, b"no answer")
    if kind == "prints":
        for _ in range(64):
            print("x" * 2**20)
        print("the last words")
        ctypes.string_at(0)
    if kind == "alters":
        object.__setattr__(noise, "level", 0.3)
    if kind == "leaks" and not kept:
        kept.append(np.ones(2**26))  # 0.5 GiB
    if kind == "needs":
        needed = np.ones(2**26)
        time.sleep(0.5)  # more than once it is looked how much memory there is in use
        del needed
    if kind == "eats":
        kept.extend(np.ones(2**24) for _ in range(16))  # 2 GiB
        time.sleep(1e6)
    if kind == "twice" and Path("marker").is_file():
        Path("marker").unlink()
        os._exit(1)
    time.sleep(seconds)
    return noisy * (1 - index / 100)
