"""Which cells are begun when, by which workers, with how many threads."""

import time
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from bench.execution import cores, pools
from bench.execution.schedule import Schedule
from bench.execution.supervisor import WorkerError
from bench.planning.settings import Settings


@pytest.mark.parametrize(
    ("settings", "cells", "jobs", "threads"),
    [
        ({"jobs": 0}, 9, 0, 8),
        ({"jobs": 1}, 9, 1, 8),
        ({"jobs": 3}, 9, 3, 2),
        ({"jobs": 16}, 9, 16, 1),
        ({"jobs": 3, "threads": 5}, 9, 3, 5),
        ({"dask": "local:4"}, 9, 0, 2),
        ({"dask": "tcp://10.0.0.5:8786"}, 9, 0, 1),
        ({"jobs": "auto"}, 9, 8, 1),
        ({"jobs": "auto"}, 3, 3, 2),
        ({"jobs": "auto"}, 1, 1, 8),
        ({"jobs": "auto", "threads": 4}, 9, 2, 4),
        ({"jobs": "auto", "threads": 16}, 9, 1, 16),
    ],
)
def test_cells_share_the_cores(monkeypatch, settings, cells, jobs, threads):
    monkeypatch.setattr(cores, "usable_cpus", lambda: 8)
    shares = cores.shares(Settings(**settings), range(cells))
    assert (shares.jobs, shares.threads) == (jobs, threads)


def test_no_more_workers_are_chosen_than_fit_the_memory(monkeypatch):
    memory = type("Memory", (), {"available": 3 * 2**30})
    monkeypatch.setattr(cores, "usable_cpus", lambda: 8)
    monkeypatch.setattr("psutil.virtual_memory", lambda: memory)
    assert cores.shares(Settings(jobs="auto"), range(9)).jobs == 3
    photograph = 3 * 3000 * 4000
    assert cores.shares(Settings(jobs="auto"), range(9), photograph).jobs == 1
    monkeypatch.setattr(memory, "available", 0)
    assert cores.shares(Settings(jobs="auto"), range(9)).jobs == 1


@pytest.mark.parametrize(
    ("recipe", "uses_torch", "chosen", "taken"),
    [
        ('{"threads":4}', True, True, 4),
        ('{"threads":40}', True, True, 8),
        ('{"epochs":4}', True, True, 1),
        ('{"threads":4}', True, False, 1),
        (None, False, True, 1),
    ],
)
def test_a_training_in_several_threads_counts_as_several_cells(recipe, uses_torch, chosen, taken):
    cell = type("Cell", (), {"recipe": recipe})
    assert cores.Shares(8, 1, chosen).taken_by(cell, uses_torch) == taken


@dataclass(unsafe_hash=True)
class Cell:
    name: str
    fit_key: str


class Noting:
    """A task that notes what is begun, and what runs beside what."""

    def __init__(self):
        self.begun, self.running, self.beside = [], [], []

    def run(self, cell):
        self.begun.append(cell.name)
        self.running.append(cell)
        self.beside.append([other.fit_key for other in self.running])
        time.sleep(0.01)
        self.running.remove(cell)
        return type("Record", (), {"cell": cell, "status": "failed"})


def scheduled(**options):
    """Six cells of the two models a and b on an executor of four threads."""
    cells, task = [Cell(f"{key}{number}", key) for number in range(3) for key in "ab"], Noting()
    with ThreadPoolExecutor(4) as executor:
        records = list(pools.Pool(task.run, executor, 4).records(cells, **options))
    assert sorted(record.cell.name for record in records) == sorted(cell.name for cell in cells)
    return task


def test_cells_wait_for_the_one_that_fits_their_model():
    task = scheduled(learns=lambda cell: True)
    assert all(len(set(keys)) == len(keys) for keys in task.beside)
    assert [name for name in task.begun if name[0] == "a"] == ["a0", "a1", "a2"]


def test_one_gpu_works_on_one_cell_at_a_time():
    task = scheduled(uses_gpu=lambda cell: cell.fit_key == "b")
    assert max(keys.count("b") for keys in task.beside) == 1
    assert max(len(keys) for keys in task.beside) > 1


def test_a_lost_engine_ends_the_sweep():
    class Lost(Executor):
        def submit(self, *_):
            future = Future()
            future.cancel()
            future.set_running_or_notify_cancel()
            return future

    pool = pools.Pool(Noting().run, Lost(), 1)
    with pytest.raises(WorkerError, match="the same command goes on from there"):
        list(pool.records([Cell("a", "a")]))


class Where:
    """A task that says which of Dask's workers it runs on."""

    def run(self, cell):
        from distributed import get_worker

        return type("Record", (), {"cell": cell, "status": "failed", "name": get_worker().name})


def test_on_dask_cells_that_need_a_gpu_go_to_workers_that_have_one():
    distributed = pytest.importorskip("distributed", reason="Dask is not installed")
    with distributed.SpecCluster(
        scheduler={"cls": distributed.Scheduler, "options": {"dashboard": False, "port": 0}},
        workers={
            "plain": {"cls": distributed.Worker, "options": {"nthreads": 1}},
            "gpu": {
                "cls": distributed.Worker,
                "options": {"nthreads": 1, "resources": {"GPU": 1}},
            },
        },
        silence_logs=50,
    ) as cluster:
        cells = [Cell(f"{key}{number}", key) for number in range(6) for key in ("cpu", "gpu")]
        with pools.DaskPool(Where().run, cluster.scheduler_address) as pool:
            records = list(pool.records(cells, uses_gpu=lambda cell: cell.fit_key == "gpu"))
    assert len(records) == len(cells)
    assert {r.name for r in records if r.cell.fit_key == "gpu"} == {"gpu"}
    assert "plain" in {r.name for r in records if r.cell.fit_key == "cpu"}


def test_cells_that_cannot_begin_keep_their_order():
    cells = [Cell(name, name[0]) for name in ("a0", "a1", "b0", "a2", "c0")]
    schedule = Schedule(cells, learns=lambda cell: True, uses_gpu=lambda cell: False)

    def take(running):
        return [cell.name for cell in schedule.take(running, 3, 1, gpu_capacity=1)]

    assert take([]) == ["a0", "b0", "c0"]
    assert take(cells[:1]) == []  # a1 and a2 wait for the model of a0
    schedule.recorded(cells[0], type("Record", (), {"status": "done"}))
    schedule.put_back(cells[2])  # whose worker was lost
    assert take([]) == ["b0", "a1", "a2"]
    assert not schedule


def test_a_cell_that_takes_several_shares_is_not_crowded():
    cells = [Cell(name, name) for name in ("a", "b", "wide", "c", "d")]
    schedule = Schedule(
        cells,
        learns=lambda cell: False,
        uses_gpu=lambda cell: False,
        counts_as=lambda cell: 3 if cell.name == "wide" else 1,
    )

    def take(running):
        return [cell.name for cell in schedule.take(running, 4, 2, gpu_capacity=1)]

    assert take([]) == ["a", "b", "c", "d"]  # with a and b it would be five shares of four
    assert take(cells[:2]) == []
    assert take(cells[:1]) == ["wide"]
    schedule.put_back(cells[0])
    assert take([cells[2], cells[3]]) == []  # nothing waits beside it either
    assert take([cells[2]]) == ["a"]


def test_a_cell_is_failed_when_three_workers_were_lost_with_it():
    begun = []

    def lose(cell):
        begun.append(cell.name)
        raise OSError(f"the worker of {cell.name} is gone")

    with ThreadPoolExecutor(1) as executor:
        (record,) = pools.Pool(lose, executor, 1).records([Cell("a0", "a")])
    assert begun == ["a0"] * 3
    assert (record.status, record.reason) == (
        "failed",
        "its worker was lost 3 times: OSError: the worker of a0 is gone",
    )


def test_an_answer_for_another_cell_is_none():
    def confuse(cell):
        other = Cell("b", "b") if cell.name == "a" else cell
        return type("Record", (), {"cell": other, "status": "done"})

    with ThreadPoolExecutor(1) as executor:
        cells = [Cell("a", "a"), Cell("c", "c")]
        records = list(pools.Pool(confuse, executor, 1).records(cells))
    assert [record.cell for record in records] == cells
    assert [record.status for record in records] == ["failed", "done"]
    assert records[0].reason == "its worker answered for another cell"


def test_on_one_gpu_cells_that_may_be_fitted_along_are_told_of():
    cells = [Cell(name, name) for name in ("a0", "a1", "b0", "a2")]
    for cell in cells:
        cell.method, cell.training_group = "vae", cell.name[0]
    told = {}

    def run(cell, *waiting):
        told[cell.name] = [other.name for other in waiting]
        return type("Record", (), {"cell": cell, "status": "done"})

    def begin(gpu):
        told.clear()
        with ThreadPoolExecutor(1) as executor:
            pool = pools.Pool(run, executor, 1, gpu=(executor, 2) if gpu == "two" else None)
            list(pool.records(cells, learns=lambda cell: True, uses_gpu=lambda cell: bool(gpu)))
        return told

    assert begin("one") == {"a0": ["a1", "a2"], "a1": ["a2"], "b0": [], "a2": []}
    assert not any(begin("two").values())
    assert not any(begin("").values())
