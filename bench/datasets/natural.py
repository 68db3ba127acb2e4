"""The field's sets of photographs, as folders of PNG files under the data folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bench.core import DataError, Dataset, Split
from bench.datasets import network
from bench.datasets.images import dataset_of, image_files

_DNCNN = "https://raw.githubusercontent.com/cszn/DnCNN/master"
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
        place = self._place(folder)
        return "" if place else f"there is no folder {self.title} in {folder}"

    def open(self, folder: Path) -> Dataset:
        """The set, downloaded if it has to be.

        Raises:
            DataError: it is not there, or not complete.
            StorageError: `folder` cannot be written.
        """
        what = f"{self.count} {'grey' if self.channels == 1 else 'RGB'} PNG files"
        place = self._place(folder)
        if place is None:
            place = folder / self.title
            advice = f"put its {what} into {place} (see --data-dir)"
            if not self.urls:
                raise DataError(f"{self.name} is not in {folder}: {advice}")
            network.fetch(self.urls, place, advice)
        files = image_files(place)
        if len(files) != self.count:
            raise DataError(
                f"{place} holds {len(files)} images, not the {self.count} of {self.name}: delete "
                f"it to download it anew, or put its {what} there"
            )
        splits: dict[Split, list[Path]] = {"test": files}
        if self.held_out is not None:
            splits = {"train": files[: -self.held_out], "validation": files[-self.held_out :]}
        dataset = dataset_of(self.name, splits, self.channels)
        if dataset.left_out:
            raise DataError(f"{place}: {dataset.left_out[0]}; {self.name} is all of its images")
        return dataset

    def _place(self, folder: Path) -> Path | None:
        for title in (self.title, self.title.lower()):
            if (folder / title).is_dir():
                return folder / title
        return None


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
