"""The gate: records held against thresholds, or against an earlier run. Pure functions."""

from bench.check.baseline import TOLERANCE, Comparison, compare
from bench.check.thresholds import Threshold, judge, parse
from bench.check.update import Updated, update
from bench.check.verdict import EXIT_CODES, Finding, Verdict, number

__all__ = [
    "EXIT_CODES",
    "TOLERANCE",
    "Comparison",
    "Finding",
    "Threshold",
    "Updated",
    "Verdict",
    "compare",
    "judge",
    "number",
    "parse",
    "update",
]
