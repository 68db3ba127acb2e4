"""What `bench verify` found of a pack: a file `NAME.verified.json` beside `NAME.zip`."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pydantic

from bench.core import StorageError
from bench.store.files import commit, opened, read_bytes, readable, sha256_of
from bench.store.json_model import Amount, Count, JsonModel
from bench.store.manifest import Machine

#: Of what is written.
VERSION = 1


class VerifiedCell(JsonModel):
    """A cell that was measured again.

    Attributes:
        key: the cell's.
        cell: in words.
        held: whether it gave what the pack says.
        how: in words, as "bit for bit" or why it did not hold.
        same_code: whether the method's code is that which measured.
        exact: its restored images are the same bit for bit.
        difference: of the cell's mean PSNR to the pack's, in dB, where there is one.
        largest_difference: of an image's PSNR, in dB, likewise.
        tolerance: in dB, that was allowed; 0 where all bits had to be the same.
    """

    key: str
    cell: str
    held: bool
    how: str
    same_code: bool = True
    exact: bool = False
    difference: Amount | None = None
    largest_difference: Amount | None = None
    tolerance: Amount | None = None


class Verified(JsonModel):
    """Which cells of a pack held when they were measured again, and where.

    Attributes:
        verified: version of this file's form.
        pack: name of the pack's file.
        sha256: of its bytes: of another pack this says nothing.
        asked: number of cells that were to be measured.
        seed: that drew them.
        methods: of which they were drawn; empty for all.
        cells: what came of each that was.
        left_out: why cells could not be measured there -> how many.
        unchecked: metrics of the pack that could not be measured there.
        same_machine: the machine and the versions are those of the pack.
        differs: in what they are others, in words.
        machine, versions: of the verification.
        date: ISO 8601 in UTC.
    """

    verified: Count = VERSION
    pack: str
    sha256: str
    asked: Count
    seed: Count
    methods: list[str] = pydantic.Field(default_factory=list)
    cells: list[VerifiedCell]
    left_out: dict[str, Count] = pydantic.Field(default_factory=dict)
    unchecked: list[str] = pydantic.Field(default_factory=list)
    same_machine: bool
    differs: list[str] = pydantic.Field(default_factory=list)
    machine: Machine
    versions: dict[str, str]
    date: str

    @property
    def held(self) -> int:
        """Number of cells that held."""
        return sum(cell.held for cell in self.cells)

    @property
    def largest_difference(self) -> float | None:
        """Of an image's PSNR, in dB; None where none was compared."""
        known = [cell.largest_difference for cell in self.cells]
        return max((value for value in known if value is not None), default=None)

    @classmethod
    def beside(cls, pack: str | os.PathLike[str]) -> Verified | None:
        """What was found of this very pack, if that lies beside it and is of its bytes."""
        with contextlib.suppress(OSError, StorageError, ValueError):
            found = cls.model_validate_json(read_bytes(verified_path(pack)))
            if found.verified == VERSION and found.sha256 == pack_digest(pack):
                return found
        return None

    def write_beside(self, pack: str | os.PathLike[str]) -> Path:
        """Write it beside the pack; raises `StorageError`."""
        path = verified_path(pack)
        # With what was left at its default, so that the file is whole.
        commit(path, f"{self.model_dump_json(by_alias=True, indent=2)}\n".encode())
        return path


def verified_path(pack: str | os.PathLike[str]) -> Path:
    """`NAME.verified.json` beside `NAME.zip`."""
    return Path(pack).with_suffix(".verified.json")


def pack_digest(pack: str | os.PathLike[str]) -> str:
    """SHA-256 of a pack's bytes, as `sha256sum` shows it; raises `StorageError`."""
    path = Path(pack).resolve()
    with readable(path, ""), opened(path) as file:
        return sha256_of(file)
