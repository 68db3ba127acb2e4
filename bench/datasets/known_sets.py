"""Which of the field's data sets share images, as far as is known: the list `known_sets.toml`.

What a method was trained on elsewhere cannot be looked at; its name can. Names are held to that
list only: another name is unknown, and nothing is guessed from it.
"""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, NamedTuple

#: Whether training images are among the measured ones: they are; none is known to be; or nobody
#: knows, since one of the sets is not in the list.
Relation = Literal["shared", "apart", "unknown"]

# Words behind a name that make it other images than those of its name alone.
_OTHERS = {
    "test", "val", "valid", "validation", "trainval", "trainvalid", "all", "full", "and", "plus",
}  # fmt: skip
_FILE = Path(__file__).with_name("known_sets.toml")


class KnownSet(NamedTuple):
    """A data set of the list.

    Attributes:
        name: as the list has it.
        train: the parts that one has learned from who was trained on it.
        test: those that are measured under its name.
        source: where it says so.
    """

    name: str
    train: frozenset[str]
    test: frozenset[str]
    source: str


def relation(trained_on: str, measured: str, part: Literal["train", "test"] = "test") -> Relation:
    """Whether a data set shares images with one that is measured.

    Args:
        trained_on: its name, which levels and other words may follow.
        measured: the other one's name, as a manifest has it.
        part: of the other one, that the measured images are taken from.

    >>> relation("bsd500 gaussian 25/255", "bsd68"), relation("Train400", "folder:CBSD68")
    ('shared', 'apart')
    >>> relation("our own photographs", "bsd68")
    'unknown'
    >>> relation("mnist", "mnist"), relation("mnist", "mnist", part="train")
    ('apart', 'shared')

    Two that have one name, which the list does not tell of, are taken to be one:

    >>> relation("cells", "folder:cells")
    'shared'
    """
    trained_on, measured = _without_place(trained_on), _without_place(measured)
    learned, tested = known(trained_on), known(measured)
    if learned and tested:
        return "shared" if learned.train & getattr(tested, part) else "apart"
    if tested:
        return "unknown"
    name = _plain(trained_on.partition(" ")[0])
    return "shared" if name and name == _plain(measured) else "unknown"


def known(text: str) -> KnownSet | None:
    """The data set that a text begins with; None where the list has none.

    >>> known("BSDS500 val, gaussian 0.1").name, known("BSDS500 at 0.1").name, known("mine")
    ('bsd100', 'bsd500', None)

    Nor does it say which images these are where a name is followed by a part that it does not have,
    or by another data set:

    >>> known("mnist train").name, known("mnist test"), known("bsd400 and bsd68")
    ('mnist', None, None)
    """
    words = text.split()
    for count in range(len(words), 0, -1):
        if found := _sets().get(_plain("".join(words[:count]))):
            return None if _are_others(words[count:]) else found
    return None


def _are_others(following: list[str]) -> bool:
    """Whether the words behind a data set's name make it other images."""
    if following and _plain(following[0]) in ("train", "training"):
        following = following[1:]
    if not following:
        return False
    word = _plain(following[0])
    return following[0][0] in "+&" or word in _OTHERS or word in _sets()


def _without_place(name: str) -> str:
    """`folder:CBSD68` as `CBSD68`."""
    return name.rpartition(":")[2] if re.match(r"[a-z]+:[^/]", name) else name


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name).casefold()


@functools.cache
def _sets() -> Mapping[str, KnownSet]:
    """Plain name -> data set, under each of its names."""
    found: dict[str, KnownSet] = {}
    for name, entry in tomllib.loads(_FILE.read_text(encoding="utf-8")).items():
        parts = entry.get("parts", ())
        one = KnownSet(
            name,
            frozenset(entry.get("train", parts)),
            frozenset(entry.get("test", parts)),
            entry["source"],
        )
        for alias in map(_plain, (name, *entry.get("also", ()))):
            if alias in found:
                raise ValueError(f"{_FILE.name}: two data sets are called {alias}")
            found[alias] = one
    return found
