"""The losses of training, so that those of training and of validation images can be compared.

A history holds each term summed over what it was computed on: patches of the training images, where
these are larger, but whole validation images. The sums of the two are worlds apart, and their means
over the pixels are not.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from bench.report.content.training import trained_on

if TYPE_CHECKING:
    import pandas as pd

    from bench.report.content.rows import CellRow
    from bench.report.content.section import Section
    from bench.store import CellMeta

#: What an axis of losses is.
PER_PIXEL, PER_IMAGE, PER_PATCH = "loss per pixel", "loss per image", "loss per patch"
#: Height and width of all training images, by the fingerprint of data sets that many train on: of
#: these no sample is kept.
_SIDES = {"5d6044ade9b55b03": (180, 180)}  # train400
# Side of the patches of a recipe that names none.
_PATCH = 48


def losses_caption(terms: pd.DataFrame) -> str:
    """What a figure of loss terms shows."""
    axes = set(terms["axis"])
    means = "means over pixels and images" if PER_PIXEL in axes else "means over images"
    said = (
        "Loss terms per epoch on training images (solid, fresh noise each epoch) and validation "
        f"images (dashed, the same noisy images each time), {means}; cross-entropies and KL "
        "divergences in nats, the latter as weighted in the loss; Gaussian likelihoods less their "
        "constant."
    )
    if PER_PATCH in axes:
        said += (
            " Where training took patches and the run does not say how large the validation images "
            "are, sums over them have panels of their own: the two cannot be compared."
        )
    elif PER_PIXEL in axes and PER_IMAGE in axes:
        said += " Where a run does not say how large the images are, their sums over pixels."
    return said


def loss_terms(section: Section) -> pd.DataFrame:
    """Columns label, trained (on what), seed, epoch, split, term, axis, value; a row each.

    `axis` is what the values are, one of `PER_PIXEL`, `PER_IMAGE` and `PER_PATCH`. Where training
    and validation cannot be compared their terms bear different names.
    """
    import pandas as pd

    entry = ["label", "trained", "seed", "epoch", "split", "term"]
    parts = []
    for cell, meta in zip(section.rows(), section.metadata, strict=True):
        if cell.train is not None and len(history := section.history(cell)):
            history = _scaled(history, *_values(section, cell, meta))
            parts.append(history.assign(label=cell.label, trained=trained_on(cell), seed=cell.seed))
    if not parts:
        return pd.DataFrame(columns=[*entry, "axis", "value"])
    # Cells tested at other levels share a training.
    data = pd.concat(parts, ignore_index=True).drop_duplicates(entry)
    return data.assign(term=data["term"].str.replace(r"^kl\b", "KL divergence", regex=True))


def loss_range(terms: pd.DataFrame) -> tuple[float, float]:
    """Ends of the axis for loss terms: the first epochs' fall must not flatten the rest."""
    late = terms["value"][terms["epoch"] > terms["epoch"].max() * 0.05]
    room = 0.05 * (late.max() - late.min()) or 1.0
    return late.min() - room, late.max() + room


def _scaled(history: pd.DataFrame, patch: int | None, image: int | None) -> pd.DataFrame:
    """A history per pixel.

    Args:
        history: of sums.
        patch: values (pixels times channels) of a training patch; None where whole images were
            taken.
        image: values of a whole image; None where that is not known.
    """
    validation = history["split"] == "validation"
    if image is not None:
        values = validation.map({True: image, False: image if patch is None else patch})
        return history.assign(value=history["value"] / values, axis=PER_PIXEL)
    if patch is None:
        return history.assign(axis=PER_IMAGE)
    words = validation.map({True: " (validation)", False: " (training)"})
    return history.assign(
        term=history["term"] + words,
        axis=validation.map({True: PER_IMAGE, False: PER_PATCH}),
    )


def _values(section: Section, cell: CellRow, meta: CellMeta) -> tuple[int | None, int | None]:
    """Values of a training patch and of a whole image, see `_scaled`."""
    typed = json.loads(meta.cell.recipe or "{}").get("patch")
    shape = _shape(section, cell, meta)
    if shape is None:
        # A recipe names patches for networks that take them, of images that are larger by far.
        return (None if typed is None else typed**2, None)
    channels, height, width = shape
    side = typed or _PATCH
    # As `bench.training.patches` decides; which networks take no patches is not recorded, and of
    # those that are published only these train on images as large.
    cut = min(height, width) >= side and max(height, width) != side
    return (channels * side**2 if cut else None, channels * height * width)


def _shape(section: Section, cell: CellRow, meta: CellMeta) -> tuple[int, int, int] | None:
    """Channels, height and width of the training images, where the run or their name says so."""
    data = section.runs[cell.run].manifest.dataset
    fingerprint = meta.cell.training_fingerprint or data.trained_fingerprint
    channels = 1
    if fingerprint in _SIDES:
        return channels, *_SIDES[fingerprint]
    if fingerprint != data.fingerprint:
        return None
    samples = section.samples(cell)
    shapes = {image.shape for image in samples.get("noisy", [])}
    return shapes.pop() if len(shapes) == 1 else None
