"""Each pool's workers are its own: others of the same process neither see nor end them."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pandas as pd
import psutil
import pytest

import bench
from bench import datasets
from bench.core import Cell
from bench.evaluation.data_source import DataSource
from bench.execution import pools, supervisor
from bench.execution.process import Limits, Stopped
from bench.execution.scorer import Scorer
from bench.execution.supervisor import Children, Setup, WorkerError
from bench.noises import make_noise
from bench.plugins import sources

SWEEP = {"dataset": "digits", "limit": 3, "tune": False}


class Held:
    """A listener that holds its run at the first record until `released` is set."""

    def __init__(self):
        self.reached, self.released = threading.Event(), threading.Event()

    def started(self, run, overview):
        pass

    def progress(self, running):
        pass

    def warned(self, text):
        raise AssertionError(text)

    def recorded(self, record):
        self.reached.set()
        assert self.released.wait(120)


def worker_processes():
    """Process ids of the live children of this process that work on cells."""
    return {
        child.pid
        for child in psutil.Process().children()
        if child.status() != psutil.STATUS_ZOMBIE and "bench.execution.worker" in child.cmdline()
    }


def test_two_runs_at_once_in_one_process_are_both_whole(tmp_path):
    """One ends while the other is at its first of eight cells."""
    noise = [0.05, 0.1, 0.2, 0.3]
    settings = {**SWEEP, "methods": ["identity", "gaussian"], "noise": noise}
    alone = bench.run(out=tmp_path / "alone", **settings)
    listener = Held()
    with ThreadPoolExecutor(2) as threads:
        long = threads.submit(
            bench.run, out=tmp_path / "long", jobs=2, listener=listener, **settings
        )
        try:
            assert listener.reached.wait(120)
            short = threads.submit(
                bench.run, out=tmp_path / "short", jobs=2, methods="identity", noise=0.1, **SWEEP
            ).result(120)
        finally:
            listener.released.set()
        long = long.result(120)
    assert list(short.cells()["status"]) == ["done"]
    assert list(long.cells()["status"]) == ["done"] * 8
    pd.testing.assert_frame_equal(long.records(), alone.records())
    assert not worker_processes()


@pytest.fixture
def setup():
    """What a worker is told that has digits and the identity."""
    return Setup(
        source=DataSource("digits"), training_fingerprint="", plugins=(),
        fingerprint=datasets.load("digits", Path()).fingerprint, methods=("identity",), cache="",
        fresh=None, device="cpu", threads=1, scorer=Scorer(("psnr",)),
    )  # fmt: skip


def identity_cell(setup):
    source = sources.load("identity").source
    return Cell(
        "digits", setup.fingerprint, "identity", "{}", "{}", source, None,
        make_noise("gaussian", 0.1), None, "{}", limit=2, tune=0, quantize=False,
    )  # fmt: skip


def test_a_dask_workers_child_outlives_tasks_and_the_local_pools_of_its_process(setup, monkeypatch):
    children = Children()
    monkeypatch.setattr(pools, "_TASK_CHILDREN", children)
    cell = identity_cell(setup)
    try:
        assert pools.Task(setup, Limits()).run(cell).status == "done"
        warm = worker_processes()
        assert len(warm) == 1
        with pools.LocalPool(setup, Limits(), 1) as pool:
            assert [record.status for record in pool.records([cell])] == ["done"]
            assert len(worker_processes() - warm) == 1
        assert worker_processes() == warm
        # Each task arrives as a new object; equal ones find the same child, others another.
        assert pools.Task(replace(setup), Limits()).run(cell).status == "done"
        assert worker_processes() == warm
        assert pools.Task(setup, Limits(timeout=300)).run(cell).status == "done"
        assert len(worker_processes()) == 1
        assert worker_processes() != warm
    finally:
        children.close()


def test_a_worker_is_held_to_the_code_that_the_run_was_planned_for(setup):
    cell, children = identity_cell(setup), Children()
    try:
        with pytest.raises(WorkerError, match="other code of identity than the run"):
            children.run(setup, Limits(), replace(cell, source="0" * 16))
        with pytest.raises(WorkerError, match="other code of bench itself than the"):
            children.run(replace(setup, code="0" * 16), Limits(), cell)
    finally:
        children.close()
    assert not worker_processes()


def test_a_worker_that_has_grown_takes_no_other_methods_cell(setup, monkeypatch):
    setup = replace(setup, methods=("identity", "median"))
    first, children = identity_cell(setup), Children()
    other = replace(first, method="median", source=sources.load("median").source)
    seen = []
    try:
        for allowed in (2**40, -(2**40)):
            monkeypatch.setattr(supervisor, "_GROWN", allowed)
            for cell in (first, first, other):
                assert children.run(setup, Limits(memory=2**40), cell).status == "done"
                seen += worker_processes()
    finally:
        children.close()
    assert len(set(seen[:3])) == 1
    assert seen[2] != seen[3] == seen[4] != seen[5]


def test_a_start_that_breaks_a_limit_ends_the_sweep(setup):
    with (
        pools.LocalPool(setup, Limits(memory=2**20), 1) as pool,
        pytest.raises(WorkerError, match=r"a worker cannot start: .* \(--memory-limit\)"),
    ):
        list(pool.records([identity_cell(setup)]))


def test_children_that_were_closed_take_no_cell(setup):
    children = Children()
    children.close()
    with pytest.raises(Stopped):
        children.run(setup, Limits(), identity_cell(setup))
    assert not worker_processes()
