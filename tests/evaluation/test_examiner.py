"""Sealed: a method's process has no clean test images, and gives the same numbers."""

import os
import signal

import numpy as np
import pandas as pd
import pytest

import bench
from bench.core import DataError, UsageError
from bench.evaluation.data_source import DataSource
from bench.evaluation.examiner import Examiner
from bench.execution.scorer import Scorer
from bench.report.content import prose

#: A method that looks for clean images among all objects of its process, and gives back what it
#: finds: arrays of the noisy ones' shape, which these are noisy versions of.
PEEPS = """
import gc
import numpy as np
from bench import method

def arrays(objects):
    for each in objects:
        values = each.values() if type(each) is dict else each if isinstance(each, tuple) else ()
        yield from (value for value in tuple(values) if type(value) is np.ndarray)

@method()
def peeps(noisy):
    for array in arrays(gc.get_objects()) if len(noisy) == 30 else ():
        if array.shape[1:] == noisy.shape[1:] and len(array) >= 30:
            if 0.02 < np.abs(array[:30] - noisy).mean() < 0.15:
                return array[:30].astype(np.float32)
    return noisy
"""
SETTINGS = {"noise": 0.1, "limit": 30, "preset": "quick", "jobs": 1, "timeout": 100.0}


@pytest.fixture
def peeps(tmp_path):
    file = tmp_path / "peeps.py"
    file.write_text(PEEPS)
    return file


def test_a_method_that_looks_for_clean_images_finds_none(peeps, tmp_path):
    psnr = {}
    for sealed in (False, True):
        run = bench.run(
            "digits", methods=["identity", "peeps"], plugins=[peeps], sealed=sealed,
            out=tmp_path / str(sealed), **SETTINGS,
        )  # fmt: skip
        assert list(run.cells()["status"]) == ["done", "done"]
        psnr[sealed] = run.records().groupby("method")["psnr"].mean()
    assert psnr[False]["peeps"] > 80  # or this test would not tell
    assert psnr[True]["peeps"] == psnr[True]["identity"]


def test_sealed_or_not_the_numbers_are_the_same(tmp_path):
    """Scores, samples, calibration and replicates, of all forms of methods."""
    settings = {
        **SETTINGS, "methods": ["nlm[patch=5,distance=4]", "lmmse", "vae", "identity"], "epochs": 1,
        "noise_seeds": "0,1",
    }  # fmt: skip
    plain, sealed = (
        bench.run("digits", sealed=each, out=tmp_path / str(each), **settings)
        for each in (False, True)
    )
    # The last bits of products of matrices differ by how many images a call is given.
    ours, theirs = (run.records().drop(columns="restored") for run in (sealed, plain))
    pd.testing.assert_frame_equal(ours, theirs, rtol=1e-5, atol=1e-9)
    for ours, theirs in zip(sealed.metadata(), plain.metadata(), strict=True):
        assert np.allclose(ours.calibration, theirs.calibration, rtol=1e-4)
        assert ours.chosen == theirs.chosen
    assert ("Sealed:", prose.SEALED) in prose.made(sealed.manifest)
    assert "Sealed:" not in dict(prose.made(plain.manifest))


def test_test_images_are_not_given_away(tmp_path):
    examiner = Examiner(DataSource("digits", folder=tmp_path), Scorer(("psnr",)))
    try:
        (group,) = examiner.dataset.groups("test")
        assert group.images.shape == (1, 1, 28, 28)
        assert not group.images.any()
        assert len(next(examiner.dataset.groups("validation")).images) == 200
        with pytest.raises(DataError, match="test images are not given away"):
            examiner.ask("read", "test")
        os.kill(examiner.ask("process"), signal.SIGKILL)
        with pytest.raises(DataError, match="the process with the clean images ended"):
            examiner.ask("read", "train")
    finally:
        examiner.close()


def test_what_a_cell_left_in_its_process_holds_no_clean_images(tmp_path):
    file = tmp_path / "records.py"
    file.write_text(
        "import gc\nfrom bench import method\nfrom bench.core import Record\n\n@method()\n"
        "def records(noisy):\n"
        "    assert not any(isinstance(o, Record) and o.samples for o in gc.get_objects())\n"
        "    return noisy\n"
    )
    settings = {**SETTINGS, "noise": [0.1, 0.2, 0.3]}
    run = bench.run(
        "digits", methods=["records"], plugins=[file], sealed=True, out=tmp_path, **settings
    )
    assert list(run.cells()["status"]) == ["done"] * 3


@pytest.mark.parametrize(
    "body",
    [
        "os.fork()",
        "[child.kill() for child in psutil.Process().children()]",
        "assert b'' == subprocess.run(['cat'], capture_output=True, check=True).stdout",
    ],
)
def test_what_a_method_does_to_its_processes_leaves_the_exam_alone(tmp_path, body):
    file = tmp_path / "rough.py"
    file.write_text(
        "import os, subprocess\nimport psutil\nfrom bench import method\n\n@method()\n"
        f"def rough(noisy):\n    {body}\n    return noisy\n"
    )
    run = bench.run(
        "digits", methods=["rough", "identity"], plugins=[file], sealed=True, out=tmp_path,
        **{**SETTINGS, "timeout": 30.0},
    )  # fmt: skip
    assert list(run.cells()["status"]) == ["done"] * 2
    psnr = run.records().groupby("method")["psnr"].mean()
    assert psnr["rough"] == psnr["identity"]


def test_it_needs_a_process_for_the_method():
    with pytest.raises(UsageError, match="--sealed needs processes for the methods: give --jobs 1"):
        bench.run("digits", methods="identity", sealed=True)


def test_a_failing_method_fails_as_ever(tmp_path):
    file = tmp_path / "dies.py"
    file.write_text(
        "import os, signal\nfrom bench import method\n\n@method()\n"
        "def dies(noisy, *, how='raises'):\n"
        "    if how == 'raises': raise ValueError('as ever')\n"
        "    if how == 'killed': os.kill(os.getpid(), signal.SIGSEGV)\n    return None\n"
    )
    run = bench.run(
        "digits", methods=["dies", "dies[how=killed]", "dies[how=x]", "identity"], plugins=[file],
        sealed=True, out=tmp_path / "out", **SETTINGS,
    )  # fmt: skip
    cells = run.cells()
    assert list(cells["status"]) == ["failed"] * 3 + ["done"]
    for reason, part in zip(cells["reason"], ("as ever", "SIGSEGV", "NoneType", ""), strict=True):
        assert part in reason
