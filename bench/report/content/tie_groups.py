"""Groups of methods that cannot be told apart, in place of ranks 1, 2, 3.

That two methods cannot be told apart is not transitive: a may stand apart from c while b, between
them, stands apart from neither. So each group is made around its best: the best of all leads group
1, which holds whatever cannot be told apart from it, as the marks † of tables have it. The best of
those left leads group 2, which holds what of the rest cannot be told apart from that one; and so
on. What shares a group need not be alike among itself, and a method may be like one of a better
group that it does not share: that is told of it (`TieGroup.like`). A method stands in one group
only; its group depends on the methods that are there, as a rank does.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from bench.analysis import MOST_COMPARED
from bench.report.content.rows import Column, Pair
from bench.report.content.tables import Table


@dataclass(frozen=True)
class TieGroup:
    """Methods of which none can be told apart from the best.

    Attributes:
        leader: the one of the best mean.
        members: the leader, then the others by their means.
        like: member -> the members of better groups that it cannot be told apart from, either.
    """

    leader: str
    members: Sequence[str]
    like: Mapping[str, Sequence[str]] = field(default_factory=dict)


def tie_groups(table: Table, column: Column, pairs: Collection[Pair]) -> list[TieGroup]:
    """The groups of a table's methods under one noise, the best first.

    No group has what is not ranked: what has seen the measured images, what has no value, all
    methods where their means are over other images each, and of very many those that were not
    compared with each other (see `bench.analysis.comparison`).

    Args:
        table: of a metric.
        column: the noise.
        pairs: who was compared with whom by that metric under that noise; see `Section.compared`.
    """
    if column in table.uneven:
        return []
    means = {
        label: table.entries[label, column].mean
        for label in table.rows
        if (label, column) in table.entries and label not in table.unranked
    }
    ordered = sorted(means, key=means.__getitem__, reverse=table.scale.higher)[:MOST_COMPARED]
    apart = {frozenset((pair.a, pair.b)) for pair in pairs if pair.told}
    groups: list[TieGroup] = []
    while ordered:
        leader = ordered[0]
        members = [one for one in ordered if frozenset((leader, one)) not in apart]
        better = [label for group in groups for label in group.members]
        like = {
            label: ones
            for label in members
            if (ones := [one for one in better if frozenset((label, one)) not in apart])
        }
        groups.append(TieGroup(leader, members, like))
        ordered = [label for label in ordered if label not in members]
    return groups
