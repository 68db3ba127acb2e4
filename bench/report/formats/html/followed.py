"""The methods that the page's charts show in colour at first: the best of each class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bench.core import IDENTITY
from bench.report.content.learning import learning

if TYPE_CHECKING:
    from bench.report.content.section import Section


def followed(sections: Sequence[Section]) -> set[str]:
    """Labels of the best filter, the best fitted, trained and pretrained method of each data set.

    Best by the mean of the first metric over the noises. Who was measured under fewer noises than
    others is not compared, nor is who has seen the images.
    """
    return {label for section in sections for label in _best(section)}


def _best(section: Section) -> list[str]:
    metric = section.first_metric
    rows = section.summary[section.summary["metric"] == metric].dropna(subset="mean")
    if rows.empty:
        return []
    counts = rows.groupby("label")["mean"].agg(["mean", "size"])
    whole = counts["mean"][counts["size"] == counts["size"].max()]
    classes = learning(section)
    best: dict[str, str] = {}
    for label in whole.sort_values(ascending=not section.scales[metric].higher).index:
        one = classes[label]
        if one.family is not None and one.leak != "seen" and label != IDENTITY:
            best.setdefault(one.family, label)
    return list(best.values())
