"""A run that shows itself: its table, its images, its page."""

from __future__ import annotations

import io
import webbrowser
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import store
from bench.core import BenchError, UsageError, nearest, shown
from bench.notebook.display import Page, in_notebook

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler

    from bench.report.content.section import Section

#: What a run's own look has of its images: methods, and noises.
_METHODS, _NOISES = 5, 2


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
        given = metrics.split(",") if isinstance(metrics, str) else metrics
        if given is not None and not (
            isinstance(given, Sequence) and all(isinstance(one, str) for one in given)
        ):
            raise UsageError(f"metrics are names, such as psnr,ssim; not {shown(metrics)}")
        options = Options(metrics=tuple(name.strip() for name in given or ()))
        options.select([section])  # refuses metrics that the run does not have
        return styled(section, options)

    def figure(
        self, methods: Sequence[str] | str | None = None, noise: float | str | None = None
    ) -> Any:
        """Clean, noisy and restored images side by side, as a matplotlib figure.

        Args:
            methods: labels, or a text with commas; None for all.
            noise: columns, as `bench report --columns` takes them: 0.3, "gaussian:0.1,0.3"; None
                for the first three noises.

        Raises:
            UsageError: there is no such method or noise, or the run keeps no images.
            StorageError: a cell's file is damaged.
        """
        from bench.notebook.grid import grid
        from bench.report.content.options import Options

        section = self._section()
        if noise is not None:
            (section, *_) = Options(columns=_columns(noise)).select([section])
        if methods is not None:
            section = section.of_methods(_labels(methods, section.labels))
        return grid(section)

    def inspect(self, out: str | Path = "reports") -> Page:
        """The report's page: in a notebook in a frame below the cell, elsewhere in the browser.

        Args:
            out: folder of the reports; the page lies there, in a folder of the run's name.

        Raises:
            StorageError: the run is damaged, or the folder cannot be written.
        """
        from bench.report import render

        if not isinstance(out, str | Path):
            raise UsageError(f"out is a folder, not {shown(out)}")
        page = Page(render.render(self, Path(out), ["html"])["html"])
        if not in_notebook():
            webbrowser.open(page.path.absolute().as_uri())
        return page

    def _repr_html_(self) -> str:
        """The run as a notebook shows it: what was measured, the table, some images."""
        from bench.notebook.look import look, refused

        try:
            section = self._section()
            return look(section, self._picture(section))
        except BenchError as error:  # that a run cannot be shown is no fault of the cell's
            return refused(self, error)

    def _picture(self, section: Section) -> bytes:
        """Images of the best methods under the first noises, as PNG; empty where none are kept."""
        from bench.notebook.grid import grid
        from bench.report.content.leaderboard import Leaderboard

        best = [row.label for row in Leaderboard.of(section).rows][:_METHODS]
        part = section.of_methods(best).only(section.columns[:_NOISES])
        try:
            canvas = grid(part)
        except UsageError:
            return b""
        file = io.BytesIO()
        canvas.savefig(file, format="png", dpi=90, bbox_inches="tight")
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


def _labels(methods: Any, known: Sequence[str]) -> list[str]:
    """The labels that are meant.

    Raises:
        UsageError: there is no such method in the run.
    """
    from bench.planning.notation import split_list

    names = split_list(methods) if isinstance(methods, str) else methods
    if not isinstance(names, Sequence) or not all(isinstance(name, str) for name in names):
        raise UsageError(f"methods are labels of the run, not {shown(methods)}")
    for name in names:
        if name not in known:
            raise UsageError(f"the run has no method {shown(name)}: {nearest(name, known)}")
    if not names:
        raise UsageError(f"no method given: the run has {', '.join(known)}")
    return list(names)
