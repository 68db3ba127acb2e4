"""A method in another process: loaded by its path or name, it denoises what it is given."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.noises import make_noise
from bench.plugins.sources import Registry, Source

if TYPE_CHECKING:
    from bench.core import Array, Noise

#: A method that has not answered for so long, in seconds, hangs.
PATIENCE = 300.0


class NoAnswer(Exception):
    """The other process did not give a result: why."""


def denoise(
    source: Source,
    params: Mapping[str, Any],
    state: Mapping[str, Any],
    noisy: Array,
    noise: Noise,
) -> Array:
    """What the method of that source, with such parameters and state, gives in another process.

    Raises:
        NoAnswer: it fails there, or takes too long.
    """
    with tempfile.TemporaryDirectory() as folder:
        given, result = Path(folder) / "given.npz", Path(folder) / "result.npy"
        printed = Path(folder) / "printed"
        np.savez(given, noisy=noisy, **{f"state.{name}": value for name, value in state.items()})
        task = {
            "plugins": [str(source.path)] if source.path else [],
            "name": source.name,
            "params": dict(params),
            "noise": noise.as_dict(),
            "given": str(given),
            "result": str(result),
        }
        try:
            with printed.open("wb") as file:  # a pipe may be held by what it leaves behind
                done = subprocess.run(
                    # -P: a method's file in this folder hides no module of the same name.
                    [sys.executable, "-P", "-m", "bench.testing.child"],
                    input=json.dumps(task).encode(),
                    stdout=subprocess.DEVNULL,
                    stderr=file,
                    timeout=PATIENCE,
                    check=False,
                )
        except subprocess.TimeoutExpired:
            raise NoAnswer(f"there was no answer within {PATIENCE:g} s") from None
        if done.returncode:
            lines = printed.read_text("utf-8", "replace").strip().splitlines()
            raise NoAnswer((lines or ["it died without a word"])[-1])
        restored: Array = np.load(result)
    return restored


def main() -> None:
    """The other process."""
    task = json.load(sys.stdin)
    method = Registry(task["plugins"]).load(task["name"])
    denoiser = method.create(task["params"])
    with np.load(task["given"]) as arrays:
        given = dict(arrays)
    if method.learns:
        denoiser.load({k.removeprefix("state."): v for k, v in given.items() if k != "noisy"})
    np.save(task["result"], denoiser.denoise(given["noisy"], make_noise(**task["noise"])))


if __name__ == "__main__":
    main()
