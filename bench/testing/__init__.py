"""The conformance suite for authors: does a method or metric keep the harness's contract?

Example::

    from bench.testing import check_method

    def test_sharpen():
        check_method(Path(__file__).with_name("sharpen.py"))

`check_metric` is the same for metrics; `bench test` runs these checks and prints a line for each.
"""

from bench.testing.conformance import Outcome, check_method, check_metric, find, outcomes

__all__ = ["Outcome", "check_method", "check_metric", "find", "outcomes"]
