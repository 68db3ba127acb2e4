"""What a site is made of: its packs, and what each brought."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.report.content.words import listed

if TYPE_CHECKING:
    from bench.report.content.sources import Source
    from bench.report.formats.site.boards import BoardPage


@dataclass(frozen=True)
class PackEntry:
    """A pack, or a run's folder.

    Attributes:
        name: what it is called on the site.
        methods: number of labels that it measured.
    """

    name: str
    source: Source
    board: BoardPage
    methods: int

    @property
    def file(self) -> str:
        """Name of its file."""
        return f"{self.name}.zip"

    @property
    def path(self) -> str:
        """Where it is offered; empty of a run's folder."""
        return f"packs/{self.file}" if self.source.pack else ""

    @property
    def size(self) -> str:
        """In words: `1.2 MB`."""
        size = self.source.size
        return f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{max(1, round(size / 1e3))} kB"

    @property
    def verified(self) -> list[str]:
        """What was verified, when and where, and which cells did not hold."""
        found = self.source.verified
        if found is None:
            return []
        cpu = found.machine.gpu or found.machine.cpu
        where = "on the machine that measured" if found.same_machine else f"on {cpu}"
        exact = sum(cell.exact for cell in found.cells)
        said = [f"{found.date[:10]}, {where}; {exact} bit for bit"]
        return said + [f"{cell.cell}: {cell.how}" for cell in found.cells if not cell.held]


@dataclass(frozen=True)
class Change:
    """What a pack brought to its leaderboard.

    Attributes:
        new: methods that no older pack of it has.
        again: those that some has.
    """

    source: Source
    name: str
    board: BoardPage
    new: str
    again: str


#: Changes that the first page lists, and methods that one of them names.
_CHANGES, _NAMED = 10, 8


def changes(packs: Sequence[PackEntry], labels: Mapping[str, Sequence[str]]) -> list[Change]:
    """What the newest packs brought, the newest first.

    Args:
        packs: all, the newest first.
        labels: a pack's name -> the labels of what it measured.
    """
    found = []
    seen: dict[str, set[str]] = {}
    for pack in reversed(packs):
        known = seen.setdefault(pack.board.path, set())
        own = labels[pack.name]
        new = [label for label in own if label not in known]
        again = [label for label in own if label in known]
        found.append(Change(pack.source, pack.name, pack.board, _some(new), _some(again)))
        known.update(own)
    return found[::-1][:_CHANGES]


def _some(labels: Sequence[str]) -> str:
    if len(labels) <= _NAMED:
        return listed(labels)
    return f"{', '.join(labels[:_NAMED])} and {len(labels) - _NAMED} more"
