"""Records -> tables, intervals, tests. Pure functions over the data frames that `Run` gives."""

from bench.analysis.comparison import compare, harm, marks
from bench.analysis.means import (
    DECIMALS,
    METRICS,
    UNITS,
    means,
    problems,
    rowwise,
    table,
    text_table,
    tuples,
    with_labels,
)
from bench.analysis.ranks import Ranks, average_ranks

__all__ = [
    "DECIMALS",
    "METRICS",
    "UNITS",
    "Ranks",
    "average_ranks",
    "compare",
    "harm",
    "marks",
    "means",
    "problems",
    "rowwise",
    "table",
    "text_table",
    "tuples",
    "with_labels",
]
