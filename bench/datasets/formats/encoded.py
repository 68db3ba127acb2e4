"""A file's bytes without the file: as tables hold them."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench.core import StorageError
from bench.datasets.formats.kinds import SUFFIXES
from bench.datasets.formats.opening import open_image
from bench.datasets.formats.stored import Stored


@dataclass(frozen=True)
class Encoded:
    """What is in a file of any format that is taken.

    Attributes:
        name: what to call it; unlike that of other files.
        data: its bytes.
        suffix: of its name, where it has one.
    """

    name: str
    data: bytes = field(repr=False)
    suffix: str = ""

    def __str__(self) -> str:
        return self.name

    def open(self) -> Stored:
        """Its images, decoded.

        Raises:
            UnusableImage, DataError, MissingPackage: see `open_image`.
            StorageError: there is no room for it in the folder of temporary files.
        """
        suffix = self.suffix.lower() if self.suffix.lower() in SUFFIXES else ""
        try:
            with tempfile.TemporaryDirectory(prefix="bench-image-") as folder:
                file = Path(folder) / f"image{suffix}"
                file.write_bytes(self.data)
                stored = open_image(file)
                pages = [stored.read(page) for page in range(stored.pages)]
        except OSError as error:
            raise StorageError(
                f"cannot write {self.name} into {tempfile.gettempdir()}, to decode it: "
                f"{error.strerror or error}; use another TMPDIR"
            ) from error
        return replace(stored, read=pages.__getitem__)
