"""Libraries compute with the threads that they are given, whenever they are loaded."""

import os
import subprocess
import sys

import torch

from bench.core.threads import THREAD_VARIABLES, limited_threads


def test_a_library_that_is_loaded_within_is_limited_too():
    code = (
        "from bench.core.threads import limited_threads\nwith limited_threads(1):\n"
        "    import torch\n    print(torch.get_num_threads())"
    )
    free = {name: value for name, value in os.environ.items() if name not in THREAD_VARIABLES}
    done = subprocess.run(
        [sys.executable, "-c", code], env=free, check=True, capture_output=True, text=True
    )
    assert done.stdout == "1\n"


def test_afterwards_all_is_as_it_was(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    before = torch.get_num_threads()
    with limited_threads(before + 1):
        assert torch.get_num_threads() == before + 1
        assert os.environ["MKL_NUM_THREADS"] == str(before + 1)
    assert torch.get_num_threads() == before
    assert os.environ["OMP_NUM_THREADS"] == "2"
    assert "MKL_NUM_THREADS" not in os.environ
