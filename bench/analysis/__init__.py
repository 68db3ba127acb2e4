"""Scores of cells -> tables, intervals, tests. What is read of the cells, and when: `Scores`."""

from bench.analysis.comparison import MOST_COMPARED, compare, harm, marks, uneven
from bench.analysis.families import ENOUGH_TRAININGS
from bench.analysis.labels import rowwise, tuples, with_labels
from bench.analysis.means import means, problems, table, text_table
from bench.analysis.ranks import Affordable, Ranks, affordable, average_ranks, common
from bench.analysis.scores import Scores, prominent, united

__all__ = [
    "ENOUGH_TRAININGS",
    "MOST_COMPARED",
    "Affordable",
    "Ranks",
    "Scores",
    "affordable",
    "average_ranks",
    "common",
    "compare",
    "harm",
    "marks",
    "means",
    "problems",
    "prominent",
    "rowwise",
    "table",
    "text_table",
    "tuples",
    "uneven",
    "united",
    "with_labels",
]
