"""The conformance suite for authors: does a plugin keep the harness's contract?

Example::

    from bench.testing import check_method

    def test_sharpen():
        check_method(Path(__file__).with_name("sharpen.py"))

`check_metric`, `check_noise` and `check_dataset` are the same for metrics, noises and data sets;
`bench test` runs these checks and prints a line for each.
"""

from bench.testing.conformance import (
    Outcome,
    check_dataset,
    check_method,
    check_metric,
    check_noise,
    find,
    outcomes,
)

__all__ = [
    "Outcome",
    "check_dataset",
    "check_method",
    "check_metric",
    "check_noise",
    "find",
    "outcomes",
]
