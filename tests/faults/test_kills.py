"""A few kills of each kind; `kills.py` makes as many as are asked for."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import kills

sys.path.pop(0)


@pytest.fixture(autouse=True)
def _isolated_command(monkeypatch, tmp_path):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    monkeypatch.setenv("BENCH_CACHE_DIR", str(tmp_path / "cache"))
    # So few kills come within the first seconds of a sweep: the rest of it may be quick.
    quick = [text.replace("seconds=0.1", "seconds=0.04") for text in kills.METHODS]
    monkeypatch.setattr(kills, "METHODS", quick)


def test_killed_at_random_moments_nothing_finished_is_lost_or_computed_twice(capsys):
    kills.local(2)
    assert "local pool: 2 kills" in capsys.readouterr().out


def test_on_dask_neither(capsys):
    pytest.importorskip("distributed", reason="Dask is not installed")
    kills.dask(1)
    assert "1 of the command, 1 of the worker, 1 of the scheduler" in capsys.readouterr().out
