"""Where a leaderboard's runs come from: packs, with what was verified, and runs' folders."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from bench import store
from bench.core import UsageError
from bench.store.verified import pack_digest, verified_path

if TYPE_CHECKING:
    from bench.store import Run, Verified

#: Whether cells of a pack were measured again: all held, some did not, none was, or what lies
#: beside the pack is of another one.
Verdict = Literal["held", "failed", "none", "other"]


@dataclass(frozen=True)
class Source:
    """A run that is shown.

    Attributes:
        run: the run.
        pack: the file that it came in; None of a run's folder.
        sha256: of the pack's bytes; empty of a folder.
        verified: what `bench verify` found of this very pack.
        misplaced: a verification lies beside the pack that is not of it.
    """

    run: Run
    pack: Path | None = None
    sha256: str = ""
    verified: Verified | None = None
    misplaced: bool = False

    @classmethod
    def of(cls, given: str) -> Source:
        """Open a pack, a run's folder, or a run by its name in `results`.

        Raises:
            StorageError: there is none, or it is damaged or not what was packed.
        """
        run = store.find_run(given)
        path = store.locate(given)
        if not store.is_pack(path):
            return cls(run)
        verified = store.Verified.beside(path)
        misplaced = verified is None and verified_path(path).is_file()
        return cls(run, path, pack_digest(path), verified, misplaced)

    @property
    def when(self) -> str:
        """The day on which its last session ended, or began where that has not: 2026-11-26."""
        return (self.run.manifest.ended or self.run.manifest.started)[:10]

    @cached_property
    def size(self) -> int:
        """Bytes of the pack; 0 of a folder."""
        return self.pack.stat().st_size if self.pack else 0

    @property
    def verdict(self) -> Verdict:
        """Whether cells of it were measured again, and held."""
        if self.verified is None:
            return "other" if self.misplaced else "none"
        cells = len(self.verified.cells)
        return "held" if cells and self.verified.held == cells else "failed" if cells else "none"

    @property
    def verdict_text(self) -> str:
        """The same in words: `verified 5 of 5 cells`."""
        if self.verdict == "other":
            return "verification is of another pack"
        if self.verified is None or not self.verified.cells:
            return "not verified"
        return f"verified {self.verified.held} of {len(self.verified.cells)} cells"


def sources(given: Iterable[str]) -> list[Source]:
    """What was given, each run once, the newest first, whatever the order it was given in.

    Raises:
        UsageError: two runs of one name and time are not the same.
        StorageError: one cannot be read.
    """
    found: dict[tuple[str, str], Source] = {}
    for source in map(Source.of, dict.fromkeys(given)):
        manifest = source.run.manifest
        known = found.setdefault((manifest.started, source.run.name), source)
        if known is not source and known.sha256 != source.sha256:
            where = " and ".join(str(one.pack or one.run.path) for one in (known, source))
            raise UsageError(
                f"{where} are both the run {source.run.name} of {manifest.started} and not the "
                "same: give one of them"
            )
        if known.verified is None:  # of one pack in two places that which was verified
            found[manifest.started, source.run.name] = source
    return [found[key] for key in sorted(found, reverse=True)]
