"""A plugin in another process: loaded by its path or name, it works on what it is given."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.core import Perturbed, Restoration
from bench.datasets import data_folder
from bench.evaluation.data_source import of_plugin
from bench.noises import ImageDraws, make_noise
from bench.plugins.dataset import PluginDataset
from bench.plugins.kinds import KINDS
from bench.plugins.metric import Measure, Metric
from bench.plugins.noise import NoiseKind
from bench.plugins.sources import Registry, Source

if TYPE_CHECKING:
    from bench.core import Array, Noise, Values

#: A plugin that has not answered for so long, in seconds, hangs.
PATIENCE = 300.0
# Names of what `Restoration.perturbed` holds, in a file.
_PERTURBED = tuple(f"perturbed.{name}" for name in Perturbed._fields)


class NoAnswer(Exception):
    """The other process did not give a result: why."""


def denoise(
    source: Source[Any],
    params: Mapping[str, Any],
    state: Mapping[str, Any],
    noisy: Array,
    noise: Noise,
) -> Array:
    """What the method of that source, with such parameters and state, gives in another process.

    Raises:
        NoAnswer: it fails there, or takes too long.
    """
    return _answer(source, params, state, {"noisy": noisy}, noise)


def measure(
    source: Source[Any], params: Mapping[str, Any], state: Mapping[str, Any], images: Restoration
) -> Values:
    """What the metric of that source, with such parameters and state, gives in another process.

    Raises:
        NoAnswer: it fails there, or takes too long.
    """
    arrays = {name: each for name, each in images._asdict().items() if each is not None}
    noise = arrays.pop("noise")
    if images.perturbed:
        arrays |= zip(_PERTURBED, arrays.pop("perturbed"), strict=True)
    return _answer(source, params, state, arrays, noise)


def corrupt(source: Source[Any], noise: Noise, clean: Array, key: str) -> Array:
    """The images with noise of that source drawn for them in another process, by `draws_for`.

    Raises:
        NoAnswer: it fails there, or takes too long.
    """
    return _answer(source, {"key": key}, {}, {"clean": clean}, noise)


def fingerprint(source: Source[Any]) -> str:
    """Of the data set of that source, opened in another process.

    Raises:
        NoAnswer: it fails there, or takes too long.
    """
    return str(_answer(source, {}, {}, {}, None))


def draws_for(clean: Array, key: str) -> ImageDraws:
    """Random numbers for images, the same in every process."""
    return ImageDraws(np.arange(len(clean)), clean.shape[1:], "conformance", key)


def _answer(
    source: Source[Any],
    params: Mapping[str, Any],
    state: Mapping[str, Any],
    arrays: Mapping[str, Any],
    noise: Noise | None,
) -> Array:
    with tempfile.TemporaryDirectory() as folder:
        given, result = Path(folder) / "given.npz", Path(folder) / "result.npy"
        printed = Path(folder) / "printed"
        stored: dict[str, Any] = {f"state.{name}": value for name, value in state.items()}
        np.savez(given, **arrays, **stored)
        task = {
            "plugins": [str(source.path)] if source.path else [],
            "kind": source.kind.name,
            "name": source.name,
            "params": dict(params),
            "noise": noise.as_dict() if noise else {},
            "given": str(given),
            "result": str(result),
        }
        try:
            code = _run(task, printed)
        except subprocess.TimeoutExpired:
            raise NoAnswer(f"there was no answer within {PATIENCE:g} s") from None
        if code:
            lines = printed.read_text("utf-8", "replace").strip().splitlines()
            raise NoAnswer((lines or ["it died without a word"])[-1])
        answer: Array = np.load(result)
    return answer


def _run(task: Mapping[str, Any], printed: Path) -> int:
    """Its exit code; what it says goes into a file, as a pipe may be held by what it leaves."""
    with printed.open("wb") as file:
        done = subprocess.run(
            # -P: a plugin's file in this folder hides no module of the same name.
            [sys.executable, "-P", "-m", "bench.testing.child"],
            input=json.dumps(task).encode(),
            stdout=subprocess.DEVNULL,
            stderr=file,
            timeout=PATIENCE,
            check=False,
        )
    return done.returncode


def main() -> None:
    """The other process."""
    task = json.load(sys.stdin)
    (kind,) = (each for each in KINDS if each.name == task["kind"])
    plugin = Registry(task["plugins"], kind=kind).load(task["name"])
    if isinstance(plugin, PluginDataset):
        np.save(task["result"], of_plugin(plugin, data_folder(), None).fingerprint)
        return
    with np.load(task["given"]) as arrays:
        given = dict(arrays)
    if isinstance(plugin, NoiseKind):
        drawn = plugin.noise(task["noise"]["level"])
        draws = draws_for(given["clean"], task["params"]["key"])
        np.save(task["result"], drawn.corrupt(given["clean"], draws))
        return
    noise = make_noise(**task["noise"])
    state = {k.removeprefix("state."): given.pop(k) for k in list(given) if k.startswith("state.")}
    created = plugin.create(task["params"])
    if plugin.learns:
        (created.learner if isinstance(created, Measure) else created).load(state)
    if isinstance(plugin, Metric):
        perturbed = [given.pop(name) for name in _PERTURBED if name in given]
        whole = Perturbed(perturbed[0], float(perturbed[1]), perturbed[2]) if perturbed else None
        answer = created(
            Restoration(**{"clean": None, "label": None, **given}, noise=noise, perturbed=whole)
        )
    else:
        answer = created.denoise(given["noisy"], noise)
    np.save(task["result"], answer)


if __name__ == "__main__":
    main()
