"""Who may work on cells, and how many at once."""

import pytest

from bench.core import UsageError
from bench.execution.session import MAX_JOBS, Workers


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"jobs": -1}, f"give a number from 0 to {MAX_JOBS}"),
        ({"jobs": MAX_JOBS + 1}, f"give a number from 0 to {MAX_JOBS}"),
        ({"jobs": 2, "dask": "local:2"}, "cannot be given together"),
        ({"jobs": 1, "timeout": 0.0}, "give seconds, more than 0"),
        ({"jobs": 1, "timeout": float("inf")}, "give seconds, more than 0"),
        ({"jobs": 1, "memory_limit": 0}, "--memory-limit is more than 0"),
        ({"timeout": 5.0}, "give --jobs 1 or more"),
        ({"memory_limit": 2**30}, "give --jobs 1 or more"),
    ],
)
def test_workers_that_cannot_be_are_refused(settings, message):
    with pytest.raises(UsageError, match=message):
        Workers(**settings)


@pytest.mark.parametrize(
    ("settings", "at_once"),
    [
        ({}, 1),
        ({"jobs": 1, "timeout": 5.0, "memory_limit": 2**30}, 1),
        ({"jobs": MAX_JOBS}, MAX_JOBS),
        ({"jobs": 1, "dask": "local:4"}, 1),
    ],
)
def test_the_time_left_counts_on_the_workers_that_tell_how_far_they_are(settings, at_once):
    assert Workers(**settings).known_at_once == at_once
