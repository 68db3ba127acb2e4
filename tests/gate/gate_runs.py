"""What the tests of the gate share: the runs that they check, and readers of what is printed."""

import json
import os
from pathlib import Path

# A method whose code a test can change, and one that learns, a number of which seed.
SHIFT = "from bench import method\n\n\n@method()\ndef shift(noisy):\n    return {}\n"
LEARNED = """\
import numpy as np

from bench import method


@method()
class Learned:
    def fit(self, train, noise, seed):
        self.offset = np.float32([{offset} + 0.001 * seed])

    def denoise(self, noisy, noise):
        return noisy + self.offset

    def state(self):
        return {{"offset": self.offset}}

    def load(self, arrays):
        self.offset = arrays["offset"]
"""
# A metric whose code and declaration a test can change.
NEAR = """\
from bench import metric


@metric(better="{}", unit="{}", reference="none")
def near(clean, restored):
    return {} - abs(clean - restored).mean(axis=(1, 2, 3))
"""
# The brightest of the twenty comes out black, all others as they came.
BLACK = "noisy * (noisy.mean((1, 2, 3), keepdims=True) < 0.347)"
BAD = "from bench import method\n\n\n@method()\ndef bad(noisy):\n    raise ValueError('no idea')\n"
GOOD = "from bench import method\n\n\n@method()\ndef bad(noisy):\n    return noisy\n"
SKIPPING = (
    "from bench import Unsupported, method\n\n\n@method()\ndef bad(noisy):\n"
    "    raise Unsupported('colour only')\n"
)

BOTH = ("--methods", "identity,median")
SHIFTED = ("--methods", "shift")
LEARN = ("--methods", "learned")
FOUR = (*LEARN, "--seeds", "0,1,2,3")
MEASURED = ("--methods", "identity", "--metrics", "psnr,near")
# Run -> its arguments, beyond those of all, and the plugin that it is made with.
RUNS = {
    "a": (BOTH, None),
    "again": (BOTH, None),
    "few": ((*BOTH, "--limit", "5"), None),
    "loud": ((*BOTH, "--noise", "0.5"), None),
    "levels": ((*BOTH, "--noise", "0.3,0.5"), None),
    "rounded": ((*BOTH, "--quantize"), None),
    "quick": ((*BOTH, "--preset", "quick", "--epochs", "2", "--batch-size", "64"), None),
    "one": (("--methods", "identity"), None),
    "other": (("--methods", "median[size=5]"), None),
    "failed": (("--methods", "identity,bad"), ("bad", BAD)),
    "whole": (("--methods", "identity,bad"), ("bad", GOOD)),
    "skipping": (("--methods", "identity,bad"), ("bad", SKIPPING)),
    "single": ((*SHIFTED, "--limit", "1"), ("shift", SHIFT.format("noisy * 1"))),
    "worse-single": ((*SHIFTED, "--limit", "1"), ("shift", SHIFT.format("noisy + 0.5"))),
    "hopeless": (("--methods", "bad"), ("bad", BAD)),
    "former": (SHIFTED, ("shift", SHIFT.format("noisy * 1"))),
    "same": (SHIFTED, ("shift", SHIFT.format("1 * noisy"))),
    "worse": (SHIFTED, ("shift", SHIFT.format("noisy + 0.5"))),
    "worse-few": ((*SHIFTED, "--limit", "12"), ("shift", SHIFT.format("noisy + 0.5"))),
    "black": (SHIFTED, ("shift", SHIFT.format(BLACK))),
    "raising": (SHIFTED, ("shift", SHIFT.format("noisy if raises else raises"))),
    "near": (MEASURED, ("near", NEAR.format("higher", "", 1))),
    "near-code": (MEASURED, ("near", NEAR.format("higher", "", 0.5))),
    "near-unit": (MEASURED, ("near", NEAR.format("higher", "%", 1))),
    "near-lower": (MEASURED, ("near", NEAR.format("lower", "", 1))),
    "near-levels": ((*MEASURED, "--noise", "0.3,0.5"), ("near", NEAR.format("higher", "", 1))),
    "near-code-loud": ((*MEASURED, "--noise", "0.5"), ("near", NEAR.format("higher", "", 0.5))),
    "seed": (LEARN, ("learned", LEARNED.format(offset=0))),
    "worse-seed": (LEARN, ("learned", LEARNED.format(offset=0.2))),
    "seeds": (FOUR, ("learned", LEARNED.format(offset=0))),
    "near-seeds": (FOUR, ("learned", LEARNED.format(offset=0.0001))),
    "worse-seeds": (FOUR, ("learned", LEARNED.format(offset=0.2))),
}


def ended(second):
    return f"2026-05-04T03:02:{second:02}+00:00"


def limits(*entries):
    Path("limits.toml").write_text("".join(f"[[threshold]]\n{entry}\n\n" for entry in entries))
    return "--thresholds", "limits.toml"


HELD = 'method = "identity"\nmetric = "psnr"\nmin = 10'
WORSE = 'method = "identity"\nmetric = "psnr"\nmin = 90'
UNMATCHED = 'method = "medain"\nmetric = "psnr"\nmin = 10'


def annotations(result):
    """The kinds of the workflow commands at the end of what was printed for GitHub."""
    lines = result.out.splitlines()
    commands = [line for line in lines if line.startswith("::")]
    assert lines[len(lines) - len(commands) :] == commands
    assert lines[0].startswith("bench check: ")
    return [line.partition(" ")[0] for line in commands]


def words(result):
    """The first word of each row of a printed table."""
    rows = result.out.split("\n\n")[1].splitlines()
    return [row.split()[0] for row in rows[2:]]


def reasons(result):
    """The last column of a printed table."""
    rows = result.out.split("\n\n")[1].splitlines()
    return [row[rows[0].index("why") :] for row in rows[2:]]


def notes(result):
    _, _, listed = result.out.partition("Notes:\n")
    return listed.splitlines()


def compared(name, age=0):
    """The note that says what was compared with; the first that `take` was given has age 0."""
    return f"- compared with results/{name}, ended {ended(age)}"


def damage(run):
    Path("results", run, "manifest.json").write_text("{")


def damage_a_cell(run):
    next(Path("results", run, "cells").iterdir()).write_bytes(b"nonsense")


def edit_manifest(run, **values):
    path = Path("results", run, "manifest.json")
    age = path.stat().st_mtime
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))
    os.utime(path, (age, age))
