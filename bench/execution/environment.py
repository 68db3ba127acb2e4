"""What a run's numbers were measured on: versions, code and hardware."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from bench.core.threads import load_average

_PACKAGES = [
    "denoise-bench",
    "numpy",
    "scipy",
    "scikit-image",
    "scikit-learn",
    "pywavelets",
    "torch",
    "torchvision",
    "pandas",
    "pyarrow",
]


#: Rooms of bench whose code a cell's numbers depend on.
_MEASURING = ("core", "datasets", "evaluation", "metrics", "noises", "plugins", "training")


def code_digest() -> str:
    """Of bench's own code that measures: what another worker must have too, 16 hex digits."""
    bench = Path(__file__).parents[1]
    code = hashlib.blake2b(digest_size=8)
    files = [file for room in _MEASURING for file in (bench / room).rglob("*.py")]
    for file in sorted([*files, bench / "analysis" / "calibration.py"]):
        code.update(str(file.relative_to(bench)).encode() + b"\0" + file.read_bytes())
    return code.hexdigest()


def usable_cpus() -> int:
    """Processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def busy_cores(seconds: float = 0.2) -> float:
    """Cores' worth of time that processes take while this one waits for so many seconds."""
    import psutil

    return psutil.cpu_percent(seconds) / 100 * (os.cpu_count() or 1)


def describe(device: str, plugins: Mapping[str, Path] | None = None) -> dict[str, Any]:
    """Versions, git state and machine, as a manifest holds them.

    Args:
        device: where torch methods compute: "cpu" or "cuda".
        plugins: name -> file of each plugin that is not bench's own.
    """
    return {
        "versions": {"python": platform.python_version(), **_versions()},
        "git": _git(Path(__file__), {}, untracked="normal"),
        "plugins": checkouts(plugins or {}),
        "machine": {
            "os": platform.platform(),
            "cpu": _cpu_name(),
            "cores": usable_cpus(),
            "load": load_average(),
            "memory_bytes": _memory(),
            "gpu": _gpu_name() if device == "cuda" else None,
        },
    }


def checkouts(files: Mapping[str, Path]) -> dict[str, dict[str, Any] | None]:
    """Commit and dirtiness of the checkouts that hold plugins; None where none does.

    Args:
        files: name -> where a plugin's code lies.
    """
    known: dict[Path, dict[str, Any]] = {}
    # What else lies in a team's checkout, such as results, is no part of its plugin.
    return {name: _git(file, known, untracked="no") for name, file in files.items()}


@functools.cache  # read from files, for each run anew; what is loaded stays the same
def _versions() -> dict[str, str]:
    versions = {}
    for name in _PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    return versions


def _git(
    file: Path, checkouts: dict[Path, dict[str, Any]], untracked: str
) -> dict[str, Any] | None:
    """Commit and dirtiness of the checkout that holds a file; None where none does.

    Args:
        file: that must be tracked: a checkout around it may be another's.
        checkouts: folder -> its state, of those that were asked before.
        untracked: whether files that it does not track make it dirty: "normal" or "no".
    """

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", "--no-optional-locks", "-C", str(file.parent), *arguments],
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        ).stdout.strip()

    try:
        git("ls-files", "--error-unmatch", file.name)
        if file.parent not in checkouts:
            changes = git("status", "--porcelain", f"--untracked-files={untracked}")
            checkouts[file.parent] = {"commit": git("rev-parse", "HEAD"), "dirty": bool(changes)}
        return checkouts[file.parent]
    except (OSError, subprocess.SubprocessError):
        return None


def _cpu_name() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def _gpu_name() -> str | None:
    torch = sys.modules.get("torch")
    return torch.cuda.get_device_name() if torch and torch.cuda.is_available() else None
