"""Two runs side by side: settings that differ, what moved by how much, and on which images."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.analysis import prominent
from bench.core import Scale, method_label, noise_name, noise_text

if TYPE_CHECKING:
    import numpy.typing as npt

    from bench.store import CellMeta, Run

#: Images that are shown: of a method under a noise, and of all.
_OF_ONE, _OF_ALL = 2, 12
#: Pixels a side of what is shown of larger images.
DETAIL = 104


@dataclass(frozen=True)
class Difference:
    """What two runs were made with that is not the same: `name`, and what each says of it."""

    name: str
    old: str
    new: str


def differences(old: Run, new: Run) -> list[Difference]:
    """Settings, data, machine, versions and code that differ."""
    ours, theirs = old.manifest, new.manifest
    settings = [one.settings.model_dump(by_alias=True) for one in (ours, theirs)]
    names = dict.fromkeys([*settings[0], *settings[1]])
    found = [
        Difference(f"--{name}", _value(settings[0].get(name)), _value(settings[1].get(name)))
        for name in names
    ]
    for name, pick in _FACTS.items():
        found.append(Difference(name, _value(pick(ours)), _value(pick(theirs))))
    versions = dict.fromkeys([*ours.versions, *theirs.versions])
    for name in versions:
        said = (_value(one.versions.get(name)) for one in (ours, theirs))
        found.append(Difference(f"version of {name}", *said))
    found += _code(old, new)
    return [one for one in found if one.old != one.new]


_FACTS: Mapping[str, Any] = {
    "data set's fingerprint": lambda one: one.dataset.fingerprint,
    "protocol": lambda one: one.protocol,
    "commit": lambda one: (
        f"{one.git.commit[:12]}{' with uncommitted changes' if one.git.dirty else ''}"
        if one.git
        else None
    ),
    "device": lambda one: one.device,
    "threads": lambda one: one.threads,
    "processor": lambda one: f"{one.machine.cpu}, {one.machine.cores} cores",
    "GPU": lambda one: one.machine.gpu,
}


def _value(value: Any) -> str:
    if value is None or value == []:
        return "–"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return (
        {True: "yes", False: "no"}.get(value, str(value)) if value in (True, False) else str(value)
    )


def _code(old: Run, new: Run) -> Iterator[Difference]:
    """Methods whose code differs, by its digest."""
    sources = [
        {meta.cell.method: meta.cell.source for meta in run.metadata()} for run in (old, new)
    ]
    for name, before in sources[0].items():
        now = sources[1].get(name, before)
        if before != now:
            yield Difference(f"code of {name}", before[:12] or "–", now[:12] or "–")


@dataclass(frozen=True)
class MovedImage:
    """An image that a method restores otherwise in the new run.

    Attributes:
        label: of the method.
        noise: in words.
        image: its position in the split.
        seed: training seed; None where nothing is random.
        scale: how the scores are read.
        old, new: its scores.
        pictures: "old", "new" and where they are kept "clean" and "noisy": (C, H, W), the same
            detail of each.
    """

    label: str
    noise: str
    image: int
    seed: int | None
    scale: Scale
    old: float
    new: float
    pictures: Mapping[str, npt.NDArray[Any]]

    @property
    def difference(self) -> float:
        """New less old."""
        return self.new - self.old


@dataclass(frozen=True)
class MovedImages:
    """The images that moved most, of those that both runs keep.

    Attributes:
        images: the farthest first.
        kept: how many images of cells both runs keep; 0 where they keep none in common.
    """

    images: Sequence[MovedImage]
    kept: int


def moved_images(old: Run, new: Run) -> MovedImages:
    """The images that moved most by the first metric of both, from samples or kept outputs.

    Raises:
        StorageError: a run is damaged.
    """
    scales = [run.manifest.scales for run in (old, new)]
    both = prominent({label: scale for label, scale in scales[1].items() if label in scales[0]})
    if not both:
        return MovedImages((), 0)
    metric = both[0]
    known = {_identity(meta): meta for meta in old.metadata() if meta.status == "done"}
    found: list[tuple[float, CellMeta, CellMeta, int, float, float]] = []
    kept = 0
    for meta in new.metadata():
        other = known.get(_identity(meta))
        if meta.status != "done" or other is None:
            continue
        scores = [_scores(run, one.key, metric) for run, one in ((old, other), (new, meta))]
        shown = _kept(old, other.key) & _kept(new, meta.key) & scores[0].keys() & scores[1].keys()
        kept += len(shown)
        for image in shown:
            (before, noisy), (now, same) = scores[0][image], scores[1][image]
            if noisy == same and np.isfinite(now - before) and now != before:
                found.append((abs(now - before), other, meta, image, before, now))
    found.sort(key=lambda entry: (-entry[0], entry[3]))
    images = list[MovedImage]()
    counts = dict[tuple[str, str], int]()
    for _, other, meta, image, before, now in found:
        where = (_label(meta), _noise(meta))
        counts[where] = counts.get(where, 0) + 1
        if len(images) < _OF_ALL and counts[where] <= _OF_ONE:
            pictures = _pictures(old, other.key, new, meta.key, image)
            scale, seed = scales[1][metric], meta.cell.seed
            images.append(MovedImage(*where, image, seed, scale, before, now, pictures))
    return MovedImages(images, kept)


def _identity(meta: CellMeta) -> tuple[Any, ...]:
    """What both runs' cells must have in common, see `bench.gate.pairing`."""
    cell = meta.cell
    noise = (cell.noise.kind, cell.noise.level, cell.noise.clip)
    train = cell.train and (cell.train.regime, cell.train.kind, cell.train.level, cell.train.lowest)
    params = json.dumps(json.loads(cell.params), sort_keys=True)
    return cell.dataset, cell.method, params, noise, train, cell.seed


def _label(meta: CellMeta) -> str:
    regime = meta.cell.train.regime if meta.cell.train else ""
    return method_label(meta.cell.method, meta.cell.params, regime)


def _noise(meta: CellMeta) -> str:
    return noise_text(noise_name(meta.cell.noise.kind, meta.cell.noise.clip), meta.cell.noise.level)


def _scores(run: Run, key: str, metric: str) -> dict[int, tuple[float, int]]:
    """Image -> its score and the digest of the noisy one, under the first draw of noise."""
    columns = run.images(key)
    if metric not in columns:
        return {}
    found: dict[int, tuple[float, int]] = {}
    for image, score, noisy in zip(
        columns["image"], columns[metric], columns["digest"], strict=True
    ):
        found.setdefault(int(image), (float(score), int(noisy)))
    return found


def _kept(run: Run, key: str) -> set[int]:
    """The positions of images of a cell that can be shown."""
    if run.has_outputs(key):
        return {int(image) for image in run.images(key)["image"]}
    return set(map(int, run.samples(key)["image"]))


def _pictures(old: Run, old_key: str, new: Run, new_key: str, image: int) -> dict[str, Any]:
    """The same detail of what both restored, and of clean and noisy where a run keeps them."""
    whole: dict[str, Any] = {}
    for name, run, key in (("old", old, old_key), ("new", new, new_key)):
        samples = run.samples(key)
        positions = list(map(int, samples["image"]))
        if image in positions:
            at = positions.index(image)
            whole[name] = samples["restored"][at]
            for other in ("clean", "noisy"):
                if at < len(samples[other]):
                    whole.setdefault(other, samples[other][at])
        else:
            whole[name] = _output(run, key, image)
    shapes = {picture.shape for picture in whole.values()}
    if len(shapes) > 1:  # samples are cut from the middle of large images, outputs are not
        high, wide = (min(shape[axis] for shape in shapes) for axis in (1, 2))
        whole = {name: _centre(picture, high, wide) for name, picture in whole.items()}
    rows, columns = _detail(whole["new"] - whole["old"])
    return {name: picture[:, rows, columns] for name, picture in whole.items()}


def _output(run: Run, key: str, image: int) -> Any:
    for part in run.outputs(key):
        at = np.flatnonzero(part.positions == image)
        if len(at):
            return part.images[at[0]]
    raise AssertionError(f"image {image} is among the cell's records")


def _centre(picture: Any, high: int, wide: int) -> Any:
    top, left = (picture.shape[1] - high) // 2, (picture.shape[2] - wide) // 2
    return picture[:, top : top + high, left : left + wide]


def _detail(difference: Any) -> tuple[slice, slice]:
    """Where the two differ most, no more than `DETAIL` pixels a side."""
    from scipy.ndimage import uniform_filter

    high, wide = difference.shape[1:]
    height, width = min(high, DETAIL), min(wide, DETAIL)
    squares = uniform_filter((difference**2).mean(axis=0), (height, width), mode="constant")
    tops, lefts = high - height + 1, wide - width + 1
    inner = squares[height // 2 : height // 2 + tops, width // 2 : width // 2 + lefts]
    top, left = np.unravel_index(int(inner.argmax()), inner.shape)
    return slice(int(top), int(top) + height), slice(int(left), int(left) + width)
