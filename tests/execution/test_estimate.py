"""The time left, held to simulated runs whose end is known."""

import heapq
import itertools
import random
from dataclasses import dataclass, replace

import pytest

import bench
from bench.core import Cell, Progress, Record, TrainNoise
from bench.execution import session
from bench.execution.estimate import Estimate
from bench.noises import make_noise
from bench.store.cell_meta import CellMeta

TEST_IMAGES = 10_000


@dataclass
class Costs:
    """Seconds that the pieces of a method's cells take."""

    denoise: float = 0.5
    tune: float = 0.0
    epochs: int = 0
    epoch: float = 0.0
    said_within_epochs: bool = True


#: About the default methods: four filters, and three networks.
SEVEN = {
    "identity": Costs(0.2),
    "gaussian": Costs(0.3, tune=0.7),
    "median": Costs(0.8, tune=1.5),
    "nlm": Costs(2.0, tune=1.5),
    "dae": Costs(0.5, epochs=30, epoch=1.0),
    "vae": Costs(0.5, epochs=20, epoch=1.5),
    "cvae": Costs(0.7, epochs=20, epoch=1.6),
}


def plan(costs, levels=3, seeds=1, blind=False):
    """The cells of a sweep, noise by noise."""
    cells = []
    for level, (method, cost) in itertools.product(range(1, levels + 1), costs.items()):
        noise = make_noise("gaussian", level / 50)
        for seed in range(seeds) if cost.epochs else [None]:
            on = make_noise("gaussian", levels / 50) if blind else noise
            cells.append(
                Cell(
                    "toy", "f00d", method, "{}", "{}", "c0de",
                    TrainNoise("blind" if blind else "matched", on) if cost.epochs else None,
                    noise, seed, f'{{"epochs":{cost.epochs}}}' if cost.epochs else None,
                    limit=None, tune=1000 if cost.tune else 0, quantize=False,
                )
            )  # fmt: skip
    return cells


def steps(cell, cost, fitted, speed):
    """What a worker tells of a cell, each with the seconds since the step before."""
    yield 0.0, Progress(cell, "start", 0, 0, "")
    if cost.epochs and not fitted:
        yield 0.05, Progress(cell, "fit", 0, 0, "epochs")
        yield 0.2, Progress(cell, "fit", 0, cost.epochs, "epochs")
        parts = max(1, int(cost.epoch / 0.25)) if cost.said_within_epochs else 1
        for part in range(1, cost.epochs * parts + 1):
            yield (
                cost.epoch / parts * speed(),
                Progress(cell, "fit", part / parts, cost.epochs, "epochs"),
            )
    if cost.tune:
        settings = 13
        yield 0.02, Progress(cell, "tune", 0, settings, "settings")
        for setting in range(1, settings + 1):
            yield (
                cost.tune / settings * speed(),
                Progress(cell, "tune", setting, settings, "settings"),
            )
    yield 0.02, Progress(cell, "denoise", 0, TEST_IMAGES, "images")
    batches = 8
    for batch in range(1, batches + 1):
        yield (
            cost.denoise / batches * speed(),
            Progress(cell, "denoise", TEST_IMAGES * batch // batches, TEST_IMAGES, "images"),
        )
    yield 0.0, Record(cell, "done")


def simulate(cells, costs, workers=1, spread=0.1, stall=(0.0, 0.0), seed=0, every=0.5, **known):
    """(time, seconds left as estimated, seconds left in truth), as a listener would see them.

    Args:
        cells: of the run, in order.
        costs: of their methods.
        workers: that work at once.
        spread: of the steps' durations, relative.
        stall: nothing moves from then on, for so many seconds.
        seed: of the durations.
        every: seconds between two looks at the estimate.
        known: from before, as `Estimate` takes it.
    """
    draws = random.Random(seed)
    estimate = Estimate(cells, 0.0, workers, **known)
    waiting, fitted, fitting = list(cells), set(), set()
    events = []  # (time, number, what is told, the cell's further steps)
    numbers = itertools.count()

    def begin(now):
        for index, cell in enumerate(waiting):
            if cell.recipe and cell.fit_key in fitting:
                continue
            del waiting[index]
            if cell.recipe and cell.fit_key not in fitted:
                fitting.add(cell.fit_key)
            further = steps(
                cell, costs[cell.method], cell.fit_key in fitted,
                lambda: draws.uniform(1 - spread, 1 + spread),
            )  # fmt: skip
            push(now, further)
            return

    def push(now, further):
        seconds, told = next(further)
        at = now + seconds
        if now < stall[0] <= at or stall[0] < now < sum(stall):
            at += stall[1] - max(0.0, now - stall[0])
        heapq.heappush(events, (at, next(numbers), told, further))

    for _ in range(workers):
        begin(0.0)
    seen, look, now = [], every, 0.0
    while events:
        at, _, told, further = heapq.heappop(events)
        while look < at:
            seen.append((look, estimate.seconds_left(look)))
            look += every
        now = at
        if isinstance(told, Record):
            estimate.recorded(told, now)
            fitted.add(told.cell.fit_key)
            fitting.discard(told.cell.fit_key)
            begin(now)
        else:
            estimate.progress(told, now)
            push(now, further)
    assert not estimate.running
    assert estimate.seconds_left(now) == 0
    return [(when, left, now - when) for when, left in seen]


def worst_after_a_tenth(seen):
    """The largest relative error from a tenth of the run to its last twentieth."""
    whole = sum(seen[0][::2])
    part = [(left, true) for when, left, true in seen if 0.1 * whole <= when <= 0.95 * whole]
    assert all(left is not None for left, _ in part)
    return max(abs(left - true) / true for left, true in part)


FILTERS = {name: cost for name, cost in SEVEN.items() if not cost.epochs}
NETWORKS = {name: cost for name, cost in SEVEN.items() if cost.epochs}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(
    ("costs", "levels"),
    [(SEVEN, 3), (SEVEN, 7), (FILTERS, 12), (NETWORKS, 3)],
    ids=["seven-3", "seven-7", "filters-12", "networks-3"],
)
def test_after_a_tenth_of_a_run_the_time_left_is_right_within_30_percent(
    costs, levels, workers, seed
):
    seen = simulate(plan(costs, levels), costs, workers, seed=seed)
    assert worst_after_a_tenth(seen) < 0.3


@pytest.mark.parametrize("workers", [1, 2])
def test_models_that_cells_share_are_trained_once(workers):
    cells = plan(SEVEN, blind=True)
    assert worst_after_a_tenth(simulate(cells, SEVEN, workers)) < 0.3


def test_a_training_that_tells_only_whole_epochs_counts_down_between_them():
    costs = {"vae": Costs(0.5, epochs=20, epoch=20.0, said_within_epochs=False)}
    seen = simulate(plan(costs, levels=1), costs, spread=0.0)
    known = [(left, true) for _, left, true in seen if left is not None]
    assert len(known) > 0.9 * len(seen)
    assert all(left == pytest.approx(true, abs=2) for left, true in known)


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("began", [0.01, 12.0, 40.0, 120.0])
def test_while_nothing_moves_the_time_left_grows(workers, began):
    """It stands still for fifteen minutes, in the first cell, in a filter, in a training."""
    seen = simulate(plan(SEVEN), SEVEN, workers, stall=(began, 900.0))
    # A piece may take its time before it is late.
    standing = [left for when, left, _ in seen if began + 60 < when < began + 900]
    if began < 1:
        assert set(standing) == {None}  # nothing is known, and nothing is said
        return
    steps = [later - earlier for earlier, later in itertools.pairwise(standing)]
    assert min(steps) >= 0.5 - 1e-6  # each half second adds at least as much
    before = next(left for when, left, _ in seen if when > began - 1)
    assert standing[-1] > before + 700


def test_beside_other_processes_it_soon_follows():
    """Four times slower from the first tenth on, as in the simulation's second half."""
    quick, slow = {"vae": Costs(0.5, epochs=30, epoch=1.0)}, Costs(2.0, epochs=30, epoch=4.0)
    cells = plan(quick, levels=4)
    estimate, now = Estimate(cells, 0.0), 0.0
    for number, cell in enumerate(cells[:2]):
        cost = slow if number else quick["vae"]
        for seconds, told in steps(cell, cost, fitted=False, speed=lambda: 1.0):
            now += seconds
            if isinstance(told, Record):
                estimate.recorded(told, now)
            else:
                estimate.progress(told, now)
                if number and told.phase == "fit" and told.done == 15:
                    assert estimate.seconds_left(now) > 60 + 2 * 0.9 * (30 + 120) / 2
    assert estimate.seconds_left(now) == pytest.approx(2 * (31 + 122) / 2, rel=0.05)


# -- single pieces -------------------------------------------------------------------------


def fits(cell, done, total=10):
    return Progress(cell, "fit", done, total, "epochs")


def starts(cell):
    return Progress(cell, "start", 0, 0, "")


def test_a_training_that_goes_on_from_a_checkpoint_is_timed_by_what_it_does_itself():
    cells = plan({"vae": Costs(epochs=10, epoch=1.0)}, levels=2)
    estimate = Estimate(cells, 0.0)
    estimate.progress(starts(cells[0]), 0.0)
    estimate.progress(fits(cells[0], 6), 1.0)
    estimate.progress(fits(cells[0], 7), 11.0)
    assert estimate.seconds_left(11.0) == pytest.approx(3 * 10 + 100, rel=0.05)
    estimate.progress(fits(cells[0], 10), 41.0)
    estimate.progress(Progress(cells[0], "denoise", 0, 9, "images"), 41.0)
    estimate.recorded(Record(cells[0], "done"), 41.0)
    assert estimate.seconds_left(41.0) == pytest.approx(100, rel=0.05)


def test_a_model_that_is_there_already_costs_no_training():
    cells = plan({"vae": Costs(epochs=10, epoch=1.0)}, levels=3)
    there = {cells[1].fit_key}
    estimate = Estimate(cells, 0.0, fitted=there.__contains__)
    estimate.progress(starts(cells[0]), 0.0)
    estimate.progress(fits(cells[0], 0), 0.0)
    estimate.progress(fits(cells[0], 10), 100.0)
    estimate.progress(Progress(cells[0], "denoise", 0, 9, "images"), 100.0)
    estimate.progress(Progress(cells[0], "denoise", 9, 9, "images"), 103.0)
    estimate.recorded(Record(cells[0], "done"), 103.0)
    assert estimate.seconds_left(103.0) == pytest.approx(3 + 100 + 3)


def test_the_last_piece_of_work_is_not_shared_by_idle_workers():
    costs = {"dae": Costs(0.0, epochs=30, epoch=1.0)}
    cells = plan(costs, levels=3)
    estimate = Estimate(cells, 0.0, at_once=2)
    for cell in cells[:2]:
        estimate.progress(starts(cell), 0.0)
        estimate.progress(fits(cell, 0, 30), 0.0)
        estimate.progress(fits(cell, 15, 30), 15.0)
    assert estimate.seconds_left(15.0) == pytest.approx(15 + 30)


def test_cells_that_share_a_gpu_are_begun_one_after_the_other():
    costs = {"dae": Costs(0.0, epochs=30, epoch=1.0), "median": Costs(10.0)}
    cells = plan(costs, levels=2)
    estimate = Estimate(cells, 0.0, at_once=2, serial=lambda cell: cell.method == "dae")
    for cell, phase in zip(cells[:2], ("fit", "denoise"), strict=True):
        estimate.progress(starts(cell), 0.0)
        estimate.progress(Progress(cell, phase, 0, 30, ""), 0.0)
    estimate.progress(fits(cells[0], 6, 30), 6.0)
    estimate.progress(Progress(cells[1], "denoise", 18, 30, ""), 6.0)
    a_denoise = 10  # the median's, as long as no other is known
    assert estimate.seconds_left(6.0) == pytest.approx(24 + a_denoise + 30 + a_denoise)


def test_where_nothing_is_told_of_running_cells_the_time_between_results_counts():
    cells = plan(FILTERS, levels=2)
    estimate = Estimate(cells, 0.0)
    assert estimate.seconds_left(1.0) is None
    for number, cell in enumerate(cells[:4]):
        estimate.recorded(Record(cell, "done"), 10.0 * (number + 1))
    assert estimate.seconds_left(40.0) == pytest.approx(40)
    assert estimate.seconds_left(44.0) == pytest.approx(36)
    assert estimate.seconds_left(80.0) == pytest.approx(60)  # as late again, and three more


def test_what_is_skipped_takes_nothing():
    cells = plan(FILTERS, levels=3)
    estimate = Estimate(cells, 0.0)
    for cell in cells[:4]:
        estimate.progress(starts(cell), 0.0)
        estimate.recorded(Record(cell, "skipped", reason="RGB only"), 0.0)
    assert estimate.seconds_left(0.0) == 0


def test_of_very_many_cells_the_work_is_shared_out():
    costs = {f"filter-{number}": Costs(number) for number in range(1, 5)}
    cells = plan(costs, levels=400)
    estimate, now = Estimate(cells, 0.0, at_once=2), 0.0
    for cell in cells[:4]:
        for seconds, told in steps(cell, costs[cell.method], True, lambda: 1.0):
            now += seconds
            fed = estimate.recorded if isinstance(told, Record) else estimate.progress
            fed(told, now)
    assert estimate.seconds_left(now) == pytest.approx(399 * (1 + 2 + 3 + 4) / 2, rel=0.02)


def test_a_cell_that_has_its_result_is_not_running_again():
    cells = plan(FILTERS, levels=1)
    estimate = Estimate(cells, 0.0)
    estimate.progress(starts(cells[0]), 0.0)
    assert estimate.recorded(Record(cells[0], "done"), 1.0)
    assert estimate.progress(starts(cells[0]), 1.0) is None
    assert not estimate.running
    assert not estimate.recorded(Record(cells[0], "done"), 2.0)


def before(cells):
    """What a run knows of its cells that were finished before."""
    by_method = {cell.method: cell for cell in cells}
    for method, cost in SEVEN.items():
        record = Record(by_method[method], "done", images_per_second=TEST_IMAGES / cost.denoise)
        if cost.epochs:
            record.fit_seconds = cost.epochs * cost.epoch
        if cost.tune:
            record.tune_seconds = cost.tune
        yield CellMeta.of(record)


def test_a_run_knows_what_its_cells_took_before():
    cells = plan(SEVEN)
    estimate = Estimate(cells, 0.0, earlier=before(cells), images=TEST_IMAGES)
    whole = 3 * sum(c.denoise + c.tune + c.epochs * c.epoch for c in SEVEN.values())
    assert estimate.seconds_left(0.0) == pytest.approx(whole)
    busy = Estimate(cells, 0.0, earlier=before(cells), images=TEST_IMAGES, slowdown=2.0)
    assert busy.seconds_left(0.0) == pytest.approx(2 * whole)
    others = plan({name: replace(cost, epochs=3) for name, cost in SEVEN.items() if cost.epochs})
    unknown = Estimate(others, 0.0, earlier=before(cells), images=TEST_IMAGES)
    assert unknown.seconds_left(0.0) is None  # trained by another recipe


@pytest.mark.parametrize("slowdown", [1.0, 4.0])
def test_what_takes_longer_than_before_is_expected_of_the_rest(slowdown):
    """Everything takes twice as long; the machine's load had let expect less, or more."""
    costs = {
        name: replace(c, denoise=2 * c.denoise, tune=2 * c.tune, epoch=2 * c.epoch)
        for name, c in SEVEN.items()
    }
    cells = plan(costs)
    known = {"earlier": list(before(cells)), "images": TEST_IMAGES, "slowdown": slowdown}
    seen = simulate(cells, costs, 2, **known)
    assert worst_after_a_tenth(seen) < 0.3


def test_runs_beside_it_on_the_same_machine_tell_a_run_what_cells_take(tmp_path):
    run = bench.run("digits", methods="identity", noise=0.3, limit=3, out=tmp_path, name="first")
    (cell,) = session._earlier_cells(tmp_path / "second", run.manifest)
    assert cell.images_per_second > 0
    elsewhere = run.manifest.machine.model_copy(update={"cpu": "another"})
    there = run.manifest.model_copy(update={"machine": elsewhere})
    assert session._earlier_cells(tmp_path / "second", there) == []
