"""When a run was worked on, and what its cells took: the two do not contradict each other."""

import pytest

import bench
from bench.report.content.sessions import sessions
from bench.store.manifest import Session


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    out = tmp_path_factory.mktemp("results")
    return bench.run("digits", methods="identity", noise=[0.1, 0.3], limit=3, out=out)


def said(run, times=(), *, earlier=(), ended="2026-11-26T00:27:23+00:00"):
    began = {"started": "2026-11-26T00:26:52+00:00", "ended": ended}
    before = [Session(started=start, ended=end) for start, end in earlier]
    manifest = run.manifest.model_copy(update={**began, "earlier": before})
    cells = []
    for meta, (seconds, reused, jobs) in zip(run.metadata(), times, strict=False):
        conditions = meta.conditions.model_copy(update={"fit_reused": reused, "jobs": jobs})
        cells.append(meta.model_copy(update={"fit_seconds": seconds, "conditions": conditions}))
    return dict(sessions(manifest, cells))


def test_a_single_session_lasts_from_its_start_to_its_end(run):
    assert said(run) == {"Worked on:": "2026-11-26 00:26:52 UTC to 2026-11-26 00:27:23 UTC (31 s)."}


def test_a_run_that_was_taken_up_lasts_from_its_first_session_to_its_last(run):
    earlier = [("2026-11-25T23:54:51+00:00", "2026-11-25T23:56:47+00:00")]
    assert said(run, earlier=earlier)["Worked on:"] == (
        "2026-11-25 23:54:51 UTC to 2026-11-26 00:27:23 UTC, in 2 sessions: 2 min 27 s of work "
        "together."
    )


def test_of_sessions_that_were_killed_nobody_knows_how_long_they_were(run):
    earlier = [("2026-11-25T23:54:51+00:00", None)]
    assert said(run, earlier=earlier)["Worked on:"].endswith(
        "in 2 sessions: 31 s of work together, without 1 that was interrupted."
    )
    assert "and not ended yet" in said(run, ended=None)["Worked on:"]
    assert "a quarter past" in said(run, ended="a quarter past")["Worked on:"]


def test_training_that_was_not_done_in_these_sessions_is_said_to_be_older(run):
    assert said(run, [(6000.0, True, 1), (824.0, True, 1)])["Times of cells:"] == (
        "training 1 h 53 min (all of it before, for models of other cells or earlier runs, which "
        "2 cells took from the cache)."
    )
    partly = said(run, [(20.0, False, 2), (824.0, True, 2)])["Times of cells:"]
    assert partly.startswith("training 14 min 04 s (13 min 44 s before, for models of other cells")
    assert partly.endswith(
        "which 1 cell took from the cache), up to 2 cells were worked on at once."
    )
    assert said(run, [(20.0, False, 1)])["Times of cells:"] == "training 20 s."
