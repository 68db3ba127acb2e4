r"""Tables of two metrics in one, as papers have them: `29.17/0.829`, with \cite of each method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from bench.report.content import data_set
from bench.report.content.leaderboard import Leaderboard
from bench.report.formats.latex.escape import escape
from bench.report.formats.latex.noise import noise_tex
from bench.report.formats.latex.references import Reference, cite
from bench.report.formats.latex.tables import COLUMNS, floats, row_of

if TYPE_CHECKING:
    from bench.report.content.leaderboard import Row
    from bench.report.content.options import Options
    from bench.report.content.rows import Column
    from bench.report.content.section import Section


def joint_tables(
    section: Section, options: Options, cited: Mapping[str, Sequence[Reference]]
) -> dict[str, str]:
    """The leaderboard, and methods by noises alone for a column: name -> LaTeX.

    Both have the first two metrics in one entry. Of many noises each table has as many as fit.
    """
    board = Leaderboard.of(section, options)
    if not board.tables:
        return {}
    made: dict[str, str] = {}
    parts = [board.columns[at : at + COLUMNS] for at in range(0, len(board.columns), COLUMNS)]
    for number, columns in enumerate(parts, 1):
        ending = section.suffix + (f"-{number}" if len(parts) > 1 else "")
        table = _Joint(section, board, columns, cited)
        made |= table.whole(f"leaderboard{ending}") | table.narrow(f"joint{ending}")
    return made


@dataclass(frozen=True)
class _Joint:
    """A leaderboard under some of its noises."""

    section: Section
    board: Leaderboard
    columns: Sequence[Column]
    cited: Mapping[str, Sequence[Reference]]

    def narrow(self, name: str) -> dict[str, str]:
        """Methods by noises."""
        kinds, rules, levels = self._heads(first=2)
        rows = [[self._method(row), *self._entries(row)] for row in self.board.rows]
        layout = r"@{}l" + "c" * len(self.columns) + "@{}"
        head = [row_of(["", *kinds]), rules, row_of(["method", *levels])]
        caption = f"{self._caption()} {self._marks()}"
        return {name: floats(self.section, name, caption, layout, head, rows)}

    def whole(self, name: str) -> dict[str, str]:
        """The same with rank, time, size and what was learned from."""
        kinds, rules, levels = self._heads(first=3)
        board, learns = self.board, [r"learned from"] * self.board.learns
        rows = [
            [
                escape(row.rank_text),
                self._method(row),
                *self._entries(row),
                escape(row.time),
                escape(row.size),
                *([escape(row.learned_from)] * board.learns),
            ]
            for row in board.rows
        ]
        head = [
            row_of(["", "", *kinds, "", "", *([""] * board.learns)]),
            rules,
            row_of(["rank", "method", *levels, "time", "parameters", *learns]),
        ]
        layout = r"@{}rl" + "c" * len(self.columns) + "rr" + "l" * board.learns + "@{}"
        notes = (board.ranks_note, board.reasons_note, board.speeds.note, board.legend)
        note = escape(" ".join(filter(None, notes)).replace("`", ""))
        caption = f"{self._caption()} {self._marks()} {note}"
        return {name: floats(self.section, name, caption, layout, head, rows, wide=True)}

    def _method(self, row: Row) -> str:
        return f"{escape(row.label)}{cite(row.label, self.cited)}"

    def _heads(self, first: int) -> tuple[list[str], str, list[str]]:
        """The heads of the noises, the rules between, and the levels."""
        what = "/".join(
            escape(table.scale.title)
            + (f" ({escape(table.scale.unit)})" if table.scale.unit else "")
            + (r"\,$\uparrow$" if table.scale.higher else r"\,$\downarrow$")
            for table in self.board.tables.values()
        )
        kinds, rules = [], []
        for _, group in groupby(self.columns, key=lambda column: column[0]):
            width = len(list(group))
            kinds.append(rf"\multicolumn{{{width}}}{{c}}{{{what}}}")
            rules.append(rf"\cmidrule(lr){{{first}-{first + width - 1}}}")
            first += width
        return kinds, "".join(rules), [noise_tex(column) for column in self.columns]

    def _entries(self, row: Row) -> list[str]:
        return [
            "/".join(self._entry(row, metric, column) for metric in self.board.tables)
            for column in self.columns
        ]

    def _entry(self, row: Row, metric: str, column: Column) -> str:
        entry = row.entries.get((metric, column))
        text = self.board.text(row, metric, column).replace("-", r"\ensuremath{-}")
        if entry is None:
            return "--"
        if entry.mark == "best":
            text = rf"\textbf{{{text}}}"
        elif row.label == self._second(metric, column):
            text = rf"\underline{{{text}}}"
        signs = {"near": r"\dagger", "few": r"\ddagger"}.get(entry.mark, "")
        return text + (rf"$^{{{signs}}}$" if signs else "")

    def _second(self, metric: str, column: Column) -> str | None:
        return self.board.tables[metric].second(column, self.section)

    def _caption(self) -> str:
        titles = " and ".join(escape(t.scale.title) for t in self.board.tables.values())
        conditions = " ".join(map(escape, data_set.conditions(self.section)))
        scale = " Levels of Gaussian noise are of 255." if self._of_255() else ""
        what = (
            f"{titles}, means over {data_set.images(self.section)} of {escape(self.section.name)}"
        )
        return f"{what}.{scale} {conditions}".strip()

    def _of_255(self) -> bool:
        plain = [noise_tex(column) for column in self.columns if "sigma" in noise_tex(column)]
        return bool(plain) and not any("0." in text for text in plain)

    def _marks(self) -> str:
        """What the marks say, of those that occur."""
        marks = {
            row.entries[metric, column].mark
            for row in self.board.rows
            for metric in self.board.tables
            for column in self.columns
            if (metric, column) in row.entries
        }
        second = any(
            self._second(metric, column) for metric in self.board.tables for column in self.columns
        )
        said = [r"\textbf{Bold}: the best." if "best" in marks else ""]
        if second:
            said.append(
                r"\underline{Underlined}: the second-best, where tests tell it from the best and "
                "from the next."
            )
        if "few" in marks:
            said.append(r"$^\ddagger$: the best mean, of fewer than four trainings.")
        if "near" in marks:
            said.append(r"$^\dagger$: cannot be told apart from the best.")
        return " ".join(filter(None, said))
