"""Which methods of a data set a report shows, in which order, and what it calls them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from bench.core import IDENTITY, UsageError, nearest, printable
from bench.report.content.tables import Table

if TYPE_CHECKING:
    import pandas as pd

    from bench.report.content.section import Section

#: How methods may be ordered.
ORDERS = ("rank", "name", "typed")


def of_rows(sections: Sequence[Section], rows: Sequence[str]) -> list[Section]:
    """The data sets with the methods that were typed, which are compared among each other.

    Raises:
        UsageError: there is no such method.
    """
    known = list(dict.fromkeys(label for section in sections for label in section.labels))
    for label in rows:
        if label not in known:
            raise UsageError(f"no method is called {printable(label)!r}: {nearest(label, known)}")
    chosen = [section.of_methods(rows) for section in sections]
    return [section for section in chosen if section.labels]


def in_order(section: Section, order: str, rows: Sequence[str], metric: str) -> Section:
    """The data set with its methods in another order.

    Args:
        section: the data set.
        order: one of `ORDERS`.
        rows: the methods as typed; others follow as they are.
        metric: that ranks them.
    """
    labels = section.labels
    if order == "name":
        labels = sorted(labels, key=str.casefold)
    elif order == "rank" and not section.summary.empty:
        ranked = Table.of(section, metric).ranked()
        labels = [*ranked, *(label for label in labels if label not in ranked)]
    elif order == "typed":
        labels = [
            *(label for label in rows if label in labels),
            *(one for one in labels if one not in rows),
        ]
    place = {label: at for at, label in enumerate(labels)}
    cells = _by_label(section.cells, place)
    return replace(
        section,
        cells=section.cells.iloc[cells].reset_index(drop=True),
        metadata=[section.metadata[at] for at in cells],
        scores=section.scores.take(_by_label(section.scores.cells, place)),
        summary=section.summary.iloc[_by_label(section.summary, place)].reset_index(drop=True),
        labels=labels,
    )


def _by_label(frame: pd.DataFrame, place: Mapping[str, int]) -> list[int]:
    """The numbers of a frame's rows with methods in order; noises and metrics stay where they are.

    Rows of a method under one noise, of several trainings, stay as they are.
    """
    names = [name for name in ("metric", "noise", "level") if name in frame]
    points = list(zip(*(frame[name] for name in names), strict=True)) if names else []
    first = {point: at for at, point in reversed(list(enumerate(points)))}
    labels = list(frame["label"])
    return sorted(range(len(labels)), key=lambda at: (first[points[at]], place[labels[at]]))


def renamed(sections: Sequence[Section], labels: Mapping[str, str]) -> list[Section]:
    """The data sets with other names for methods, wherever a report names them.

    Raises:
        UsageError: there is no such method, or two would have one name.
    """
    if not labels:
        return list(sections)
    known = list(dict.fromkeys(label for section in sections for label in section.labels))
    for label in labels:
        if label == IDENTITY or label not in known:
            why = (
                f"{IDENTITY} is the noisy image itself, and keeps its name"
                if label == IDENTITY
                else f"there is no such method: {nearest(label, known)}"
            )
            raise UsageError(f"--label {printable(label)!r}: {why}")
    names = {label: labels.get(label, label) for label in known}
    if len(set(names.values())) < len(names):
        twice = next(name for name in names.values() if list(names.values()).count(name) > 1)
        raise UsageError(f"--label gives two methods the name {printable(twice)!r}")
    return [_renamed(section, names) for section in sections]


def _renamed(section: Section, names: Mapping[str, str]) -> Section:
    def of(frame: pd.DataFrame) -> pd.DataFrame:
        held = [name for name in ("label", "a", "b", "better", "told") if name in frame]
        return frame.assign(
            **{name: [names.get(label, label) for label in frame[name]] for name in held}
        )

    return replace(
        section,
        cells=of(section.cells),
        scores=section.scores.of_cells(of(section.scores.cells)),
        summary=of(section.summary),
        pairs=of(section.pairs),
        labels=[names[label] for label in section.labels],
    )
