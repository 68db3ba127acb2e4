"""The gate: records held against thresholds, or against an earlier run. Pure functions."""

from bench.gate.baseline import TOLERANCE, Comparison, compare
from bench.gate.thresholds import Threshold, judge, parse
from bench.gate.update import Updated, update
from bench.gate.verdict import EXIT_CODES, Finding, Verdict, number

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
