"""What the data and its tests say: one sentence for each question that a reader has.

Does it help at all, who wins where, where do networks and filters cross, what does it cost, how
sure is it. A sentence is made only where a test carries it: methods are compared as
`analysis.compare` tells them apart, and each difference stands with its interval. The differences
are those of the means in the table's cell that a finding points to. What rests on fewer than four
trainings says so, and names no method the best; what has seen the images has no part in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench.analysis import ENOUGH_TRAININGS, prominent
from bench.core import IDENTITY, counted, noise_text
from bench.report.content import data_set
from bench.report.content.benefit import benefit
from bench.report.content.comparisons import Comparisons
from bench.report.content.crossings import crossing
from bench.report.content.metrics import size
from bench.report.content.rows import Column
from bench.report.content.speed import Speed, Speeds
from bench.report.content.words import code, listed, outside

if TYPE_CHECKING:
    from bench.report.content.section import Section

#: Methods, and groups of noises, that one sentence names.
_NAMED = 4
#: How far below the best, in dB, a cheaper method may lie, and how many times cheaper it must be.
_WITHIN, _CHEAPER = (0.5, 1.0, 2.0, 3.0), 2.0


@dataclass(frozen=True)
class Finding:
    """One sentence.

    Attributes:
        text: plain text, in which backticks enclose code.
        metric: label of the table's that it rests on.
        title: of this metric.
        cell: the table's row and column.
    """

    text: str
    metric: str
    title: str
    cell: tuple[str, Column]

    @property
    def cell_text(self) -> str:
        """The table's cell in words."""
        label, column = self.cell
        return f"{self.title} table, {code(label)} at {outside(noise_text(*column))}"


#: A sentence, and the table's row and column that it rests on; None where nothing can be said.
_Said = tuple[str, tuple[str, Column]] | None


def findings(section: Section, metrics: Sequence[str] | None = None) -> list[Finding]:
    """The sentences of a data set, in the order of the questions; by default of all its metrics."""
    metrics = list(section.scales) if metrics is None else metrics
    if section.pairs.empty or not metrics:
        return []
    metric = section.first_metric if section.first_metric in metrics else metrics[0]
    made = Comparisons(section, metric)
    others = [label for label in prominent(metrics) if label != metric][:1]
    said = [
        (made, benefit(made)),
        (made, _best(made)),
        *((other, _other_best(made, other)) for other in (Comparisons(section, x) for x in others)),
        (made, crossing(made)),
        (made, _cost(made)),
        (made, _certainty(made)),
    ]
    return [Finding(one[0], of.metric, of.name, one[1]) for of, one in said if one is not None]


@dataclass(frozen=True)
class _Win:
    """Who has the best mean under a noise, and by how much.

    Attributes:
        how: "best"; "few", of fewer than four trainings; "near", not told apart from `others`;
            "level" with them, by less than anybody sees.
        label: of the best mean.
        others: the methods that are near or level.
        column: the noise.
        second: the next, and how far it is.
    """

    how: str
    label: str
    others: tuple[str, ...]
    column: Column
    second: str
    lead: float


def _wins(made: Comparisons) -> Iterator[_Win]:
    """Who wins under each noise, of those under which more than one was measured."""
    for label, entries in made.table.winners().items():
        for column, entry in entries:
            compared = [x for x in made.ranked if made.pair(column, label, x) is not None]
            apart = sorted((made.distance(column, label, x), x) for x in compared)
            near = tuple(x for x in made.table.near(column) if made.pair(column, label, x))
            if not apart:
                continue
            lead, second = apart[0]
            level = tuple(x for distance, x in apart if distance < made.unseen)
            how = "near" if near else "level" if level else entry.mark
            yield _Win(how, label, near or level, column, second, lead)


def _best(made: Comparisons) -> _Said:
    """Who wins where."""
    groups: dict[tuple[str, str, tuple[str, ...]], list[_Win]] = {}
    for win in _wins(made):
        groups.setdefault((win.how, win.label, win.others), []).append(win)
    ordered = sorted(groups.values(), key=lambda wins: -len(wins))
    if not ordered:
        return None
    said = [_clause(made, wins) for wins in ordered[:_NAMED]]
    left_out = sum(len(wins) for wins in ordered[_NAMED:])
    if left_out:
        said.append(f"of {counted(left_out, 'more noise')} the tables tell")
    few = any(made.few(win.column, win.label) for wins in ordered for win in wins)
    known = "; how far other trainings would lie is not known" if few else ""
    narrowest = min(ordered[0], key=lambda win: win.lead)
    cell = narrowest.label, narrowest.column
    return f"By {made.name} {'; '.join(said)}{known}.", cell


def _clause(made: Comparisons, wins: Sequence[_Win]) -> str:
    """The noises under which one method wins in one way."""
    order = sorted((win.column for win in wins), key=made.table.columns.index)
    where, first = made.where(order), wins[0]
    if first.how in ("near", "level"):
        names = [code(label) for label in first.others]
        others = listed(names) if len(names) <= _NAMED else f"{len(names)} others"
    if first.how == "near":
        name = made.named(first.column, first.label)
        return (
            f"{where} {name} has the {made.table.extreme} mean, and cannot be told apart from "
            f"{others}"
        )
    if first.how == "level":
        win, other = max(
            ((win, x) for win in wins for x in first.others),
            key=lambda entry: made.distance(entry[0].column, first.label, entry[1]),
        )
        name = made.named(win.column, first.label)
        size_of = made.size(win.column, first.label, other)
        return f"{where} {name} and {others} are level, at most {size_of} apart"
    win = min(wins, key=lambda win: win.lead)
    name, second = made.named(win.column, win.label), made.named(win.column, win.second)
    wins_how = "is the best" if win.how == "best" else f"has the {made.table.extreme} mean"
    size_of = made.size(win.column, win.label, win.second)
    lead = f"{size_of} {made.side(better=True)} {second}"
    lead += f" {made.where([win.column])}, where it leads by the least" if len(wins) > 1 else ""
    return f"{name} {wins_how} {where}, {lead}"


def _other_best(first: Comparisons, other: Comparisons) -> _Said:
    """Where another method than the first metric's best is better than it by another metric."""
    winners = {
        column: label for label, entries in first.table.winners().items() for column, _ in entries
    }
    for label, entries in other.table.winners().items():
        columns = [
            column
            for column, _ in entries
            if column in winners
            and other.better(column, label, winners[column])
            and other.distance(column, label, winners[column]) >= other.unseen
        ]
        if columns:
            column = columns[0]
            same = [c for c in columns if winners[c] == winners[column]]
            best = winners[column]
            return (
                f"By {other.name} {other.named(column, label)} is {other.side(better=True)} "
                f"{other.named(column, best)}, which has the {first.table.extreme} {first.name}, "
                f"{other.where(same)}: "
                + (f"{other.where([column])} " if len(same) > 1 else "")
                + f"by {other.size(column, label, best)}.",
                (label, column),
            )
    return None


def _cost(made: Comparisons) -> _Said:
    """What the best costs, and the cheapest that is nearly as good under every noise."""
    ranks, columns = made.table.ranks(), made.table.shared
    speeds = Speeds.of(made.section)
    best = next((label for label, _ in ranks if label != IDENTITY), "")
    timed = speeds.of_kind(best)
    if not timed or len(ranks) < 2 or made.table.scale.unit != "dB":
        return None
    for within in _WITHIN:
        found: list[tuple[float, str, Speed]] = []
        for label, _ in ranks:
            speed = speeds.of_kind(label, timed.device.kind)
            if label in (best, IDENTITY) or not speed or speed.seconds * _CHEAPER > timed.seconds:
                continue
            if all(_behind(made, c, best, label) <= within for c in columns):
                found.append((speed.seconds, label, speed))
        if found:
            seconds, label, speed = min(found, key=lambda entry: entry[0])
            column = max(columns, key=lambda c: _behind(made, c, best, label))
            ratio = float(f"{timed.seconds / seconds:.2g}")
            device = speeds.names[speed.device], speeds.names[timed.device]
            on = f"on {device[0]}" if len(set(device)) == 1 else f"{device[0]} against {device[1]}"
            takes = f"{speed.text} an image instead of {timed.text}, {on}"
            return (
                f"The cheapest within {within:g} dB of {code(best)}, which ranks first, "
                f"{made.where(columns)} is {made.named(column, label)}: it is {ratio:g} times as "
                f"fast ({takes}).",
                (label, column),
            )
    name, column = code(best), columns[0]
    return (
        f"{name}, which ranks first, takes {timed.text} an image on {speeds.names[timed.device]}; "
        f"no method that takes less than half of that is within {_WITHIN[-1]:g} dB of it "
        f"{made.where(columns)}.",
        (best, column),
    )


def _behind(made: Comparisons, column: Column, best: str, label: str) -> float:
    """How far a method may lie behind another at most, by the interval of their difference."""
    pair = made.pair(column, best, label)
    if pair is None:
        return np.inf
    return pair.high if made.table.scale.higher else -pair.low


def _certainty(made: Comparisons) -> _Said:
    """How sure: of how many images and trainings it is, and what these tell apart."""
    section, table = made.section, made.table
    if not table.entries:
        return None
    pairs = section.pairs[section.pairs["metric"] == made.metric]
    sizes = pairs["detectable"][np.isfinite(pairs["detectable"])]
    number, sampled = section.units, data_set.sampled(section)
    if sizes.empty:
        text = f"{number:,} {sampled} are too few to tell any two methods apart"
    else:
        least = size(table.scale, float(sizes.median()))
        text = (
            f"These {number:,} {sampled} tell a difference of {least} with a chance of 80% (median "
            "of the comparisons)"
        )
    trained = {cell: entry for cell, entry in table.entries.items() if entry.trainings}
    few = {cell: entry for cell, entry in trained.items() if entry.trainings < ENOUGH_TRAININGS}
    known = {cell: e for cell, e in trained.items() if cell not in few and e.seed_sd is not None}
    cell = next(iter(few or known or table.entries))
    if few:
        labels = list(dict.fromkeys(label for label, _ in few))
        names = (
            listed([code(x) for x in labels]) if len(labels) <= _NAMED else f"{len(labels)} methods"
        )
        fewest = min(entry.trainings for entry in few.values())
        most = max(entry.trainings for entry in few.values())
        times = (
            "once" if most == 1 else "one to three times" if fewest == 1 else "two or three times"
        )
        verb = "was" if len(labels) == 1 else "were"
        text += (
            f"; {names} {verb} trained {times}, which does not tell how another training would do"
        )
    if known:
        cell_of = max(known, key=lambda one: known[one].seed_sd or 0.0)
        most_spread = size(table.scale, known[cell_of].seed_sd or 0.0)
        text += (
            f"; trainings of one method, four or more, spread by {most_spread} at most (standard "
            f"deviation, {code(cell_of[0])} {made.where([cell_of[1]])})"
        )
        cell = cell if few else cell_of
    return f"{text}.", cell
