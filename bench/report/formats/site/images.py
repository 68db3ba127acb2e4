"""A page for each test image that was kept: every method's, at whole numbers of screen pixels."""

from __future__ import annotations

import hashlib
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.core import SAMPLE_SIDE, Scale
from bench.report.content.metrics import number, title
from bench.report.content.sample_images import Restored, SampleImage, sample_images
from bench.report.formats.site.rows import Facet
from bench.report.formats.site.slugs import slugs

if TYPE_CHECKING:
    from bench.report.formats.site.boards import BoardPage, NoisePage

#: Images of a leaderboard that have a page.
_IMAGES = 8
#: Pixels of the screen that an image has at least, where it is small; and a thumbnail at most.
_SHOWN, _THUMBNAIL = 140, 84
_FACTORS = (1, 2, 3, 4, 5, 6, 8)


@dataclass(frozen=True)
class Pixels:
    """An image's file: its path, and its size in pixels."""

    path: str
    width: int
    height: int

    @property
    def small(self) -> int:
        """The factor of a thumbnail."""
        return max(1, _THUMBNAIL // max(self.width, self.height))


@dataclass(frozen=True)
class Picture:
    """An image with what is written below it; of a method with its page."""

    label: str
    pixels: Pixels
    scores: str = ""
    path: str = ""
    method: str = ""

    @property
    def find(self) -> str:
        """What its name is searched in."""
        return self.label.lower()


@dataclass(frozen=True)
class NoiseGallery:
    """The pictures under one noise."""

    noise: NoisePage
    pictures: Sequence[Picture]

    @property
    def name(self) -> str:
        """The noise."""
        return self.noise.name

    @property
    def slug(self) -> str:
        """What it is called within the page."""
        return self.noise.slug

    @property
    def path(self) -> str:
        """The noise's page."""
        return self.noise.path


@dataclass(frozen=True)
class ImagePage:
    """The page of a test image."""

    path: str
    position: int
    noises: Sequence[NoiseGallery]
    facets: Sequence[Facet]
    by: str
    beside: Sequence[tuple[str, str]]

    @property
    def thumbnail(self) -> Pixels:
        """The clean image, or a noisy one where there is none."""
        return self.noises[0].pictures[0].pixels

    @property
    def usual(self) -> int:
        """The factor that it is shown at."""
        return max(1, math.ceil(_SHOWN / max(self.thumbnail.width, self.thumbnail.height)))

    @property
    def factors(self) -> list[int]:
        """Those to choose from."""
        return sorted({*_FACTORS, self.usual})

    @property
    def note(self) -> str:
        """What is not seen."""
        cut = SAMPLE_SIDE in (self.thumbnail.width, self.thumbnail.height)
        middle = (
            f" Of a larger image the middle is shown, {SAMPLE_SIDE} pixels a side; values are of "
            "the whole."
        )
        return f"Pixels are rounded to 8 bits.{middle * cut}"


def image_pages(page: BoardPage, files: dict[str, bytes]) -> list[ImagePage]:
    """The pages of a leaderboard's images, whose files are put into `files`."""
    section = page.board.section
    found = sample_images(section, _IMAGES)
    names = slugs(section.labels)
    paths = {
        str(label): page.paths[str(method)]
        for label, method in zip(section.cells["label"], section.cells["method"], strict=True)
    }
    by_column = {noise.standings.column: noise for noise in page.noises}
    metric = section.first_metric
    addresses = {position: f"{page.folder}/images/{position}.html" for position in found}
    pages = []
    for position, images in found.items():
        galleries = []
        for image in sorted(images, key=lambda image: image.column):
            write = _Writer(f"{page.folder}/images", files)
            pictures = [
                *_given(image, write),
                *_restored(image, section.scales, metric, write, names, paths),
            ]
            galleries.append(NoiseGallery(by_column[image.column], pictures))
        shown = {picture.method: picture.label for one in galleries for picture in one.pictures}
        values = [(slug, label) for slug, label in shown.items() if slug]
        beside = [
            (f"image {one}", address) for one, address in addresses.items() if one != position
        ]
        pages.append(
            ImagePage(
                addresses[position],
                position,
                galleries,
                [Facet("method", "Methods", values)],
                title(section.scales[metric]),
                beside,
            )
        )
    return pages


def _given(image: SampleImage, write: _Writer) -> list[Picture]:
    """What methods were given, and what they should give."""
    clean = [] if image.clean is None else [Picture("clean", write(image.clean))]
    return [*clean, Picture("noisy", write(image.noisy))]


def _restored(
    image: SampleImage,
    scales: Mapping[str, Scale],
    metric: str,
    write: _Writer,
    names: Mapping[str, str],
    paths: Mapping[str, str],
) -> list[Picture]:
    """What methods gave, the best of this image first."""
    higher = scales[metric].higher

    def place(one: Restored) -> tuple[bool, float]:
        score = one.scores.get(metric, math.nan)
        return math.isnan(score), 0.0 if math.isnan(score) else -score if higher else score

    return [
        Picture(
            one.label,
            write(one.pixels),
            ", ".join(
                f"{title(scales[name])} {number(scales[name], one.scores[name])}"
                for name in list(scales)[:2]
                if math.isfinite(one.scores.get(name, math.nan))
            ),
            paths[one.label],
            names[one.label],
        )
        for one in sorted(image.restored, key=place)
    ]


class _Writer:
    """Makes an image's file, which is called by its content: each once."""

    def __init__(self, folder: str, files: dict[str, bytes]) -> None:
        self._folder, self._files = folder, files

    def __call__(self, image: Any) -> Pixels:
        content = png(image)
        path = f"{self._folder}/{hashlib.sha256(content).hexdigest()[:16]}.png"
        self._files[path] = content
        return Pixels(path, int(image.shape[2]), int(image.shape[1]))


def png(image: Any) -> bytes:
    """An image (C, H, W) of values from 0 to 1 as a PNG file; of others than colour the first."""
    from PIL import Image

    pixels = np.moveaxis(np.asarray(image), 0, -1)
    pixels = pixels if pixels.shape[-1] == 3 else pixels[..., 0]
    pixels = np.nan_to_num(pixels, nan=0.0, posinf=1.0, neginf=0.0)
    data = np.round(np.clip(pixels, 0, 1) * 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(data).save(file, "png", optimize=True)
    return file.getvalue()
