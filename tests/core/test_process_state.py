"""What a method changes in its process is set back, and does not change what others give."""

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import bench
from bench.core.process_state import CannotSetBack, set_back

HEADER = """import gc, locale, os, random, resource, signal, socket, sys, threading, warnings
import numpy as np
import torch
from bench import method

"""
#: What is changed -> how.
CHANGES = {
    "working folder": "os.chdir('/')",
    "environment": "os.environ['OMP_NUM_THREADS'] = '7'; os.environ.pop('HOME', None)",
    "file mode mask": "os.umask(0o777)",
    "signal handlers": "signal.signal(signal.SIGTERM, signal.SIG_IGN)",
    "a timer": "signal.setitimer(signal.ITIMER_REAL, 1000)",
    "blocked signals": "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])",
    "limits of the process": "resource.setrlimit(resource.RLIMIT_NOFILE, (99, "
    "resource.getrlimit(resource.RLIMIT_NOFILE)[1]))",
    "cores": "os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})",
    "locale": "locale.setlocale(locale.LC_ALL, 'C')",
    "search path": "sys.path.insert(0, '/')",
    "warning filters": "warnings.simplefilter('ignore')",
    "warnings are shown": "warnings.showwarning = print",
    "sys.stdout": "sys.stdout = sys.__stderr__",
    "sys.excepthook": "sys.excepthook = print",
    "threading.excepthook": "threading.excepthook = print",
    "recursion limit": "sys.setrecursionlimit(20_000)",
    "switch interval": "sys.setswitchinterval(0.5)",
    "gc.disable": "gc.disable()",
    "gc.set_threshold": "gc.set_threshold(1)",
    "sockets": "socket.setdefaulttimeout(0.001)",
    "np.seterr)": "np.seterr(all='raise')",
    "np.seterrcall": "np.seterrcall(print)",
    "np.setbufsize": "np.setbufsize(1600)",
    "torch.set_grad_enabled": "torch.set_grad_enabled(False)",
    "torch.set_default_dtype": "torch.set_default_dtype(torch.float64)",
    "torch.set_default_device": "torch.set_default_device('meta')",
    "torch.set_num_threads": "torch.set_num_threads(torch.get_num_threads() + 1)",
    "torch.use_deterministic_algorithms": "torch.use_deterministic_algorithms(True)",
    "torch.set_float32_matmul_precision": "torch.set_float32_matmul_precision('medium')",
    "torch.backends.cudnn": "torch.backends.cudnn.benchmark = True",
    "torch.autograd.set_detect_anomaly": "torch.autograd.set_detect_anomaly(True)",
    "torch.set_autocast_enabled": "torch.set_autocast_enabled('cpu', True)",
    "torch.set_flush_denormal": "torch.set_flush_denormal(True)",
}


@pytest.mark.parametrize("what", CHANGES)
def test_what_a_block_changes_is_named_and_set_back(what):
    scope = {}
    exec(HEADER, scope)
    with set_back() as changed:
        exec(CHANGES[what], scope)
    assert any(what in name for name in changed)
    with set_back() as changed:
        pass
    assert changed == []


def test_random_numbers_go_on_as_if_the_block_had_drawn_none():
    np.random.seed(1)
    torch.manual_seed(1)
    expected = np.random.uniform(), float(torch.rand(()))
    np.random.seed(1)
    torch.manual_seed(1)
    with set_back() as changed:
        np.random.uniform(size=100)
        torch.rand(100)
    assert changed == []
    assert (np.random.uniform(), float(torch.rand(()))) == expected


def test_what_cannot_be_set_back_is_an_error_that_names_it():
    mode = torch.inference_mode()
    try:
        said = "it changed torch's inference mode, which cannot be set back"
        with pytest.raises(CannotSetBack, match=said), set_back():
            mode.__enter__()
        with pytest.raises(KeyError), set_back():
            raise KeyError
    finally:
        mode.__exit__(None, None, None)


def test_a_method_that_changes_all_it_can_changes_no_other_method(tmp_path):
    left_out = ("sys.stdout", "file mode mask")  # within its own call it may see what it wants
    lines = [line for what, line in CHANGES.items() if what not in left_out]
    module, call = "\n".join(lines), "".join(f"    {line}\n" for line in lines)
    file = tmp_path / "rude.py"
    file.write_text(f"{HEADER}{module}\n\n@method()\ndef rude(noisy):\n{call}    return noisy\n")
    settings = {
        "dataset": "digits", "noise": 0.3, "limit": 5, "epochs": 1, "preset": "quick",
        "tune": False, "fresh": True,
    }  # fmt: skip
    methods = ["dae", "median"]
    alone = bench.run(methods=methods, out=tmp_path / "alone", **settings)
    handler, folder = signal.getsignal(signal.SIGTERM), Path.cwd()
    beside = bench.run(
        methods=["rude", *methods], plugins=[file], out=tmp_path / "beside", **settings
    )
    assert list(beside.cells()["status"]) == ["done"] * 3
    assert (signal.getsignal(signal.SIGTERM), Path.cwd()) == (handler, folder)
    records = beside.records()
    others = records[records["method"] != "rude"].reset_index(drop=True)
    columns = ["method", "image", "psnr", "ssim"]
    assert others[columns].equals(alone.records()[columns])


def test_threads_that_a_file_sets_as_it_imports_torch_are_named_and_set_back(tmp_path):
    """In a process that has not loaded torch before."""
    file = tmp_path / "five.py"
    file.write_text(
        "import torch\nfrom bench import method\n\ntorch.set_num_threads(5)\n\n"
        "@method()\ndef five(noisy):\n    return noisy\n"
    )
    code = (
        "import sys\nfrom bench.plugins.sources import Registry\n"
        f"method = Registry([{str(file)!r}]).load('five')\n"
        "print(method.changes, sys.modules['torch'].get_num_threads())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "torch's threads (torch.set_num_threads)" in done.stdout
    assert not done.stdout.rstrip().endswith(" 5")
