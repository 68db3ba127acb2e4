"""What every plugin is checked with: another process that has loaded the libraries, and no plugin.

To start Python and to load torch takes seconds, as often as there are plugins. One process does so
once, and copies itself for each check.
"""

import json
import signal
import subprocess
import sys

import pytest

from bench.testing import child

#: Waits for a task, and works on it in a copy of itself.
TEMPLATE = """
import io, json, os, signal, sys, traceback
import scipy.ndimage, scipy.signal, skimage.metrics, skimage.restoration, torch
from bench.testing import child

for line in sys.stdin:
    request = json.loads(line)
    if (copy := os.fork()) == 0:
        signal.setitimer(signal.ITIMER_REAL, request["patience"])  # ends the copy
        os.dup2(os.open(request["printed"], os.O_WRONLY | os.O_CREAT), 2)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.chdir(request["folder"])
        sys.stdin = io.StringIO(request["task"])
        code = 1
        try:
            child.main()
            code = 0
        except BaseException:
            traceback.print_exc()
            sys.stderr.flush()
        finally:
            os._exit(code)
    print(os.waitstatus_to_exitcode(os.waitpid(copy, 0)[1]), flush=True)
"""


@pytest.fixture(scope="session")
def template():
    with subprocess.Popen(
        [sys.executable, "-P", "-c", TEMPLATE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        process.stdin.close()


@pytest.fixture(autouse=True)
def _copies(template, monkeypatch, tmp_path):
    """Another process is a copy of the template."""

    def run(task, printed):
        request = {
            "task": json.dumps(task),
            "printed": str(printed),
            "folder": str(tmp_path),
            "patience": child.PATIENCE,
        }
        print(json.dumps(request), file=template.stdin, flush=True)
        code = int(template.stdout.readline())
        if code == -signal.SIGALRM:
            raise subprocess.TimeoutExpired("a copy", child.PATIENCE)
        return code

    monkeypatch.setattr(child, "_run", run)
