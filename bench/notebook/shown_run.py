"""A run that shows itself: its table, its images, its page."""

from __future__ import annotations

import io
import webbrowser
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import store
from bench.core import BenchError, UsageError, shown
from bench.notebook.display import Page, in_notebook, show_figures

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas.io.formats.style import Styler

    from bench.report.content.section import Section

#: Dots an inch of the images in a run's own look.
_DPI = 150


class ShownRun(store.Run):
    """A run on disk that a notebook shows; see `bench.store.Run`."""

    _read: tuple[object, Section] | None = None

    def table(self, metrics: str | Sequence[str] | None = None) -> Styler:
        """Means over images by noise, the best method first, each with half its 95% interval.

        In a notebook it shows as a table: **bold** is the best mean, † cannot be told apart from
        it, ‡ the best of fewer than four trainings, ▾ worse than the noisy image itself. Its `data`
        is a frame of the means in full.

        >>> run = bench.run("digits", methods="identity,median", noise=[0.1, 0.3], limit=20)
        >>> table = run.table("psnr")
        >>> list(table.data.index), table.data.shape
        (['median', 'identity'], (2, 2))

        Args:
            metrics: labels, or a text with commas; None for the first two that the run has.

        Raises:
            UsageError: there is no such metric, or the run has no result as yet.
            StorageError: a cell's file is damaged.
        """
        from bench.notebook.table import styled
        from bench.report.content.options import Options

        section = self._section()
        given: Any = metrics.split(",") if isinstance(metrics, str) else metrics
        if given is not None and not (
            isinstance(given, Sequence) and all(isinstance(one, str) for one in given)
        ):
            raise UsageError(f"metrics are names, such as psnr,ssim; not {shown(metrics)}")
        options = Options(metrics=tuple(name.strip() for name in given or ()))
        options.select([section])  # refuses metrics that the run does not have
        return styled(section, options)

    def figure(
        self,
        methods: Sequence[str] | str | None = None,
        noise: float | str | None = None,
        *,
        images: int = 3,
        crop: str = "auto",
        inset: bool = False,
        error: bool = False,
        labels: Mapping[str, str] | None = None,
        width: str | float = "column",
    ) -> Figure:
        """Images side by side as in a paper, a matplotlib figure; what `bench figure` draws.

        Args:
            methods: labels, or a text with commas; None for the noisy image and the best four.
            noise: columns, as `bench report --columns` takes them: 0.3, "gaussian:0.1,0.3"; None
                for the middle one of those measured.
            images: how many, the first ones by position.
            crop: what part of each is shown, see `bench figure --help`.
            inset: show the whole image, and the crop magnified in a corner of it.
            error: a row of errors below each.
            labels: what methods are called in the figure, by their labels.
            width: `column`, `page` or a length, as "85mm"; a number is in inches.

        Raises:
            UsageError: there is no such method or noise, or the run keeps no images.
            StorageError: a cell's file is damaged.
        """
        from bench.report.content.image_grid import GridOptions
        from bench.report.figures.article import article_figure

        if isinstance(images, bool) or not isinstance(images, int):
            raise UsageError(f"images is how many are shown, not {shown(images)}")
        if labels is not None and not isinstance(labels, Mapping):
            raise UsageError(f'labels is a dict such as {{"vae": "VAE"}}, not {shown(labels)}')
        if not isinstance(crop, str):
            raise UsageError(f"crop is a text such as auto or none, not {shown(crop)}")
        options = GridOptions(
            images=images,
            methods=() if methods is None else _labels(methods),
            noise="" if noise is None else _columns(noise),
            crop=crop,
            inset=bool(inset),
            error=bool(error),
            labels=labels or {},
        )
        show_figures()
        return article_figure(self, options, width=width)

    def inspect(self, out: str | Path = "reports") -> Page:
        """The report's page: in a notebook in a frame below the cell, elsewhere in the browser.

        Args:
            out: folder of the reports; the page lies there, in a folder of the run's name.

        Raises:
            StorageError: the run is damaged, or the folder cannot be written.
        """
        from bench.report.render import render

        if not isinstance(out, str | Path):
            raise UsageError(f"out is a folder, not {shown(out)}")
        page = Page(render(self, Path(out), ["html"])["html"])
        if not in_notebook():
            webbrowser.open(page.path.absolute().as_uri())
        return page

    def _repr_html_(self) -> str:
        """The run as a notebook shows it: what was measured, the table, some images."""
        from bench.notebook.look import look, refused

        try:
            section = self._section()
            return look(section, self._picture())
        except BenchError as error:  # that a run cannot be shown is no fault of the cell's
            return refused(self, error)

    def _picture(self) -> bytes:
        """Images of the best methods under one noise, as PNG; empty where none are kept."""
        try:
            canvas = self.figure(images=2, width="page")
        except UsageError:
            return b""
        file = io.BytesIO()
        canvas.savefig(file, format="png", dpi=_DPI)
        return file.getvalue()

    def _section(self) -> Section:
        """What a report shows of it; read again where cells have come since."""
        from bench.report.content.section import Section

        state = frozenset(self.finished()), str(self.manifest)
        if self._read is None or self._read[0] != state:
            self._read = state, Section.of(self)
        section = self._read[1]
        if section.summary.empty:
            raise UsageError(
                f"{self.path} has no result to show: {len(section.cells)} of "
                f"{len(self.manifest.cells)} cells are finished, and none of them is done"
            )
        return section


def _columns(noise: Any) -> str:
    if isinstance(noise, bool) or not isinstance(noise, float | int | str):
        raise UsageError(f"noise is a level or a text such as gaussian:0.1,0.3, not {shown(noise)}")
    return str(noise)


def _labels(methods: Any) -> tuple[str, ...]:
    from bench.planning.notation import split_list

    names = split_list(methods) if isinstance(methods, str) else methods
    if not isinstance(names, Sequence) or not all(isinstance(name, str) for name in names):
        raise UsageError(f"methods are labels of the run, not {shown(methods)}")
    return tuple(names)
