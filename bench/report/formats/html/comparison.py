"""Two runs compared, as one page: a file that opens from disk, runs no script and loads nothing."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.core import noise_text, significant
from bench.gate.changes import MOVED
from bench.report.content.comparison import MovedImage, differences, moved_images
from bench.report.content.metrics import size
from bench.report.formats.html.environment import environment, parts

if TYPE_CHECKING:
    import numpy.typing as npt

    from bench.gate import Judgement, Verdict
    from bench.store import Run

STYLES = ("page", "tables", "comparison", "phone", "print")
#: What verdicts mean, in the order in which they are shown.
WORDS = {
    "regressed": "it is shown that it got worse by more than the tolerance",
    "undecided": "neither a change nor that there is none is shown",
    "improved": "it is shown that it got better by more than the tolerance",
    "held": "it is shown that it did not get worse by the tolerance or more",
}
#: Pixels of the page that a picture is wide, at most: five stand beside each other.
_MOST = 208


def comparison_page(old: Run, new: Run, verdict: Verdict, tolerance: Mapping[str, float]) -> str:
    """The page of two runs.

    Args:
        old: the run that is compared with.
        new: the run that is judged.
        verdict: of the gate, see `bench.gate.check.check_run`.
        tolerance: of each metric.

    Raises:
        StorageError: a run is damaged.
    """
    from markupsafe import Markup

    moved = moved_images(old, new)
    rows = [_Row.of(one) for one in verdict.judgements if "difference" in one.about]
    counts = {word: sum(one.verdict == word for one in verdict.judgements) for word in WORDS}
    return (
        environment()
        .get_template("comparison.html")
        .render(
            old=old,
            new=new,
            summary=verdict.summary(),
            counts={word: count for word, count in counts.items() if count},
            words=WORDS,
            differences=differences(old, new),
            metrics=_metrics([row for row in rows if not row.identical], new, tolerance),
            identical=sorted({row.method for row in rows if row.identical}),
            moved=[_Figure.of(image) for image in moved.images],
            kept=moved.kept,
            without=[one for one in verdict.judgements if "difference" not in one.about],
            changes=[line for line in verdict.changes if not line.startswith(MOVED)],
            lines_of_moved=[line for line in verdict.changes if line.startswith(MOVED)],
            notes=verdict.notes,
            problems=verdict.problems,
            style=Markup(parts("styles", STYLES, "css")),
        )
    )


@dataclass(frozen=True)
class _Row:
    """A comparison in a metric's table."""

    verdict: str
    metric: str
    method: str
    noise: str
    old: float
    new: float
    difference: float
    low: float | None
    high: float | None
    images: int
    seeds: int
    identical: bool
    reason: str

    def text(self, value: float | None, decimals: int, sign: str = "") -> str:
        """One of its values as the table shows it."""
        if value is None or not np.isfinite(value):
            return "–"
        return f"{value:{sign}.{decimals}f}".replace("-", "−")

    @classmethod
    def of(cls, judgement: Judgement) -> _Row:
        about = judgement.about
        levels = about["levels"]
        where = noise_text(about["noise"], levels[0])
        if len(levels) > 1:
            where = f"{about['noise']}, all {len(levels)} levels"
        trained = f" (trained on {about['trained_on']})" if about["trained_on"] else ""
        low, high = about["interval"]
        value = float("nan") if judgement.value is None else judgement.value
        return cls(
            judgement.verdict, judgement.metric, f"{about['method']}{trained}", where,
            about["baseline"], value, about["difference"], low, high, about["images"],
            about["seeds"], about["identical"], "; ".join(judgement.reason.split("; ")[1:-1]),
        )  # fmt: skip


def _metrics(
    rows: Sequence[_Row], new: Run, tolerance: Mapping[str, float]
) -> list[dict[str, Any]]:
    """Each metric's table: regressions first, of each verdict what moved farthest first."""
    tables = []
    for metric in dict.fromkeys(row.metric for row in rows):
        scale = new.manifest.scales[metric]
        own = [row for row in rows if row.metric == metric]
        order = list(WORDS)
        own.sort(key=lambda row: (order.index(row.verdict), -abs(row.difference)))
        ends = [abs(end) for row in own for end in (row.difference, row.low, row.high)
                if end is not None and np.isfinite(end)]  # fmt: skip
        reach = max([*ends, tolerance[metric]], default=1.0) * 1.08 or 1.0
        tables.append(
            {
                "scale": scale,
                "rows": own,
                "decimals": scale.decimals + 1,
                "tolerance": size(scale, tolerance[metric]),
                "band": 50 * tolerance[metric] / reach,
                "bars": [_bar(row, reach) for row in own],
                "reach": f"{significant(reach)}{f' {scale.unit}' if scale.unit else ''}",
            }
        )
    return tables


def _bar(row: _Row, reach: float) -> dict[str, float | None]:
    """Where a difference and its interval lie, in percent of a bar that is 0 in the middle."""

    def at(value: float | None) -> float | None:
        return None if value is None else round(50 + 50 * value / reach, 2)

    return {"low": at(row.low), "high": at(row.high), "at": at(row.difference)}


@dataclass(frozen=True)
class _Figure:
    """An image that moved: its pictures as data of the page."""

    moved: MovedImage
    pictures: Mapping[str, str]
    most: str
    width: int
    high: int
    wide: int

    def text(self, score: float, sign: str = "") -> str:
        """A score, or how far it moved."""
        decimals = max(2, self.moved.scale.decimals)
        return f"{score:{sign}.{decimals}f}".replace("-", "−")

    @classmethod
    def of(cls, moved: MovedImage) -> _Figure:
        pictures = moved.pictures
        difference = pictures["new"] - pictures["old"]
        most = float(abs(difference).max()) or 1.0
        shown = {"old": pictures["old"], "new": pictures["new"]}
        shown["difference"] = 0.5 + difference / (2 * most)
        shown |= {name: pictures[name] for name in ("clean", "noisy") if name in pictures}
        high, wide = difference.shape[1:]
        return cls(
            moved, {name: _png(picture) for name, picture in shown.items()}, significant(most),
            wide * max(1, _MOST // wide), high, wide,
        )  # fmt: skip


def _png(picture: npt.NDArray[Any]) -> str:
    """(C, H, W) from 0 to 1 as a PNG that a page holds."""
    from PIL import Image

    pixels = np.rint(255 * np.clip(np.moveaxis(picture, 0, -1), 0, 1)).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
