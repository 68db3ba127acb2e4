"""A page for each method: what it is, its results everywhere, and how they changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from markupsafe import Markup

from bench.core import noise_text
from bench.report.content import learning
from bench.report.content.metrics import number
from bench.report.formats.site.rows import Facet, Sources, TableRow, facets, facets_of
from bench.report.formats.site.svg import Point, history

if TYPE_CHECKING:
    from bench.report.content.boards import Board, Result
    from bench.report.content.rows import Column
    from bench.report.formats.site.boards import BoardPage, NoisePage
    from bench.store import RecordedMethod


@dataclass(frozen=True)
class MethodResult:
    """A method's row on a noise's page."""

    board: BoardPage
    noise: NoisePage
    row: TableRow


@dataclass(frozen=True)
class History:
    """What several packs said of a method under a noise."""

    title: str
    points: Sequence[Point]
    chart: Markup


@dataclass
class MethodPage:
    """The page of a method.

    Attributes:
        about: what the newest pack that has it says of it.
        results: on every noise's page that it is on.
        learned: what it learned from, sentences.
        kinds: its classes: filter, fitted, trained, pretrained.
        images: the pages of images that it is on: text and path.
    """

    name: str
    path: str
    about: RecordedMethod | None = None
    results: list[MethodResult] = field(default_factory=list)
    histories: list[History] = field(default_factory=list)
    learned: list[str] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    images: list[tuple[str, str]] = field(default_factory=list)

    @property
    def summary(self) -> str:
        """What it is."""
        return self.about.summary if self.about else ""

    @property
    def reference(self) -> str:
        """Where it was published."""
        return self.about.reference if self.about else ""

    @property
    def origin(self) -> str:
        """Where its code came from."""
        return self.about.origin if self.about else ""

    @property
    def told(self) -> str:
        """Whether it was told how much noise there is."""
        if self.about is None:
            return "not recorded"
        return "yes" if self.about.told_noise else "no"

    @property
    def find(self) -> str:
        """What it is searched in."""
        return f"{self.name} {self.summary} {self.reference}".lower()

    @property
    def classes(self) -> str:
        """Its classes, as rows are filtered by them."""
        return " ".join(self.kinds)

    @property
    def class_text(self) -> str:
        """The same in words."""
        return ", ".join("not recorded" if kind == "unknown" else kind for kind in self.kinds)

    @property
    def variants(self) -> bool:
        """Whether it was measured with several parameters, or with others than its own."""
        return any(result.row.label != self.name for result in self.results)

    @property
    def headings(self) -> list[str]:
        """Of the columns of means: the metrics, where they are the same everywhere."""
        shown = {
            tuple(column.heading for column in result.noise.metrics) for result in self.results
        }
        names = shown.pop() if len(shown) == 1 else ()
        return [*names, *("first metric", "second metric")[len(names) :]]

    @property
    def measured(self) -> int:
        """Under how many noises it was measured, of all leaderboards."""
        return len({result.noise.path for result in self.results})

    @property
    def leads(self) -> int:
        """Under how many of them it is in the first group."""
        return len({result.noise.path for result in self.results if result.row.group == 1})


def method_pages(
    boards: Sequence[BoardPage], paths: Mapping[str, str], sources: Sources
) -> list[MethodPage]:
    """The page of every method, by name.

    Args:
        boards: all leaderboards' pages.
        paths: a method's name -> its page.
        sources: a run's path -> its pack's name and source.
    """
    pages = {name: MethodPage(name, path) for name, path in paths.items()}
    newest: dict[str, str] = {}
    for page in boards:
        section = page.board.section
        for run in section.runs:
            for name, about in run.manifest.methods.items():
                if name in pages and run.manifest.started >= newest.get(name, ""):
                    newest[name], pages[name].about = run.manifest.started, about
        learned = learning.learning(section)
        kinds = {row.label: facets_of(row)["class"] for row in page.leaderboard.rows}
        methods = dict(zip(section.cells["label"], section.cells["method"], strict=True))
        for noise in page.noises:
            for row in noise.rows:
                own = pages[str(methods[row.label])]
                own.results.append(MethodResult(page, noise, row))
                own.kinds = list(dict.fromkeys([*own.kinds, kinds[row.label]]))
                text = learning.sentence(row.label, learned[row.label])
                own.learned = list(dict.fromkeys([*own.learned, *([text] if text else [])]))
        for name in dict.fromkeys(map(str, methods.values())):
            own = pages[name]
            labels = {label for label, method in methods.items() if method == name}
            own.histories += _histories(page.board, labels, sources)
            own.images += _images(page, labels)
    return [pages[name] for name in sorted(pages)]


def method_facets(pages: Sequence[MethodPage]) -> list[Facet]:
    """What methods are filtered by."""
    return facets({"class": page.classes} for page in pages)


def _images(page: BoardPage, labels: set[str]) -> list[tuple[str, str]]:
    return [
        (f"{page.board.title}, image {image.position}", image.path)
        for image in page.images
        if any(picture.label in labels for one in image.noises for picture in one.pictures)
    ]


def _histories(board: Board, labels: set[str], sources: Sources) -> list[History]:
    """Of the entries that several packs measured."""
    return [
        _history(board, label, column, results, sources)
        for (label, column), results in sorted(board.history.items(), key=lambda entry: entry[0])
        if label in labels and len(results) > 1
    ]


def _history(
    board: Board, label: str, column: Column, results: Sequence[Result], sources: Sources
) -> History:
    scale = board.section.scales[board.section.first_metric]
    points = [
        Point(source.when, source.run.name, result.mean, number(scale, result.mean))
        for result in results
        for _, source in [sources[str(result.run.path)]]
    ]
    title = f"{board.title}, {noise_text(*column)}: {label}, {scale.title}"
    return History(title, points, history(points, f"{title} over {len(points)} packs"))
