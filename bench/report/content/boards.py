"""Which runs stand in one leaderboard, and what tells those apart that cannot.

Runs of one data set share a leaderboard where a report would take them, see `section.by_dataset`,
and measured equally many images: one of the first 20 beside one of 10,000 would leave nothing to
rank. What a report refuses is here shown apart, with what tells it apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench import analysis
from bench.core import UsageError, counted
from bench.report.content.rows import Column
from bench.report.content.section import Section
from bench.store import conditions

if TYPE_CHECKING:
    from bench.store import Run

#: A method under a noise.
_Entry = tuple[str, Column]


@dataclass(frozen=True)
class Result:
    """What a run says of a method under a noise.

    Attributes:
        run: that measured.
        mean: of the leaderboard's first metric.
        images: over which the mean is.
    """

    run: Run
    mean: float
    images: int


@dataclass(frozen=True)
class Board:
    """The leaderboard of runs of one data set whose numbers can stand in one table.

    Attributes:
        section: what they say, together.
        apart: what tells it from the other leaderboards of its data set, as `protocol 1`; empty
            where it is the only one.
        history: of each method under each noise what every run says that measured it, oldest first.
    """

    section: Section
    apart: str
    history: Mapping[_Entry, Sequence[Result]]

    @property
    def title(self) -> str:
        """The data set's name, and what tells the leaderboard apart."""
        return f"{self.section.name} ({self.apart})" if self.apart else self.section.name

    def shown(self, label: str, column: Column) -> list[Run]:
        """The runs whose cells are shown of a method under a noise."""
        cells = self.section.cells
        point = (cells["label"] == label) & (cells["noise"] == column[0])
        numbers = cells["run"][point & (cells["level"] == column[1])]
        return [self.section.runs[number] for number in dict.fromkeys(numbers)]


def boards(runs: Sequence[Run]) -> Iterator[Board]:
    """The leaderboards of runs: by data set, those of the newest protocol and most images first.

    Raises:
        StorageError: a run is damaged.
    """
    by_name: dict[str, list[list[Run]]] = {}
    for run in conditions.newest_first(runs):
        groups = by_name.setdefault(run.manifest.dataset.name, [])
        group = next((group for group in groups if _together(group, run)), None)
        if group is None:
            groups.append(group := [])
        group.append(run)
    for name in sorted(by_name):
        groups = sorted(by_name[name], key=_precedence)
        for group, apart in zip(groups, _told_apart([group[0] for group in groups]), strict=True):
            section = Section.of(*group)
            yield Board(section, apart, _history(section))


def images(run: Run) -> int:
    """How many images a run measures under each noise."""
    settings = run.manifest.settings
    there = int(getattr(run.manifest.dataset.sizes, settings.split))
    return there if settings.limit is None else min(settings.limit, there)


def _together(group: Sequence[Run], run: Run) -> bool:
    """Whether a run's numbers can stand in one table with all of a group's."""
    if images(group[0]) != images(run):
        return False
    try:
        conditions.check_comparable([*group, run])
    except UsageError:
        return False
    return True


def _precedence(group: Sequence[Run]) -> tuple[int, int]:
    newest = group[0]
    return -newest.manifest.protocol, -images(newest)


def _told_apart(firsts: Sequence[Run]) -> list[str]:
    """What each of a data set's leaderboards has that another has not, by its first run."""
    if len(firsts) == 1:
        return [""]
    said = [_words(run) for run in firsts]
    differing = [name for name in said[0] if len({words[name] for words in said}) > 1]
    texts = [", ".join(filter(None, (words[name] for name in differing))) for words in said]
    # What differs in the wording of a convention, or in a metric's unit, has a number only.
    return [
        text
        if text and texts.count(text) == 1
        else f"{text} no. {texts[:at].count(text) + 1}".strip()
        for at, text in enumerate(texts)
    ]


def _words(run: Run) -> dict[str, str]:
    """Each condition of a run, in words."""
    manifest = run.manifest
    settings, data = manifest.settings, manifest.dataset
    return {
        "protocol": f"protocol {manifest.protocol}",
        "images": counted(images(run), f"{settings.split} image"),
        "fingerprint": f"content {data.fingerprint[:8]}",
        "training": f"trained on {data.trained_on}",
        "quantize": "outputs rounded to 8 bits" if settings.quantize else "outputs not rounded",
        "draws": _draws(settings.noise_seeds),
    }


def _draws(seeds: Sequence[int]) -> str:
    if len(seeds) == 1:
        return f"noise seed {seeds[0]}"
    return f"{len(seeds)} draws of noise (seeds {', '.join(map(str, seeds))})"


def _history(section: Section) -> dict[_Entry, list[Result]]:
    """What each run says of each entry by the first metric, oldest first."""
    metric = section.first_metric
    found: dict[_Entry, list[Result]] = {}
    for run in reversed(section.runs):
        summary = analysis.means(analysis.Scores.of_run(run, run.cells()))
        part = summary[(summary["metric"] == metric) & summary["mean"].notna()]
        columns = ("label", "noise", "level", "mean", "images")
        for label, noise, level, mean, count in analysis.tuples(part, *columns):
            result = Result(run, float(mean), int(count))
            found.setdefault((label, (noise, level)), []).append(result)
    return found
