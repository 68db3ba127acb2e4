"""`bench test` of data sets: what is right passes, and what is broken fails with one line."""

import pytest

from bench.plugins.kinds import DATASETS
from bench.testing import check_dataset, find, outcomes
from bench.testing.checks import showing

RIGHT = '''"""Ramps."""
import os
import numpy as np
from bench import dataset

SPLITS = ("train", "validation", "test")


@dataset(range=(0, 4095), reference="none")
def ramps(split):
    """Ramps of 12 bits, each of another brightness."""
    for number in range(4):
        step = 4 * SPLITS.index(split) + number + 1
        yield np.arange(1024).reshape(32, 32) * 4 // step
'''
DOCUMENTED = '"""Ramps of 12 bits, each of another brightness."""'
LABEL, CLOSED = "{'label':", ("// step\n", "// step}\n")
EDITS = {
    "documented": (f"    {DOCUMENTED}\n", "", '"""Ramps."""\n', ""),
    "reference": ('reference="none"', 'reference=""'),
    "raises": ("yield", "1 / 0\n        yield"),
    "nothing to measure": ("range(4)", 'range(4 if split == "train" else 0)'),
    "shape": (".reshape(32, 32)", ""),
    "nan": ("* 4 // step", "* np.nan"),
    "range": ("(0, 4095)", "(0, 100)"),
    "unstated": ("range=(0, 4095), ", ""),
    "random": ("* 4 // step", "* 4 // step + np.random.randint(0, 2, (32, 32))"),
    "settings": ("step =", "np.seterr(all='ignore')\n        step ="),
    "overlap": ("4 * SPLITS.index(split) + number", "number"),
    "another process": ("// step", "// (step + os.getpid() % 97)"),
    "random labels": ("yield ", f"yield {LABEL} os.urandom(4)[0] * 9, 'clean': ", *CLOSED),
    "labels of a process": ("yield ", f"yield {LABEL} os.getpid(), 'clean': ", *CLOSED),
}
SAID = {
    "documented": "documented: no documentation",
    "reference": "documented: ",
    "raises": "train images: ZeroDivisionError: division by zero (ramps.py, line",
    "nothing to measure": "ramps has no test image",
    "shape": "(1024,)",
    "nan": "NaN or infinite",
    "range": "outside the range 0 to 100",
    "unstated": "state their range",
    "random": "same images twice: ramps, train image 0 (counted from 0): it is another image",
    "settings": "process as it was: giving train images changes",
    "overlap": "splits share no image: validation image 0 is train image 0 once more",
    "another process": "another process has other images",
    "random labels": "same images twice: opened twice it has two fingerprints",
    "labels of a process": "another process has other images or labels",
}


@pytest.fixture
def write(tmp_path):
    def written(code):
        (tmp_path / "ramps.py").write_text(code)
        return tmp_path / "ramps.py"

    return written


def first_failure(path):
    found = outcomes(find(path, DATASETS))
    return next(outcome for outcome in found if outcome.verdict == "failed")


def test_a_right_one_passes(write):
    check_dataset(write(RIGHT))


@pytest.mark.parametrize("name", SAID)
def test_a_broken_one_fails_with_one_line(name, write):
    code, edits = RIGHT, EDITS[name]
    for old, new in zip(edits[::2], edits[1::2], strict=True):
        assert old in code
        code = code.replace(old, new)
    failed = first_failure(write(code))
    assert SAID[name] in f"{failed.check}: {failed.text}"
    assert "\n" not in failed.text


def test_one_that_holds_all_images_fails(write, monkeypatch):
    monkeypatch.setattr(showing, "_SMALL", 2**17)
    many = RIGHT.replace("range(4)", "range(40)").replace("4 * SPLITS", "40 * SPLITS")
    assert all(outcome.verdict != "failed" for outcome in outcomes(find(write(many), DATASETS)))
    code = many.replace("def ramps(", "def images(").replace("@dataset", "#")
    code += "\n\n@dataset(range=(0, 4095), reference='none')\ndef ramps(split):\n"
    code += "    'Ramps.'\n    return list(images(split))\n"
    failed = first_failure(write(code))
    assert failed.check == "reads one by one"
    assert "read each when it is yielded" in failed.text


def test_labels_of_some_images_only_fail(write):
    code = RIGHT.replace("yield ", 'yield {"label": number or None, "clean": ').replace(
        "// step\n", "// step}\n"
    )
    assert first_failure(write(code)).text == "3 of 4 train images have a label: give each one"


def test_the_command_says_the_same(write, bench):
    done = bench("test", "ramps", "--plugin", write(RIGHT))
    assert done.code == 0
    assert "passed  gives images: 4 train, 4 validation, 4 test; 0 to 4095" in done.out
    broken = write(RIGHT.replace("range(4)", "range(0)"))
    done = bench("test", "--plugin", broken)
    assert done.code == 1
    assert "skipped same images twice: not checked before 'gives images' passes" in done.out
