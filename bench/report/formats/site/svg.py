"""The site's charts, as plain SVG: no script, colours of the style sheet, numbers beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup

if TYPE_CHECKING:
    from bench.report.content.tables import Entry

#: Of the bar of a mean with its interval, in pixels.
_WIDTH, _HEIGHT, _MARGIN = 120, 16, 6


@dataclass(frozen=True)
class Span:
    """The axis that the means of a table share, from the worst to the best.

    >>> Span.of([20.0, 30.0]).at(25.0)
    60.0
    """

    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Span:
        """That of all values, which are finite."""
        return cls(min(values, default=0.0), max(values, default=1.0))

    def at(self, value: float, start: float = _MARGIN, end: float = _WIDTH - _MARGIN) -> float:
        """Where a value lies between two pixels; in the middle where all are the same."""
        if self.high <= self.low:
            return (start + end) / 2
        share = (value - self.low) / (self.high - self.low)
        return round(start + min(max(share, 0.0), 1.0) * (end - start), 2)


def interval(entry: Entry, span: Span) -> Markup:
    """A mean as a dot on the table's axis, with its 95% interval; numbers stand beside it."""
    middle = _HEIGHT / 2
    line = Markup("")
    if entry.low is not None and entry.high is not None:
        ends = span.at(entry.low), span.at(entry.high)
        line = Markup('<line class="spread" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(
            *ends, middle, middle
        )
    return Markup(
        '<svg class="interval" width="{w}" height="{h}" viewBox="0 0 {w} {h}" aria-hidden="true">'
        '<line class="axis" x1="{m}" x2="{e}" y1="{y}" y2="{y}"/>{line}'
        '<circle class="dot" cx="{x}" cy="{y}" r="3.5"/></svg>'
    ).format(
        w=_WIDTH, h=_HEIGHT, m=_MARGIN, e=_WIDTH - _MARGIN, y=middle, line=line,
        x=span.at(entry.mean),
    )  # fmt: skip


@dataclass(frozen=True)
class Point:
    """A pack's mean in a history.

    Attributes:
        when: the day.
        name: of the run.
        value: the mean.
        text: the same as tables show it.
    """

    when: str
    name: str
    value: float
    text: str


def history(points: Sequence[Point], said: str) -> Markup:
    """Means over packs, the oldest on the left, each at the same distance.

    Args:
        points: two or more, the oldest first.
        said: what it shows, for those who do not see it.
    """
    width, height, left, right, top, bottom = 340, 130, 12, 12, 26, 24
    span = Span.of([point.value for point in points])
    step = (width - left - right - 60) / max(1, len(points) - 1)
    places = [
        (round(left + 30 + number * step, 2), span.at(point.value, height - bottom - 8, top))
        for number, point in enumerate(points)
    ]
    line = Markup('<polyline class="line" points="{}"/>').format(
        " ".join(f"{x},{y}" for x, y in places)
    )
    dots = Markup("").join(
        Markup('<circle class="dot" cx="{}" cy="{}" r="4"><title>{}</title></circle>').format(
            x, y, f"{point.name}, {point.when}: {point.text}"
        )
        for (x, y), point in zip(places, points, strict=True)
    )
    # Of many packs the first, the last and the extremes are written out.
    values = [point.value for point in points]
    named = {0, len(points) - 1, values.index(min(values)), values.index(max(values))}
    shown = named if len(points) > 6 else range(len(points))
    texts = Markup("").join(
        Markup('<text x="{}" y="{}" text-anchor="middle">{}</text>').format(
            places[at][0], places[at][1] - 9, points[at].text
        )
        for at in sorted(shown)
    )
    days = Markup("").join(
        Markup('<text class="day" x="{}" y="{}" text-anchor="middle">{}</text>').format(
            places[at][0], height - 6, points[at].when
        )
        for at in ((0, len(points) - 1) if len(points) > 4 else range(len(points)))
    )
    return Markup(
        '<svg class="history" width="{w}" height="{h}" viewBox="0 0 {w} {h}" role="img" '
        'aria-label="{said}"><line class="axis" x1="{l}" x2="{r}" y1="{b}" y2="{b}"/>'
        "{line}{dots}{texts}{days}</svg>"
    ).format(
        w=width, h=height, l=left, r=width - right, b=height - bottom + 2, said=said, line=line,
        dots=dots, texts=texts, days=days,
    )  # fmt: skip
