"""The conformance suite for authors: does a plugin keep the harness's contract?

Example::

    from bench.testing import check_method

    def test_sharpen():
        check_method(Path(__file__).with_name("sharpen.py"))

`check_metric` and `check_noise` are the same for metrics and noises; `bench test` runs these
checks and prints a line for each.
"""

from bench.testing.conformance import (
    Outcome,
    check_method,
    check_metric,
    check_noise,
    find,
    outcomes,
)

__all__ = ["Outcome", "check_method", "check_metric", "check_noise", "find", "outcomes"]
