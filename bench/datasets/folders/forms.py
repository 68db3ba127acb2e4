"""Folders as data sets: of clean images, of pairs, and of noisy frames.

Nothing is resized, cropped or turned from colour to grey. Of a folder of images, a file that cannot
be taken as it is, is left out and named, with the reason; pairs and frames are taken whole or not
at all. Files that are no images by their names are counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.core import SPLITS, DataError, Dataset, Range, Split, counted
from bench.datasets.folders.assembly import assembled
from bench.datasets.folders.contents import (
    beside_splits,
    check_scenes,
    contents,
    is_image,
    is_truth,
    named,
    split_folders,
    tally,
)
from bench.datasets.folders.description import DESCRIPTION, Description, description
from bench.datasets.folders.scenes import Entry, Page, Scene, opened, pages_of
from bench.datasets.folders.units import check_apart, held_out
from bench.datasets.formats import Stored, UnusableImage
from bench.datasets.formats.files import parted
from bench.datasets.value_scale import value_scale

_CLEAN, _NOISY = "clean", "noisy"


@dataclass(frozen=True)
class Form:
    """A way in which images lie in a folder.

    Attributes:
        summary: what lies where.
        open: the data set, given its folder and the range that was typed.
    """

    summary: str
    open: Callable[[Path, Range | None], Dataset]


def open_folder(folder: Path, stated: Range | None = None) -> Dataset:
    """A folder of clean images as a data set: all of them the test split.

    Where there is a folder `test` in it, that is the test split, and `train` and `val` (or
    `validation`) are the others; they may be missing. Pages of a file are images of one unit.
    A file by itself, or an array in it, is a data set of its pages.

    Args:
        folder: of the images, or the path of a file.
        stated: the range of the stored values, where the user gave it.

    Raises:
        UsageError: the range has to be stated, or is stated twice.
        DataError: there is no such folder, or no image in it that can be used.
    """
    if is_image(folder):
        return _open_file(folder, stated)
    folders = split_folders(folder, "folder")
    files, ignored = {}, []
    for split, own in folders.items():
        found = contents(own)
        files[split] = found.images
        inside = [path for path in found.folders if path not in folders.values()]
        ignored += tally(own, [*inside, *found.others])
    ignored += beside_splits(folder, folders)
    if not files["test"]:
        there = {path.name for path in contents(folders["test"]).folders}
        other = f"give pairs:{folder}" if {_CLEAN, _NOISY} <= there else "put image files there"
        raise DataError(
            f"folder:{folder}: no image in {folders['test']}: {other}"
            f"{f' ({ignored[0]})' if ignored else ''}"
        )
    return dataset_of(
        f"folder:{folder.resolve().name}", files, stated=stated, ignored=ignored, top=folder
    )


def _open_file(path: Path, stated: Range | None) -> Dataset:
    """The pages of a file; what is black and white in it, `dataset.toml` beside it may say."""
    file, inner = parted(path)
    beside = file.parent
    stated = description(beside).stated(stated, beside)
    name = f"folder:{file.resolve().name}{f'::{inner}' if inner else ''}"
    return dataset_of(name, {"test": [path]}, stated=stated)


def dataset_of(
    name: str,
    files: Mapping[Split, Sequence[Path]],
    channels: int | None = None,
    *,
    stated: Range | None = None,
    ignored: Sequence[str] = (),
    top: Path | None = None,
) -> Dataset:
    """Files of clean images as a data set; those that cannot be taken are left out and named.

    Args:
        name: the data set's.
        files: of each split, in order.
        channels: that an image must have; None for any.
        stated: the range of the stored values, where the user gave it.
        ignored: lines that say what lies there besides.
        top: folder that may hold `dataset.toml`.

    Raises:
        UsageError: the range has to be stated, or is stated twice.
        DataError: no test image is left of those that there were.
    """
    splits: dict[Split, list[Entry]] = {}
    left_out = []
    for split in SPLITS:
        paths = files.get(split, ())
        splits[split] = []
        for path, stored in zip(paths, opened(paths), strict=True):
            if isinstance(stored, Stored) and channels not in (None, stored.shape[0]):
                stored = UnusableImage(f"it has {stored.shape[0]} channels, not {channels}")
            if isinstance(stored, UnusableImage):
                left_out.append(f"{path.name} is left out: {stored}")
                continue
            scenes = tuple(map(Scene, pages_of(path, stored)))
            splits[split].append(Entry(path.name, scenes))
    if files.get("test") and not splits["test"]:
        raise DataError(f"{name}: no file can be used; {left_out[0]}")
    told = description(top) if top else Description()
    return _described(name, splits, told, stated, top, left_out=left_out, ignored=ignored)


def open_pairs(folder: Path, stated: Range | None = None) -> Dataset:
    """Noisy images with their clean ones: `noisy/` and `clean/`, whose files have equal names.

    They lie in the folder itself, or in each of `train`, `val` (or `validation`) and `test` in it.
    Suffixes may differ; the pages of two files are pairs in their order.

    Raises:
        UsageError: the range has to be stated, or is stated twice.
        DataError: there is no such folder, or a pair that is none.
    """
    form = f"pairs:{folder}"
    folders = split_folders(folder, "pairs")
    ignored = beside_splits(folder, folders)
    splits: dict[Split, list[Entry]] = {}
    for split, own in folders.items():
        found = contents(own)
        kinds = {path.name: path for path in found.folders if path.name in (_CLEAN, _NOISY)}
        if len(kinds) < 2:
            lacking = " and ".join(sorted({_CLEAN, _NOISY} - set(kinds)))
            raise DataError(
                f"{form}: there is no folder {lacking} in {own}: put noisy images into noisy/ and "
                "their clean ones, with equal names, into clean/"
            )
        others = [path for path in found.folders if path.name not in kinds]
        ignored += tally(own, [*found.images, *others, *found.others])
        files: dict[str, dict[str, Path]] = {}
        for kind, path in sorted(kinds.items()):
            files[kind], more = _by_stem(form, path)
            ignored += more
        splits[split] = list(_pairs(form, own, files[_CLEAN], files[_NOISY]))
    name = f"pairs:{folder.resolve().name}"
    return _described(name, splits, description(folder), stated, folder, ignored, strict=True)


def _by_stem(form: str, folder: Path) -> tuple[dict[str, Path], list[str]]:
    """The images of a folder by name without suffix, and a line for all else."""
    found = contents(folder)
    files: dict[str, Path] = {}
    for path in found.images:
        if path.stem in files:
            other = files[path.stem].name
            raise DataError(f"{form}: {other} and {path.name} in {folder} are both {path.stem}")
        files[path.stem] = path
    return files, tally(folder, [*found.folders, *found.others])


def _pairs(
    form: str, own: Path, clean: Mapping[str, Path], noisy: Mapping[str, Path]
) -> Iterator[Entry]:
    for kind, mine, others in ((_NOISY, clean, noisy), (_CLEAN, noisy, clean)):
        if single := [path for stem, path in mine.items() if stem not in others]:
            raise DataError(
                f"{form}: without an image of equal name in {own / kind}: {named(single)}"
            )
    if not clean:
        raise DataError(f"{form}: no image in {own / _CLEAN}: put image files there")
    stems = list(clean)
    sources = [clean[stem] for stem in stems], [noisy[stem] for stem in stems]
    of_clean, of_noisy = (list(_all(form, paths)) for paths in sources)
    for stem, one, other in zip(stems, of_clean, of_noisy, strict=True):
        if len(one) != len(other):
            raise DataError(
                f"{form}: {one[0].path.name} holds {len(one)} clean images and {len(other)} noisy "
                "ones"
            )
        scenes = (Scene(truth, (given,)) for truth, given in zip(one, other, strict=True))
        yield Entry(stem, tuple(_of_one_shape(form, scene) for scene in scenes))


def open_frames(folder: Path, stated: Range | None = None) -> Dataset:
    """Scenes of which there are two noisy images or more: a folder a scene, or a file with pages.

    Every image in a scene's folder is a frame of it, and every page of a file; one that is named
    `clean` is the ground truth. They lie in the folder itself, or in each of `train`, `val` (or
    `validation`) and `test` in it. The first frame by name is what is denoised.

    Raises:
        UsageError: the range has to be stated, or is stated twice.
        DataError: there is no such folder, or a scene without frames that can be compared.
    """
    form = f"frames:{folder}"
    folders = split_folders(folder, "frames")
    ignored = beside_splits(folder, folders)
    splits: dict[Split, list[Entry]] = {}
    for split, own in folders.items():
        found = contents(own)
        check_scenes(form, own, found.folders)
        ignored += tally(own, found.others)
        scenes: dict[Path, list[Path]] = {path: [path] for path in found.images}
        for path in found.folders:
            inside = contents(path)
            scenes[path] = inside.images
            ignored += tally(path, [*inside.folders, *inside.others])
        if not scenes:
            raise DataError(
                f"{form}: no scene in {own}: put the noisy images of each scene into a folder, or "
                "a file with several pages, there"
            )
        splits[split] = [_frames(form, path, scenes[path]) for path in sorted(scenes)]
    _all_or_none(form, [entry for part in splits.values() for entry in part])
    name = f"frames:{folder.resolve().name}"
    return _described(name, splits, description(folder), stated, folder, ignored, strict=True)


def _frames(form: str, path: Path, files: Sequence[Path]) -> Entry:
    clean: list[Page] = []
    noisy: list[Page] = []
    for pages in _all(form, files):
        is_clean = pages[0].path != path and is_truth(form, pages[0].path)
        (clean if is_clean else noisy).extend(pages)
    if len(clean) > 1:
        raise DataError(f"{form}: {path.name} holds {len(clean)} clean images: keep one")
    if len(noisy) < 2:
        raise DataError(
            f"{form}: {path.name} holds {counted(len(noisy), 'noisy image')}: a scene "
            "takes two or more, in a folder of its own or as pages of a file"
        )
    scene = Scene(clean[0] if clean else None, tuple(noisy))
    return Entry(path.name, (_of_one_shape(form, scene),))


def _all_or_none(form: str, entries: Sequence[Entry]) -> None:
    """Find a clean image of every scene, or of none."""
    by_truth = {entry.scenes[0].clean is not None: entry.name for entry in entries}
    if len(by_truth) > 1:
        raise DataError(
            f"{form}: {by_truth[True]} has a clean image and {by_truth[False]} has none: give one "
            "to all scenes, or to none"
        )


def _all(form: str, paths: Sequence[Path]) -> Iterator[list[Page]]:
    """The pages of each file, all of which can be taken."""
    for path, stored in zip(paths, opened(paths), strict=True):
        if isinstance(stored, UnusableImage):
            raise DataError(f"{form}: {path.parent.name}/{path.name}: {stored}")
        yield pages_of(path, stored)


def _of_one_shape(form: str, scene: Scene) -> Scene:
    first = scene.pages[0]
    for page in scene.pages:
        if page.shape != first.shape:
            one, other = ("x".join(map(str, each.shape)) for each in (first, page))
            raise DataError(
                f"{form}: {first.place} is of {one} and {page.place} of {other} (channels, height, "
                "width): images of one scene are of one shape"
            )
    return scene


def _described(
    name: str,
    splits: Mapping[Split, Sequence[Entry]],
    told: Description,
    stated: Range | None,
    top: Path | None,
    ignored: Sequence[str] = (),
    left_out: Sequence[str] = (),
    *,
    strict: bool = False,
) -> Dataset:
    """The data set, by what its `dataset.toml` and the user say of it."""
    if top is not None:
        if (told.train or told.validation) and any(splits.get(s) for s in ("train", "validation")):
            raise DataError(
                f"{top / DESCRIPTION}: train and validation hold units out of a folder without "
                "splits, and here are folders of them: leave these keys out"
            )
        if told.train or told.validation:
            splits = held_out(splits["test"], told, top)
        check_apart(splits, told.group, top)
        stated = told.stated(stated, top)
    pages = [page for part in splits.values() for e in part for s in e.scenes for page in s.pages]
    scale = value_scale(name, top, stated, ((page.path, page.stored) for page in pages))
    return assembled(
        name, splits, scale, group=told.group, strict=strict, left_out=left_out, ignored=ignored
    )


#: What stands before the path of a folder -> what it holds.
FORMS = {
    "folder": Form("image files of a folder, grey or RGB, of any sizes", open_folder),
    "pairs": Form(
        "noisy images in noisy/ with their clean ones, of equal names, in clean/", open_pairs
    ),
    "frames": Form("a folder a scene, with two or more noisy images of it", open_frames),
}
