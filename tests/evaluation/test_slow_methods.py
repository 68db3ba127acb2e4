"""A slow method is called image by image, and what it restored outlives an interruption."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bench
from bench.evaluation import calls, kept_images
from bench.store import cache_folder

LIMIT = 12
#: Images that are restored again in the end: the worst, the median and the best may be shown too.
CASES = 3
#: Takes its time, notes how many images each call had, and is interrupted where a file says so.
SLEEPS = '''
import time
from pathlib import Path

@method()
def sleeps(noisy):
    """Sleep."""
    with Path("calls").open("a") as file:
        print(len(noisy), file=file)
    seen = sum(map(int, Path("calls").read_text().split()))
    if Path("stop").exists() and seen > int(Path("stop").read_text()):
        raise KeyboardInterrupt
    time.sleep(SECONDS * len(noisy))
    return (0.9 * noisy).astype("float32")
'''


class Watching:
    """A listener that notes how many images are done."""

    def __init__(self):
        self.seen = []

    def started(self, run, overview):
        pass

    def recorded(self, record):
        pass

    def warned(self, text):
        raise AssertionError(text)

    def progress(self, running):
        step = running.progress
        if step.phase == "denoise" and step.done not in self.seen:
            self.seen.append(step.done)


@pytest.fixture
def sleeps(plugins, monkeypatch, tmp_path):
    """Measures a method that sleeps so many seconds an image; if it sleeps at all, it is slow."""
    monkeypatch.setenv("BENCH_CACHE_DIR", str(tmp_path / "cache"))

    def measure(out, seconds=0.02, seeds=None):
        if seconds:
            monkeypatch.setattr(calls, "_SLOW", seconds / 2)
            monkeypatch.setattr(calls, "_CALL", seconds)
            monkeypatch.setattr(kept_images, "_EVERY", 0.0)
        body = SLEEPS.replace("SECONDS", str(seconds))
        if seeds:
            body = body.replace("sleeps(noisy)", "sleeps(noisy, *, seed)").replace(
                "0.9 *", "(0.9 - seed / 10) *"
            )
        plugins("sleeps", body)
        Path("calls").write_text("")
        listener = Watching()
        run = bench.run(
            "digits", methods=["sleeps"], noise=0.3, limit=LIMIT, out=tmp_path / out, jobs=0,
            listener=listener, seeds=seeds or [0],
        )  # fmt: skip
        return run, listener.seen

    return measure


def called():
    """Images of each call since the last measurement began."""
    return [int(line) for line in Path("calls").read_text().split()]


def kept():
    return sorted(path.name for path in (cache_folder() / "fits").glob("*-restored-*"))


def test_it_is_shown_image_by_image_and_nothing_stays_behind(sleeps):
    _, seen = sleeps("results")
    assert seen == list(range(LIMIT + 1))
    assert set(called()[:LIMIT]) == {1}
    assert len(called()) <= LIMIT + CASES  # none for the sake of its time alone
    assert kept() == []


def test_a_quick_method_gets_all_images_at_once_and_keeps_none(sleeps):
    _, seen = sleeps("results", seconds=0)
    assert seen == [0, LIMIT]
    assert kept() == []


def test_an_interrupted_cell_goes_on_with_the_next_image_to_the_same_record(sleeps):
    expected, _ = sleeps("undisturbed")
    Path("stop").write_text(str(5))
    with pytest.raises(KeyboardInterrupt):
        sleeps("results")
    assert len(kept()) == 5
    Path("stop").unlink()
    again, seen = sleeps("results")
    assert seen == [0, *range(5, LIMIT + 1)]
    assert len(called()) <= (LIMIT - 5) + CASES
    pd.testing.assert_frame_equal(again.records(), expected.records(), check_exact=True)
    (key,) = again.manifest.cells
    for name, images in expected.samples(key).items():
        np.testing.assert_array_equal(again.samples(key)[name], images)
    assert again.cells().images_per_second[0] <= 50
    (meta,) = again.metadata()
    assert meta.conditions.calls == LIMIT - 1  # what was done before counts too; not its first call
    assert kept() == []


def test_each_seed_of_a_random_method_goes_on_where_it_was(sleeps):
    expected, _ = sleeps("undisturbed", seeds=[0, 1])
    images = sum(called())
    Path("stop").write_text(str(images // 2 + 5))
    with pytest.raises(KeyboardInterrupt):
        sleeps("results", seeds=[0, 1])
    assert 1 <= len(kept()) <= 5  # of the second seed
    Path("stop").unlink()
    again, _ = sleeps("results", seeds=[0, 1])
    assert sum(called()) < images // 2
    records = again.records()
    pd.testing.assert_frame_equal(records, expected.records(), check_exact=True)
    assert set(records.seed) == {0, 1}
    assert records.groupby("seed").psnr.mean().nunique() == 2
    assert kept() == []


def test_a_kept_image_that_is_damaged_is_restored_again(sleeps):
    expected, _ = sleeps("undisturbed")
    Path("stop").write_text(str(5))
    with pytest.raises(KeyboardInterrupt):
        sleeps("results")
    Path("stop").unlink()
    third = cache_folder() / "fits" / kept()[2]
    third.write_bytes(third.read_bytes()[:-3])
    Watching.warned = lambda self, text: None
    again, _ = sleeps("results")
    pd.testing.assert_frame_equal(again.records(), expected.records(), check_exact=True)
