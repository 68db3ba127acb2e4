"""The gate, `bench check`: scores held against thresholds, or against an earlier run.

All but `bench.gate.check`, which reads runs and files, are pure functions.
"""

from bench.gate.baseline import Comparison, compare
from bench.gate.pairing import TOLERANCE
from bench.gate.thresholds import Threshold, judge, parse
from bench.gate.update import Updated, update
from bench.gate.verdict import EXIT_CODES, Judgement, Verdict, number

__all__ = [
    "EXIT_CODES",
    "TOLERANCE",
    "Comparison",
    "Judgement",
    "Threshold",
    "Updated",
    "Verdict",
    "compare",
    "judge",
    "number",
    "parse",
    "update",
]
