"""What the page's image inspector shows: images as bytes, and what was measured on each.

Pixels are rounded to 8 bits. So that the page stays small, all images together take no more than
`BUDGET`: of many a part is shown, and of large ones the middle.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bench.core import IDENTITY, SAMPLE_SIDE, noise_text, printable
from bench.report.content.metrics import unit
from bench.report.content.rows import Column
from bench.report.content.samples import DEVIATION_SHOWN
from bench.report.formats.html.inspector_choice import SIZES, Choice, choices
from bench.report.formats.html.inspector_outputs import KeptAll
from bench.report.formats.html.inspector_pixels import Strips, cropped
from bench.report.formats.html.inspector_samples import Picture, Sampled, sampled
from bench.report.formats.html.inspector_scores import ImageScores

if TYPE_CHECKING:
    from bench.core import Scale
    from bench.report.content.section import Section
    from bench.report.formats.html.traces import Styles

#: Characters that all images of a page take.
BUDGET = 5_000_000
#: Most decimals that a browser writes without complaint, and anybody reads.
_DECIMALS = 20
#: Values of images that are restored with all their methods take at most, while they are chosen.
_RAW = 400_000_000


def inspector(
    section: Section, styles: Styles, columns: Sequence[Column], budget: int = BUDGET
) -> dict[str, Any] | None:
    """The inspector's data, ready for JSON; None where no images were kept.

    Args:
        section: what is shown.
        styles: of the page's methods; each is called by its index.
        columns: the page's noises; each is called by its index.
        budget: characters that images may take.

    Returns:
        `methods`: name, sign and colour by index. `metrics`: how the values of `scores` are read;
        the one at `leading` sorts. `noises`: for each its `column`, its `pictures`, `scores` of all
        images (see `ImageScores.packed`) and `cases`: of each method the positions of the images on
        which it is worst, in the middle and best. A picture has its `position`, its `shape`
        (channels, height, width), the `strip` of its layers, that of its `clean` image (None
        without ground truth), and `scores` by method. Its layers are the noisy image, those that
        `methods` restored and the deviations that `deviations` predict. `strips` are PNGs as
        base64, see `Strips`. `note` says which images these are.
    """
    samples = sampled(section)
    outputs = KeptAll(section)
    if not samples and not outputs.columns:
        return None
    scores = ImageScores.of(section)
    shown = choices(section, samples, outputs, scores)
    strips, pictures = _fitting(shown, samples, outputs, budget)
    if not pictures:
        return None
    noises: list[dict[str, Any]] = []
    for column, chosen in pictures.items():
        noises.append(
            {
                "name": printable(noise_text(*column)),
                "column": columns.index(column),
                "pictures": [_picture(one, column, styles, scores, strips) for one in chosen],
                "cases": {
                    styles.index[label]: positions
                    for label, positions in shown[column].cases.items()
                },
                "scores": scores.packed(column, {one.position for one in chosen}, styles.index),
            }
        )
    labels = dict.fromkeys(label for choice in shown.values() for label in choice.labels)
    return {
        "methods": {
            styles.index[label]: {
                "name": printable(label),
                "sign": styles.sign(label),
                "colour": styles.looks[label].colour,
                "onDark": styles.looks[label].on_dark,
            }
            for label in labels
        },
        "identity": styles.index.get(IDENTITY),
        "metrics": _metrics(section.scales, scores.shown),
        "leading": scores.shown.index(section.first_metric),
        "noises": noises,
        "strips": strips.stored,
        "note": _note(strips, pictures, outputs, scores),
        "deviation": DEVIATION_SHOWN,
        "colour": any(one["shape"][0] > 1 for noise in noises for one in noise["pictures"]),
    }


def _fitting(
    shown: Mapping[Column, Choice],
    samples: Mapping[Column, Sampled],
    outputs: KeptAll,
    budget: int,
) -> tuple[Strips, dict[Column, list[Picture]]]:
    """The pictures of each noise, as many and as large as the budget allows, and their strips."""
    share = _compressed(samples)
    loaded: dict[Column, dict[int, Picture]] = {}
    for images, side in SIZES:
        last = (images, side) == SIZES[-1]
        raw = sum(choice.values(images, side) for choice in shown.values())
        if not last and (raw * share > budget or raw > _RAW):
            continue
        pictures = {}
        for column, choice in shown.items():
            if column not in loaded:  # what fits later is a part of it
                loaded[column] = outputs.pictures(column, choice.full[:images])
            kept = samples[column].pictures if column in samples else {}
            parts = (loaded[column], kept)
            found = (
                [part[position] for part in parts if position in part]
                for position in choice.positions(images)
            )
            pictures[column] = [Picture.merged(*same) for same in found if same]
        pictures = {column: chosen for column, chosen in pictures.items() if chosen}
        strips = Strips(side)
        if strips.filled(itertools.chain(*pictures.values()), budget) or last:
            break
    return strips, pictures


def _compressed(samples: Mapping[Column, Sampled]) -> float:
    """Characters that a value takes, as the first images tell."""
    characters = values = 0
    for known in samples.values():
        for one in list(known.pictures.values())[:2]:
            strips = Strips(SAMPLE_SIDE)
            strips.filled([one])
            characters += strips.size
            values += sum(layer.size for layer in (one.noisy, *one.layers))
    return characters / values if values else 1.0


def _picture(
    one: Picture, column: Column, styles: Styles, scores: ImageScores, strips: Strips
) -> dict[str, Any]:
    measured = {
        styles.index[label]: values
        for label in one.methods
        if (values := scores.image(column, label, one.position)) is not None
    }
    return {
        "position": one.position,
        "shape": list(cropped(one.noisy, strips.side).shape),
        "clean": strips.add([] if one.clean is None else [one.clean]),
        "strip": strips.add(one.layers),
        "methods": [styles.index[label] for label in one.restored],
        "deviations": [styles.index[label] for label in one.deviation],
        "scores": measured,
    }


def _metrics(scales: Mapping[str, Scale], shown: Iterable[str]) -> list[dict[str, Any]]:
    """How each value is named: its title, its unit, decimals, and which way is better."""
    return [
        {
            "title": printable(scale.title),
            "unit": printable(unit(scale)).strip(),
            "decimals": min(scale.decimals, _DECIMALS),
            "higher": scale.higher,
        }
        for scale in (scales[label] for label in shown)
    ]


def _note(
    strips: Strips,
    pictures: Mapping[Column, Sequence[Picture]],
    outputs: KeptAll,
    scores: ImageScores,
) -> str:
    """Which images these are, and what of them."""
    shown = max(len({one.position for one in chosen}) for chosen in pictures.values())
    cases = any(
        set(one.restored) != set(chosen[0].restored)
        for chosen in pictures.values()
        for one in chosen
    )
    if shown == scores.images:
        said = ["All images are in this page."]
    elif outputs.columns:
        said = [
            f"{shown:,} of {scores.images:,} images are in this page: some chosen by position "
            "before any method ran, worst, median and best ones of methods, and those on which "
            "methods differ most."
        ]
    else:
        said = [
            f"{shown:,} of {scores.images:,} images are in this page, chosen by position before "
            "any method ran."
        ]
    if cases:
        said.append("Of its own worst, median and best image each method shows what it made alone.")
    if outputs.missing and (cases or shown < scores.images):
        said.append(f"All restored images were kept, but cannot be shown: {outputs.missing}.")
    said.append("Pixels are rounded to 8 bits.")
    if strips.cut:
        side = min(strips.side, SAMPLE_SIDE)
        said.append(
            f"Of larger images the middle is shown, {side} pixels a side; scores are of the whole."
        )
    if scores.thinned:
        said.append(f"One image in {scores.every} is a point of the chart.")
    return " ".join(said)
