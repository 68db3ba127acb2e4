"""The conformance suite for authors of methods: does a method keep the harness's contract?

Example::

    from bench.testing import check_method

    def test_sharpen():
        check_method(Path(__file__).with_name("sharpen.py"))

`bench test` runs the same checks and prints a line for each.
"""

from bench.testing.conformance import Outcome, check_method, find, outcomes

__all__ = ["Outcome", "check_method", "find", "outcomes"]
