"""What two runs have in common, cell by cell: samples to compare, and what could not be paired.

What is paired: records of equal data set, method, typed parameters, noise trained on, noise
tested on and image, where the digests of the noisy image agree; and of equal training seed, where
the runs share as many seeds as a verdict needs. A method's code is not part of that: it is what the
gate is about.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.analysis.scores import CELL, Columns, Scores, prominent
from bench.core import DEFAULT_SCALES, MATCHED, Scale, counted, noise_text, printable
from bench.gate.images import image_table, joined, units_of

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd

#: Training seeds that a verdict on a method needs that is random in its training.
MIN_SEEDS = 4
#: Share of a method's error that its mean over several levels gets.
OVERALL_SHARE = 0.8

_ONLY_NEW = "only in the new run"
_ONLY_OLD = "only in the baseline"
_OTHER_NOISE = "under other noise: other data or noise seed"
_SIDES = ("new", "old")


@dataclass(frozen=True)
class Sample:
    """One metric of one method under both runs.

    Of metrics that are the better the lower all values are negative, so that more is better.

    Attributes:
        new, old: (levels, seeds, images); one seed where nothing is random.
        random: the method's training is random.
        metric: its label.
        weight: share of the error.
        name: dataset, label, noise, levels, trained.
        paired: both sides have the same seeds, in the same order; else seeds are independent.
        lacks: what the baseline has and the new run has not, in words; empty where nothing.
        positions: (images,), of the images in their split.
        units: (images,), what each belongs to that was drawn independently of the others; empty
            where each is its own.
        seeds: of the new side; empty where nothing is random.
        scale: how the metric's numbers are read.
    """

    new: npt.NDArray[np.float64]
    old: npt.NDArray[np.float64]
    random: bool
    metric: str = "psnr"
    weight: float = 1.0
    name: Mapping[str, Any] = field(default_factory=dict)
    paired: bool = True
    lacks: str = ""
    positions: Sequence[int] = ()
    units: Sequence[int] = ()
    seeds: Sequence[int] = ()
    scale: Scale = DEFAULT_SCALES["psnr"]

    @property
    def sign(self) -> int:
        """What its values are to be multiplied by, to be the metric's."""
        return 1 if self.scale.higher else -1


class Pairing:
    """Two runs' cells, joined; their images are read method by method.

    Args:
        new: scores of the run that is judged.
        old: of the run that it is compared with.
    """

    def __init__(self, new: Scores, old: Scores) -> None:
        import pandas as pd

        self._scores = dict(zip(_SIDES, (new, old), strict=True))
        both = {label: scale for label, scale in new.scales.items() if label in old.scales}
        self.scales = {label: both[label] for label in prominent(both)}
        self._alone = [
            f"the metric {printable(label)}: {why}"
            for mine, theirs, why in ((new, old, _ONLY_NEW), (old, new, _ONLY_OLD))
            for label in mine.scales
            if label not in theirs.scales
        ]
        cells = pd.concat(
            [
                scores.cells[[*CELL, "label"]].assign(side=side, number=np.arange(len(scores)))
                for side, scores in self._scores.items()
                if len(scores)
            ]
            or [new.cells[[*CELL, "label"]].assign(side="", number=0)],
            ignore_index=True,
        )
        # Matched training is one way to train at all levels, whatever each level's is called.
        trained = cells["train"].where(cells["regime"] != MATCHED, "").fillna("")
        self._cells = cells.assign(
            trained=trained, random=cells["seed"].notna(), seed=cells["seed"].fillna(-1)
        )
        self._unpaired: list[_Unpaired] = []
        #: What the baseline has values of and the new run has none, known after `samples`.
        self.lost: list[Lost] = []

    def samples(self) -> Iterator[Sample]:
        """Of each method and metric: over all levels, where there are several, and at each.

        What is held at once is one method, trained in one way, under one kind of noise.
        """
        names = ["dataset", "label", "trained", "noise"]
        groups = self._cells.groupby([*names, "random"], sort=False, observed=True)
        for (*key, random), cells in groups:
            name = dict(zip(names, key, strict=True))
            levels: Any = cells.groupby("level", sort=False)
            pairs = {level: self._pair(name, level, part) for level, part in levels}
            found = {level: pair for level, pair in pairs.items() if pair is not None}
            for metric, scale in self.scales.items():
                self.lost += _lost(found, metric, scale, name)
                yield from _samples(found, metric, scale, name, random=bool(random))

    def unpaired(self) -> list[str]:
        """What `samples` could not pair, with the number of images and seeds; and metrics.

        Methods of which the same is missing under the same noises share a line.
        """
        noises: dict[tuple[str, str, str, int], list[str]] = {}
        for part in sorted(self._unpaired, key=lambda part: part.why):
            what = (_WHY[part.why], part.label, part.seeds, part.images)
            noises.setdefault(what, []).append(part.noise)
        labels: dict[tuple[str, str, str, int], list[str]] = {}
        for (why, label, seeds, images), where in noises.items():
            labels.setdefault((why, ", ".join(where), seeds, images), []).append(label)
        return self._alone + [
            f"{', '.join(names)} at {where}{seeds}: {counted(images, 'image')} {why}"
            for (why, where, seeds, images), names in labels.items()
        ]

    def _pair(self, name: Mapping[str, Any], level: float, cells: pd.DataFrame) -> _Pair | None:
        """The images under one noise that both runs have; None where there are none."""
        sides = {side: self._read(cells[cells["side"] == side], side) for side in _SIDES}
        new, old = sides.values()
        where = (name["label"], noise_text(name["noise"], level))
        shared = sorted(set(new) & set(old))
        # Where few seeds are shared, and each side has enough of its own, sides are independent.
        paired = bool(shared) and (len(shared) >= MIN_SEEDS or min(len(new), len(old)) < MIN_SEEDS)
        if paired:
            for side, why in ((new, _ONLY_NEW), (old, _ONLY_OLD)):
                rest = {seed: columns for seed, columns in side.items() if seed not in shared}
                self._note(why, where, rest, _positions(rest))
            new, old = ({seed: side[seed] for seed in shared} for side in (new, old))
        there, before = _positions(new), _positions(old)
        self._note(_ONLY_NEW, where, new, _without(there, before))
        self._note(_ONLY_OLD, where, old, _without(before, there))
        if not (new and old):
            return None
        chosen = {(side, s): c for side, cs in zip(_SIDES, (new, old), strict=True)
                  for s, c in cs.items()}  # fmt: skip
        table = image_table(chosen, self.scales)
        found = table.index.to_numpy()
        other = _without(_without(there, _without(there, before)), found)
        self._note(_OTHER_NOISE, where, old, other)
        lacks = [
            _lack(len(found), len(before), "image"),
            # Under seeds of its own it lacks only as many as it has less.
            _lack(
                len(shared) if paired else min(len(new), len(sides["old"])),
                len(sides["old"]),
                "training seed",
            ),
        ]
        units = units_of(next(iter(new.values())), found)
        by_position = dict(zip(found.tolist(), units.tolist(), strict=True))
        return _Pair(table, by_position, paired, " and ".join(filter(None, lacks)))

    def _read(self, cells: pd.DataFrame, side: str) -> dict[int, Columns]:
        """A side's images by training seed."""
        parts: dict[int, list[Columns]] = {}
        for seed, number in sorted(zip(cells["seed"], cells["number"], strict=True)):
            parts.setdefault(int(seed), []).append(self._scores[side].read(int(number)))
        return {seed: joined(columns, self.scales) for seed, columns in parts.items()}

    def _note(
        self,
        why: str,
        where: tuple[str, str],
        seeds: Iterable[int],
        images: npt.NDArray[np.int64],
    ) -> None:
        """Images that could not be paired."""
        if len(images):
            numbers = [str(seed) for seed in seeds if seed >= 0]
            text = f", seed{'s' * (len(numbers) > 1)} {', '.join(numbers)}" if numbers else ""
            self._unpaired.append(_Unpaired(_WHY.index(why), *where, text, len(images)))


@dataclass(frozen=True)
class Lost:
    """A metric of a method at one level that the baseline measured, with its mean there."""

    name: Mapping[str, Any]
    metric: str
    scale: Scale
    old: float


_WHY = (_ONLY_NEW, _ONLY_OLD, _OTHER_NOISE)


@dataclass(frozen=True)
class _Unpaired:
    """What could not be paired of a method under a noise: why, seeds in words, how many images."""

    why: int
    label: str
    noise: str
    seeds: str
    images: int


@dataclass(frozen=True)
class _Pair:
    """A method under one noise in both runs.

    Attributes:
        table: a row an image; columns by metric, side and seed.
        units: of each image, by its position.
        paired, lacks: see `Sample`.
    """

    table: pd.DataFrame
    units: Mapping[int, int]
    paired: bool
    lacks: str


def _positions(cells: Mapping[int, Columns]) -> npt.NDArray[np.int64]:
    """The images of a side, each once."""
    if not cells:
        return np.empty(0, np.int64)
    first, *others = (columns["image"] for columns in cells.values())
    if all(np.array_equal(first, other) for other in others):  # as nearly always
        return np.unique(first)
    return np.unique(np.concatenate([first, *others]))


def _without(images: npt.NDArray[np.int64], others: npt.NDArray[np.int64]) -> Any:
    """The images that are not among others; both are sorted."""
    if np.array_equal(images, others):  # as nearly always
        return images[:0]
    return np.setdiff1d(images, others, assume_unique=True)


def _lack(have: int, of: int, what: str) -> str:
    if have >= of:
        return ""
    return f"{have:,} of the baseline's {of:,} {what}s"


def _samples(
    pairs: Mapping[float, _Pair],
    metric: str,
    scale: Scale,
    name: Mapping[str, Any],
    *,
    random: bool,
) -> Iterator[Sample]:
    """A method's samples of one metric: over all levels, where there are several, and at each."""
    stacks: dict[float, tuple[pd.DataFrame, bool, str]] = {}
    units = {position: unit for pair in pairs.values() for position, unit in pair.units.items()}
    for level, pair in pairs.items():
        values: Any = pair.table[metric] * (1 if scale.higher else -1)
        whole = values.dropna()  # images without this metric are left out
        known = int(values["old"].notna().all(axis=1).sum())
        if len(whole):
            lacks = pair.lacks or _lack(len(whole), known, "image")
            stacks[level] = (whole, pair.paired, lacks)
    overall = False
    if len(stacks) > 1:
        tables: list[Any] = [table for table, *_ in stacks.values()]
        images = _common(table.index for table in tables)
        seeds = {side: _common(table[side].columns for table in tables) for side in _SIDES}
        if overall := bool(len(images) and all(len(own) for own in seeds.values())):
            new, old = (
                np.stack([t.loc[images, side][seeds[side]].to_numpy().T for t in tables])
                for side in _SIDES
            )
            yield Sample(
                new,
                old,
                random,
                metric,
                OVERALL_SHARE,
                {**name, "levels": list(stacks)},
                all(paired for _, paired, _ in stacks.values()),
                next((lacks for *_, lacks in stacks.values() if lacks), ""),
                units=[units[position] for position in images],
                scale=scale,
            )
    weight = (1 - OVERALL_SHARE if overall else 1.0) / len(stacks) if stacks else 0.0
    for level, (table, paired, lacks) in stacks.items():
        both: Any = table
        yield Sample(
            both["new"].to_numpy().T[None],
            both["old"].to_numpy().T[None],
            random,
            metric,
            weight,
            {**name, "levels": [level]},
            paired,
            lacks,
            tuple(map(int, table.index)),
            [units[position] for position in table.index],
            tuple(both["new"].columns) if random else (),
            scale,
        )


def _lost(
    pairs: Mapping[float, _Pair], metric: str, scale: Scale, name: Mapping[str, Any]
) -> Iterator[Lost]:
    """The levels at which only the baseline has values of a metric."""
    for level, pair in pairs.items():
        values: Any = pair.table[metric]
        old = values["old"].to_numpy()
        if np.isnan(values["new"].to_numpy()).all() and not np.isnan(old).all():
            yield Lost({**name, "levels": [level]}, metric, scale, float(np.nanmean(old)))


def _common(indexes: Iterable[Any]) -> Any:
    first, *others = indexes
    for other in others:
        first = first.intersection(other)
    return first
