r"""What methods are cited by: a BibTeX file for articles, and the same as a list of references."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from bench.report.formats.latex.escape import escape

if TYPE_CHECKING:
    from bench.report.content.section import Section

_BUILT_IN = ("", "built in")  # early manifests do not say
_ENTRY = re.compile(r"^@(\w+)\{([\w-]+),\n(.*?)^\}", re.MULTILINE | re.DOTALL)
_FIELD = re.compile(r"^  (\w+) = \{(.*)\},$", re.MULTILINE)
#: Where an entry was published, by the field that says so.
_VENUES = ("journal", "booktitle", "publisher", "note")


@dataclass(frozen=True)
class Reference:
    r"""An entry of a BibTeX file, whose fields are LaTeX.

    >>> Reference("dae", "misc", {"title": "dae", "note": "Vincent 2008"}).item
    '\\bibitem{dae} dae. Vincent 2008.'
    """

    key: str
    kind: str
    fields: Mapping[str, str]

    @property
    def bib(self) -> str:
        """As BibTeX has it."""
        lines = [f"  {name} = {{{text}}}," for name, text in self.fields.items()]
        return "\n".join([f"@{self.kind}{{{self.key},", *lines, "}"])

    @property
    def item(self) -> str:
        r"""As an item of a list of references: authors, title, venue, year."""
        authors = [_forwards(one) for one in self.fields.get("author", "").split(" and ")]
        if authors[-1] == "others":
            authors[-1:] = ["et~al."]
            said = ", ".join(authors)
        else:
            said = " and ".join(filter(None, [", ".join(authors[:-1]), authors[-1]]))
        venue = next((self.fields[name] for name in _VENUES if name in self.fields), "")
        volume = self.fields.get("volume", "")
        parts = [
            rf"\emph{{{venue}}}" if "note" not in self.fields else venue,
            rf"{volume}" if volume else "",
            self.fields.get("pages", ""),
            self.fields.get("year", ""),
        ]
        sentences = [said, self.fields["title"], ", ".join(filter(None, parts))]
        return rf"\bibitem{{{self.key}}} " + " ".join(
            f"{text.removesuffix('.')}." for text in sentences if text
        )


def _forwards(author: str) -> str:
    """`Marr, David` as `David Marr`."""
    last, comma, first = author.partition(", ")
    return f"{first} {last}" if comma else last


@cache
def built_in() -> dict[str, list[Reference]]:
    """The references of the built-in methods, by their names."""
    text = Path(__file__).with_name("references.bib").read_text(encoding="utf-8")
    found: dict[str, list[Reference]] = {}
    for kind, key, body in _ENTRY.findall(text):
        fields = dict(_FIELD.findall(body))
        for method in fields.pop("methods").split(", "):
            found.setdefault(method, []).append(Reference(key, kind, fields))
    return found


def references(sections: Iterable[Section]) -> dict[str, list[Reference]]:
    """What each method, by its label, is cited by; nothing where it names no source.

    Of a method that is not built in, what its manifest says is the note of an entry of its own.
    """
    found: dict[str, list[Reference]] = {}
    for section in sections:
        methods = dict(zip(section.cells["label"], section.cells["method"], strict=True))
        for label, name in methods.items():
            about = section.about.get(name)
            if about is None or about.reference in ("", "none"):
                continue
            ours = built_in().get(name, []) if about.origin in _BUILT_IN else []
            found.setdefault(label, ours or [_own(name, about.reference)])
    return found


def _own(name: str, text: str) -> Reference:
    """The entry of a method whose reference is known as a text only."""
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40]
    number = sum(name.encode())  # names that are written alike have keys of their own
    fields = {"title": f"{{{escape(name)}}}", "note": escape(text)}
    return Reference(f"bench-{plain}-{number}", "misc", fields)


def unique(cited: Mapping[str, Iterable[Reference]]) -> list[Reference]:
    """All references, each once, by their keys."""
    every = {one.key: one for each in cited.values() for one in each}
    return [every[key] for key in sorted(every)]


def cite(label: str, cited: Mapping[str, Iterable[Reference]]) -> str:
    r"""`~\cite{kingma2014,im2017}` of a method; "" where it has no reference."""
    keys = ",".join(one.key for one in cited.get(label, ()))
    return rf"~\cite{{{keys}}}" if keys else ""
