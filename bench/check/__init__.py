"""The gate: records held against thresholds, or against an earlier run. Pure functions."""

from bench.check.baseline import TOLERANCE, Comparison, compare
from bench.check.thresholds import Threshold, judge, parse, update
from bench.check.verdict import EXIT_CODES, FORMATS, Finding, Verdict, number

__all__ = [
    "EXIT_CODES",
    "FORMATS",
    "TOLERANCE",
    "Comparison",
    "Finding",
    "Threshold",
    "Verdict",
    "compare",
    "judge",
    "number",
    "parse",
    "update",
]
