"""What methods learned from: their class, the images, and whether they have seen what is measured.

What has seen the measured images is shown and not ranked. Of what early runs do not say as much is
told as their cells tell.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from bench.core import method_label
from bench.core.learning import Family, Supervision
from bench.datasets.known_sets import Relation, relation
from bench.report.content.words import code, listed, outside

if TYPE_CHECKING:
    from bench.core import MeasuredSplit
    from bench.report.content.section import Section
    from bench.store import CellMeta, RecordedMethod
    from bench.store.recorded_data import RecordedDataset

#: Whether a method has seen measured images: it has, or that is not known.
Leak = Literal["", "seen", "unknown"]
#: How tables mark that.
SIGNS: Mapping[Leak, str] = {"seen": "§", "unknown": "?"}
#: What tables say of what is trained on each image that it restores.
ITSELF = "itself"
# Those of bench's own of which early manifests say no more than whether they learn; what `deepinv`
# is goes by its parameters.
_EARLY: Mapping[str, Family | None] = {
    "lmmse": "fitted",
    "posterior-mean": "fitted",
    "deepinv": None,
}
_BUILT_IN = "built in"


@dataclass(frozen=True)
class Learning:
    """What a method learned from.

    Attributes:
        family, supervision: see `bench.core.learning`; None where nobody says.
        trained_on: names of data sets, which levels may follow; None where nobody says.
        leak: whether it has seen measured images.
        reason: why that is said, to follow its name; empty where there is no leak.
    """

    family: Family | None
    supervision: Supervision | None
    trained_on: tuple[str, ...] | None = ()
    leak: Leak = ""
    reason: str = ""

    @property
    def network(self) -> bool:
        """It is a trained network, wherever it was trained."""
        return self.family in ("trained", "pretrained")

    @property
    def from_itself(self) -> bool:
        """It is a network that is trained anew on each image that it restores."""
        return self.family == "trained" and self.supervision == "none"

    @property
    def text(self) -> str:
        """As a table's column has it: `clean`, `clean, fitted`, `clean, pretrained §`."""
        if self.family is None:
            return "not recorded"
        learned = ITSELF if self.from_itself else self.supervision
        words = [learned] if learned not in (None, "none") else []
        words += [self.family] if self.family in ("fitted", "pretrained") else []
        return " ".join(filter(None, (", ".join(words) or "–", SIGNS.get(self.leak, ""))))


def learning(section: Section) -> dict[str, Learning]:
    """What each method of a data set learned from, by label."""
    found: dict[str, Learning] = {}
    cells = section.cells
    for label, name, run, meta in zip(
        cells["label"], cells["method"], cells["run"], section.metadata, strict=True
    ):
        if label not in found:
            manifest = section.runs[run].manifest
            train = meta.cell.train
            own = method_label(name, meta.cell.params, train.regime if train else "")
            found[label] = learning_of(
                own, manifest.methods.get(name), manifest.dataset, meta, manifest.settings.split
            )
    return found


def unranked(section: Section) -> frozenset[str]:
    """The methods that are not ranked, since they have seen measured images."""
    return frozenset(label for label, one in learning(section).items() if one.leak == "seen")


def column(section: Section) -> dict[str, str]:
    """Label -> what it learned from, as tables show it; empty where no method learned."""
    found = {label: one.text for label, one in learning(section).items()}
    return found if set(found.values()) - {"–"} else {}


def learning_of(
    label: str,
    about: RecordedMethod | None,
    dataset: RecordedDataset,
    meta: CellMeta,
    split: MeasuredSplit = "test",
) -> Learning:
    """What one method learned from.

    Args:
        label: of the method with its parameters.
        about: what its manifest says of it.
        dataset: that was measured.
        meta: of one of its cells.
        split: whose images were measured.
    """
    family = _family(label, about, meta)
    supervision = about.supervision if about else None
    if family == "filter":
        return Learning(family, supervision or "none")
    if family == "trained" and supervision == "none":
        return Learning(family, supervision)
    if family in ("fitted", "trained"):
        # Before there was a choice, training images were handed over clean.
        return _trained_here(family, supervision or "clean", dataset, meta, split)
    if family is None:
        return Learning(None, supervision, None)
    known = about.trained_on.get(label) if about else None
    if known == []:
        return Learning("filter", "none")
    return _trained_elsewhere(family, supervision, known, dataset, split)


def _family(label: str, about: RecordedMethod | None, meta: CellMeta) -> Family | None:
    """A method's class; None where its run does not say and nothing tells."""
    if about is None:
        return None
    if label in about.trained_on:
        return "pretrained"
    if about.family is not None:
        return about.family
    if meta.cell.method in _EARLY and about.origin == _BUILT_IN:
        return _EARLY[meta.cell.method]
    if about.learns or meta.cell.train is not None:
        # What torch trains has a recipe, and cells have said so since there are recipes.
        told = "recipe" in meta.cell.model_fields_set
        return "fitted" if told and meta.cell.recipe is None else "trained"
    # A function of somebody else's may have brought weights along.
    return "filter" if about.origin in ("", _BUILT_IN) else None


def _trained_here(
    family: Family,
    supervision: Supervision,
    dataset: RecordedDataset,
    meta: CellMeta,
    split: MeasuredSplit,
) -> Learning:
    """Of what learned from the run's own training images, which were looked at."""
    training = meta.cell.training or dataset.trained_on
    seen, reason = dataset.overlap, ""
    if seen is not None and seen.leak:
        reason = f"learned from images that show {seen.images} of {seen.looked_at} measured ones"
    elif training != _source(dataset, split) and _by_name(training, dataset, split) == "shared":
        reason = _shared(training, dataset, split)
    return Learning(family, supervision, (training,), "seen" if reason else "", reason)


def _trained_elsewhere(
    family: Family,
    supervision: Supervision | None,
    trained_on: list[str] | None,
    dataset: RecordedDataset,
    split: MeasuredSplit,
) -> Learning:
    """Of what was trained elsewhere, of which only names are known."""
    if trained_on is None:
        reason = "does not say what it was trained on"
        return Learning(family, supervision, None, "unknown", reason)
    relations = {name: _relation(name, dataset, split) for name in trained_on}
    shared = [name for name, how in relations.items() if how == "shared"]
    unknown = [name for name, how in relations.items() if how == "unknown"]
    leak: Leak = "seen" if shared else "unknown" if unknown else ""
    reason = ""
    if shared:
        reason = _shared(listed(shared), dataset, split)
    elif unknown:
        reason = (
            f"was trained on {outside(listed(unknown))}, of which it is not known whether it "
            f"shares images with {_measured(dataset, split)}"
        )
    return Learning(family, supervision, tuple(trained_on), leak, reason)


def _relation(name: str, dataset: RecordedDataset, split: MeasuredSplit) -> Relation:
    """By the images where these were looked at, else by what is known of their names."""
    if name in dataset.elsewhere:
        return "shared" if dataset.elsewhere[name].leak else "apart"
    return _by_name(name, dataset, split)


def _by_name(name: str, dataset: RecordedDataset, split: MeasuredSplit) -> Relation:
    # Images to validate on are held out of those to train on: others learned from them too.
    part: Literal["train", "test"] = "train" if split == "validation" else "test"
    return relation(name, _source(dataset, split), part)


def _source(dataset: RecordedDataset, split: MeasuredSplit) -> str:
    """Name of the data set that the measured images come from."""
    return dataset.trained_on if split == "validation" else dataset.name


def _measured(dataset: RecordedDataset, split: MeasuredSplit) -> str:
    """What is measured, in words."""
    images = "the validation images of " if split == "validation" else ""
    return images + outside(_source(dataset, split))


def _shared(training: str, dataset: RecordedDataset, split: MeasuredSplit) -> str:
    if training == dataset.name and split == "test":
        return f"was trained on {outside(training)} itself"
    measured = _measured(dataset, split)
    return f"was trained on {outside(training)}, which shares images with {measured}"


# In words -------------------------------------------------------------------------------------


def warnings(section: Section) -> list[tuple[str, str]]:
    """Which methods have seen what is measured, or may have: a word, and sentences."""
    warned = []
    kinds: dict[Leak, tuple[str, str]] = {
        "seen": ("Leakage", "not ranked"),
        "unknown": ("Unknown training images", "ranked all the same"),
    }
    for leak, (word, end) in kinds.items():
        by_reason: dict[str, list[str]] = {}
        for label, one in learning(section).items():
            if one.leak == leak:
                by_reason.setdefault(one.reason, []).append(label)
        if by_reason:
            told = "; ".join(
                f"{listed([code(label) for label in labels])} {reason}"
                for reason, labels in by_reason.items()
            )
            warned.append((word, f"{told}: marked {SIGNS[leak]}, {end}."))
    return warned


_MEANINGS = {
    "clean": "clean images, whose noise is drawn or came along (clean)",
    "pairs": "two noisy images of each scene (pairs)",
    "noisy": "noisy images alone (noisy)",
    ITSELF: "the noisy image that is restored (itself)",
    "–": "nothing (–)",
}
_CLASSES = {
    "fitted": "fitted: statistics of the images, no network",
    "pretrained": "pretrained: trained elsewhere",
    SIGNS["seen"]: f"{SIGNS['seen']}: it has seen measured images, and is not ranked",
    SIGNS["unknown"]: f"{SIGNS['unknown']}: whether it has is not known",
}


def legend(section: Section) -> str:
    """What the column says, of what occurs in it; empty where there is no column."""
    shown = {part for text in column(section).values() for part in text.replace(",", "").split()}
    *others, last = [meaning for word, meaning in _MEANINGS.items() if word in shown] or [""]
    if not last:
        return ""
    learned = f"{', '.join(others)} or {last}" if others else last
    said = [learned, *(meaning for word, meaning in _CLASSES.items() if word in shown)]
    on = "; ".join(
        f"{code(label)} on {outside(listed(one.trained_on))}"
        for label, one in learning(section).items()
        if one.family == "pretrained" and one.trained_on
    )
    return f"Learned from {'; '.join(said)}." + (f" Trained elsewhere: {on}." if on else "")


_IMAGES = {"clean": "clean images", "pairs": "pairs of noisy images", "noisy": "noisy images alone"}


def sentence(label: str, one: Learning) -> str:
    """What a method learned from; empty of what learned nothing."""
    if one.reason:
        return f"{outside(label)} {one.reason}"
    on = outside(listed(one.trained_on or ()))
    if one.family == "pretrained":
        return f"{outside(label)} was trained on {on}"
    if one.from_itself:
        return f"{outside(label)} learned from each noisy image itself"
    if one.family in ("fitted", "trained"):
        return f"{outside(label)} learned from {_IMAGES[one.supervision or 'clean']} of {on}"
    return ""
