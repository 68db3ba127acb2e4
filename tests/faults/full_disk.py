"""A full disk, met on purpose: one line, its own exit code, and nothing finished lost.

    python tests/faults/full_disk.py        # as root: a tmpfs of 1 MiB; else a limit on file sizes

The sweep is begun where there is too little room, and must end with exit code 6; each cell that
has a result must be whole; and with room made it must go on to an undisturbed run's records.
"""

import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd

import bench

METHODS = "identity,gaussian,median,wavelet,tv"
MAIN = [sys.executable, "-c", "from bench.cli import main; main()"]
# Python ignores SIGXFSZ, so that a file that grows beyond the limit is an error in writing.
ROOM, FILE = 1024, 20_000


def command(out, limited=False):
    arguments = ["--methods", METHODS, "--noise", "0.1,0.3,0.5", "--no-tune", "--limit", "400"]
    return subprocess.run(
        [*MAIN, "run", "--dataset", "digits", *arguments, "--out", str(out), "--name", "run"],
        env={**os.environ, "BENCH_JOBS": "1"},
        preexec_fn=(lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (FILE, FILE)))
        if limited
        else None,
        capture_output=True,
        text=True,
        check=False,
    )


def check(way, out, make_room, limited=False):
    """Begin, be stopped by the disk, make room, go on."""
    stopped = command(out, limited)
    last = stopped.stderr.strip().splitlines()[-1]
    assert stopped.returncode == 6, stopped.stderr
    assert last.startswith("Error: cannot write "), last
    assert "what was computed so far is safe" in last
    assert "Traceback" not in stopped.stderr
    manifest = out / "run" / "manifest.json"
    finished = {}
    if manifest.is_file():
        run = bench.open_run(out / "run")
        finished = {meta.key: meta for meta in run.metadata()}
        for key in finished:
            run.verify(key)
    make_room()
    resumed = command(out)
    assert resumed.returncode == 0, resumed.stderr
    with tempfile.TemporaryDirectory() as undisturbed:
        assert command(undisturbed).returncode == 0
        expected = bench.open_run(Path(undisturbed) / "run").records()
        pd.testing.assert_frame_equal(bench.open_run(out / "run").records(), expected)
    print(f"{way}: {last}\n{len(finished)} cells were finished and whole; with room it went on")


def by_tmpfs(folder):
    """A file system of 1 MiB that is mounted for this."""
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={ROOM}k", "tmpfs", str(folder)], check=False
    )
    if mounted.returncode:
        return False
    try:
        grow = ["mount", "-o", "remount,size=100m", str(folder)]
        check("tmpfs of 1 MiB", folder / "out", lambda: subprocess.run(grow, check=True))
    finally:
        subprocess.run(["umount", str(folder)], check=True)
    return True


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        if os.geteuid() or not by_tmpfs(Path(folder)):
            print("no tmpfs can be mounted here (that takes root)")
    with tempfile.TemporaryDirectory() as folder:
        check(f"files of at most {FILE:,} bytes", Path(folder), lambda: None, limited=True)
