"""The images of a paper's figure: a row an image, a column a method, each with its scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from bench import analysis
from bench.core import IDENTITY, Scale, UsageError, nearest, noise_text
from bench.report.content.crops import Box, Crop
from bench.report.content.kept_images import KeptCells, Opener, Picture
from bench.report.content.metrics import title
from bench.report.content.noises import matching
from bench.report.content.rows import Column
from bench.report.content.words import listed

if TYPE_CHECKING:
    from bench.core import Array
    from bench.store import Run

#: Columns that are no method's.
NOISY, CLEAN = "noisy", "clean"
#: Methods that are shown where none are named, and metrics.
_METHODS, _METRICS = 4, 2


@dataclass(frozen=True)
class GridOptions:
    """What a figure of images shows.

    Attributes:
        images: how many, the first ones by position: chosen before any method was run.
        positions: instead of these the images at such positions in the split.
        methods: labels, in this order; `noisy` and `clean` may be among them. By default the noisy
            image and the four methods that are best on average under the noise. The clean image,
            where there is one, comes last unless it is named.
        noise: as `bench report --columns` takes it; with several a group of rows each. By default
            the middle one of those measured.
        crop: see `Crop.parse`.
        inset: show the whole image, and the crop magnified in a corner of it.
        error: a row of errors, the absolute differences from the clean image, below each.
        labels: what methods are called, by their labels; also `noisy` and `clean`.
        metrics: below each image, up to two; by default the run's first ones.
    """

    images: int = 3
    positions: Sequence[int] = ()
    methods: Sequence[str] = ()
    noise: str = ""
    crop: str = "auto"
    inset: bool = False
    error: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    metrics: Sequence[str] = ()

    def __post_init__(self) -> None:
        """Refuse what no figure has.

        Raises:
            UsageError: it shows no image, or an inset of nothing.
        """
        rule = Crop.parse(self.crop)
        if self.images < 1:
            raise UsageError("a figure shows one image at least: give --images 1 or more")
        if self.inset and rule.whole:
            raise UsageError("--inset magnifies a crop: give --crop another value than none")
        if len(self.metrics) > _METRICS:
            raise UsageError(f"there is room for {_METRICS} metrics below an image: name fewer")


@dataclass(frozen=True)
class GridRow:
    """One image under one noise.

    Attributes:
        column: the noise.
        position: in the split.
        images: column's name -> float32 (C, H, W), clipped to [0, 1].
        scores: name -> metric -> value of this image; NaN where it has none.
        box: the part that is shown; None where the whole is.
    """

    column: Column
    position: int
    images: Mapping[str, Array]
    scores: Mapping[str, Mapping[str, float]]
    box: Box | None

    def best(self, metric: str, scale: Scale) -> set[str]:
        """The methods whose shown score is the best of the row, as it is written."""
        known = {
            name: float(f"{scores[metric]:.{scale.decimals}f}")
            for name, scores in self.scores.items()
            if np.isfinite(scores.get(metric, np.nan))
        }
        if not known:
            return set()
        best = max(known.values()) if scale.higher else min(known.values())
        return {name for name, value in known.items() if value == best}

    def error(self, name: str) -> Array:
        """Absolute difference from the clean image, averaged over channels, (H, W)."""
        error: Array = np.abs(self.images[name] - self.images[CLEAN]).mean(axis=0)
        return error


@dataclass(frozen=True)
class ImageGrid:
    """What is drawn, see `GridOptions`.

    Attributes:
        names: of the columns: `noisy`, methods' labels, `clean`.
        rows: an image under a noise each.
        scales: of the metrics below the images.
        options: what was asked for.
        chosen: how the methods were chosen, where nobody named them: a sentence.
        retrained: of some method there are several trainings, of which the first is shown.
    """

    data: str
    split: str
    names: Sequence[str]
    rows: Sequence[GridRow]
    scales: Mapping[str, Scale]
    options: GridOptions
    chosen: str = ""
    retrained: bool = False

    @classmethod
    def of(
        cls,
        runs: Run | Sequence[Run],
        options: GridOptions | None = None,
        opener: Opener | None = None,
    ) -> ImageGrid:
        """Read the images of one run, or of several on the same data.

        Args:
            runs: the newest one's is taken of what several measured.
            options: what is shown.
            opener: opens the data of a run, for images of which cells kept only what was restored;
                without, these cannot be shown.

        Raises:
            UsageError: there is no such method, noise or metric, or the images were not kept.
            StorageError: a run is damaged.
        """
        options = options or GridOptions()
        cells = KeptCells.of(runs if isinstance(runs, Sequence) else [runs])
        columns = _columns(cells, options.noise)
        names = _names(cells, columns, options)
        scales = _scales(cells, options.metrics)
        rows = []
        for column in columns:
            rows += _rows(cells, column, names, options, opener)
        if any(CLEAN not in row.images for row in rows):
            if options.error or CLEAN in options.methods:
                raise UsageError("there are no clean images, so neither they nor errors are shown")
            names = [name for name in names if name != CLEAN]
        manifest = cells.runs[0].manifest
        return cls(
            manifest.dataset.name,
            manifest.settings.split,
            names,
            rows,
            scales,
            options,
            "" if options.methods else _chosen(cells, columns),
            any(cells.trainings(name, column) > 1 for name in names for column in columns),
        )

    def heading(self, name: str) -> str:
        """What a column is called."""
        return self.options.labels.get(name, name)

    def shown(self, row: GridRow, image: Array) -> Array:
        """What is seen of one of a row's images or errors (..., H, W): the crop, or the whole."""
        return image if row.box is None or self.options.inset else row.box.of(image)

    @cached_property
    def error_limit(self) -> float:
        """End of the scale of errors: no more than two in a hundred of the methods' lie beyond."""
        names = [name for name in self.names if name not in (NOISY, CLEAN)] or [NOISY]
        errors = [self.shown(row, row.error(name)) for row in self.rows for name in names]
        limit = float(np.percentile(np.concatenate([each.ravel() for each in errors]), 98))
        power = 10.0 ** np.floor(np.log10(max(limit, 1e-3)))
        steps = (1, 1.5, 2, 3, 4, 5, 6, 8, 10)
        return next(round(step * power, 6) for step in steps if limit <= step * power * (1 + 1e-9))

    @property
    def sides(self) -> list[int]:
        """Of the boxes."""
        return [row.box.side for row in self.rows if row.box]

    def score(self, row: GridRow, name: str) -> list[tuple[str, bool]]:
        """The scores below an image as they are written, each with whether it is the best."""
        return [
            (
                f"{row.scores[name][metric]:.{scale.decimals}f}"
                if np.isfinite(row.scores[name].get(metric, np.nan))
                else "–",
                name in row.best(metric, scale),
            )
            for metric, scale in self.scales.items()
            if name in row.scores
        ]


def _columns(cells: KeptCells, typed: str) -> list[Column]:
    """The noises of the rows."""
    measured = cells.columns
    if not measured:
        raise UsageError(f"{cells.runs[0].path} has no finished cell: there is nothing to be shown")
    return matching(typed, measured) if typed.strip() else [measured[len(measured) // 2]]


def _names(cells: KeptCells, columns: Sequence[Column], options: GridOptions) -> list[str]:
    """The columns of the figure, the clean image among them."""
    known = _methods(cells, columns)
    called = [NOISY, *cells.labels(), CLEAN]
    for name in options.labels:
        if name not in called:
            raise UsageError(f"--label {name!r} renames no method: {nearest(name, called)}")
    if not options.methods:
        leading = next(iter(cells.scales))
        return [NOISY, *reversed(cells.best(known, columns, leading)[:_METHODS]), CLEAN]
    names = [NOISY if name == IDENTITY else name for name in dict.fromkeys(options.methods)]
    for name in names:
        if name not in (NOISY, CLEAN, *known):
            at = listed([noise_text(*column) for column in columns])
            raise UsageError(
                f"nothing was measured of {name!r} at {at}: {nearest(name, [NOISY, *known, CLEAN])}"
            )
    if names == [CLEAN]:
        raise UsageError("clean images alone compare nothing: name a method, or noisy")
    return names if CLEAN in names else [*names, CLEAN]


def _methods(cells: KeptCells, columns: Sequence[Column]) -> list[str]:
    """What was measured under all of some noises, but for the noisy image itself."""
    return [label for label in cells.labels(columns) if label != IDENTITY]


def _chosen(cells: KeptCells, columns: Sequence[Column]) -> str:
    """How the methods are chosen where nobody names them; "" where all are shown."""
    known = len(_methods(cells, columns))
    by = title(next(iter(cells.scales.values())))
    return f"The {_METHODS} of {known} methods best by mean {by}." if known > _METHODS else ""


def _scales(cells: KeptCells, metrics: Sequence[str]) -> dict[str, Scale]:
    """The metrics below the images."""
    known = cells.scales
    for name in metrics:
        if name not in known:
            raise UsageError(f"no metric is called {name!r}: {nearest(name, known)}")
    shown = metrics or analysis.prominent(known)[:_METRICS]
    return {name: known[name] for name in shown}


def _rows(
    cells: KeptCells,
    column: Column,
    names: Sequence[str],
    options: GridOptions,
    opener: Opener | None,
) -> list[GridRow]:
    """The images under one noise."""
    there = cells.labels([column])
    labels = [IDENTITY if name == NOISY else name for name in names if name != CLEAN]
    labels = [label for label in labels if label in there] or there[:1]
    positions = list(options.positions)
    if not positions:
        common = cells.common(labels, column)
        positions = common[: options.images]
        if len(positions) < options.images:
            kept = f"{len(common)} images were" if common else "no image was"
            raise UsageError(
                f"{kept} kept of all these methods at {noise_text(*column)}, in "
                f"{listed([run.name for run in cells.runs])}: ask for others or fewer, or measure "
                "with --keep outputs"
            )
    pictures = {label: cells.pictures(label, column, positions, opener) for label in labels}
    return [
        _row(column, position, {label: of[position] for label, of in pictures.items()}, options)
        for position in positions
    ]


def _row(
    column: Column, position: int, pictures: Mapping[str, Picture], options: GridOptions
) -> GridRow:
    """An image as each method restored it, all of the same noisy one."""
    first = next(iter(pictures.values()))
    for label, picture in pictures.items():
        if {first.digest, picture.digest} - {None, first.digest}:
            raise UsageError(
                f"image {position} had other noise for {label} than for {next(iter(pictures))}: "
                "show methods of runs with the same noise"
            )
    images = {NOISY: first.noisy}
    images |= {label: one.restored for label, one in pictures.items() if label != IDENTITY}
    if first.clean is not None:
        images[CLEAN] = first.clean
    images = {name: np.clip(image, 0, 1) for name, image in images.items()}
    restored = [image for name, image in images.items() if name not in (NOISY, CLEAN)]
    if len(restored) < 2:  # a single method is held to what it should be, or was
        restored = [*restored, images.get(CLEAN, images[NOISY])]
    if len(restored) < 2:
        restored = [*restored, images[NOISY]]
    return GridRow(
        column,
        position,
        images,
        {NOISY if label == IDENTITY else label: one.scores for label, one in pictures.items()},
        Crop.parse(options.crop).find(restored, inset=options.inset),
    )
