"""The field's sets of photographs, as folders of PNG files under the data folder.

Downloads are held to the SHA-256 sums in `checksums.txt` (the format of `sha256sum`), which
were taken from copies of BSD68 and Train400; of Set12 and Kodak24 no sum is known yet. What a
user puts there is held to its number of images and channels, and named by its fingerprint.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.core import DataError, Dataset, Split
from bench.datasets.download import RemoteFile, fetch
from bench.datasets.folders import contents, dataset_of
from bench.datasets.formats import UnusableImage, read_image

_DNCNN = "https://raw.githubusercontent.com/cszn/DnCNN/master"
#: What a photograph of a set may be, by its name.
_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff")
_FFDNET = "https://raw.githubusercontent.com/cszn/FFDNet/master"


@dataclass(frozen=True)
class ImageSet:
    """A set of images that is only itself with all of them.

    Attributes:
        name: as on the command line.
        title: of its folder; in small letters will do too.
        count, channels: of its images.
        urls: where each can be downloaded; empty where there is no stable public address.
        training: name of the set that the field trains on for it.
        held_out: if given, the set is for training: all images but so many, the last, which are
            the validation split. Otherwise all are the test split.
    """

    name: str
    title: str
    count: int
    channels: int
    urls: tuple[str, ...] = ()
    training: str = ""
    held_out: int | None = None

    def missing(self, folder: Path) -> str:
        """Why it cannot be used without a download; empty if it can."""
        own = self.lies_in(folder)
        if own is None:
            return f"there is no folder {self.title} in {folder}"
        count = len(_images(own))
        return "" if count == self.count else f"{own} holds {count} images, not {self.count}"

    def open(self, folder: Path, download: bool = True) -> Dataset:
        """The set, downloaded if it has to be and may be.

        Raises:
            DataError: it is not there, or not complete.
            StorageError: `folder` cannot be written.
        """
        contents = f"{self.count} {'grey' if self.channels == 1 else 'RGB'} PNG files"
        own = self.lies_in(folder)
        advice = f"put its {contents} into {own or folder / self.title} (see --data-dir)"
        if own is None:
            own = folder / self.title
            if not (self.urls and download):
                raise DataError(f"{self.name} is not in {folder}: {advice}")
            fetch(self.title, self.files(), own, folder, advice, fault=self._fault)
        try:
            return self._opened(own, contents)
        except DataError as error:
            if not (download and (lacking := self._lacking(own))):
                raise
            state = str(error)
        fetch(self.title, lacking, own, folder, advice, state=state, fault=self._fault)
        return self._opened(own, contents)

    def _opened(self, own: Path, contents: str) -> Dataset:
        files = _images(own)
        if len(files) != self.count:
            raise DataError(
                f"{own} holds {len(files)} images, not the {self.count} of {self.name}: delete "
                f"it to download it anew, or put its {contents} there"
            )
        splits: dict[Split, list[Path]] = {"test": files}
        if self.held_out is not None:
            splits = {"train": files[: -self.held_out], "validation": files[-self.held_out :]}
        dataset = dataset_of(self.name, splits, self.channels)
        if dataset.left_out:
            raise DataError(f"{own}: {dataset.left_out[0]}; {self.name} is all of its images")
        return dataset

    def files(self) -> list[RemoteFile]:
        """What is downloaded; empty where there is no stable public address."""
        names = [url.rpartition("/")[2] for url in self.urls]
        return [
            RemoteFile(name, (url,), _checksums().get(f"{self.title}/{name}"))
            for name, url in zip(names, self.urls, strict=True)
        ]

    def _lacking(self, own: Path) -> list[RemoteFile]:
        """Files that a download left out or that were damaged; none of images that are others'."""
        files = self.files()
        if not {path.name for path in _images(own)} <= {file.name for file in files}:
            return []
        return [file for file in files if self._fault(own / file.name)]

    def _fault(self, path: Path) -> str:
        """Why a file is no image of the set; empty if it is one."""
        try:
            channels = len(read_image(path))
        except UnusableImage as error:
            return str(error)
        return "" if channels == self.channels else f"it has {channels} channels"

    def lies_in(self, folder: Path) -> Path | None:
        """Its folder, whole or not; None where there is none."""
        for title in (self.title, self.title.lower()):
            if (folder / title).is_dir():
                return folder / title
        return None


def _images(folder: Path) -> list[Path]:
    return [path for path in contents(folder).images if path.suffix.lower() in _SUFFIXES]


@functools.cache
def _checksums() -> Mapping[str, str]:
    """`BSD68/test001.png` -> the file's SHA-256 in hex."""
    lines = Path(__file__).with_name("checksums.txt").read_text(encoding="utf-8").splitlines()
    return {name: checksum for checksum, name in map(str.split, lines)}


def _numbered(form: str, count: int) -> tuple[str, ...]:
    return tuple(form.format(number) for number in range(1, count + 1))


SETS = {
    images.name: images
    for images in (
        ImageSet(
            "bsd68", "BSD68", 68, 1,
            _numbered(_DNCNN + "/testsets/BSD68/test{:03}.png", 68),
            training="train400",
        ),
        ImageSet(
            "set12", "Set12", 12, 1,
            _numbered(_DNCNN + "/testsets/Set12/{:02}.png", 12),
            training="train400",
        ),
        ImageSet("cbsd68", "CBSD68", 68, 3),
        ImageSet(
            "kodak24", "Kodak24", 24, 3, _numbered(_FFDNET + "/testsets/Kodak24/kodim{:02}.png", 24)
        ),
        ImageSet(
            "train400", "Train400", 400, 1,
            _numbered(
                _DNCNN + "/TrainingCodes/DnCNN_TrainingCodes_v1.0/data/Train400/test_{:03}.png", 400
            ),
            held_out=40,
        ),
    )
}  # fmt: skip
