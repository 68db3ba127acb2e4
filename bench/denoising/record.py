"""What became of each file, and `denoise.json`, which says how."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import store
from bench.core import StorageError

#: What is written beside the restored files.
NAME = "denoise.json"


@dataclass
class DenoisedFile:
    """What became of a file.

    Attributes:
        source: as it was given.
        target: what was written.
        fault: why it was not; empty where all went well.
        noise: that the method was told, or its model is for, of each page, in words.
        clipped: values of `values` that lay beyond the range, or what the type can hold.
        notes: what is to be known of it, a line each.
        how: what `denoise.json` says of it.
    """

    source: Path
    target: Path
    fault: str = ""
    noise: list[str] = field(default_factory=list)
    clipped: int = 0
    values: int = 0
    notes: list[str] = field(default_factory=list)
    how: dict[str, Any] = field(default_factory=dict)


class Record:
    """`denoise.json`: of each file in a folder how it was made, also of earlier calls."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._files: dict[str, Any] = {}
        try:
            known = json.loads(path.read_text(encoding="utf-8"))["files"]
            self._files = dict(known)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise StorageError(f"cannot read {path}: {error.strerror}") from error
        except (ValueError, KeyError, TypeError) as error:
            raise StorageError(f"{path} is not what bench denoise wrote: remove it") from error

    def add(self, file: DenoisedFile) -> None:
        """Note how a file was made; in place of what was said of one of that name."""
        if file.fault:
            return
        self._files[file.target.name] = file.how

    def write(self) -> None:
        """On disk, if there is anything to say."""
        if self._files:
            text = json.dumps({"files": self._files}, indent=2, default=str)
            store.write_text(self._path, text + "\n")
