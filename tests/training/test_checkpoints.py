"""Interrupted training goes on to the weights that it would have had."""

import json
import math
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.numpy import load_file, save_file
from torch import nn

import bench
from bench.noises import Gaussian
from bench.store.fit_cache import checksum
from bench.training import Recipe, TrainedMethod

pytestmark = pytest.mark.usefixtures("one_thread")

ROOT = Path(bench.__file__).parent.parent
RNG = np.random.default_rng(0)
TRAIN = RNG.random((30, 1, 6, 5), np.float32)
VALIDATION = RNG.random((7, 1, 6, 5), np.float32)
EPOCHS = 6


class Everything(TrainedMethod):
    """Buffers, dropout, a parameter that is not always used: all that could be forgotten."""

    def network(self, image_shape):
        layers = nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1),
            nn.BatchNorm2d(4),
            nn.Dropout(0.3),
            nn.Conv2d(4, 1, 3, padding=1),
        )
        layers.unused = nn.Parameter(torch.zeros(3))
        return layers

    def loss(self, network, noisy, clean, noise):
        code = torch.randn(1)
        return {"mse": (network(noisy).float() + 0.01 * code - clean).square().sum() / len(clean)}

    def restore(self, network, noisy, noise):
        return network(noisy)


class Memory:
    """Checkpoints that are kept in a list."""

    def __init__(self, known=None):
        self.known, self.saved = known, []

    def load(self):
        return self.known

    def save(self, checkpoint):
        self.saved.append(checkpoint)


class Stop(Exception):
    pass


@pytest.fixture
def every_epoch(monkeypatch):
    """Each epoch is kept, however short it was."""
    monkeypatch.setattr("bench.training.checkpoints._SHARE_OF_TIME", math.inf)


def fit(checkpoints=None, stop_after=None, schedule="one-cycle", **options):
    method = Everything()

    def watch(done, total, loss):
        if done == stop_after:
            raise Stop

    history = method.fit(
        TRAIN,
        Gaussian(0.25),
        3,
        validation=VALIDATION,
        recipe=Recipe(epochs=EPOCHS, batch_size=8, lr=0.02, schedule=schedule),
        watch=watch,
        checkpoints=checkpoints,
        **options,
    )
    return method.state(), history


@pytest.mark.parametrize("lowest", [None, 0.0])
@pytest.mark.parametrize("epoch", range(1, EPOCHS))
@pytest.mark.usefixtures("every_epoch")
def test_interrupted_after_an_epoch_it_gives_the_same_weights_and_history(epoch, lowest):
    expected, history = fit(lowest=lowest)
    before = Memory()
    with pytest.raises(Stop):
        fit(before, stop_after=epoch, lowest=lowest)
    torch.manual_seed(77)  # whatever else happened meanwhile
    after = Memory(before.saved[-1])
    state, again = fit(after, lowest=lowest)
    assert checksum(state) == checksum(expected)
    assert again == history
    # An epoch is kept before the watcher is told of it.
    assert (len(before.saved), len(after.saved)) == (epoch, EPOCHS - epoch)


@pytest.mark.usefixtures("every_epoch")
def test_a_finished_training_has_nothing_left_to_do():
    kept = Memory()
    expected, history = fit(kept)
    state, again = fit(Memory(kept.saved[-1]))
    assert checksum(state) == checksum(expected)
    assert again == history


def train(folder, **options):
    """`bench run` of a VAE in a process of its own."""
    code = "from bench.cli import main; main()"
    command = [sys.executable, "-c", code, "run", "--dataset", "digits", "--noise", "0.3"]
    command += ["--methods", "vae", "--epochs", "30", "--limit", "5", "--out", str(folder)]
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "BENCH_CACHE_DIR": str(folder / "cache"),
        "OMP_NUM_THREADS": "1",
    }
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def unfinished(folder):
    return list((folder / "cache").rglob("*-unfinished.safetensors"))


def test_killed_at_a_random_epoch_and_resumed_the_models_checksum_is_the_undisturbed_ones(tmp_path):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    output, _ = train(whole).communicate(timeout=120)
    delay = random.SystemRandom().uniform(0, 0.8)
    killed = train(cut)
    deadline = time.monotonic() + 120
    while not unfinished(cut):
        assert time.monotonic() < deadline
        time.sleep(0.005)
    time.sleep(delay)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    (left,) = unfinished(cut)
    with safe_open(left, framework="numpy") as file:
        done = int(file.get_tensor("done"))
    assert 1 <= done < 30, f"killed {delay:.2f} s after the first checkpoint"
    output, _ = train(cut).communicate(timeout=120)
    assert "Traceback" not in output
    assert not unfinished(cut)
    expected, resumed = (
        {
            path.name: (checksum(load_file(path)), metadata(path)["history"])
            # What the kill cut short of a checkpoint is hidden, and is cleared away a day later.
            for path in (folder / "cache" / "fits").glob("[!.]*")
        }
        for folder in (whole, cut)
    )
    assert len(expected) == 1
    assert resumed == expected, f"resumed after epoch {done}"


def metadata(path):
    with safe_open(path, framework="numpy") as file:
        return json.loads(file.metadata()["bench"])


def rewrite(path, change):
    """The file with its arrays and metadata changed by hand."""
    arrays, about = load_file(path), metadata(path)
    change(arrays, about)
    save_file(arrays, path, {"bench": json.dumps(about)})


def altered(arrays, about):
    arrays["network.decoder.2.bias"] += 1e-3


def of_another(arrays, about):
    about["key"] = "0" * 16


def of_other_parameters(arrays, about):
    arrays["network.encoder.0.bias"] = arrays["network.encoder.0.bias"][:-1]
    about["checksum"] = checksum(arrays)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-4]), "is damaged ("),
        (lambda path: path.write_bytes(b"\x80\x04K\x01."), "is damaged ("),
        (lambda path: rewrite(path, altered), "its checksum does not agree"),
        (lambda path: rewrite(path, of_another), "it was made for other parameters or data"),
    ],
    ids=["truncated", "pickle", "altered", "of another"],
)
def test_weights_that_are_not_the_ones_asked_for_are_named_and_trained_anew(
    bench, tmp_path, monkeypatch, damage, reason
):
    monkeypatch.setenv("BENCH_CACHE_DIR", str(tmp_path))
    arguments = ("run", "--dataset", "digits", "--noise", "0.3", "--methods", "vae,identity")
    arguments += ("--epochs", "1", "--limit", "5", "--name")
    assert bench(*arguments, "first").code == 0
    (path,) = (tmp_path / "fits").iterdir()
    kept = checksum(load_file(path))
    damage(path)
    result = bench(*arguments, "second")
    assert result.code == 0, result.err
    (note,) = (line for line in result.lines if line.startswith("Note: "))
    assert str(path) in note
    assert reason in note
    assert note.endswith(": it is trained anew")
    assert checksum(load_file(path)) == kept
    assert bench(*arguments, "third").code == 0


def test_weights_of_another_size_fail_their_cell_and_fresh_helps(bench, tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_CACHE_DIR", str(tmp_path))
    arguments = ("run", "--dataset", "digits", "--noise", "0.3", "--methods", "vae,identity")
    arguments += ("--epochs", "1", "--limit", "5", "--name")
    assert bench(*arguments, "first").code == 0
    (path,) = (tmp_path / "fits").iterdir()
    rewrite(path, of_other_parameters)
    result = bench(*arguments, "second")
    assert result.code == 3
    assert "these weights were made for other parameters of the method" in result.out
    assert bench(*arguments, "second", "--fresh").code == 0


def test_a_batch_that_does_not_fit_says_what_was_needed_and_what_to_do():
    class Huge(Everything):
        def loss(self, network, noisy, clean, noise):
            torch.empty(2**50)
            return super().loss(network, noisy, clean, noise)

    recipe = Recipe(epochs=1, batch_size=8)
    with pytest.raises(MemoryError) as caught:
        Huge().fit(TRAIN, Gaussian(0.25), 0, validation=VALIDATION, recipe=recipe)
    assert str(caught.value) == (
        "training with batches of 8 needs more memory than there is (4194304.00 GiB more at once): "
        "try --batch-size 4"
    )
