"""The gate, `bench check`: scores held against thresholds, or against an earlier run.

All but `check` and `baseline_runs`, which read runs and files, are pure functions.
"""

from bench.gate.baseline import Comparison, compare
from bench.gate.judging import judge
from bench.gate.thresholds import Limits, Threshold, parse
from bench.gate.update import Updated, update
from bench.gate.verdict import EXIT_CODES, Judgement, Verdict, number

__all__ = [
    "EXIT_CODES",
    "Comparison",
    "Judgement",
    "Limits",
    "Threshold",
    "Updated",
    "Verdict",
    "compare",
    "judge",
    "number",
    "parse",
    "update",
]
