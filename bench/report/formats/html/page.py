"""The report as one interactive page: a file that opens from disk and asks no network for anything.

All text from outside goes through Jinja's escaping, through `traces.safe` for plotly, or into JSON
in which no tag can end. A content security policy lets the browser run the page's own two scripts,
by their digests, and load nothing.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from bench import analysis
from bench.core import level_text, noise_text
from bench.report.content import data_set, learning, prose, replicates
from bench.report.content.costs import costs, costs_note
from bench.report.content.coverage import fewer_images
from bench.report.content.families import representative
from bench.report.content.findings import Finding, findings
from bench.report.content.leaderboard import Leaderboard
from bench.report.content.options import Options
from bench.report.content.overall import over_data_sets
from bench.report.content.rows import Column
from bench.report.content.sessions import cells_of
from bench.report.content.tables import Entry, Table
from bench.report.content.tuning import tuning_notes
from bench.report.formats.html import library
from bench.report.formats.html.charts import charts
from bench.report.formats.html.copies import written
from bench.report.formats.html.environment import environment, parts
from bench.report.formats.html.followed import followed
from bench.report.formats.html.inspector import BUDGET, inspector
from bench.report.formats.html.parameters import parameters
from bench.report.formats.html.traces import Chart, Styles

if TYPE_CHECKING:
    from bench.report.content.section import Section
    from bench.store import Manifest


#: The page's script and its style sheet, in the order of their parts.
SCRIPTS = (
    "page", "theme", "choice", "filters", "tables", "copies", "folds", "labels", "figure", "charts",
    "images_pixels", "images_stage", "images_thumbnails", "images_scatter", "images_cards",
    "images", "start",
)  # fmt: skip
STYLES = ("page", "filters", "tables", "charts", "images", "provenance", "phone", "print")


def page(sections: Sequence[Section], options: Options | None = None) -> str:
    """The page of data sets, as HTML."""
    from markupsafe import Markup

    options = options or Options()
    labels = dict.fromkeys(label for section in sections for label in section.labels)
    columns = dict.fromkeys(column for section in sections for column in section.columns)
    styles = Styles(list(labels), list(columns))
    script = parts("scripts", SCRIPTS, "js")
    names = dict.fromkeys(run.name for section in sections for run in section.runs)
    return (
        environment()
        .get_template("page.html")
        .render(
            title=f"Denoising {' and '.join(prose.title(section) for section in sections)}",
            runs=list(names),
            ranks=over_data_sets(options.ranked(sections), options.first(sections), options.budget),
            styles=styles,
            followed=followed(sections),
            written=written(list(columns)),
            columns=[
                {"name": noise_text(*column), "kind": column[0], "level": level_text(column[1])}
                for column in columns
            ],
            sections=[
                _PageSection(
                    number, section, styles, list(columns), options, BUDGET // len(sections)
                )
                for number, section in enumerate(sections)
            ],
            script=Markup(script),
            library=library.packed(),
            digests=" ".join(f"'sha256-{_digest(text)}'" for text in (script, library.script())),
            style=Markup(parts("styles", STYLES, "css")),
        )
    )


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


class _PageSection:
    """What the template shows of a data set."""

    def __init__(
        self,
        number: int,
        section: Section,
        styles: Styles,
        columns: Sequence[Column],
        options: Options,
        budget: int,
    ) -> None:
        self.number, self.section, self.styles = number, section, styles
        self.column_index = {column: index for index, column in enumerate(columns)}
        self.title = prose.title(section)
        self.warnings = prose.warnings(section)
        shown_metrics = options.shown(section)
        self.lead, self.fewer = prose.lead(section), fewer_images(section, shown_metrics)
        self.data, self.truth = data_set.conditions(section), section.dataset.truth
        self.stems = section.stems
        self.learned_from, self.legend = learning.column(section), learning.legend(section)
        self.tested = prose.tested(section)
        self.findings = findings(section, shown_metrics)
        self.tables = {metric: Table.of(section, metric) for metric in options.tables(section)}
        self.spreads = {
            metric: prose.seed_spread(table, options.decimals(table.scale))
            for metric, table in self.tables.items()
        }
        self.digits = {
            (metric, column): options.digits(table, column)
            for metric, table in self.tables.items()
            for column in table.columns
        }
        shown = representative(section)
        curves = parameters(section, styles)  # all values, of however many methods
        self.charts: list[Chart] = [*curves, *charts(shown, styles, shown_metrics)]
        self.inspector = inspector(shown, styles, columns, budget)
        error_parts = replicates.error_parts(section)
        self.error_parts = replicates.texts(section, error_parts)
        self.error_parts_caption = replicates.caption(section)
        self.costs, self.costs_note = costs(section), costs_note(section)
        self.costed = list(next(iter(self.costs.values()), {}))
        self.leaderboard = Leaderboard.of(section, options)
        self.budgeted = options.budgeted(section)
        self.chosen, self.tuned_by = prose.chosen(section), prose.tuned_by(section)
        self.tuning = tuning_notes(section)
        self.problems = analysis.problems(section.cells)
        self.methods = {
            name: section.about.get(name) for name in dict.fromkeys(section.cells["method"])
        }
        self.made = [
            (
                run,
                prose.made(run.manifest, cells_of(section, run)),
                prose.conventions(run.manifest),
                prose.described(run.manifest, shown_metrics),
            )
            for run in section.runs
        ]

    @property
    def cases_by(self) -> str:
        """The metric by which images are called the best and the worst."""
        return self.section.scales[self.section.first_metric].title

    def anchor(self, metric: str, label: str, column: Column) -> str:
        """The id of a table's cell."""
        row = self.styles.index[label]
        return f"cell-{self.number}-{self.stems[metric]}-{row}-{self.column_index[column]}"

    def finding_anchor(self, finding: Finding) -> str:
        """The id of the cell that a finding rests on."""
        return self.anchor(finding.metric, *finding.cell)

    def text(self, metric: str, column: Column, value: float) -> str:
        """A value of a metric under a noise as its table shows it."""
        return f"{value:.{self.digits[metric, column]}f}"

    def width(self, metric: str, column: Column, entry: Entry) -> str:
        """Half the width of an entry's interval, "" without one."""
        return "" if entry.half_width is None else self.text(metric, column, entry.half_width)

    def ends(self, metric: str, column: Column, entry: Entry) -> str:
        """An entry's interval in full."""
        if entry.low is None or entry.high is None:
            return f"a single {data_set.sampled(self.section).removesuffix('s')} has no interval"
        low, high = (self.text(metric, column, end) for end in (entry.low, entry.high))
        return f"[{low}, {high}]"

    def settings(self, manifest: Manifest) -> str:
        """All settings of a run."""
        return str(manifest.settings)
